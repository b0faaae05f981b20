//! An input binding's task: it binds, consumes, and stops in order.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{
    Binder, BindingName, Consumer, ConsumerControl, ConsumerSpec, Health, Listener, ListenerContext, Result,
    Signal,
};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::handle::{Gauge, Probe};
use super::retry::BindRetry;
use super::{BindingState, BindingStatus, Command, Request};
use crate::inbound::{Lanes, Limits, Pace, Settings, Shared, Spread, WATCH_INTERVAL, Watch};
use crate::metrics::InputMetrics;
use crate::outbound::OutputBinding;

/// Everything an input binding is made of.
pub(crate) struct InputParts {
    pub(crate) name: BindingName,
    pub(crate) consumer: ConsumerSpec,
    pub(crate) binder: Arc<dyn Binder>,
    pub(crate) listener: Arc<dyn Listener>,
    pub(crate) context: Arc<ListenerContext>,
    pub(crate) outputs: Vec<Arc<OutputBinding>>,
    pub(crate) settings: Settings,
    pub(crate) spread: Spread,
    pub(crate) limits: Limits,
    pub(crate) auto_startup: bool,
    pub(crate) bind_retry: Option<Duration>,
    /// How long a stop may take.
    pub(crate) drain: Duration,
    pub(crate) metrics: InputMetrics,
    pub(crate) status: Arc<BindingStatus>,
    pub(crate) gauge: Gauge,
}

/// Why a phase of the binding ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ended {
    /// Somebody stopped the binding.
    Stopped,
    /// The consumer ended by itself; the binding binds again.
    Lost,
    /// The application ends.
    Application,
}

/// The task of one input binding.
pub(crate) struct InputBinding {
    parts: InputParts,
    requests: mpsc::Receiver<Request>,
    application: CancellationToken,
    paused: bool,
}

impl InputBinding {
    pub(crate) fn new(
        parts: InputParts,
        requests: mpsc::Receiver<Request>,
        application: CancellationToken,
    ) -> Self {
        Self {
            parts,
            requests,
            application,
            paused: false,
        }
    }

    /// Runs the binding until the application ends.
    pub(crate) async fn run(mut self) {
        let mut wanted = self.parts.auto_startup;
        let mut retry = BindRetry::new(self.parts.bind_retry);
        loop {
            if !wanted {
                if self.idle().await == Ended::Application {
                    return;
                }
                retry = BindRetry::new(self.parts.bind_retry);
            }
            let ended = match self.bind(&mut retry).await {
                Ok(consumer) => self.consume(consumer).await,
                Err(ended) => ended,
            };
            wanted = ended == Ended::Lost;
            if wanted {
                retry.lost();
            }
            if ended == Ended::Application {
                self.parts.status.set(BindingState::Stopped, Health::unknown());
                return;
            }
        }
    }

