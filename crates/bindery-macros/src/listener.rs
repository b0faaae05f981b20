//! `#[stream_listener]`: the function, its twin type and one call that defines it.

use proc_macro2::{Literal, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, ReturnType, Type};

use crate::arguments;
use crate::errors::Errors;
use crate::function::Function;
use crate::options::Options;

const ATTRIBUTE: &str = "#[stream_listener]";
const WHAT: &str = "a stream listener";
const MOST_ARGUMENTS: usize = 8;
const MORE_OUTPUTS: &str = "more outputs are named than the result has: a listener publishes what it returns; `()` is nothing, a tuple is one message for each output";

/// Expands the attribute.
pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(options, &["name", "input", "output", "outputs"], &mut errors);
    let Some(function) = Function::parse(item, ATTRIBUTE, &mut errors) else {
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

    let result = Result::of(&function);
    let definition = Definition {
        constructor: "listener",
        check: "listener_argument",
        first_check: None,
        function: &function,
        types: &types,
        options: &options,
        result,
    };
    definition.expand()
}

/// A result: its type, and the expression that finds its kind.
pub(crate) struct Result {
    /// The type; `None` when it can't be written, because it has an `impl ..` in it.
    probe: Option<TokenStream>,
    kind: TokenStream,
}

impl Result {
    fn of(function: &Function) -> Self {
        match &function.signature.output {
            ReturnType::Default => Self::probing(&quote!(())),
            ReturnType::Type(_, kind) if has_impl(&quote!(#kind)) => {
                let ident = &function.signature.ident;
                let kind =
                    quote_spanned!(kind.span()=> (&&&&&::bindery::__private::probe_of(&#ident)).kind());
                Self { probe: None, kind }
            }
            ReturnType::Type(_, kind) => Self::probing(&quote!(#kind)),
        }
    }

    /// A result of a type that can be written.
    pub(crate) fn probing(probe: &TokenStream) -> Self {
        let span = probe.span();
        Self {
            probe: Some(probe.clone()),
            kind: quote_spanned!(span=> (&&&&&::bindery::__private::Probe::<#probe>::new()).kind()),
        }
    }

    /// The type of the kind in a definition, for which the constant `OUTPUTS` has to compile: it checks that the
    /// result can be published, and that no more outputs are named than it has.
    fn checked(&self, options: &Options) -> (TokenStream, TokenStream) {
        let Self {
            probe: Some(probe),
            kind,
        } = self
        else {
            return (TokenStream::new(), quote!(_));
        };
        let count = quote_spanned!(probe.span()=> ::bindery::__private::outputs::<#probe, _, _>(&|| #kind));
        let named = options.outputs.last().map(|last| {
            let named = Literal::usize_unsuffixed(options.outputs.len());
            quote_spanned!(last.span()=> const _: () = ::core::assert!(#named <= OUTPUTS, #MORE_OUTPUTS);)
        });
        (
            quote!(const OUTPUTS: usize = #count; #named),
            quote!(::bindery::__private::Checked<_, OUTPUTS>),
        )
    }
}

fn has_impl(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => has_impl(&group.stream()),
        other => other.to_string() == "impl",
    })
}

/// What a definition is made of.
pub(crate) struct Definition<'a> {
    pub(crate) constructor: &'static str,
    pub(crate) check: &'static str,
    pub(crate) first_check: Option<TokenStream>,
    pub(crate) function: &'a Function,
    pub(crate) types: &'a [&'a Type],
    pub(crate) options: &'a Options,
    pub(crate) result: Result,
}

impl Definition<'_> {
    /// The function, its twin and its registration: one call, `ListenerDefinition::listener("name", function, kind)`.
    pub(crate) fn expand(&self) -> TokenStream {
        let function = self.function;
        let ident = &function.signature.ident;
        let name = match &self.options.name {
            Some(name) => quote!(#name),
            None => ident.unraw().to_string().into_token_stream(),
        };
        let (check_arguments, arguments) =
            arguments::checked(self.types, self.check, self.first_check.as_ref());
        let (check_outputs, kind) = self.result.checked(self.options);
        let value = &self.result.kind;
        let constructor = Ident::new(self.constructor, ident.span());
        let call = quote_spanned! {ident.span()=>
            ::bindery::__private::ListenerDefinition::#constructor::<_, #arguments, #kind>(#name, #ident, #value)
        };
        let input = self.options.input.iter();
        let outputs = &self.options.outputs;
        let outputs = (!outputs.is_empty()).then(|| quote!(.with_outputs(&[#(#outputs),*])));
        let body = quote! {
            use ::bindery::__private::probes::*;
            #check_arguments
            #check_outputs
            #call #(.with_input(#input))* #outputs
        };
        let twin = twin(function, &body);
        quote!(#function #twin)
    }
}

/// What is left of a function with mistakes: the function, and a twin, so that only the mistakes are reported.
pub(crate) fn broken(function: &Function, errors: Errors) -> TokenStream {
    let twin = function.signature.receiver().is_none().then(|| {
        twin(
            function,
            &quote!(::core::panic!("this function can't be registered")),
        )
    });
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
