//! The generator for RabbitMQ: persistent, mandatory publications with confirms, a window at a time.
//!
//! The client library may attach a returned message to another message's confirm, so a window is judged as a whole:
//! nothing more is published until all its confirms are in, and returns are matched by message id.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use super::{Book, Handle, Load, Sequences, Works};
use crate::brokers::Rabbit;
use crate::ledger::{Outcome, Writer};
use crate::work::Work;

const KEY: &str = "scst_messageKey";
const WINDOW: u64 = 256;
/// Longer than any case blocks publishers.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
const CONNECT_AGAIN: Duration = Duration::from_millis(100);

/// Sends `load`, each message to the exchange that its key chooses: `exchanges[key % exchanges.len()]`.
pub fn start(
    rabbit: &Rabbit,
    exchanges: Vec<String>,
    load: Load,
    sequences: Sequences,
    ledger: Arc<Writer>,
    shape: impl FnMut(&mut Work) + Send + 'static,
) -> Handle {
    let book = Book::new(ledger);
    let stop = CancellationToken::new();
    let sender = Sender {
        rabbit: rabbit.clone(),
        exchanges,
        book: book.clone(),
        open: None,
    };
    let task = tokio::spawn(sender.run(Works::new(load, sequences, shape), stop.clone()));
    Handle {
        counters: book.counters,
        stop,
        task,
    }
}

struct Sender {
    rabbit: Rabbit,
    exchanges: Vec<String>,
    book: Book,
    open: Option<(Connection, Channel)>,
}

impl Sender {
    async fn run<S: FnMut(&mut Work)>(mut self, mut works: Works<S>, stop: CancellationToken) -> Result<()> {
        let mut pace = Pace::new(works.load.per_second);
        loop {
            let due = tokio::select! {
                due = pace.due(WINDOW) => due,
                () = stop.cancelled() => break,
            };
            let Some(channel) = self.channel(&stop).await else {
                break;
            };
            let window: Vec<_> = std::iter::from_fn(|| works.next())
                .take(usize::try_from(due).unwrap_or(usize::MAX))
                .collect();
            if window.is_empty() {
                break;
            }
            if !self.publish(&channel, window).await? {
                self.open = None;
            }
        }
        if let Some((connection, _)) = self.open.take() {
            timeout(CONNECT_AGAIN * 10, connection.close(200, "OK".into()))
                .await
                .ok();
        }
        Ok(())
    }

    /// The channel to publish on; `None` when the load was stopped while the broker is away.
    async fn channel(&mut self, stop: &CancellationToken) -> Option<Channel> {
        loop {
            if let Some((_, channel)) = &self.open
                && channel.status().connected()
            {
                return Some(channel.clone());
            }
            self.open = self.connect().await.ok();
            if self.open.is_none() {
                tokio::select! {
                    () = sleep(CONNECT_AGAIN) => {}
                    () = stop.cancelled() => return None,
                }
            }
        }
    }

    async fn connect(&self) -> Result<(Connection, Channel)> {
        let connection = self.rabbit.connect("bench-load").await?;
        let opening = async {
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok::<_, lapin::Error>(channel)
        };
        let channel = timeout(Duration::from_secs(10), opening)
            .await
            .context("no channel within 10 s")??;
        Ok((connection, channel))
    }

    /// Publishes a window and writes its answers down; returns whether the channel still serves.
    async fn publish(&self, channel: &Channel, window: Vec<(Work, Vec<u8>)>) -> Result<bool> {
        let mut confirms = Vec::with_capacity(window.len());
        let mut serves = true;
        for (work, payload) in &window {
            self.book.intent(work)?;
            let exchange = &self.exchanges[work.key as usize % self.exchanges.len()];
            let publishing = channel.basic_publish(
                exchange.as_str().into(),
                exchange.as_str().into(),
                BasicPublishOptions {
                    mandatory: true,
                    immediate: false,
                },
                payload,
                properties(work),
            );
            // A connection that is blocked takes no frames; the whole window waits with it.
            let confirm = match timeout(ANSWER_WITHIN, publishing).await {
                Ok(Ok(confirm)) => Some(confirm),
                Ok(Err(_)) | Err(_) => None,
            };
            serves &= confirm.is_some();
            confirms.push((work.id, confirm));
        }
        let mut outcomes = Vec::with_capacity(confirms.len());
        let mut returned = BTreeSet::new();
        for (id, confirm) in confirms {
            let confirmation = match confirm {
                Some(confirm) => timeout(ANSWER_WITHIN, confirm).await.ok().and_then(Result::ok),
                None => None,
            };
            let (outcome, message) = match confirmation {
                Some(Confirmation::Ack(message)) => (Outcome::Ok, message),
                // The broker says this of an error of its own, so the message may be there.
                Some(Confirmation::Nack(message)) => (Outcome::Unknown, message),
                Some(Confirmation::NotRequested) | None => {
                    serves = false;
                    (Outcome::Unknown, None)
                }
            };
            let message_id = message.and_then(|message| message.delivery.properties.message_id().clone());
            returned.extend(message_id.and_then(|id| id.as_str().parse::<u64>().ok()));
            outcomes.push((id, outcome));
        }
        for (id, outcome) in outcomes {
            let outcome = if returned.contains(&id) {
                Outcome::Fail
            } else {
                outcome
            };
            self.book.answer(id, outcome)?;
        }
        Ok(serves)
    }
}

fn properties(work: &Work) -> BasicProperties {
    let mut headers = FieldTable::default();
    // RabbitMQ has no record key; this is where Spring looks for one.
    headers.insert(KEY.into(), AMQPValue::LongString(work.key.to_string().into()));
    BasicProperties::default()
        .with_headers(headers)
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_message_id(work.id.to_string().into())
}
