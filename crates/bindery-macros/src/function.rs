//! The annotated function: its signature is parsed, its body stays tokens, so that the compiler reports what is wrong
//! in the body.

use proc_macro2::TokenStream;
use quote::{ToTokens, TokenStreamExt};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, Signature, Type, Visibility};

use crate::errors::Errors;

/// A function as it was written.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: input.parse()?,
        })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.attributes);
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        tokens.append_all(self.body.clone());
    }
}

impl Function {
    /// Parses the item under an attribute. What is no function is answered with what belongs there.
    pub(crate) fn parse(item: &TokenStream, attribute: &str, errors: &mut Errors) -> Option<Self> {
        let parsed = syn::parse2::<Self>(item.clone());
        if parsed.is_err() && !item.clone().into_iter().any(|token| token.to_string() == "fn") {
            errors.add(item, format!("`{attribute}` belongs on a function"));
            return None;
        }
        errors.take(parsed)
    }

    /// The types of the arguments; a receiver is answered with an error.
    pub(crate) fn argument_types(&self, attribute: &str, errors: &mut Errors) -> Vec<&Type> {
        let mut types = Vec::new();
        for argument in &self.signature.inputs {
            match argument {
                FnArg::Typed(argument) => types.push(&*argument.ty),
                FnArg::Receiver(receiver) => errors.add(
                    receiver,
                    format!("`{attribute}` belongs on a free function, not on a method: take what `self` would give as `State<T>`"),
                ),
            }
        }
        types
    }

    /// Reports the kinds of functions that can be neither a listener nor a supplier.
    pub(crate) fn check_plain(&self, what: &str, errors: &mut Errors) {
        let signature = &self.signature;
        if !signature.generics.params.is_empty() {
            errors.add(
                &signature.generics,
                format!("{what} can't be generic: the runtime calls it with one type, so write that type"),
            );
        } else if let Some(clause) = &signature.generics.where_clause {
            errors.add(
                clause,
                format!("{what} has no type parameters, so remove the `where` clause"),
            );
        }
        if let Some(keyword) = &signature.constness {
            errors.add(keyword, format!("{what} can't be `const`: remove the keyword"));
        }
        if let Some(keyword) = &signature.unsafety {
            errors.add(
                keyword,
                format!("{what} can't be `unsafe`: the runtime calls it; keep the unsafe block inside"),
            );
        }
        if let Some(abi) = &signature.abi {
            errors.add(abi, format!("{what} can't be `extern`: remove the keyword"));
        }
        if let Some(variadic) = &signature.variadic {
            errors.add(
                variadic,
                format!("{what} takes a fixed number of arguments: remove the `...`"),
            );
        }
    }

    /// The `#[cfg]` attributes, which have to be on everything that is generated beside the function.
    pub(crate) fn conditions(&self) -> Vec<&Attribute> {
        self.attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"))
            .collect()
    }
}
