//! Extractors: what an argument of a listener can be, and how it is made from a message.

use serde::de::DeserializeOwned;

use super::{Acknowledgment, Input, Invocation, State, States};
use crate::{Batch, Error, ErrorKind, HandlerError, HeaderValue, Headers, Message, Origin, RawMessage};

/// Marks extractors that read the payload as a plain value.
#[derive(Debug)]
pub struct ViaPayload;

/// Marks extractors that have their own type.
#[derive(Debug)]
pub struct ViaMessage;

/// An argument of a stream listener. `Via` only keeps the implementations apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument of a stream listener",
    label = "not something a message or the application can give",
    note = "an argument is the payload (any `serde::Deserialize` type), `Message<T>`, `Batch<T>`, `Headers`, `Header<..>`, `Key`, `Origin`, `Attempt`, `State<T>` or `Acknowledgment`",
    note = "at most one argument is the payload; for a payload derive `serde::Deserialize`, for something of the application's use `State<T>`"
)]
pub trait FromInvocation<Via>: Sized {
    /// How many payloads this argument takes: a listener has at most one.
    const PAYLOADS: usize = 0;
    /// Whether this argument takes a batch.
    const BATCH: bool = false;
    /// Whether this argument makes the listener settle by hand.
    const MANUAL: bool = false;

    /// Makes the argument.
    ///
    /// # Errors
    /// When the message doesn't have it; the message is then dead-lettered, or retried, by the error's class.
    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError>;

    /// Checks at startup that the application can give this argument.
    ///
    /// # Errors
    /// When it can't; the error says what to add.
    fn check(_states: &States) -> Result<(), Error> {
        Ok(())
    }
}

fn decode<T: DeserializeOwned + 'static>(
    invocation: &Invocation,
    message: &RawMessage,
) -> Result<T, HandlerError> {
    let codec = invocation.context.codec_for(message)?;
    codec
        .decode(message.payload.as_ref())
        .map_err(HandlerError::undecodable)
}

fn one(invocation: &Invocation) -> Result<&RawMessage, HandlerError> {
    invocation
        .input
        .first()
        .ok_or_else(|| HandlerError::permanent("there is no message: a supplier is called without one"))
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send + 'static> FromInvocation<ViaPayload> for T {
    const PAYLOADS: usize = 1;

    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError> {
        decode(invocation, one(invocation)?)
    }
}

impl<T: DeserializeOwned + Send + 'static> FromInvocation<ViaMessage> for Message<T> {
    const PAYLOADS: usize = 1;

    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError> {
        let message = one(invocation)?;
        message_of(invocation, message)
    }
}

fn message_of<T: DeserializeOwned + 'static>(
    invocation: &Invocation,
    message: &RawMessage,
) -> Result<Message<T>, HandlerError> {
    Ok(Message {
        payload: decode(invocation, message)?,
        headers: message.headers.clone(),
        key: message.key.clone(),
    })
}

impl<T: DeserializeOwned + Send + 'static> FromInvocation<ViaMessage> for Batch<T> {
    const PAYLOADS: usize = 1;
    const BATCH: bool = true;

    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError> {
        match &invocation.input {
            Input::Batch(messages) => messages
                .iter()
                .map(|message| message_of(invocation, message))
                .collect::<Result<_, _>>()
                .map(Batch),
            Input::One(message) => Ok(Self(vec![message_of(invocation, message)?])),
            Input::Nothing => Ok(Self(Vec::new())),
        }
    }
}

impl FromInvocation<ViaMessage> for Headers {
    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError> {
        Ok(invocation
            .input
            .first()
            .map(|message| message.headers.clone())
            .unwrap_or_default())
    }
}

/// The message key, as an argument of a listener; `None` when the message has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub Option<bytes::Bytes>);

impl FromInvocation<ViaMessage> for Key {
    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError> {
        Ok(Self(
            invocation.input.first().and_then(|message| message.key.clone()),
        ))
    }
}

/// Where the message came from, as an argument of a listener; of a batch, where its first message came from.
impl FromInvocation<ViaMessage> for Origin {
    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError> {
        Ok(invocation
            .input
            .first()
            .map(|message| message.origin.clone())
            .unwrap_or_default())
    }
}

/// Which delivery of the message this is, from 1, as an argument of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt(pub u32);

impl FromInvocation<ViaMessage> for Attempt {
    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError> {
        Ok(Self(invocation.attempt))
    }
}

/// A header with a name and a type, read by [`Header`].
pub trait TypedHeader: Sized {
    /// The header's name on the wire.
    const NAME: &'static str;

    /// Reads the value; `None` when it isn't one.
    fn read(value: &HeaderValue) -> Option<Self>;
}

/// A required header, as an argument of a listener. `Option<Header<H>>` can't be one: use [`Headers`] for optional ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Header<H>(pub H);

impl<H: TypedHeader + Send + 'static> FromInvocation<ViaMessage> for Header<H> {
    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError> {
        let value = one(invocation)?.headers.get(H::NAME).ok_or_else(|| {
            HandlerError::undecodable(format!("the required header `{}` is missing", H::NAME))
        })?;
        H::read(value).map(Self).ok_or_else(|| {
            HandlerError::undecodable(format!("the header `{}` has an unreadable value", H::NAME))
        })
    }
}

impl<T: Send + Sync + 'static> FromInvocation<ViaMessage> for State<T> {
    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError> {
        invocation
            .context
            .states
            .get()
            .ok_or_else(|| HandlerError::permanent(Self::missing()))
    }

    fn check(states: &States) -> Result<(), Error> {
        match states.get::<T>() {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::Configuration, Self::missing())),
        }
    }
}

impl FromInvocation<ViaMessage> for Acknowledgment {
    const MANUAL: bool = true;

    fn from_invocation(invocation: &Invocation) -> Result<Self, HandlerError> {
        let sink = invocation.acknowledgment.clone();
        sink.map(Self::new)
            .ok_or_else(|| HandlerError::permanent("there is nothing to acknowledge here"))
    }
}
