//! A listener is a plain async function; all mistakes are reported at once.
use bindery::prelude::*;

#[stream_listener]
async unsafe fn raw(_order: u32) {}

#[stream_listener]
extern "C" fn foreign(_order: u32) {}

#[stream_listener]
const fn constant(_order: &u32) {}

fn main() {}
