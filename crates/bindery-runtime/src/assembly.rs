//! Assembly: from the resolved model to running bindings.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{
    Binder, BinderFactory, BindingName, BuiltInCodecs, Codec, Codecs, Error, ErrorKind, InputType,
    ListenerContext, ListenerDefinition, ListenerKind, OutputContext, Result, States,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::binding::{
    BindingHandle, BindingStatus, Bindings, Gauge, InputBinding, InputParts, Request, run_output,
};
use crate::config::{InputSpec, Model, Ordering, OutputSpec};
use crate::inbound::{Limits, Settings, Spread};
use crate::metrics::Metrics;
use crate::outbound::{Directory, OutputBinding, StreamBridge, run_supplier};
use crate::running::{Parts, Running};

/// How many requests to one binding may wait.
const REQUESTS: usize = 8;
/// How many messages of a lane may wait for confirmations: window over linger bounds the rate of a lane, so it is wide.
const WINDOW: usize = 16_384;
/// The pause before records are published again to a broker that was away.
const REPUBLISH_DELAY: Duration = Duration::from_secs(1);

/// Everything that bindings of one application share.
pub(crate) struct Site {
    pub(crate) model: Arc<Model>,
    pub(crate) binders: Binders,
    pub(crate) codecs: Arc<dyn Codecs>,
    pub(crate) metrics: Metrics,
    pub(crate) bindings: Bindings,
    pub(crate) tasks: Tasks,
}

/// The tasks of an application, in the two groups that end one after the other.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    pub(crate) inputs: TaskTracker,
    pub(crate) outputs: TaskTracker,
    pub(crate) stop_inputs: CancellationToken,
    pub(crate) stop_outputs: CancellationToken,
}

/// The binders of an application, by configured name.
pub(crate) type Binders = Arc<HashMap<Arc<str>, (Arc<str>, Arc<dyn Binder>)>>;

/// Builds every binding and starts its task. Nothing is connected yet when this returns.
pub(crate) fn assemble(
    model: Model,
    listeners: &[ListenerDefinition],
    factories: &[Arc<dyn BinderFactory>],
    codecs: Arc<dyn Codecs>,
    states: &Arc<States>,
) -> Result<Running> {
    let binders = create_binders(&model, factories)?;
    let site = Arc::new(Site {
        model: Arc::new(model),
        binders,
        codecs: codecs.clone(),
        metrics: Metrics::new(),
        bindings: Bindings::new(),
        tasks: Tasks::default(),
    });
    let making = site.clone();
    let directory = Directory::new(Box::new(move |name| making.dynamic_output(name)), codecs);
    for spec in site.model.outputs.iter().filter(|spec| !spec.lazy) {
        directory.insert(site.open_output(spec.clone())?);
    }
    let outputs: HashMap<_, _> = directory
        .all()
        .into_iter()
        .map(|output| (output.name.clone(), output))
        .collect();
    for (number, listener) in listeners.iter().enumerate() {
        site.open_listener(number, listener, &outputs, states)?;
    }
    Ok(Running::new(Parts {
        bridge: StreamBridge::new(directory),
        site,
    }))
}

fn create_binders(model: &Model, factories: &[Arc<dyn BinderFactory>]) -> Result<Binders> {
    let mut binders = HashMap::new();
    for spec in &model.binders {
        let factory = factories
            .iter()
            .find(|factory| *factory.kind() == *spec.kind)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Configuration,
                    format!("no binder of the kind `{}`", spec.kind),
                )
            })?;
        binders.insert(spec.name.clone(), (spec.kind.clone(), factory.create(spec)?));
    }
    Ok(Arc::new(binders))
}

impl Site {
    /// Lets the gauges show what is true now.
    pub(crate) fn observe(&self) {
        for handle in self.bindings.all() {
            if let Some(metrics) = &handle.metrics {
                metrics.observe(handle.lag());
            }
        }
    }

