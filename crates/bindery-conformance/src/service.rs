//! A running application as a case sees it: one listener on one input, over the fixture's binder, and a ledger of what
//! the listener was called with.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use bindery_core::kinds::{Fallible, Nothing, One};
use bindery_core::{
    Attempt, Binder, BinderFactory, BinderSpec, ConsumerSpec, HandlerError, Headers, ListenerDefinition,
    Message, ProducerSpec, PropertyCatalog, Result, ViaMessage,
};
use bindery_runtime::{Application, BindingHandle, Running};
use serde_json::Value;

use crate::Suite;

/// The listener's name; its bindings are `work-in-0` and `work-out-0`.
pub(crate) const LISTENER: &str = "work";

/// What a listener was called with, in the order of the calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Vec<(String, u32)>>>);

impl Ledger {
    pub(crate) fn note(&self, text: &str, attempt: u32) {
        self.entries().push((text.to_owned(), attempt));
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<(String, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The texts of all calls.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.entries().iter().map(|(text, _)| text.clone()).collect()
    }

    /// The attempts at one message.
    pub(crate) fn attempts(&self, text: &str) -> Vec<u32> {
        let entries = self.entries();
        let of_text = entries.iter().filter(|(called, _)| called == text);
        of_text.map(|(_, attempt)| *attempt).collect()
    }

    /// How many calls there were.
    pub(crate) fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether every text was there at least once.
    pub(crate) fn has_all(&self, texts: &[String]) -> bool {
        let entries = self.entries();
        let called: std::collections::HashSet<&str> = entries.iter().map(|(text, _)| text.as_str()).collect();
        texts.iter().all(|text| called.contains(text.as_str()))
    }
}

/// What a case's listener takes.
pub(crate) struct Work {
    pub(crate) text: String,
    pub(crate) headers: Headers,
    pub(crate) key: String,
    pub(crate) attempt: u32,
}

impl Work {
    fn new(message: Message<String>, attempt: Attempt) -> Self {
        let key = message.key.as_deref().unwrap_or_default();
        Self {
            key: String::from_utf8_lossy(key).into_owned(),
            text: message.payload,
            headers: message.headers,
            attempt: attempt.0,
        }
    }
}

type Arguments = ((ViaMessage, Message<String>), (ViaMessage, Attempt));

/// A listener that publishes nothing.
pub(crate) fn worker<F, R>(function: F) -> ListenerDefinition
where
    F: Fn(Work) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let listener = move |message: Message<String>, attempt: Attempt| function(Work::new(message, attempt));
    ListenerDefinition::listener::<_, Arguments, _>(LISTENER, listener, Fallible(PhantomData::<Nothing>))
}

/// A listener that publishes its result.
pub(crate) fn relayer<F, R>(function: F) -> ListenerDefinition
where
    F: Fn(Work) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<String, HandlerError>> + Send + 'static,
{
    let listener = move |message: Message<String>, attempt: Attempt| function(Work::new(message, attempt));
    ListenerDefinition::listener::<_, Arguments, _>(LISTENER, listener, Fallible(PhantomData::<One>))
}

/// An application that is put together.
pub(crate) struct Plan<'s> {
    suite: &'s Suite,
    application: Application,
    input: ConsumerSpec,
}

impl Suite {
    /// An application with `listener` on a new destination, over the fixture's binder.
    pub(crate) fn application(&self, listener: ListenerDefinition) -> Plan<'_> {
        self.application_on(&self.fixture().binder, listener)
    }

    /// An application over the line that this case cuts.
    pub(crate) fn frail_application(&self, listener: ListenerDefinition) -> Plan<'_> {
        self.application_on(&self.outage().binder, listener)
    }

    fn application_on(&self, binder: &BinderSpec, listener: ListenerDefinition) -> Plan<'_> {
        let factory = self.fixture().factory.clone();
        let input = self.input(&self.destination("in"), "g");
        let group = input.group.as_deref().unwrap_or_default();
        let publishes = !listener.outputs.is_empty();
        let application: Application = Application::new()
            .arguments(Vec::<String>::new())
            .environment(Vec::<(String, String)>::new())
            .config_directory("no-configuration")
            .property("stream.default-binder", factory.kind())
            .property("stream.bindings.work-in-0.destination", &*input.destination)
            .property("stream.bindings.work-in-0.group", group)
            .binder(Arc::new(Connected {
                factory,
                spec: binder.clone(),
            }))
            .listeners([listener])
            .quiet();
        let plan = Plan {
            suite: self,
            application,
            input,
        };
        let plan = plan.consumer("back-off-initial-interval", "10ms");
        if publishes {
            plan.property("stream.bindings.work-out-0.destination", &self.destination("out"))
        } else {
            plan
        }
    }
}

