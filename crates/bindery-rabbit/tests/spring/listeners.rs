//! The functions of the captured program, as listeners of the same names.

use std::sync::{Arc, Mutex};

use bindery::prelude::*;
use bindery::{ListenerDefinition, listeners};
use serde::{Deserialize, Serialize};

/// What `boom` was called with.
#[derive(Default)]
pub(crate) struct Calls(Mutex<Vec<String>>);

impl Calls {
    /// How often a payload came.
    pub(crate) fn of(&self, payload: &str) -> usize {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|call| *call == payload)
            .count()
    }
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Order {
    pub(crate) id: u32,
    pub(crate) customer: String,
    pub(crate) total: f64,
}

#[stream_listener]
async fn upper(text: String) -> String {
    text.to_uppercase()
}

#[stream_listener]
async fn pass(message: Message<Vec<u8>>) -> Message<Vec<u8>> {
    message
}

#[stream_listener]
async fn order(order: Order) -> Order {
    Order {
        id: order.id + 1,
        ..order
    }
}

#[stream_listener]
async fn boom(text: String, calls: State<Arc<Calls>>) -> Result<(), HandlerError> {
    calls.0.lock().unwrap().push(text.clone());
    Err(HandlerError::retryable(format!("boom é {text}")))
}

#[stream_listener]
async fn sink(_text: String) {}

/// All of them: the configuration says which are bound.
pub(crate) fn all() -> Vec<ListenerDefinition> {
    listeners![upper, pass, order, boom, sink]
}
