//! `#[stream_listener]`: the function, its twin type and one call that defines it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{ReturnType, Type};

use crate::arguments;
use crate::errors::Errors;
use crate::function::Function;
use crate::options::Options;

const ATTRIBUTE: &str = "#[stream_listener]";
const WHAT: &str = "a stream listener";
const MOST_ARGUMENTS: usize = 8;

/// Expands the attribute.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(options, &["name", "input", "output", "outputs"], &mut errors);
    let Some(function) = Function::parse(&item, ATTRIBUTE, &mut errors) else {
        let errors = errors.into_tokens();
        return quote!(#item #errors);
    };
    if function.signature.asyncness.is_none() {
        errors.add(
            function.signature.fn_token,
            format!("`{ATTRIBUTE}` needs an `async fn`: write `async` before `fn`"),
        );
    }
    function.check_plain(WHAT, &mut errors);
    let types = function.argument_types(ATTRIBUTE, &mut errors);
    arguments::check(&types, WHAT, MOST_ARGUMENTS, &mut errors);
    if !errors.is_empty() {
        return broken(&function, errors);
    }

    let mut checks = arguments::checks(
        &types,
        1,
        "a stream listener takes one payload: take the other values with `Header<..>`, `Headers`, `Key` or `State<T>`, or put both into one type",
    );
    checks.push(arguments::send_check(&function.signature.ident, &types));
    let result = Result::of(&function);
    checks.extend(result.outputs_check(&options));
    let call = define("listener", &function, &types, &options, &result.kind);
    registered(&function, &call, &checks)
}

/// The type of a result, and the expression that finds its kind.
pub(crate) struct Result {
    probe: TokenStream,
    kind: TokenStream,
}

impl Result {
    fn of(function: &Function) -> Self {
        match &function.signature.output {
            ReturnType::Default => Self::probing(quote!(())),
            ReturnType::Type(_, kind) => Self::probing(quote!(#kind)),
        }
    }

    /// The kind of what a probe of this type says.
    pub(crate) fn probing(probe: TokenStream) -> Self {
        let kind = quote_spanned!(probe.span()=> (&&&&&::bindery::__private::Probe::<#probe>::new()).kind());
        Self { probe, kind }
    }

    /// The expression that finds the kind.
    pub(crate) fn kind(&self) -> &TokenStream {
        &self.kind
    }

    /// A constant that doesn't compile when more outputs are named than the result has.
    pub(crate) fn outputs_check(&self, options: &Options) -> Option<TokenStream> {
        let last = options.outputs.last()?;
        let count = proc_macro2::Literal::usize_unsuffixed(options.outputs.len());
        let Self { probe, kind } = self;
        Some(quote_spanned! {last.span()=>
            const _: () = {
                use ::bindery::__private::probes::*;
                ::core::assert!(
                    #count <= ::bindery::__private::outputs::<#probe, _, _>(&|| #kind),
                    "more outputs are named than the result has: a listener publishes what it returns, `()` is nothing and a tuple is one for each part"
                );
            };
        })
    }
}

/// The call that defines a listener or supplier: `ListenerDefinition::listener("name", function, kind)`.
pub(crate) fn define(
    constructor: &str,
    function: &Function,
    types: &[&Type],
    options: &Options,
    kind: &TokenStream,
) -> TokenStream {
    let constructor = quote::format_ident!("{constructor}");
    let ident = &function.signature.ident;
    let name = match &options.name {
        Some(name) => quote!(#name),
        None => {
            let name = syn::ext::IdentExt::unraw(ident).to_string();
            quote!(#name)
        }
    };
    let input = options.input.iter();
    let outputs = options.outputs.iter();
    let outputs = (outputs.len() > 0).then(|| quote!(.with_outputs(&[#(#outputs),*])));
    quote! {
        ::bindery::__private::ListenerDefinition::#constructor::<_, (#((_, #types),)*), _>(#name, #ident, #kind)
            #(.with_input(#input))*
            #outputs
    }
}

/// The function, its twin and its registration.
pub(crate) fn registered(function: &Function, call: &TokenStream, checks: &[TokenStream]) -> TokenStream {
    let twin = twin(
        function,
        &quote! {
            use ::bindery::__private::probes::*;
            #call
        },
    );
    let conditions = function.conditions();
    quote! {
        #function
        #twin
        #(#conditions)*
        const _: () = {
            #(#checks)*
        };
    }
}

/// What is left of a function with mistakes: the function, and a twin, so that only the mistakes are reported.
pub(crate) fn broken(function: &Function, errors: Errors) -> TokenStream {
    let twin = twin(function, &quote!(::core::panic!("this listener doesn't compile")));
    let errors = errors.into_tokens();
    quote!(#function #twin #errors)
}

/// The type of the function's name, by which `listeners![..]` finds the definition. It has braces, so that it is only
/// a type, and the function keeps its name.
fn twin(function: &Function, body: &TokenStream) -> TokenStream {
    let Function {
        visibility,
        signature,
        ..
    } = function;
    let ident = &signature.ident;
    let conditions = function.conditions();
    quote! {
        #(#conditions)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations)]
        #visibility struct #ident {}

        #(#conditions)*
        #[automatically_derived]
        impl ::bindery::__private::Registration for #ident {
            fn definition() -> ::bindery::__private::ListenerDefinition {
                #body
            }
        }
    }
}
