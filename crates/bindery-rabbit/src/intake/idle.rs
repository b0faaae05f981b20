//! When a consumer that gets nothing begins anew.
//!
//! A quorum queue that is deleted and at once declared again takes its consumers over, unless RabbitMQ is 4.0 or newer:
//! nobody is told, messages are assigned to them, and none is ever sent. Only who consumes anew gets them, and a consumer
//! without messages can't tell the two apart: so it does that whenever it has had nothing to do for a while.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How long a consumer has got nothing.
pub(super) struct Idle {
    since: Instant,
    /// The limit, if there is one, and what runs out then.
    timer: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Idle {
    pub(super) fn new(limit: Option<Duration>, now: Instant) -> Self {
        Self {
            since: now,
            timer: limit.map(|limit| (limit, Box::pin(tokio::time::sleep_until(now + limit)))),
        }
    }

    /// Notes that there was something to do.
    pub(super) fn ends(&mut self, now: Instant) {
        self.since = now;
    }

    /// Returns once it has lasted for the limit, without one never. The timer is set again only when it has run out, not
    /// for each batch.
    ///
    /// Cancel safe.
    pub(super) async fn lasts(&mut self) {
        let Some((limit, sleep)) = &mut self.timer else {
            return std::future::pending().await;
        };
        loop {
            sleep.as_mut().await;
            let until = self.since + *limit;
            if until <= Instant::now() {
                return;
            }
            sleep.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn it_lasts_from_the_last_time_that_there_was_something_to_do() {
        let began = Instant::now();
        let mut idle = Idle::new(Some(LIMIT), began);
        for _ in 0..5 {
            let early = tokio::time::timeout(Duration::from_secs(20), idle.lasts()).await;
            assert!(early.is_err());
            idle.ends(Instant::now());
        }
        idle.lasts().await;
        assert_eq!(began.elapsed().as_secs(), 5 * 20 + 30);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_it_lasts_for_ever() {
        let mut idle = Idle::new(None, Instant::now());
        assert!(tokio::time::timeout(100 * LIMIT, idle.lasts()).await.is_err());
    }
}
