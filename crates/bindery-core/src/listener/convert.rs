//! Results: what a listener returns, and how it becomes outputs.
//!
//! The kind of a result is found where the type is known, in the expansion of the attribute, by method lookup on
//! [`Probe`]: exact types first, then shapes (`()`, `Option`, `Vec`, tuples, `Message`, each also in `Result`), then a
//! `Result` of any payload, then any payload.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

use super::{ListenerContext, Output};
use crate::{Codec, HandlerError, Headers, Message};

/// The outputs of one call, in order.
#[derive(Debug, Default)]
pub enum Outputs {
    /// Nothing is published.
    #[default]
    None,
    /// One message. Boxed, as outcomes pass through several hands and those of consumers bring nothing.
    One(Box<Output>),
    /// Several messages.
    Many(Vec<Output>),
}

impl Outputs {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(outputs) => outputs.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl IntoIterator for Outputs {
    type Item = Output;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Output>, std::vec::IntoIter<Output>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Self::None => (None, Vec::new()),
            Self::One(output) => (Some(*output), Vec::new()),
            Self::Many(outputs) => (None, outputs),
        };
        one.into_iter().chain(many)
    }
}

/// Turns a result of type `R` into outputs.
pub trait Convert<R>: Send + Sync {
    /// How many output bindings the result has.
    const OUTPUTS: usize;

    /// Encodes the result.
    ///
    /// # Errors
    /// The handler's own error, or a permanent one when a value can't be encoded.
    fn convert(result: R, context: &ListenerContext) -> Result<Outputs, HandlerError>;
}

/// One published value: any payload, or a [`Message`] of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be published",
    note = "a payload implements `serde::Serialize`; wrap it in `Message<T>` to set headers or the key"
)]
pub trait Element {
    /// Encodes the value for output number `index`.
    ///
    /// # Errors
    /// A permanent error when the value can't be encoded.
    fn encode(self, index: usize, context: &ListenerContext) -> Result<Output, HandlerError>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + Send + 'static> Element for T {
    fn encode(self, index: usize, context: &ListenerContext) -> Result<Output, HandlerError> {
        encode(&self, index, context)
    }
}

impl<T: Serialize + Send + 'static> Element for Message<T> {
    fn encode(self, index: usize, context: &ListenerContext) -> Result<Output, HandlerError> {
        let mut output = match own_codec(&self.headers, context) {
            Some((content_type, codec)) => {
                let payload = codec.encode(&self.payload).map_err(HandlerError::permanent)?;
                Output {
                    index,
                    payload,
                    content_type,
                    headers: None,
                    key: None,
                }
            }
            None => encode(&self.payload, index, context)?,
        };
        output.headers = Some(self.headers);
        output.key = self.key;
        Ok(output)
    }
}

/// The content type that a message names itself, if there is a codec for it: it goes before the binding's.
fn own_codec(headers: &Headers, context: &ListenerContext) -> Option<(Arc<str>, Codec)> {
    let content_type = headers.content_type()?;
    let codec = context.codecs.codec(&content_type)?;
    Some((content_type.into(), codec))
}

fn encode<T: Serialize + 'static>(
    payload: &T,
    index: usize,
    context: &ListenerContext,
) -> Result<Output, HandlerError> {
    let Some(output) = context.outputs.get(index) else {
        return Err(HandlerError::permanent(format!(
            "binding `{}` has no output number {index}",
            context.binding
        )));
    };
    let payload = output.codec.encode(payload).map_err(HandlerError::permanent)?;
    Ok(Output {
        index,
        payload,
        content_type: output.content_type.clone(),
        headers: None,
        key: None,
    })
}

/// An error that a listener may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the error of a stream listener",
    note = "an error implements `std::error::Error + Send + Sync`, or is `HandlerError`, which also says whether to retry"
)]
pub trait IntoHandlerError {
    /// The failure that the runtime sees.
    fn into_handler_error(self) -> HandlerError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<HandlerError>> IntoHandlerError for E {
    fn into_handler_error(self) -> HandlerError {
        self.into()
    }
}

/// The kinds of results.
pub mod kinds {
    use super::{Convert, Element, HandlerError, IntoHandlerError, ListenerContext, Outputs, PhantomData};

    /// Nothing is published.
    #[derive(Clone, Copy, Debug)]
    pub struct Nothing;
    /// One message is published.
    #[derive(Clone, Copy, Debug)]
    pub struct One;
    /// One message is published, or none.
    #[derive(Clone, Copy, Debug)]
    pub struct Filter;
    /// Each element is published.
    #[derive(Clone, Copy, Debug)]
    pub struct Split;
    /// One message is published to each output.
    #[derive(Clone, Copy, Debug)]
    pub struct Tuple;
    /// One message or none is published to each output.
    #[derive(Clone, Copy, Debug)]
    pub struct FilterTuple;
    /// The call may fail.
    #[derive(Clone, Copy, Debug)]
    pub struct Fallible<K>(pub PhantomData<K>);

    impl Convert<()> for Nothing {
        const OUTPUTS: usize = 0;

        fn convert(_result: (), _context: &ListenerContext) -> Result<Outputs, HandlerError> {
            Ok(Outputs::None)
        }
    }

    impl<T: Element> Convert<T> for One {
        const OUTPUTS: usize = 1;

        fn convert(result: T, context: &ListenerContext) -> Result<Outputs, HandlerError> {
            result.encode(0, context).map(Box::new).map(Outputs::One)
        }
    }