impl<'s> Plan<'s> {
    pub(crate) fn property(mut self, key: &str, value: &str) -> Self {
        self.application = self.application.property(key, value);
        self
    }

    /// Sets a consumer property of the input.
    pub(crate) fn consumer(self, key: &str, value: &str) -> Self {
        self.property(&format!("stream.bindings.work-in-0.consumer.{key}"), value)
    }

    pub(crate) fn listener(mut self, listener: ListenerDefinition) -> Self {
        self.application = self.application.listeners([listener]);
        self
    }

    /// Switches the dead letter on, with the fixture's options.
    pub(crate) fn with_dead_letter(mut self) -> Self {
        let options = self.suite.dead_letter().options.clone();
        let kind = self.suite.fixture().factory.kind();
        for (key, value) in &options.0 {
            let value = value
                .as_str()
                .map_or_else(|| Value::to_string(value), str::to_owned);
            let key = format!("stream.{kind}.bindings.work-in-0.consumer.{key}");
            self.application = self.application.property(key, value);
        }
        self.input.options = options;
        self
    }

    /// Starts it, and returns when every binding runs.
    pub(crate) async fn start(self) -> Service<'s> {
        let service = self.start_unready().await;
        service.ready().await;
        service
    }

    /// Starts it, and returns at once.
    pub(crate) async fn start_unready(self) -> Service<'s> {
        let started = self.application.start().await;
        Service {
            suite: self.suite,
            running: started.unwrap_or_else(|error| panic!("{error:?}")),
            input: self.input,
        }
    }
}

/// An application that runs.
pub(crate) struct Service<'s> {
    suite: &'s Suite,
    pub(crate) running: Running,
    pub(crate) input: ConsumerSpec,
}

impl Service<'_> {
    /// Waits until every binding runs.
    pub(crate) async fn ready(&self) {
        let ready = self.running.wait_ready(self.suite.deadline()).await;
        ready.unwrap_or_else(|error| panic!("{error:?}"));
    }

    /// The input's binding.
    pub(crate) fn binding(&self) -> BindingHandle {
        self.running.bindings().named("work-in-0").remove(0)
    }

    /// Binds a reader of the input's dead letters.
    pub(crate) async fn dead_letters(&self) -> crate::member::Member {
        let factory = &self.suite.fixture().factory;
        let destination = factory.dead_letter_destination(&self.input);
        let destination = destination.expect("the input has a dead letter");
        let reader = (self.suite.dead_letter().input)(&self.input, &destination);
        self.suite.bind(&reader).await
    }

    /// A counter of the input's metrics, summed over its labels.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let metrics = self.running.operations().metrics();
        let samples = metrics
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
        samples
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum::<f64>() as u64
    }

    /// Waits until the broker knows that everything is settled: nothing is in flight.
    pub(crate) async fn idle(&self) {
        let what = "every message to be settled";
        crate::suite::eventually(self.suite.deadline(), what, || {
            self.running.totals().in_flight == 0
        })
        .await;
    }

    pub(crate) async fn shutdown(self) {
        let ended = self
            .suite
            .within("the application to end", self.running.shutdown());
        ended.await.unwrap_or_else(|error| panic!("{error:?}"));
    }
}

/// A binder factory that connects as the fixture says, whatever the configuration does.
#[derive(Debug)]
struct Connected {
    factory: Arc<dyn BinderFactory>,
    spec: BinderSpec,
}

impl BinderFactory for Connected {
    fn kind(&self) -> &'static str {
        self.factory.kind()
    }

    fn properties(&self) -> PropertyCatalog {
        self.factory.properties()
    }

    fn create(&self, _spec: &BinderSpec) -> Result<Arc<dyn Binder>> {
        self.factory.create(&self.spec)
    }

    fn check_consumer(&self, spec: &ConsumerSpec) -> Result<()> {
        self.factory.check_consumer(spec)
    }

    fn check_producer(&self, spec: &ProducerSpec) -> Result<()> {
        self.factory.check_producer(spec)
    }

    fn dead_letter_destination(&self, spec: &ConsumerSpec) -> Option<String> {
        self.factory.dead_letter_destination(spec)
    }
}
