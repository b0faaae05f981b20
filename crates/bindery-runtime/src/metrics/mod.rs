//! Metrics: counters and a time histogram for each binding, rendered as Prometheus text.
//!
//! Each application has a recorder of its own, so that several can live in one process.

mod handler_times;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bindery_core::{FailureClass, Settlement};
use metrics::{Counter, Gauge, Label, counter, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use handler_times::HandlerTimeHistogram;
pub(crate) use handler_times::HandlerTimes;

use crate::inbound::Decision;

/// The metrics of one application.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    /// By the labels of an input, as text.
    handler_times: Arc<Mutex<Vec<(String, Arc<HandlerTimeHistogram>)>>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        Self {
            recorder: Arc::new(recorder),
            handle,
            handler_times: Arc::default(),
        }
    }

    /// The metrics as Prometheus text.
    pub(crate) fn render(&self) -> String {
        let times = self.handler_times.lock().unwrap_or_else(PoisonError::into_inner);
        let inputs = times.iter().map(|(labels, times)| (labels.as_str(), &**times));
        self.handle.render() + &handler_times::render(inputs)
    }

    /// The handler times of the input with these labels.
    fn handler_times(&self, labels: &[Label]) -> Arc<HandlerTimeHistogram> {
        let pairs: Vec<_> = labels
            .iter()
            .map(|label| format!("{}=\"{}\"", label.key(), escaped(label.value())))
            .collect();
        let labels = pairs.join(",");
        let mut all = self.handler_times.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = all.iter().find(|(known, _)| *known == labels) {
            return known.clone();
        }
        let times = Arc::<HandlerTimeHistogram>::default();
        all.push((labels, times.clone()));
        times
    }

    pub(crate) fn input(&self, binding: &str, destination: &str, group: &str) -> InputMetrics {
        let labels = labels(&[
            ("binding", binding),
            ("destination", destination),
            ("group", group),
        ]);
        let times = self.handler_times(&labels);
        metrics::with_local_recorder(&*self.recorder, || InputMetrics::registered(&labels, times))
    }

    pub(crate) fn output(&self, binding: &str, destination: &str) -> OutputMetrics {
        let labels = labels(&[("binding", binding), ("destination", destination)]);
        metrics::with_local_recorder(&*self.recorder, || OutputMetrics {
            published: counter!("bindery_messages_published_total", labels.clone()),
            failed: counter!("bindery_publications_failed_total", labels),
        })
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn labels(pairs: &[(&'static str, &str)]) -> Vec<Label> {
    pairs
        .iter()
        .map(|(key, value)| Label::new(*key, (*value).to_owned()))
        .collect()
}

/// A label's value as it stands between quotes.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// The metrics of one input.
#[derive(Clone)]
pub(crate) struct InputMetrics {
    received: Counter,
    retried: Counter,
    failed: [(FailureClass, Counter); 4],
    dead_lettered: Counter,
    accepted: Counter,
    released: Counter,
    handler_times: Arc<HandlerTimeHistogram>,
    in_flight_gauge: Gauge,
    lag: Gauge,
    in_flight: Arc<AtomicU64>,
    totals: Arc<Totals>,
}

/// Totals that the program can read without parsing text.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) retried: AtomicU64,
    pub(crate) dead_lettered: AtomicU64,
}

impl InputMetrics {
    fn registered(labels: &[Label], handler_times: Arc<HandlerTimeHistogram>) -> Self {
        let labels = labels.to_vec();
        let failed = |class: FailureClass| {
            let mut labels = labels.clone();
            labels.push(Label::new("class", class.as_str()));
            (class, counter!("bindery_messages_failed_total", labels))
        };
        Self {
            received: counter!("bindery_messages_received_total", labels.clone()),
            retried: counter!("bindery_messages_retried_total", labels.clone()),
            failed: [
                failed(FailureClass::Retryable),
                failed(FailureClass::Permanent),
                failed(FailureClass::Undecodable),
                failed(FailureClass::Discard),
            ],
            dead_lettered: counter!("bindery_messages_dead_lettered_total", labels.clone()),
            accepted: counter!("bindery_messages_handled_total", labels.clone()),
            released: counter!("bindery_messages_released_total", labels.clone()),
            handler_times,
            in_flight_gauge: gauge!("bindery_messages_in_flight", labels.clone()),
            lag: gauge!("bindery_consumer_lag", labels),
            in_flight: Arc::default(),
            totals: Arc::default(),
        }
    }

    pub(crate) fn received(&self, count: u64) {
        self.received.increment(count);
        self.in_flight.fetch_add(count, Ordering::AcqRel);
    }

    pub(crate) fn settled(&self, settlement: Settlement, count: u64) {
        match settlement {
            Settlement::Accept | Settlement::Reject => self.accepted.increment(count),
            Settlement::Release => self.released.increment(count),
        }
        // A straggler of a consumer that was given up is counted no more.
        let left = |in_flight: u64| Some(in_flight.saturating_sub(count));
        self.in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, left)
            .ok();
    }

    /// Takes in the handler times that a lane counted.
    pub(crate) fn handler_times(&self, times: &mut HandlerTimes) {
        self.handler_times.take(times);
    }

    pub(crate) fn failed(&self, class: FailureClass, decision: Decision) {
        if let Some((_, counter)) = self.failed.iter().find(|(known, _)| *known == class) {
            counter.increment(1);
        }
        if matches!(decision, Decision::Retry(_)) {
            self.retried.increment(1);
            self.totals.retried.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn dead_lettered(&self, count: u64) {
        self.dead_lettered.increment(count);
        self.totals.dead_lettered.fetch_add(count, Ordering::Relaxed);
    }

    /// Lets the gauges show what is true now.
    pub(crate) fn observe(&self, lag: Option<u64>) {
        self.in_flight_gauge.set(self.in_flight() as f64);
        if let Some(lag) = lag {
            self.lag.set(lag as f64);
        }
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Acquire)
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// What a lost consumer had in flight comes again; it is in flight no more.
    pub(crate) fn forget_in_flight(&self) {
        self.in_flight.store(0, Ordering::Release);
    }
}

/// The metrics of one output.
#[derive(Clone)]
pub(crate) struct OutputMetrics {
    published: Counter,
    failed: Counter,
}

impl OutputMetrics {
    pub(crate) fn confirmed(&self, count: u64) {
        if count > 0 {
            self.published.increment(count);
        }
    }

    pub(crate) fn published(&self, confirmed: bool) {
        if confirmed {
            self.confirmed(1)
        } else {
            self.failed.increment(1)
        }
    }
}
