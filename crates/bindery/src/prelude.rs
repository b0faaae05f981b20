//! What a service imports: `use bindery::prelude::*;`.

pub use crate::{
    Acknowledgment, Attempt, Batch, HandlerError, Header, HeaderValue, Headers, Key, Message, State,
    TypedHeader, listeners, stream_listener, stream_supplier,
};
