//! Checks of the arguments that are generated for the compiler's messages: no code comes from them.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Type};

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

/// The type of the arguments in a definition, for which the constant `ARGUMENTS` has to compile: it checks each
/// argument where it stands, with `check` of the facade. An error there is the only one, since a type that depends on
/// a broken constant is reported nowhere else.
/// `first` is what is checked before them.
pub(crate) fn checked(
    types: &[&Type],
    check: &str,
    first: Option<&TokenStream>,
) -> (TokenStream, TokenStream) {
    if types.is_empty() && first.is_none() {
        return (TokenStream::new(), quote!(()));
    }
    let first = first.map_or_else(|| quote!(0), ToTokens::to_token_stream);
    let count = types.iter().fold(first, |before, kind| {
        let check = Ident::new(check, kind.span());
        quote_spanned!(kind.span()=> ::bindery::__private::#check::<#kind, _>(#before))
    });
    (
        quote!(const ARGUMENTS: usize = #count;),
        quote!(::bindery::__private::Checked<(#((_, #types),)*), ARGUMENTS>),
    )
}

/// Tokens as people write them.
fn tidy(tokens: &TokenStream) -> String {
    tokens
        .to_string()
        .replace(" < ", "<")
        .replace(" >", ">")
        .replace(" :: ", "::")
}