    impl<T: Element> Convert<Option<T>> for Filter {
        const OUTPUTS: usize = 1;

        fn convert(result: Option<T>, context: &ListenerContext) -> Result<Outputs, HandlerError> {
            result.map_or(Ok(Outputs::None), |value| One::convert(value, context))
        }
    }

    impl<T: Element> Convert<Vec<T>> for Split {
        const OUTPUTS: usize = 1;

        fn convert(result: Vec<T>, context: &ListenerContext) -> Result<Outputs, HandlerError> {
            result
                .into_iter()
                .map(|value| value.encode(0, context))
                .collect::<Result<_, _>>()
                .map(Outputs::Many)
        }
    }

    impl<R, E: IntoHandlerError, K: Convert<R>> Convert<Result<R, E>> for Fallible<K> {
        const OUTPUTS: usize = K::OUTPUTS;

        fn convert(result: Result<R, E>, context: &ListenerContext) -> Result<Outputs, HandlerError> {
            result
                .map_err(E::into_handler_error)
                .and_then(|value| K::convert(value, context))
        }
    }

    macro_rules! tuples {
        ($count:literal: $($part:ident $index:tt),*) => {
            impl<$($part: Element),*> Convert<($($part,)*)> for Tuple {
                const OUTPUTS: usize = $count;

                fn convert(result: ($($part,)*), context: &ListenerContext) -> Result<Outputs, HandlerError> {
                    Ok(Outputs::Many(vec![$(result.$index.encode($index, context)?),*]))
                }
            }

            impl<$($part: Element),*> Convert<($(Option<$part>,)*)> for FilterTuple {
                const OUTPUTS: usize = $count;

                fn convert(result: ($(Option<$part>,)*), context: &ListenerContext) -> Result<Outputs, HandlerError> {
                    let mut outputs = Vec::new();
                    $(if let Some(value) = result.$index {
                        outputs.push(value.encode($index, context)?);
                    })*
                    Ok(Outputs::Many(outputs))
                }
            }
        };
    }

    tuples!(2: A 0, B 1);
    tuples!(3: A 0, B 1, C 2);
}

/// Asks for the kind of a result type.
#[derive(Debug)]
pub struct Probe<R>(PhantomData<fn() -> R>);

impl<R> Probe<R> {
    /// A probe for `R`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R> Default for Probe<R> {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! probes {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        $($(#[$doc])*
        pub trait $name {
            /// The kind.
            type Kind;

            /// The kind as a value.
            fn kind(&self) -> Self::Kind;
        })*
    };
}

probes! {
    /// The kind of an exact type: a byte vector is one payload, not a list.
    ProbeExact,
    /// The kind of a shape.
    ProbeShape,
    /// The kind of a tuple.
    ProbeTuple,
    /// The kind of a `Result` of a payload.
    ProbeFallible,
    /// The kind of a payload.
    ProbePlain,
}

/// Answers a probe: for the type itself and for `Result`s of it.
macro_rules! answer {
    ($lookup:ident, [$($generic:ident),*] $level:ty, $kind:ident) => {
        impl<$($generic),*> $lookup for $level {
            type Kind = kinds::$kind;

            fn kind(&self) -> Self::Kind {
                kinds::$kind
            }
        }
    };
    ($lookup:ident, [$($generic:ident),*] fallible $level:ty, $kind:ident) => {
        impl<$($generic),*> $lookup for $level {
            type Kind = kinds::Fallible<kinds::$kind>;

            fn kind(&self) -> Self::Kind {
                kinds::Fallible(PhantomData)
            }
        }
    };
}

answer!(ProbeExact, [] &&&&Probe<Vec<u8>>, One);
answer!(ProbeExact, [E] fallible &&&&Probe<Result<Vec<u8>, E>>, One);

answer!(ProbeShape, [] &&&Probe<()>, Nothing);
answer!(ProbeShape, [E] fallible &&&Probe<Result<(), E>>, Nothing);
answer!(ProbeShape, [T] &&&Probe<Option<T>>, Filter);
answer!(ProbeShape, [T, E] fallible &&&Probe<Result<Option<T>, E>>, Filter);
answer!(ProbeShape, [T] &&&Probe<Vec<T>>, Split);
answer!(ProbeShape, [T, E] fallible &&&Probe<Result<Vec<T>, E>>, Split);
answer!(ProbeShape, [A, B] &&&Probe<(Option<A>, Option<B>)>, FilterTuple);
answer!(ProbeShape, [A, B, E] fallible &&&Probe<Result<(Option<A>, Option<B>), E>>, FilterTuple);
answer!(ProbeShape, [A, B, C] &&&Probe<(Option<A>, Option<B>, Option<C>)>, FilterTuple);
answer!(ProbeShape, [A, B, C, E] fallible &&&Probe<Result<(Option<A>, Option<B>, Option<C>), E>>, FilterTuple);

answer!(ProbeTuple, [A, B] &&Probe<(A, B)>, Tuple);
answer!(ProbeTuple, [A, B, E] fallible &&Probe<Result<(A, B), E>>, Tuple);
answer!(ProbeTuple, [A, B, C] &&Probe<(A, B, C)>, Tuple);
answer!(ProbeTuple, [A, B, C, E] fallible &&Probe<Result<(A, B, C), E>>, Tuple);

answer!(ProbeFallible, [T, E] fallible &Probe<Result<T, E>>, One);
answer!(ProbePlain, [T] Probe<T>, One);