    fn binder(&self, name: &str) -> Result<(Arc<str>, Arc<dyn Binder>)> {
        self.binders.get(name).cloned().ok_or_else(|| {
            let mut known: Vec<_> = self.binders.keys().map(|name| &**name).collect();
            known.sort_unstable();
            let text = format!("no binder `{name}`; configured: {}", known.join(", "));
            Error::new(ErrorKind::Configuration, text)
        })
    }

    /// The codecs of a binding, and the one for its content type.
    fn codecs(&self, binding: &BindingName, content_type: &str) -> Result<(Arc<dyn Codecs>, Codec)> {
        let codecs = self
            .codecs
            .of_binding(binding)
            .unwrap_or_else(|| self.codecs.clone());
        let codec = codecs
            .codec(content_type)
            .or_else(|| BuiltInCodecs.codec(content_type));
        let codec = codec.ok_or_else(|| {
            let text = format!("no codec for the content type `{content_type}`");
            Error::new(ErrorKind::Configuration, text).with("binding", binding)
        })?;
        Ok((codecs, codec))
    }

    fn dynamic_output(&self, name: &str) -> Result<Arc<OutputBinding>> {
        match self.model.output(&BindingName::new(name)) {
            Some(spec) => self.open_output(spec.clone()),
            None => self.open_output(self.model.dynamic_output(name)?),
        }
    }

    fn open_output(&self, spec: OutputSpec) -> Result<Arc<OutputBinding>> {
        let (kind, binder) = self.binder(&spec.binder)?;
        let context = OutputContext {
            content_type: spec.content_type.clone(),
            codec: self.codecs(&spec.name, &spec.content_type)?.1,
        };
        let status = BindingStatus::new(spec.name.clone(), spec.auto_startup);
        let destination = spec.producer.destination.clone();
        let metrics = self.metrics.output(spec.name.as_str(), &destination);
        let (requests, received) = mpsc::channel(REQUESTS);
        let gauge = Gauge::default();
        self.bindings.add(BindingHandle {
            name: spec.name.clone(),
            destination,
            group: None,
            binder: spec.binder.clone(),
            binder_kind: kind,
            input: false,
            auto_startup: spec.auto_startup,
            metrics: None,
            status: status.clone(),
            requests,
            gauge: gauge.clone(),
        });
        let stop = self.tasks.stop_outputs.clone();
        let output = OutputBinding::new(spec, context, status, metrics, stop.clone());
        let retry = self.model.binding_retry_interval;
        self.tasks
            .outputs
            .spawn(run_output(output.clone(), binder, gauge, retry, received, stop));
        Ok(output)
    }

    fn open_listener(
        &self,
        number: usize,
        listener: &ListenerDefinition,
        outputs: &HashMap<BindingName, Arc<OutputBinding>>,
        states: &Arc<States>,
    ) -> Result<()> {
        let outputs = self.outputs_of(number, outputs)?;
        if let ListenerKind::Listener(function) = &listener.kind {
            let Some(spec) = self.model.inputs.iter().find(|spec| spec.listener == number) else {
                return Ok(());
            };
            let context = self.context(&spec.name, &spec.content_type, &outputs, states)?;
            for consumer in &spec.consumers {
                self.open_input(
                    listener,
                    function.clone(),
                    spec,
                    consumer.clone(),
                    &outputs,
                    &context,
                )?;
            }
            return Ok(());
        }
        let Some(first) = outputs.first().cloned() else {
            return Ok(());
        };
        let context = self.context(&first.name, &first.spec.content_type, &outputs, states)?;
        let stop = self.tasks.stop_inputs.clone();
        self.tasks.inputs.spawn(run_supplier(
            listener.kind.clone(),
            context,
            outputs,
            first.spec.poller,
            stop,
            self.model.shutdown_timeout,
        ));
        Ok(())
    }

    /// The outputs of a listener, by index.
    fn outputs_of(
        &self,
        number: usize,
        outputs: &HashMap<BindingName, Arc<OutputBinding>>,
    ) -> Result<Vec<Arc<OutputBinding>>> {
        let own = |spec: &OutputSpec| {
            let mine = spec.listeners.iter().filter(|(listener, _)| *listener == number);
            mine.map(|(_, index)| (*index, spec.name.clone()))
                .collect::<Vec<_>>()
        };
        let mut names: Vec<_> = self.model.outputs.iter().flat_map(own).collect();
        names.sort_by_key(|(index, _)| *index);
        names
            .into_iter()
            .map(|(_, name)| outputs.get(&name).cloned().ok_or_else(|| unbound(&name)))
            .collect()
    }

