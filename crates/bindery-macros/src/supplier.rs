//! `#[stream_supplier]`: an `async fn` that is polled, or a `fn` that returns a stream.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

use crate::arguments;
use crate::errors::Errors;
use crate::function::Function;
use crate::listener::{Result, broken, define, registered};
use crate::options::Options;

const ATTRIBUTE: &str = "#[stream_supplier]";
const WHAT: &str = "a stream supplier";
const NOTHING: &str = "a stream supplier returns what it publishes: give it a result, for example `-> Order`, or `-> impl Stream<Item = Order>` without `async`";

/// Expands the attribute.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(options, &["name", "output", "outputs"], &mut errors);
    let Some(function) = Function::parse(&item, ATTRIBUTE, &mut errors) else {
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

    let mut checks = arguments::checks(
        &types,
        0,
        "a stream supplier takes no payload: there is no message to take it from; take what it needs as `State<T>`",
    );
    let (constructor, probe) = if polled {
        checks.push(arguments::send_check(&function.signature.ident, &types));
        ("supplier", quote!(#result))
    } else {
        ("stream", item_type(result))
    };
    let result = Result::probing(probe);
    checks.extend(result.outputs_check(&options));
    let call = define(constructor, &function, &types, &options, result.kind());
    registered(&function, &call, &checks)
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

/// The item of a stream: written out in `impl Stream<Item = T>`, otherwise asked of the type.
fn item_type(stream: &Type) -> TokenStream {
    let named = match stream {
        Type::ImplTrait(bounds) => bounds.bounds.iter().find_map(item_of_bound),
        _ => None,
    };
    match named {
        Some(item) => quote!(#item),
        None => quote_spanned!(stream.span()=> <#stream as ::bindery::__private::Stream>::Item),
    }
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