    /// Waits, stopped, until somebody starts the binding.
    async fn idle(&mut self) -> Ended {
        self.parts.status.set(BindingState::Stopped, Health::unknown());
        loop {
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(Request { command, done }) => {
                        match command {
                            // Whoever asked for it must not see it stopped still.
                            Command::Start => self.parts.status.set(BindingState::Starting, Health::unknown()),
                            Command::Pause => self.paused = true,
                            Command::Resume => self.paused = false,
                            Command::Stop => {}
                        }
                        drop(done.send(Ok(())));
                        if command == Command::Start {
                            return Ended::Stopped;
                        }
                    }
                    None => return Ended::Application,
                },
                () = self.application.cancelled() => return Ended::Application,
            }
        }
    }

    /// Binds the consumer, however long the broker is away. The listener's outputs are bound first.
    async fn bind(&mut self, retry: &mut BindRetry) -> Result<Consumer, Ended> {
        let Self {
            parts,
            requests,
            application,
            paused,
        } = self;
        parts.status.set(BindingState::Starting, Health::unknown());
        let binding = async {
            retry.pause_after_loss(&parts.name, &parts.status).await;
            for output in &parts.outputs {
                if output.producer().is_none() {
                    let reason = format!("waits for the output `{}`", output.name);
                    parts.status.set(BindingState::Starting, Health::down(reason));
                }
                output.bound().await;
            }
            parts.status.set(BindingState::Starting, Health::unknown());
            loop {
                match parts.binder.bind_consumer(&parts.consumer).await {
                    Ok(consumer) => {
                        retry.succeeded(&parts.name);
                        return consumer;
                    }
                    Err(error) => {
                        retry.failed(&parts.name, &parts.status, &error).await;
                    }
                }
            }
        };
        let mut binding = std::pin::pin!(binding);
        loop {
            tokio::select! {
                consumer = &mut binding => return Ok(consumer),
                request = requests.recv() => match request {
                    Some(Request { command, done }) => {
                        match command {
                            // Nor must it be seen starting still.
                            Command::Stop => parts.status.set(BindingState::Stopped, Health::unknown()),
                            Command::Pause => *paused = true,
                            Command::Resume => *paused = false,
                            Command::Start => {}
                        }
                        drop(done.send(Ok(())));
                        if command == Command::Stop {
                            return Err(Ended::Stopped);
                        }
                    }
                    None => return Err(Ended::Application),
                },
                () = application.cancelled() => return Err(Ended::Application),
            }
        }
    }

    /// Consumes until the binding is stopped or its consumer ends.
    async fn consume(&mut self, consumer: Consumer) -> Ended {
        let Consumer {
            deliveries,
            settler,
            control,
            dead_letter,
            group,
        } = consumer;
        // A stream that ended by itself is asked again by the drain.
        let mut deliveries: bindery_core::Deliveries = Box::pin(deliveries.fuse());
        let parts = &self.parts;
        let shared = Arc::new(Shared {
            binding: parts.name.clone(),
            group: group.clone(),
            listener: parts.listener.clone(),
            context: parts.context.clone(),
            outputs: parts.outputs.clone(),
            settler,
            dead_letter,
            settings: parts.settings.clone(),
            metrics: parts.metrics.clone(),
            status: parts.status.clone(),
            pace: Pace::new(),
            unfit_pace: Pace::new(),
            watch: Watch::new(parts.settings.handler_timeout),
            draining: Signal::new(),
        });
        let probe = InputProbe {
            control: control.clone(),
            metrics: parts.metrics.clone(),
            outputs: parts.outputs.clone(),
            group,
        };
        parts.gauge.set(Some(Arc::new(probe)));
        let mut lanes = Lanes::new(
            shared.clone(),
            control.clone(),
            parts.spread.clone(),
            parts.limits,
        );
        self.announce();
        let mut stopping = None;
        let mut stalled = None;
        let mut watching = tokio::time::interval(WATCH_INTERVAL);
        watching.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let ended = loop {
            tokio::select! {
                _ = watching.tick() => shared.watch.look(&shared.status, &mut stalled),
                batch = deliveries.next(), if !self.paused => match batch {
                    Some(batch) => lanes.dispatch(batch),
                    None => break Ended::Lost,
                },
                request = self.requests.recv() => match request {
                    Some(Request { command: Command::Stop, done }) => {
                        stopping = Some(done);
                        break Ended::Stopped;
                    }
                    Some(Request { command, done }) => {
                        match command {
                            Command::Pause => self.paused = true,
                            Command::Resume => self.paused = false,
                            Command::Start | Command::Stop => {}
                        }
                        self.announce();
                        drop(done.send(Ok(())));
                    }
                    None => break Ended::Application,
                },
                () = self.application.cancelled() => break Ended::Application,
            }
        };
        self.drain(&shared, &mut lanes, deliveries, &*control).await;
        self.parts.gauge.set(None);
        self.parts.metrics.forget_in_flight();
        if let Some(done) = stopping {
            self.parts.status.set(BindingState::Stopped, Health::unknown());
            drop(done.send(Ok(())));
        }
        ended
    }

    fn announce(&self) {
        let state = if self.paused {
            BindingState::Paused
        } else {
            BindingState::Running
        };
        self.parts.status.set(state, Health::up());
    }

    /// Stops in order: no new fetch; what isn't started goes back; what is started is finished, its outputs confirmed;
    /// then offsets are committed or acks flushed, and the consumer leaves its group.
    async fn drain(
        &self,
        shared: &Shared,
        lanes: &mut Lanes,
        mut deliveries: bindery_core::Deliveries,
        control: &dyn ConsumerControl,
    ) {
        control.stop();
        shared.draining.cancel();
        let finishing = async {
            while let Some(batch) = deliveries.next().await {
                lanes.dispatch(batch);
            }
            lanes.finish().await;
        };
        if tokio::time::timeout(self.parts.drain, finishing).await.is_err() {
            tracing::warn!(
                binding.name = %self.parts.name, in_flight = self.parts.metrics.in_flight(),
                "the binding is closed with messages unfinished; the broker delivers them again"
            );
            lanes.abort();
        }
        if tokio::time::timeout(self.parts.drain, control.close())
            .await
            .is_err()
        {
            tracing::warn!(binding.name = %self.parts.name, "the consumer did not close in time");
        }
    }
}

struct InputProbe {
    control: Arc<dyn ConsumerControl>,
    metrics: InputMetrics,
    outputs: Vec<Arc<OutputBinding>>,
    group: Arc<str>,
}

impl Probe for InputProbe {
    fn in_flight(&self) -> u64 {
        self.metrics.in_flight()
    }

    fn lag(&self) -> Option<u64> {
        self.control.lag()
    }

    /// That of the consumer; an output whose broker is away degrades it.
    fn health(&self) -> Health {
        let outputs = self.outputs.iter().filter_map(|output| output.outage());
        let parts = outputs.chain([self.control.health()]);
        Health::of_parts(parts).unwrap_or_else(Health::unknown)
    }

    fn group(&self) -> Option<Arc<str>> {
        Some(self.group.clone())
    }
}
