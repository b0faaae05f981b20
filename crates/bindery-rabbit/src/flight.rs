//! Publications on the wire: one channel, its confirmations and what comes back.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::Poll;

use bindery_core::{Confirm, Error, ErrorKind, Health, Position};
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use tokio::time::Instant;

use crate::confirms::{Confirms, Identity, Returned, Verdict};
use crate::connection::{Live, RPC_LIMIT};
use crate::error::{Refusal, within};
use crate::provision::declare;
use crate::publisher::{Ended, Publication, Publisher, Queued, SWEEP, temporary};

type Answer = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// A publication on the wire.
struct Flying {
    answer: Answer,
    entry: Entry,
}

/// What is needed to complete a publication.
struct Entry {
    /// Taken when the caller was told already.
    confirm: Option<Confirm>,
    identity: Option<Identity>,
    deadline: Instant,
    size_bytes: usize,
    routing_key: ShortString,
}

struct Session<'a> {
    publisher: &'a Publisher,
    channel: Channel,
    flying: VecDeque<Flying>,
    confirms: Confirms<Entry>,
}

/// Publishes what is queued until the publisher is closed or the channel is lost.
pub(crate) async fn session(publisher: &Publisher, live: &Live) -> Ended {
    let channel = match open(publisher, live).await {
        Ok(channel) => channel,
        Err(refusal) => return Ended::Lost(refusal),
    };
    publisher.set_health(Health::up());
    let mut session = Session {
        publisher,
        channel,
        flying: VecDeque::new(),
        confirms: Confirms::new(),
    };
    let ended = match session.run(live).await {
        Ended::Lost(refusal) => Ended::Lost(refusal.after_it_worked()),
        Ended::Closed => Ended::Closed,
    };
    match &ended {
        Ended::Closed => {
            let closing = session.channel.close(200, "OK".into());
            // Everything is confirmed; a channel that can't be closed ends with its connection.
            let _ = within(RPC_LIMIT, "closing a channel", closing).await;
        }
        Ended::Lost(refusal) => session.abandon(refusal),
    }
    ended
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
                self.publish(queued).await;
            }
            if self.flying.is_empty() && self.publisher.is_done() {
                return Ended::Closed;
            }
            tokio::select! {
                answer = first_answer(&mut self.flying), if !self.flying.is_empty() => {
                    if let Err(refusal) = self.answered(answer).await {
                        return Ended::Lost(refusal);
                    }
                }
                () = self.publisher.work.notified() => {}
                () = live.lost.cancelled() => {
                    return Ended::Lost(Refusal::temporary(ErrorKind::Unavailable, "the connection was lost"));
                }
                _ = sweep.tick() => {
                    if !self.channel.status().connected() && self.flying.is_empty() {
                        return Ended::Lost(Refusal::temporary(ErrorKind::Unavailable, "the channel is closed"));
                    }
                    if let Some(refusal) = self.overdue(live) {
                        return Ended::Lost(refusal);
                    }
                }
            }
        }
    }

    async fn publish(&mut self, queued: Queued) {
        let Queued {
            publication,
            confirm,
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
            confirm: Some(confirm),
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
        let mut answer: Answer = Box::pin(async move {
            channel
                .basic_publish(exchange, routing_key, options, &body, properties)
                .await?
                .await
        });
        // The first poll hands the frames over; the answer is read when it is this one's turn.
        if let Some(early) = poll_once(&mut answer).await {
            answer = Box::pin(std::future::ready(early));
        }
        self.confirms.published();
        self.flying.push_back(Flying { answer, entry });
    }

    /// Takes the oldest publication's answer and all others that have come since, in order.
    async fn answered(&mut self, first: lapin::Result<Confirmation>) -> Result<(), Refusal> {
        let mut next = Some(first);
        while let Some(answer) = next.take() {
            let confirmation = answer.map_err(Refusal::from)?;
            let Some(Flying { entry, .. }) = self.flying.pop_front() else {
                break;
            };
            self.confirmed(entry, confirmation);
            if let Some(flying) = self.flying.front_mut() {
                next = poll_once(&mut flying.answer).await;
            }
        }
        let mut done = 0;
        while let Some((entry, verdict)) = self.confirms.certain() {
            done += 1;
            complete(entry, verdict);
        }
        while self.confirms.is_due() {
            self.collect_returns().await;
            while let Some((entry, verdict)) = self.confirms.settled() {
                done += 1;
                complete(entry, verdict);
            }
        }
        self.publisher.release(done);
        Ok(())
    }

    fn confirmed(&mut self, mut entry: Entry, confirmation: Confirmation) {
        let (acked, returned) = match confirmation {
            Confirmation::Ack(returned) => (true, returned),
            Confirmation::Nack(returned) => (false, returned),
            // The channel was opened with confirmations on; without one nothing is known.
            Confirmation::NotRequested => (false, None),
        };
        if let Some(message) = returned {
            self.confirms.returned(returned_message(&message));
        }
        let identity = entry.identity.take();
        self.confirms.confirmed(entry, identity, acked);
    }

    /// Looks at every confirmation that is complete though older ones aren't: a returned message may sit on it.
    async fn collect_returns(&mut self) {
        for flying in &mut self.flying {
            let Some(answer) = poll_once(&mut flying.answer).await else {
                continue;
            };
            let bare = match answer {
                Ok(Confirmation::Ack(returned)) => {
                    returned
                        .iter()
                        .for_each(|message| self.confirms.returned(returned_message(message)));
                    Ok(Confirmation::Ack(None))
                }
                Ok(Confirmation::Nack(returned)) => {
                    returned
                        .iter()
                        .for_each(|message| self.confirms.returned(returned_message(message)));
                    Ok(Confirmation::Nack(None))
                }
                other => other,
            };
            flying.answer = Box::pin(std::future::ready(bare));
        }
    }

    /// Deals with confirmations that don't come: while the broker blocks publishers the callers are told and the
    /// channel is kept; else the channel is given up.
    fn overdue(&mut self, live: &Live) -> Option<Refusal> {
        let now = Instant::now();
        if self
            .flying
            .front()
            .is_none_or(|flying| flying.entry.deadline > now)
        {
            return None;
        }
        let seconds = self.publisher.limits.confirm_timeout.as_secs_f32();
        if !live.is_blocked() {
            return Some(Refusal::temporary(
                ErrorKind::Publish,
                format!("the broker didn't confirm within {seconds} s"),
            ));
        }
        for flying in self
            .flying
            .iter_mut()
            .take_while(|flying| flying.entry.deadline <= now)
        {
            if let Some(confirm) = flying.entry.confirm.take() {
                let reason = format!("not confirmed within {seconds} s: the broker blocks publishers");
                confirm.complete(Err(temporary(reason)));
            }
        }
        None
    }

    /// Fails everything on the wire: its fate is unknown.
    fn abandon(&mut self, refusal: &Refusal) {
        let too_large = message_limit(&refusal.message);
        let confirmed = self.confirms.abandon();
        let entries: Vec<Entry> = self
            .flying
            .drain(..)
            .map(|flying| flying.entry)
            .chain(confirmed)
            .collect();
        self.publisher.release(entries.len());
        for entry in entries {
            let error = match too_large {
                Some(limit) if entry.size_bytes > limit => Error::new(
                    ErrorKind::Payload,
                    format!(
                        "the message has {} bytes; the broker takes at most {limit}",
                        entry.size_bytes
                    ),
                ),
                _ => temporary(format!("not confirmed: {}", refusal.message)),
            };
            if let Some(confirm) = entry.confirm {
                confirm.complete(Err(error));
            }
        }
    }
}

