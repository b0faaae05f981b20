//! Every shape of supplier.
#![deny(warnings)]
use std::pin::Pin;

use bindery::prelude::*;
use futures_util::{Stream, stream};

type Numbers = Pin<Box<dyn Stream<Item = u32> + Send>>;

#[stream_supplier]
async fn polled(limit: State<u32>) -> Result<Option<u32>, HandlerError> {
    Ok(Some(*limit))
}

#[stream_supplier(name = "ticks", output = "clock")]
fn opaque(_limit: State<u32>) -> impl Stream<Item = Message<u32>> + Send {
    stream::iter([Message::new(1)])
}

#[stream_supplier]
fn boxed() -> Numbers {
    Box::pin(stream::iter([1]))
}

fn main() {
    let outputs: Vec<_> = listeners![polled, opaque, boxed]
        .iter()
        .map(|one| one.outputs[0].to_string())
        .collect();
    assert_eq!(outputs, ["polled-out-0", "clock", "boxed-out-0"]);
}
