//! The options in the parentheses of an attribute: `name`, `input`, `output`, `outputs`.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Token};

use crate::errors::Errors;

/// What the attribute says.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) input: Option<LitStr>,
    pub(crate) outputs: Vec<LitStr>,
}

/// One `key = value`.
struct Setting {
    key: Ident,
    value: Expr,
}

impl Options {
    /// Parses the options; `accepted` are the keys that this attribute knows.
    pub(crate) fn parse(tokens: TokenStream, accepted: &[&str], errors: &mut Errors) -> Self {
        let parser =
            |input: ParseStream<'_>| Punctuated::<Setting, Token![,]>::parse_terminated_with(input, setting);
        let settings = errors.take(parser.parse2(tokens)).unwrap_or_default();
        let mut options = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for Setting { key, value } in settings {
            let word = key.to_string();
            if !accepted.contains(&word.as_str()) {
                errors.add(&key, unknown(&word, accepted));
            } else if seen.contains(&word) {
                errors.add(&key, format!("`{word}` is given twice: keep one"));
            } else {
                options.set(&key, &value, errors);
                let outputs = ["output", "outputs"];
                if outputs.contains(&word.as_str())
                    && seen.iter().any(|other| outputs.contains(&other.as_str()))
                {
                    errors.add(&key, "`output` and `outputs` are both given: name one binding with `output`, several with `outputs`");
                }
                seen.push(word);
            }
        }
        options
    }

    fn set(&mut self, key: &Ident, value: &Expr, errors: &mut Errors) {
        match key.to_string().as_str() {
            "name" => self.name = text(key, value, errors),
            "input" => self.input = text(key, value, errors),
            "output" => self.outputs = text(key, value, errors).into_iter().collect(),
            _ => self.outputs = texts(key, value, errors),
        }
    }
}

fn setting(input: ParseStream<'_>) -> syn::Result<Setting> {
    if input.peek(Lit) {
        let literal: Lit = input.parse()?;
        return Err(syn::Error::new_spanned(
            literal,
            "an option has a name: write `input = \"..\"` for the input binding or `output = \"..\"` for the output binding",
        ));
    }
    let key: Ident = input.parse()?;
    if !input.peek(Token![=]) {
        return Err(syn::Error::new_spanned(
            &key,
            format!("`{key}` needs a value: write `{key} = \"..\"`"),
        ));
    }
    input.parse::<Token![=]>()?;
    Ok(Setting {
        key,
        value: input.parse()?,
    })
}

fn unknown(word: &str, accepted: &[&str]) -> String {
    let accepted: Vec<String> = accepted.iter().map(|key| format!("`{key}`")).collect();
    let elsewhere = match word {
        "input" => "; a supplier has no input: it is called at an interval",
        "destination" | "group" | "topic" | "queue" | "binder" | "concurrency" => {
            "; what a binding is connected to is said in `application.yaml`"
        }
        _ => "",
    };
    format!(
        "unknown option `{word}`: known are {}{elsewhere}",
        accepted.join(", ")
    )
}

fn text(key: &Ident, value: &Expr, errors: &mut Errors) -> Option<LitStr> {
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text), ..
    }) = value
    else {
        errors.add(value, format!("`{key}` takes a string: write `{key} = \"..\"`"));
        return None;
    };
    if text.value().trim().is_empty() {
        errors.add(
            text,
            format!("`{key}` is empty: give a name, or leave the option out"),
        );
        return None;
    }
    Some(text.clone())
}

fn texts(key: &Ident, value: &Expr, errors: &mut Errors) -> Vec<LitStr> {
    let Expr::Array(list) = value else {
        errors.add(
            value,
            format!("`{key}` takes a list of strings: write `{key} = [\"..\", \"..\"]`"),
        );
        return Vec::new();
    };
    list.elems
        .iter()
        .filter_map(|element| match element {
            Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => text(key, element, errors),
            other => {
                errors.add(
                    other,
                    format!("`{key}` takes a list of strings: write `{key} = [\"..\", \"..\"]`"),
                );
                None
            }
        })
        .collect()
}
