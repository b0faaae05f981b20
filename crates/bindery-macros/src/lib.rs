//! The #[stream_listener], #[stream_supplier] and #[bindery::main] attributes
