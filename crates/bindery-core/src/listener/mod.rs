//! Listeners: functions made callable by the runtime. A call always yields an [`Outcome`]; a failure is data.

mod acknowledgment;
mod convert;
mod definition;
mod extract;
mod function;
mod state;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::ReusableBoxFuture;

pub use acknowledgment::{Acknowledgment, AcknowledgmentSink};
pub use convert::{
    Convert, Element, IntoHandlerError, Outputs, Probe, ProbeExact, ProbeFallible, ProbePlain, ProbeShape,
    ProbeTuple, kinds,
};
pub use definition::{InputType, ListenerDefinition, ListenerKind, Registration, StreamFactory};
pub use extract::{Attempt, FromInvocation, Header, Key, TypedHeader, ViaMessage, ViaPayload};
pub use function::{FunctionListener, Handler, StreamFunction};
pub use state::{State, States};

use crate::{
    BuiltInCodecs, CONTENT_TYPE, Codec, Codecs, EncodedPayload, Glance, HandlerError, HeaderValue, Headers,
    RawMessage, SharedMessage, UNREADABLE_HEADERS,
};

/// A function that the runtime calls with messages.
///
/// `call` puts the running function into `call`, whose allocation is used again from message to message.
pub trait Listener: Send + Sync {
    /// Starts one call. Extraction happens before this returns; the function runs when `call` is polled. Who needs the
    /// invocation for longer, to call again for example, clones it.
    fn call(&self, invocation: &Invocation, call: &mut Call);
}

/// A running call of a listener.
pub type Call = ReusableBoxFuture<'static, Outcome>;

/// What a listener is called with.
#[derive(Clone)]
pub struct Invocation {
    /// The message or messages.
    pub input: Input,
    /// Which delivery of the message this is, from 1.
    pub attempt: u32,
    /// Where an [`Acknowledgment`] reports to, in manual mode.
    pub acknowledgment: Option<Arc<dyn AcknowledgmentSink>>,
    /// What was known when the binding was bound.
    pub context: Arc<ListenerContext>,
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// The input of one call.
#[derive(Clone, Debug)]
pub enum Input {
    /// A supplier is called without a message.
    Nothing,
    /// One message.
    One(SharedMessage),
    /// Several messages, in the order of their source.
    Batch(Arc<[RawMessage]>),
}

impl Input {
    /// The message, or the first of a batch.
    pub fn first(&self) -> Option<&RawMessage> {
        match self {
            Self::Nothing => None,
            Self::One(message) => Some(message),
            Self::Batch(messages) => messages.first(),
        }
    }
}

/// What a call of a listener comes to.
#[derive(Debug)]
pub enum Outcome {
    /// The handler is done; these are its outputs.
    Done(Outputs),
    /// The handler failed.
    Failed(HandlerError),
}

/// A value that a listener returned, encoded for one of its outputs.
#[derive(Clone, Debug)]
pub struct Output {
    /// Which output of the listener, from 0.
    pub index: usize,
    /// The payload.
    pub payload: EncodedPayload,
    /// Its content type.
    pub content_type: Arc<str>,
    /// The headers that the listener gave; `None` stands for a copy of the input's.
    pub headers: Option<Headers>,
    /// The message key that the listener gave.
    pub key: Option<bytes::Bytes>,
}

/// One output as its encoder knows it.
#[derive(Clone, Debug)]
pub struct OutputContext {
    /// The content type.
    pub content_type: Arc<str>,
    /// Its codec.
    pub codec: Codec,
}

/// What a listener knows of its binding.
#[derive(Debug)]
pub struct ListenerContext {
    /// The input binding, or the output binding of a supplier.
    pub binding: Arc<str>,
    /// The content type of messages that name none.
    pub content_type: Arc<str>,
    /// The codec of that content type.
    pub codec: Codec,
    /// The codecs of other content types.
    pub codecs: Arc<dyn Codecs>,
    /// The outputs, by index.
    pub outputs: Vec<OutputContext>,
    /// The application's state.
    pub states: Arc<States>,
}

impl ListenerContext {
    /// The same context, of which nothing is counted together with others: for those who call listeners beside others.
    pub fn unshared(&self) -> Self {
        let output = |output: &OutputContext| OutputContext {
            content_type: (&*output.content_type).into(),
            codec: output.codec.clone(),
        };
        Self {
            binding: (&*self.binding).into(),
            content_type: (&*self.content_type).into(),
            codec: self.codec.clone(),
            codecs: self.codecs.clone(),
            outputs: self.outputs.iter().map(output).collect(),
            states: Arc::new(self.states.unshared()),
        }
    }

    /// A context for tests and for listeners without configuration: JSON in, JSON out.
    pub fn json(binding: &str, outputs: usize, states: Arc<States>) -> Self {
        let content_type: Arc<str> = "application/json".into();
        let output = OutputContext {
            content_type: content_type.clone(),
            codec: Codec::Json,
        };
        Self {
            binding: binding.into(),
            content_type,
            codec: Codec::Json,
            codecs: Arc::new(BuiltInCodecs),
            outputs: vec![output; outputs],
            states,
        }
    }

    /// The codec for a message: its own content type's, or the binding's when it names none.
    ///
    /// # Errors
    /// An undecodable failure when nobody knows its content type, or some of its headers can't be read.
    pub fn codec_for(&self, message: &RawMessage) -> Result<Codec, HandlerError> {
        match message.headers.glance() {
            Glance::ContentType(None) => return Ok(self.codec.clone()),
            Glance::ContentType(Some(text)) if text == self.content_type.as_bytes() => {
                return Ok(self.codec.clone());
            }
            _ => {}
        }
        if message.headers.get(UNREADABLE_HEADERS) == Some(&HeaderValue::Bool(true)) {
            return Err(HandlerError::undecodable(
                "a header of the message can't be read: its name is no UTF-8, or it is nested too deeply",
            ));
        }
        let is_unreadable = |value: &HeaderValue| match value {
            HeaderValue::Bytes(bytes) => std::str::from_utf8(bytes).is_err(),
            _ => false,
        };
        if message.headers.get(CONTENT_TYPE).is_some_and(is_unreadable) {
            return Err(HandlerError::undecodable(
                "the content type can't be read: it is no UTF-8",
            ));
        }
        let Some(content_type) = message.headers.content_type() else {
            return Ok(self.codec.clone());
        };
        if *content_type == *self.content_type {
            return Ok(self.codec.clone());
        }
        self.codecs.codec(&content_type).ok_or_else(|| {
            HandlerError::undecodable(format!("no codec for the content type `{content_type}`"))
        })
    }
}
