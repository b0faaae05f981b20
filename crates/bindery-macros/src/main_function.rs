//! `#[bindery::main]`: a runtime around an `async fn main`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::Errors;
use crate::function::Function;

/// Expands the attribute.
pub(crate) fn expand(options: &TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    if !options.is_empty() {
        errors.add(
            options,
            "`#[bindery::main]` has no options: for a runtime of your own write `fn main` and call `Application::run` in it",
        );
    }
    let Some(function) = Function::parse(item, "#[bindery::main]", &mut errors) else {
        let errors = errors.into_tokens();
        return quote!(#item #errors);
    };
    let signature = &function.signature;
    if signature.asyncness.is_none() {
        errors.add(
            signature.fn_token,
            "`#[bindery::main]` needs an `async fn`: write `async` before `fn`",
        );
    }
    if !signature.inputs.is_empty() {
        errors.add(
            &signature.inputs,
            "`main` has no arguments: read them with `std::env::args()`",
        );
    }
    let Function {
        attributes,
        visibility,
        body,
        ..
    } = &function;
    let (ident, output) = (&signature.ident, &signature.output);
    if let Some(errors) = errors.into_tokens() {
        return quote!(#(#attributes)* #visibility fn #ident() {} #errors);
    }
    quote! {
        #(#attributes)*
        #visibility fn #ident() -> ::std::process::ExitCode {
            async fn #ident() #output #body
            ::bindery::__private::run_main(#ident())
        }
    }
}
