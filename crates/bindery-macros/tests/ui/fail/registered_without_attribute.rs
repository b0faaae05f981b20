//! What is registered is annotated.
use bindery::prelude::*;

struct Warehouse;

fn main() {
    listeners![Warehouse];
}
