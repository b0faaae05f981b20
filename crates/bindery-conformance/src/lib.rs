//! The suite that every binder passes