    fn context(
        &self,
        name: &BindingName,
        content_type: &Arc<str>,
        outputs: &[Arc<OutputBinding>],
        states: &Arc<States>,
    ) -> Result<Arc<ListenerContext>> {
        let (codecs, codec) = self.codecs(name, content_type)?;
        Ok(Arc::new(ListenerContext {
            binding: name.shared(),
            content_type: content_type.clone(),
            codec,
            codecs,
            outputs: outputs.iter().map(|output| output.context.clone()).collect(),
            states: states.clone(),
        }))
    }

    fn open_input(
        &self,
        listener: &ListenerDefinition,
        function: Arc<dyn bindery_core::Listener>,
        spec: &InputSpec,
        mut consumer: bindery_core::ConsumerSpec,
        outputs: &[Arc<OutputBinding>],
        context: &Arc<ListenerContext>,
    ) -> Result<()> {
        let (kind, binder) = self.binder(&spec.binder)?;
        let status = BindingStatus::new(spec.name.clone(), spec.auto_startup);
        let group = consumer.group.as_deref().unwrap_or("anonymous");
        let metrics = self
            .metrics
            .input(spec.name.as_str(), &consumer.destination, group);
        let (requests, received) = mpsc::channel::<Request>(REQUESTS);
        let gauge = Gauge::default();
        self.bindings.add(BindingHandle {
            name: spec.name.clone(),
            destination: consumer.destination.clone(),
            group: consumer.group.clone(),
            binder: spec.binder.clone(),
            binder_kind: kind,
            input: true,
            auto_startup: spec.auto_startup,
            metrics: Some(metrics.clone()),
            status: status.clone(),
            requests,
            gauge: gauge.clone(),
        });
        let batch =
            (listener.input_type == InputType::Batch).then(|| consumer.batch.unwrap_or(1).max(1) as usize);
        let parts = InputParts {
            name: spec.name.clone(),
            binder,
            listener: function,
            context: context.clone(),
            outputs: outputs.to_vec(),
            settings: Settings {
                retry: spec.retry.clone(),
                handler_timeout: spec.handler_timeout,
                on_exhausted: spec.on_exhausted,
                batch,
                manual: listener.manual,
                window: WINDOW,
                republish_delay: REPUBLISH_DELAY,
            },
            spread: spread(spec, &consumer),
            limits: Limits {
                messages: u64::from(consumer.max_in_flight),
                bytes: spec.max_in_flight_bytes,
            },
            auto_startup: spec.auto_startup,
            bind_retry: self.model.binding_retry_interval,
            drain: self.model.shutdown_timeout,
            metrics,
            status,
            gauge,
            consumer: {
                if matches!(spec.ordering, Ordering::Key { .. }) {
                    // Blocked keys may have as much beside what is worked on.
                    consumer.max_in_flight = consumer.max_in_flight.saturating_mul(2);
                }
                consumer
            },
        };
        let task = InputBinding::new(parts, received, self.tasks.stop_inputs.clone());
        self.tasks.inputs.spawn(task.run());
        Ok(())
    }
}

/// Keyed and unordered lanes run as many handlers as are in flight, unless `concurrency` is set above 1.
fn spread(spec: &InputSpec, consumer: &bindery_core::ConsumerSpec) -> Spread {
    let bounded = !matches!(spec.ordering, Ordering::Partition) && consumer.concurrency > 1;
    Spread {
        ordering: spec.ordering.clone(),
        parallel: bounded.then_some(consumer.concurrency as usize),
    }
}

fn unbound(name: &BindingName) -> Error {
    Error::new(
        ErrorKind::Configuration,
        format!("no binding `{name}` in the resolved configuration"),
    )
}
