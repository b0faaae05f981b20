//! One channel that publishes: what is queued goes out until the publisher is closed or the channel is lost.

use bindery_core::ErrorKind;
use lapin::Channel;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use tokio::time::Instant;

use crate::connection::{Live, RPC_LIMIT};
use crate::error::{Refusal, within};
use crate::intake::pace::REST;
use crate::on_wire::{Entry, OnWire, too_large};
use crate::provision::declare;
use crate::publisher::{Ended, Publication, Publisher, Queued, SWEEP};

/// How many publications on the wire keep the broker busy during a rest. Without rests each confirmation wakes the session,
/// and the session those who wait for it.
const BUSY: usize = 128;

struct Session<'a> {
    publisher: &'a Publisher,
    channel: Channel,
    on_wire: OnWire,
}

/// Publishes what is queued until the publisher is closed or the channel is lost.
pub(crate) async fn session(publisher: &Publisher, live: &Live) -> Ended {
    let channel = match open(publisher, live).await {
        Ok(channel) => channel,
        Err(refusal) => return Ended::Lost(refusal),
    };
    publisher.health.up(0);
    let mut session = Session {
        publisher,
        channel,
        on_wire: OnWire::new(),
    };
    match session.run(live).await {
        Ended::Closed => {
            let closing = session.channel.close(200, "OK".into());
            // Everything is confirmed; a channel that can't be closed ends with its connection.
            let _ = within(RPC_LIMIT, "closing a channel", closing).await;
            Ended::Closed
        }
        Ended::Lost(refusal) => {
            let (abandoned, limit) = session.on_wire.abandon(&refusal);
            publisher.release(abandoned);
            if let Some(limit) = limit {
                publisher.learn_limit(live.generation, limit);
            }
            Ended::Lost(refusal.after_it_worked())
        }
    }
}

async fn open(publisher: &Publisher, live: &Live) -> Result<Channel, Refusal> {
    declare(live, &publisher.topology).await?;
    let channel = live.channel().await?;
    let confirming = channel.confirm_select(ConfirmSelectOptions::default());
    within(RPC_LIMIT, "turning confirmations on", confirming).await?;
    Ok(channel)
}

impl Session<'_> {
    async fn run(&mut self, live: &Live) -> Ended {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // The window bounds what is accepted, so everything that waits may go out.
            for queued in self.publisher.take(usize::MAX) {
                match self.publisher.limit(live.generation) {
                    // The broker would close the channel for it, and with it what others have on the wire.
                    Some(limit) if queued.publication.body.len() > limit => {
                        let error = too_large(queued.publication.body.len(), limit);
                        queued.obligation.fail(error);
                        self.publisher.release(1);
                    }
                    _ => self.publish(queued),
                }
            }
            if self.on_wire.is_empty() && self.publisher.is_done() {
                return Ended::Closed;
            }
            tokio::select! {
                answer = self.on_wire.first_answer(), if !self.on_wire.is_empty() => {
                    let (done, lost) = self.on_wire.answered(answer);
                    self.publisher.release(done);
                    if let Some(refusal) = lost {
                        return Ended::Lost(refusal);
                    }
                    if self.on_wire.len() >= BUSY {
                        tokio::time::sleep(REST).await;
                    }
                }
                // Others are awake as well, mostly because the same confirmations came; what they publish goes with this.
                () = self.publisher.work.notified() => tokio::task::yield_now().await,
                () = live.lost.cancelled() => {
                    return Ended::Lost(Refusal::temporary(ErrorKind::Unavailable, "the connection was lost"));
                }
                _ = sweep.tick() => {
                    if !self.channel.status().connected() && self.on_wire.is_empty() {
                        return Ended::Lost(Refusal::temporary(ErrorKind::Unavailable, "the channel is closed"));
                    }
                    if let Some(refusal) = self.overdue(live) {
                        return Ended::Lost(refusal);
                    }
                }
            }
        }
    }

    fn publish(&mut self, queued: Queued) {
        let Queued {
            publication,
            obligation,
            deadline,
        } = queued;
        let Publication {
            exchange,
            routing_key,
            properties,
            body,
            mandatory,
        } = publication;
        let identity = mandatory.then(|| {
            let id = properties.message_id().as_ref().map(|id| id.as_str().to_owned());
            (id.unwrap_or_default(), routing_key.as_str().to_owned())
        });
        let entry = Entry {
            obligation: Some(obligation),
            identity,
            deadline,
            size_bytes: body.len(),
            routing_key: routing_key.clone(),
        };
        let channel = self.channel.clone();
        let options = BasicPublishOptions {
            mandatory,
            ..BasicPublishOptions::default()
        };
        let answer = Box::pin(async move {
            channel
                .basic_publish(exchange, routing_key, options, &body, properties)
                .await?
                .await
        });
        self.on_wire.publish(answer, entry);
    }

    /// Deals with confirmations that don't come: while the broker blocks publishers the callers are told and the
    /// channel is kept; else the channel is given up.
    fn overdue(&mut self, live: &Live) -> Option<Refusal> {
        let now = Instant::now();
        if !self.on_wire.is_overdue(now) {
            return None;
        }
        let seconds = self.publisher.limits.confirm_timeout.as_secs_f32();
        if !live.is_blocked() {
            return Some(Refusal::temporary(
                ErrorKind::Publish,
                format!("the broker didn't confirm within {seconds} s"),
            ));
        }
        let reason = format!("not confirmed within {seconds} s: the broker blocks publishers");
        self.on_wire.tell_overdue(now, &reason);
        None
    }
}
