//! Every shape of listener: arguments, results, options, visibility, raw names, private types.
#![deny(warnings)]
#![allow(dead_code)]
use bindery::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Order {
    id: u32,
}

type Fallible<T> = Result<T, std::num::ParseIntError>;

#[stream_listener]
async fn nothing() {}

#[stream_listener(name = "renamed", input = "in", output = "out")]
async fn message(message: Message<Order>, _headers: Headers, _key: Key, _attempt: Attempt) -> Fallible<Message<Order>> {
    Ok(message)
}

#[stream_listener(outputs = ["a", "b",],)]
pub(crate) async fn route(order: Order, _state: State<String>) -> (Option<Order>, Option<u32>) {
    (None, Some(order.id))
}

#[stream_listener]
pub(crate) async fn split(orders: Batch<Order>, acknowledgment: Acknowledgment) -> Vec<Order> {
    acknowledgment.acknowledge();
    orders.payloads().collect()
}

#[stream_listener]
async fn r#match(order: Order) -> impl Serialize {
    order
}

#[stream_listener]
async fn opaque(order: Order) -> Result<impl Serialize, HandlerError> {
    Ok(order)
}

#[stream_listener]
#[cfg(any())]
async fn left_out(_nothing: Missing) {}

mod elsewhere {
    #[bindery::stream_listener]
    pub async fn log(mut text: String, bindery::Key(_key): bindery::Key) {
        text.clear();
    }
}

fn main() {
    async fn inner() {
        #[stream_listener]
        async fn local(_order: Order) {}
        listeners![local];
    }
    let _ = inner();
    let all = listeners![nothing, message, route, split, r#match, opaque, elsewhere::log];
    let inputs: Vec<_> = all.iter().filter_map(|one| one.input.as_ref()).map(|name| name.as_str()).collect();
    assert_eq!(inputs, ["nothing-in-0", "in", "route-in-0", "split-in-0", "match-in-0", "opaque-in-0", "log-in-0"]);
    assert_eq!(all[4].outputs.len(), 1);
}
