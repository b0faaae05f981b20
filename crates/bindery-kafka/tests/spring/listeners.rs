//! The functions of the captured program, as listeners of the same names.

use std::sync::{Arc, Mutex};

use bindery::prelude::*;
use bindery::{ListenerDefinition, listeners};

/// What `boom` and `sink` were called with.
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

    fn add(&self, payload: String) {
        self.0.lock().unwrap().push(payload);
    }
}

#[stream_listener]
async fn upper(text: String) -> String {
    text.to_uppercase()
}

/// On the JVM the received key is no part of the message that a function gets, so it doesn't go on.
#[stream_listener]
async fn pass(message: Message<Vec<u8>>) -> Message<Vec<u8>> {
    Message { key: None, ..message }
}

#[stream_listener]
async fn boom(text: String, calls: State<Arc<Calls>>) -> Result<(), HandlerError> {
    calls.add(text.clone());
    Err(HandlerError::retryable(format!("boom é {text}")))
}

#[stream_listener]
async fn sink(text: String, calls: State<Arc<Calls>>) {
    calls.add(text);
}

/// All of them: the configuration says which are bound.
pub(crate) fn all() -> Vec<ListenerDefinition> {
    listeners![upper, pass, boom, sink]
}
