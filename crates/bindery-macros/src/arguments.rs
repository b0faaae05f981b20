//! Checks of the arguments that are generated for the compiler's messages: no code comes from them.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use crate::errors::Errors;

/// Reports arguments that can't be one whatever their type turns out to be.
pub(crate) fn check(types: &[&Type], what: &str, most: usize, errors: &mut Errors) {
    for kind in types {
        match kind {
            Type::Reference(reference) => {
                let owned = reference.elem.to_token_stream();
                errors.add(
                    reference,
                    format!("{what} owns its arguments: take `{}` instead of a reference, or `State<T>` for what is shared", tidy(&owned)),
                );
            }
            Type::ImplTrait(given) => errors.add(
                given,
                format!("an argument of {what} has one type: write the type instead of `impl ..`"),
            ),
            _ => {}
        }
    }
    if let Some(first) = types.get(most) {
        errors.add(
            first,
            format!("{what} has at most {most} arguments, this one has {}: put what belongs to the application into one `State<T>`", types.len()),
        );
    }
}

/// A constant that doesn't compile unless every argument can be extracted and at most `payloads` of them take the
/// payload. Each message is at its argument.
pub(crate) fn checks(types: &[&Type], payloads: usize, message: &str) -> Vec<TokenStream> {
    let counts: Vec<TokenStream> = types
        .iter()
        .map(|kind| quote_spanned!(kind.span()=> ::bindery::__private::payloads::<#kind, _>()))
        .collect();
    let check = |(index, kind): (usize, &&Type)| {
        if index < payloads {
            let count = &counts[index];
            return quote_spanned!(kind.span()=> const _: usize = #count;);
        }
        let sum = counts[..=index].iter();
        let limit = proc_macro2::Literal::usize_unsuffixed(payloads);
        quote_spanned!(kind.span()=> const _: () = ::core::assert!(#(#sum)+* <= #limit, #message);)
    };
    types.iter().enumerate().map(check).collect()
}

/// A function that doesn't compile unless the future of `name` is `Send`.
pub(crate) fn send_check(name: &syn::Ident, types: &[&Type]) -> TokenStream {
    let arguments: Vec<_> = (0..types.len())
        .map(|index| quote::format_ident!("argument_{index}"))
        .collect();
    let call = quote_spanned!(name.span()=> ::bindery::__private::is_send(#name(#(#arguments),*)));
    quote! {
        fn future_is_send(#(#arguments: #types),*) {
            #call
        }
    }
}

/// Tokens as people write them.
fn tidy(tokens: &TokenStream) -> String {
    tokens
        .to_string()
        .replace(" < ", "<")
        .replace(" >", ">")
        .replace(" :: ", "::")
}
