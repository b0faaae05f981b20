//! A result can be written.
use bindery::prelude::*;

struct Receipt;

#[stream_listener]
async fn charge(_order: u32) -> Receipt {
    Receipt
}

#[stream_listener]
async fn split(_order: u32) -> Result<Vec<Receipt>, HandlerError> {
    Ok(vec![Receipt])
}

fn main() {}
