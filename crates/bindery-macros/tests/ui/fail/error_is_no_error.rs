//! An error says what happened.
use bindery::prelude::*;

#[stream_listener]
async fn charge(_order: u32) -> Result<(), String> {
    Ok(())
}

fn main() {}
