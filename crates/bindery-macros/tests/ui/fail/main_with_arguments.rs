//! `main` is async, without arguments and options.
#[bindery::main(threads = 4)]
fn main(_arguments: Vec<String>) {}
