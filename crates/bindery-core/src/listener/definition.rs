//! Definitions: what registration keeps of a listener or supplier.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use futures_core::Stream;
use futures_core::stream::BoxStream;

use super::{
    Convert, FunctionListener, Handler, Invocation, Listener, ListenerContext, Outcome, Outputs, States,
    StreamFunction,
};
use crate::codec::short_name;
use crate::{BindingName, Error, HandlerError};

/// Starts a supplier's stream of results.
pub type StreamFactory =
    Arc<dyn Fn(&Invocation) -> Result<BoxStream<'static, Outcome>, HandlerError> + Send + Sync>;

/// How a definition is run.
#[derive(Clone)]
pub enum ListenerKind {
    /// Called with each message of its input.
    Listener(Arc<dyn Listener>),
    /// Called at an interval.
    Supplier(Arc<dyn Listener>),
    /// Called once; its stream is published.
    Stream(StreamFactory),
}

impl fmt::Debug for ListenerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listener(_) => "Listener",
            Self::Supplier(_) => "Supplier",
            Self::Stream(_) => "Stream",
        })
    }
}

/// What an input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputType {
    /// One message at a time.
    Single,
    /// Several messages.
    Batch,
}

/// A listener or supplier as it is registered: data, and a function behind one trait object.
#[derive(Clone)]
pub struct ListenerDefinition {
    /// The function's name, from which binding names follow.
    pub function: &'static str,
    /// The input binding; `None` for a supplier.
    pub input: Option<BindingName>,
    /// The output bindings, by index.
    pub outputs: Vec<BindingName>,
    /// What its input takes.
    pub input_type: InputType,
    /// Whether it settles by hand.
    pub manual: bool,
    /// The result's type, for people.
    pub result_type: String,
    /// How it is run.
    pub kind: ListenerKind,
    check: Arc<dyn Fn(&States) -> Result<(), Error> + Send + Sync>,
}

impl ListenerDefinition {
    /// Defines a listener: what `#[stream_listener]` expands to.
    ///
    /// Bindings are `<name>-in-0` and `<name>-out-<i>`; [`ListenerDefinition::with_input`] and
    /// [`ListenerDefinition::with_outputs`] name them otherwise.
    pub fn listener<F, Args, K>(name: &'static str, function: F, kind: K) -> Self
    where
        F: Handler<Args> + Clone,
        K: Convert<F::Result> + 'static,
        Args: 'static,
        F::Result: 'static,
    {
        let check = function.clone();
        Self {
            function: name,
            input: Some(BindingName::input(name, 0)),
            outputs: default_outputs(name, K::OUTPUTS),
            input_type: if F::BATCH {
                InputType::Batch
            } else {
                InputType::Single
            },
            manual: F::MANUAL,
            result_type: short_name::<F::Result>(),
            kind: ListenerKind::Listener(Arc::new(FunctionListener::new(function, kind))),
            check: Arc::new(move |states| check.check(states)),
        }
    }

    /// Defines a polled supplier: what `#[stream_supplier]` on an `async fn` expands to.
    pub fn supplier<F, Args, K>(name: &'static str, function: F, kind: K) -> Self
    where
        F: Handler<Args> + Clone,
        K: Convert<F::Result> + 'static,
        Args: 'static,
        F::Result: 'static,
    {
        const {
            assert!(
                F::PAYLOADS == 0,
                "a stream supplier takes no payload: there is no message to take it from"
            );
        }
        let defined = Self::listener(name, function, kind);
        let kind = match defined.kind {
            ListenerKind::Listener(listener) => ListenerKind::Supplier(listener),
            other => other,
        };
        Self {
            input: None,
            kind,
            ..defined
        }
    }

    /// Defines a supplier that returns a stream: what `#[stream_supplier]` on a plain `fn` expands to.
    pub fn stream<F, Args, K>(name: &'static str, function: F, _kind: K) -> Self
    where
        F: StreamFunction<Args> + Clone,
        K: Convert<F::Item> + 'static,
        Args: 'static,
    {
        let check = function.clone();
        let factory: StreamFactory = Arc::new(move |invocation: &Invocation| {
            let context = invocation.context.clone();
            let items = function.start(invocation)?;
            Ok(Box::pin(Results {
                items: Box::pin(items),
                convert: K::convert,
                context,
            }))
        });
        Self {
            function: name,
            input: None,
            outputs: default_outputs(name, K::OUTPUTS),
            input_type: InputType::Single,
            manual: false,
            result_type: type_name::<F::Item>().to_owned(),
            kind: ListenerKind::Stream(factory),
            check: Arc::new(move |states| check.check(states)),
        }
    }

    /// Names the input binding.
    #[must_use]
    pub fn with_input(mut self, binding: &str) -> Self {
        self.input = Some(BindingName::new(binding));
        self
    }

    /// Names the output bindings, first to last; outputs that get no name keep theirs.
    #[must_use]
    pub fn with_outputs(mut self, bindings: &[&str]) -> Self {
        for (output, name) in self.outputs.iter_mut().zip(bindings) {
            *output = BindingName::new(name);
        }
        self
    }

    /// Checks that the application has every state that the function asks for.
    ///
    /// # Errors
    /// When one is missing; the error says what to add.
    pub fn check(&self, states: &States) -> Result<(), Error> {
        (self.check)(states).map_err(|error| error.with("listener", self.function))
    }
}

fn default_outputs(name: &str, count: usize) -> Vec<BindingName> {
    (0..count).map(|index| BindingName::output(name, index)).collect()
}

impl fmt::Debug for ListenerDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerDefinition")
            .field("function", &self.function)
            .field("input", &self.input)
            .field("outputs", &self.outputs)
            .finish_non_exhaustive()
    }
}

/// Something that `listeners![..]` can register: the twin type of an annotated function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no stream listener",
    note = "annotate the function with `#[stream_listener]` or `#[stream_supplier]`"
)]
pub trait Registration {
    /// The definition.
    fn definition() -> ListenerDefinition;
}

/// A stream of values as a stream of outcomes.
struct Results<S: Stream> {
    items: std::pin::Pin<Box<S>>,
    convert: fn(S::Item, &ListenerContext) -> Result<Outputs, HandlerError>,
    context: Arc<ListenerContext>,
}

impl<S: Stream> Stream for Results<S> {
    type Item = Outcome;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        task: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Outcome>> {
        let next = std::task::ready!(self.items.as_mut().poll_next(task));
        let outcome = next.map(|item| match (self.convert)(item, &self.context) {
            Ok(outputs) => Outcome::Done(outputs),
            Err(error) => Outcome::Failed(error),
        });
        std::task::Poll::Ready(outcome)
    }
}
