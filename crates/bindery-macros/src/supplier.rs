//! `#[stream_supplier]`: an `async fn` that is polled, or a `fn` that returns a stream.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

use crate::arguments;
use crate::errors::Errors;
use crate::function::Function;
use crate::listener::{Definition, Result, broken};
use crate::options::Options;

const ATTRIBUTE: &str = "#[stream_supplier]";
const WHAT: &str = "a stream supplier";
const NOTHING: &str = "a stream supplier returns what it publishes: give it a result, for example `-> Order`, or `-> impl Stream<Item = Order>` without `async`";

/// Expands the attribute.
pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(options, &["name", "output", "outputs"], &mut errors);
    let Some(function) = Function::parse(item, ATTRIBUTE, &mut errors) else {
        let errors = errors.into_tokens();
        return quote!(#item #errors);
    };
    function.check_plain(WHAT, &mut errors);
    let types = function.argument_types(ATTRIBUTE, &mut errors);
    let polled = function.signature.asyncness.is_some();
    arguments::check(&types, WHAT, if polled { 8 } else { 3 }, &mut errors);
    let result = result_type(&function, &mut errors);
    let Some(result) = result.filter(|_| errors.is_empty()) else {
        return broken(&function, errors);
    };

    let (constructor, first_check, probe) = if polled {
        ("supplier", None, quote!(#result))
    } else {
        let (check, item) = item_type(result);
        ("stream", check, item)
    };
    let definition = Definition {
        constructor,
        check: "supplier_argument",
        first_check,
        function: &function,
        types: &types,
        options: &options,
        result: Result::probing(&probe),
    };
    definition.expand()
}

fn result_type<'a>(function: &'a Function, errors: &mut Errors) -> Option<&'a Type> {
    match &function.signature.output {
        ReturnType::Type(_, kind) => Some(kind),
        ReturnType::Default => {
            errors.add(&function.signature.ident, NOTHING);
            None
        }
    }
}

/// The item of a stream, written out in `impl Stream<Item = T>`. Any other type is asked for it, once it is checked to
/// be a stream.
fn item_type(stream: &Type) -> (Option<TokenStream>, TokenStream) {
    let named = match stream {
        Type::ImplTrait(bounds) => bounds.bounds.iter().find_map(item_of_bound),
        _ => None,
    };
    if let Some(item) = named {
        return (None, quote!(#item));
    }
    let span = stream.span();
    (
        Some(quote_spanned!(span=> ::bindery::__private::supplier_stream::<#stream>())),
        quote_spanned!(span=> <::bindery::__private::Checked<#stream, ARGUMENTS> as ::bindery::__private::Items>::Item),
    )
}

fn item_of_bound(bound: &TypeParamBound) -> Option<&Type> {
    let TypeParamBound::Trait(bound) = bound else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &bound.path.segments.last()?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(item) if item.ident == "Item" => Some(&item.ty),
        _ => None,
    })
}
