//! The attributes `#[stream_listener]`, `#[stream_supplier]` and `#[bindery::main]`.
//!
//! They are documented where they are re-exported, in `bindery`. An expansion is the user's function, unchanged, and
//! what one would write by hand beside it: a twin type with one trait impl that makes one call. Everything that
//! happens to a message is in the runtime. All logic here takes and returns `proc_macro2` tokens and never panics.

mod arguments;
mod errors;
mod function;
mod listener;
mod main_function;
mod options;
mod supplier;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Makes an `async fn` a stream listener. Documented in `bindery`.
#[proc_macro_attribute]
pub fn stream_listener(options: TokenStream, item: TokenStream) -> TokenStream {
    listener::expand(options.into(), &item.into()).into()
}

/// Makes a function a stream supplier. Documented in `bindery`.
#[proc_macro_attribute]
pub fn stream_supplier(options: TokenStream, item: TokenStream) -> TokenStream {
    supplier::expand(options.into(), &item.into()).into()
}

/// Runs an `async fn main` on a runtime and turns its result into an exit code. Documented in `bindery`.
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    main_function::expand(&options.into(), &item.into()).into()
}
