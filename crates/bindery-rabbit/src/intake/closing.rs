//! The end of a consumer whose channel is closed in order: first the queue has taken in what was acknowledged.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::Consumer;
use lapin::options::{BasicConsumeOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};

use super::Session;
use crate::connection::RPC_LIMIT;
use crate::error::Refusal;
use crate::provision::short;

/// How long to wait for what is on its way from a queue that has more.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl Session<'_> {
    /// Waits until the queue has taken in what was acknowledged; `unsettled` deliveries were handed over and are not.
    ///
    /// A quorum queue that is slow collects acknowledgements at the channel, and those go with the channel. It has them
    /// when it sends others in their place, or when it answers a command that stands behind them. The consumer isn't
    /// cancelled for that: what is on its way then, a quorum queue puts behind all other messages.
    pub(super) async fn await_acknowledgements(&self, consumer: &mut Consumer, unsettled: usize) {
        let answered = async {
            match (self.context.single_active, self.context.exclusive) {
                (true, false) => self.consume_in_vain().await,
                (_, exclusive) => {
                    if !self.is_sent_all_it_may_have(consumer, unsettled).await? && !exclusive {
                        self.get_in_vain().await?;
                    }
                    Ok(())
                }
            }
        };
        // Without an answer the messages come again, as after any end that isn't clean.
        let _: Result<Result<(), Refusal>, _> = tokio::time::timeout(RPC_LIMIT, answered).await;
    }

    /// A command that the queue answers, and which gets nothing: only the first consumer is active.
    async fn consume_in_vain(&self) -> Result<(), Refusal> {
        let options = BasicConsumeOptions::default();
        let arguments = FieldTable::default();
        let consuming = self
            .channel
            .basic_consume(self.queue()?, "".into(), options, arguments);
        Ok(consuming.await.map(drop)?)
    }

    /// A command that the queue answers, and which finds nothing: it would have been sent to the consumer.
    async fn get_in_vain(&self) -> Result<(), Refusal> {
        let getting = self.channel.basic_get(self.queue()?, BasicGetOptions::default());
        Ok(getting.await.map(drop)?)
    }

    /// Waits until nothing is on its way: the consumer has as much as it may have, or the queue has no more, which
    /// gives `false`.
    async fn is_sent_all_it_may_have(
        &self,
        consumer: &mut Consumer,
        mut unsettled: usize,
    ) -> Result<bool, Refusal> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        loop {
            while let Some(Some(Ok(_))) = consumer.next().now_or_never() {
                unsettled += 1;
            }
            if unsettled >= usize::from(self.prefetch) && self.prefetch > 0 {
                return Ok(true);
            }
            let arguments = FieldTable::default();
            let declaring = self.channel.queue_declare(self.queue()?, passive, arguments);
            if declaring.await?.message_count() == 0 {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn queue(&self) -> Result<ShortString, Refusal> {
        short(&self.source.name, "queue")
    }
}
