//! A bound consumer as a case sees it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{Consumer, DeliveryBatch, OutboundRecord, RawMessage, Receipt, Settlement, Source};
use futures_util::StreamExt;
use futures_util::future::select_all;

use crate::suite::{Publisher, record, within};

/// The beginning of messages that only show that a consumer has been attached.
const PROBE: &str = "probe ";

/// A delivery with its source.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) source: Arc<Source>,
    pub(crate) message: RawMessage,
    pub(crate) receipt: Receipt,
}

impl Received {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.message.bytes()).into_owned()
    }
}

/// The texts of deliveries.
pub(crate) fn texts(received: &[Received]) -> Vec<String> {
    received.iter().map(Received::text).collect()
}

/// A bound consumer.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) consumer: Consumer,
    waiting: VecDeque<Received>,
    deadline: Duration,
}

impl Member {
    pub(crate) fn new(consumer: Consumer, deadline: Duration) -> Self {
        Self {
            consumer,
            waiting: VecDeque::new(),
            deadline,
        }
    }

    /// The next batch; `None` when the stream has ended. A batch whose source is revoked already is given back, as the
    /// runtime does it.
    pub(crate) async fn next_batch(&mut self) -> Option<DeliveryBatch> {
        loop {
            let batch = self.consumer.deliveries.next().await?;
            if !batch.source.revoked.is_cancelled() {
                return Some(batch);
            }
            for delivery in batch.deliveries {
                self.consumer
                    .settler
                    .settle(delivery.receipt, Settlement::Release);
            }
        }
    }

    /// The next delivery that is no probe; `None` when the stream has ended. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        loop {
            if let Some(next) = self.waiting.pop_front() {
                return Some(next);
            }
            self.fetch().await?;
        }
    }

    /// Takes a batch, accepts its probes and keeps the rest. Cancel safe.
    async fn fetch(&mut self) -> Option<()> {
        let batch = self.next_batch().await?;
        let source = batch.source;
        for delivery in batch.deliveries {
            let received = Received {
                source: source.clone(),
                message: delivery.message,
                receipt: delivery.receipt,
            };
            if received.text().starts_with(PROBE) {
                self.accept([received]);
            } else {
                self.waiting.push_back(received);
            }
        }
        Some(())
    }

    /// The next `count` deliveries.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Received> {
        let mut received = Vec::with_capacity(count);
        while received.len() < count {
            let what = format!(
                "delivery {} of {count} to `{}`",
                received.len() + 1,
                self.consumer.group
            );
            let next = within(self.deadline, &what, self.next()).await;
            received.push(next.unwrap_or_else(|| panic!("the stream ended before {what}")));
        }
        received
    }

    /// The texts of the next `count` deliveries, each of which is accepted as it comes.
    pub(crate) async fn take_texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::with_capacity(count);
        while texts.len() < count {
            let next = self.take(1).await;
            texts.extend(next.iter().map(Received::text));
            self.accept(next);
        }
        texts
    }

    pub(crate) fn accept(&self, received: impl IntoIterator<Item = Received>) {
        self.settle(received, Settlement::Accept);
    }

    pub(crate) fn settle(&self, received: impl IntoIterator<Item = Received>, settlement: Settlement) {
        for received in received {
            self.consumer.settler.settle(received.receipt, settlement);
        }
    }

    /// Publishes probes until one arrives: a new anonymous group gets what comes from then on.
    pub(crate) async fn attach(&mut self, publisher: &Publisher) {
        attach(&mut [self], publisher, |text| vec![record(text)]).await;
    }

    /// The texts up to and including `last`, which are accepted.
    pub(crate) async fn take_texts_until(&mut self, last: &str) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.last().is_none_or(|text| text != last) {
            texts.extend(self.take_texts(1).await);
        }
        texts
    }

    /// Closes the consumer; what was taken stays with the case.
    pub(crate) async fn close(&self) {
        within(
            self.deadline,
            "a consumer to close",
            self.consumer.control.close(),
        )
        .await;
    }
}

/// Publishes probes until each member got something, so that each has its share of the partitions.
pub(crate) async fn attach(
    members: &mut [&mut Member],
    publisher: &Publisher,
    probes: impl Fn(String) -> Vec<OutboundRecord>,
) {
    let deadline = members.first().map_or(Duration::ZERO, |member| member.deadline);
    let mut attached = vec![false; members.len()];
    let probing = async {
        let mut beats = tokio::time::interval(Duration::from_millis(50));
        for number in 0_u64.. {
            beats.tick().await;
            publisher.publish(probes(format!("{PROBE}{number}"))).await;
        }
    };
    let attaching = async {
        while attached.contains(&false) {
            let fetches = members.iter_mut().map(|member| Box::pin(member.fetch()));
            let (fetched, index, _) = select_all(fetches).await;
            assert!(fetched.is_some(), "a stream ended while a probe was awaited");
            attached[index] = true;
        }
    };
    tokio::select! {
        () = within(deadline, "a probe to reach every member", attaching) => {}
        () = probing => {}
    }
}

/// Takes and accepts deliveries of several members, each with the member's index, until `enough` says so.
pub(crate) async fn collect(
    members: &mut [&mut Member],
    what: &str,
    mut enough: impl FnMut(&[(usize, String)]) -> bool,
) -> Vec<(usize, String)> {
    let deadline = members.first().map_or(Duration::ZERO, |member| member.deadline);
    let mut collected = Vec::new();
    let collecting = async {
        while !enough(&collected) {
            let nexts = members.iter_mut().map(|member| Box::pin(member.next()));
            let (received, index, _) = select_all(nexts).await;
            let received = received.unwrap_or_else(|| panic!("a stream ended before {what}"));
            collected.push((index, received.text()));
            members[index].accept([received]);
        }
    };
    let finished = tokio::time::timeout(deadline, collecting).await;
    assert!(
        finished.is_ok(),
        "waited {deadline:?} for {what}; {} deliveries came",
        collected.len()
    );
    collected
}
