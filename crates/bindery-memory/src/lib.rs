//! The memory binder: the reference implementation and the embedded default
