//! Listeners whose bindings the tests configure. Their functions are never called.

use bindery_core::{Batch, ListenerDefinition, kinds};
use serde_json::Value;

async fn consume(_: Value) {}

async fn apply(value: Value) -> Value {
    value
}

async fn consume_many(_: Batch<Value>) {}

async fn supply() -> Value {
    Value::Null
}

/// A listener without output.
pub fn consumer(name: &'static str) -> ListenerDefinition {
    ListenerDefinition::listener(name, consume, kinds::Nothing)
}

/// A listener with one output.
pub fn function(name: &'static str) -> ListenerDefinition {
    ListenerDefinition::listener(name, apply, kinds::One)
}

/// A listener of batches.
pub fn batch(name: &'static str) -> ListenerDefinition {
    ListenerDefinition::listener(name, consume_many, kinds::Nothing)
}

/// A supplier.
pub fn supplier(name: &'static str) -> ListenerDefinition {
    ListenerDefinition::supplier(name, supply, kinds::One)
}

/// The functions of the program whose messages were captured from the JVM.
pub fn captured() -> Vec<ListenerDefinition> {
    vec![
        function("upper"),
        function("pass"),
        function("order"),
        consumer("boom"),
        consumer("typed"),
        consumer("sink"),
    ]
}

/// The shop's: what `cases/*.yaml` configures.
pub fn shop() -> Vec<ListenerDefinition> {
    vec![
        supplier("place_order"),
        function("reserve_stock"),
        consumer("release_stock"),
        function("charge"),
        batch("audit"),
    ]
}