fn complete(entry: Entry, verdict: Verdict) {
    let Some(confirm) = entry.confirm else {
        return;
    };
    confirm.complete(match verdict {
        Verdict::Acked => Ok(Position::default()),
        Verdict::Nacked => Err(temporary(format!(
            "the broker refused the message with routing key `{}` (its queue may be full)",
            entry.routing_key.as_str()
        ))),
        Verdict::Returned(text) => Err(temporary(text)),
    });
}

/// Polls an answer once, without waiting for it.
async fn poll_once(answer: &mut Answer) -> Option<lapin::Result<Confirmation>> {
    std::future::poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn returned_message(message: &BasicReturnMessage) -> Returned {
    let id = message.properties.message_id().as_ref();
    let routing_key = message.routing_key.as_str();
    Returned {
        identity: (
            id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
            routing_key.to_owned(),
        ),
        text: format!(
            "no queue is bound to exchange `{}` for routing key `{routing_key}` ({})",
            message.exchange.as_str(),
            message.reply_text.as_str()
        ),
    }
}

async fn first_answer(flying: &mut VecDeque<Flying>) -> lapin::Result<Confirmation> {
    match flying.front_mut() {
        Some(flying) => flying.answer.as_mut().await,
        None => std::future::pending().await,
    }
}

/// The broker's limit, from the text with which it closes the channel of a message that is too large.
fn message_limit(text: &str) -> Option<usize> {
    text.split_once("larger than configured max size ")?
        .1
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read_from_the_brokers_text() {
        let text =
            "PRECONDITION_FAILED - message size 134217729 is larger than configured max size 134217728";
        assert_eq!(message_limit(text), Some(134_217_728));
        assert_eq!(
            message_limit("PRECONDITION_FAILED - unknown delivery tag 1"),
            None
        );
    }
}
