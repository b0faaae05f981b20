//! A listener may move between threads.
use std::rc::Rc;

use bindery::prelude::*;

#[stream_listener]
async fn charge(order: u32) {
    let order = Rc::new(order);
    later().await;
    drop(order);
}

async fn later() {}

fn main() {}
