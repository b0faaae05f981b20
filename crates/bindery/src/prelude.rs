//! What a service imports: `use bindery::prelude::*;`.

pub use crate::{
    Acknowledgment, Application, Attempt, Batch, HandlerError, Header, HeaderValue, Headers, Key, Message,
    State, StreamBridge, TypedHeader, listeners, stream_listener, stream_supplier,
};
