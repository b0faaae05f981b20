//! What the attributes expand to, and that no input makes them panic or swallow the function.

use std::str::FromStr;

use proc_macro2::TokenStream;
use quote::quote;

use crate::{listener, main_function, supplier};

/// Compares an expansion with the file of that name in `tests/expand`. With `UPDATE_EXPANSIONS=1` the file is written.
fn check(name: &str, expansion: TokenStream) -> String {
    let path = format!("{}/tests/expand/{name}.rs", env!("CARGO_MANIFEST_DIR"));
    let text = prettyplease::unparse(&syn::parse2(expansion).expect("an expansion is a file of items"));
    if std::env::var_os("UPDATE_EXPANSIONS").is_some() {
        std::fs::write(&path, &text).expect("the folder can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text, expected,
        "the expansion differs from {path}; run with UPDATE_EXPANSIONS=1 and read the difference"
    );
    text
}

#[test]
fn the_simplest_listener_fits_on_one_screen() {
    let item = quote! {
        async fn reserve_stock(order: OrderPlaced) -> Reservation {
            Reservation::of(order)
        }
    };
    let text = check("simplest_listener", listener::expand(TokenStream::new(), &item));
    assert!(text.lines().count() < 40, "{text}");
}

#[test]
fn options_become_data() {
    let options = quote!(name = "sort", input = "orders", outputs = ["accepted", "refused"]);
    let item = quote! {
        /// Sorts orders.
        #[cfg(feature = "sorting")]
        pub(crate) async fn route(order: Order, headers: Headers, rules: State<Rules>) -> (Option<Order>, Option<Order>) {
            rules.apply(order, &headers)
        }
    };
    check("listener_with_options", listener::expand(options, &item));
}

#[test]
fn a_stream_supplier_asks_the_stream_for_its_item() {
    let item = quote! {
        fn ticks(clock: State<Clock>) -> BoxStream<'static, Tick> {
            clock.ticks()
        }
    };
    check("stream_supplier", supplier::expand(TokenStream::new(), &item));
}

#[test]
fn main_is_one_call() {
    let item = quote! {
        async fn main() -> bindery::Result {
            Application::new().run().await
        }
    };
    check("main_function", main_function::expand(&TokenStream::new(), &item));
}

#[test]
fn no_input_panics_and_the_function_is_kept() {
    let options = [
        "",
        "input",
        "input =",
        "= 1",
        "\"a\" b",
        "input = \"a\" output = \"b\"",
        "outputs = [1, \"\"]",
        ",,",
        "name = x + 1",
    ];
    let items = [
        "",
        "fn",
        "async fn kept(",
        "async fn kept() {}",
        "async fn kept() { a syntax error",
        "async fn kept() { a syntax error } }",
        "unsafe extern \"C\" fn kept(a: &str, ...);",
        "const fn kept<T>(self: &Self, a: impl Fn(T)) -> impl Iterator where T: Copy {}",
        "fn kept() -> impl Stream<Item = > {}",
        "async fn kept(_: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8) -> ! {}",
        "struct Kept;",
        "macro_rules! kept { () => {} }",
    ];
    for item in items.iter().filter_map(|text| TokenStream::from_str(text).ok()) {
        for options in options.iter().filter_map(|text| TokenStream::from_str(text).ok()) {
            let expansions = [
                listener::expand(options.clone(), &item),
                supplier::expand(options.clone(), &item),
                main_function::expand(&options, &item),
            ];
            for expansion in expansions.map(|tokens| tokens.to_string()) {
                assert!(
                    !item.to_string().contains("kept")
                        || expansion.contains("kept")
                        || expansion.contains("main")
                );
            }
        }
    }
}
