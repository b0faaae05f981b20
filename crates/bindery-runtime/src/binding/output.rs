//! An output binding's task: it binds its producer, and closes it when nothing needs it any more.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{Binder, Error, ErrorKind, Health, Producer};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::handle::{Gauge, Probe};
use super::retry::BindRetry;
use super::{BindingState, Command, Request};
use crate::outbound::OutputBinding;

/// Runs an output binding until the application has no use for it any more.
pub(crate) async fn run_output(
    output: Arc<OutputBinding>,
    binder: Arc<dyn Binder>,
    gauge: Gauge,
    bind_retry: Option<Duration>,
    mut requests: mpsc::Receiver<Request>,
    application: CancellationToken,
) {
    let mut wanted = output.spec.auto_startup;
    loop {
        if wanted && output.producer().is_none() {
            output.status.set(BindingState::Starting, Health::unknown());
        }
        let binding = bind(&output, &*binder, &gauge, bind_retry);
        tokio::select! {
            () = binding, if wanted && output.producer().is_none() => {}
            request = requests.recv() => match request {
                Some(Request { command, done }) => {
                    drop(done.send(obey(command, &output, &gauge, &mut wanted).await));
                }
                None => break,
            },
            () = application.cancelled() => break,
        }
    }
    close(&output, &gauge).await;
}

async fn bind(output: &OutputBinding, binder: &dyn Binder, gauge: &Gauge, bind_retry: Option<Duration>) {
    let mut retry = BindRetry::new(bind_retry);
    loop {
        match binder.bind_producer(&output.spec.producer).await {
            Ok(producer) => {
                retry.succeeded(&output.name);
                gauge.set(Some(Arc::new(OutputProbe(producer.clone()))));
                output.set_producer(Some(producer));
                output.status.set(BindingState::Running, Health::up());
                return;
            }
            Err(error) => {
                retry.failed(&output.name, &output.status, &error).await;
            }
        }
    }
}

async fn obey(
    command: Command,
    output: &OutputBinding,
    gauge: &Gauge,
    wanted: &mut bool,
) -> Result<(), Error> {
    match command {
        Command::Start => {
            *wanted = true;
            if output.producer().is_none() {
                output.status.set(BindingState::Starting, Health::unknown());
            }
        }
        Command::Stop => {
            *wanted = false;
            close(output, gauge).await;
        }
        Command::Pause | Command::Resume => {
            let text = "an output can't be paused; stop it, or pause the inputs that publish to it";
            return Err(Error::new(ErrorKind::Unsupported, text).with("binding", &output.name));
        }
    }
    Ok(())
}

async fn close(output: &OutputBinding, gauge: &Gauge) {
    gauge.set(None);
    if let Some(producer) = output.set_producer(None) {
        producer.close().await;
    }
    output.status.set(BindingState::Stopped, Health::unknown());
}

struct OutputProbe(Arc<dyn Producer>);

impl Probe for OutputProbe {
    fn in_flight(&self) -> u64 {
        0
    }

    fn lag(&self) -> Option<u64> {
        None
    }

    fn health(&self) -> Health {
        self.0.health()
    }
}
