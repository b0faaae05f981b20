//! How fast dead letters are published again after a refusal: one attempt at a time for the whole binding, with a pause
//! that doubles. Once one is accepted, all go on at once.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Notify, Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The pause after the first refusal: four attempts a second at most.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause: this long after the target is back dead letters flow again at the latest.
const LONGEST: Duration = Duration::from_secs(5);
/// How many dead letters of a binding are on their way at once, and so refused at once when the target goes away.
const AT_ONCE: usize = 16;

/// The pace of one binding's dead letters.
pub(crate) struct Pace {
    state: std::sync::Mutex<State>,
    opened: Notify,
    on_their_way: Semaphore,
    /// The one attempt that is made while dead letters are refused; waiters take turns.
    probe: Mutex<()>,
}

#[derive(Default)]
struct State {
    refusals: u32,
    next_at: Option<Instant>,
}

/// The right to one attempt, given back when it is dropped.
pub(crate) struct Turn<'a> {
    /// Dead letters are accepted, as far as is known.
    is_open: bool,
    _permit: Option<SemaphorePermit<'a>>,
    _probe: Option<MutexGuard<'a, ()>>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            state: std::sync::Mutex::default(),
            opened: Notify::new(),
            on_their_way: Semaphore::new(AT_ONCE),
            probe: Mutex::new(()),
        }
    }

    /// Whether the last dead letter was accepted.
    pub(crate) fn is_open(&self) -> bool {
        self.state().next_at.is_none()
    }

    /// Waits for the right to an attempt. Cancel safe.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        loop {
            let mut opened = std::pin::pin!(self.opened.notified());
            // Registered before looking, so that an opening in between is not missed.
            opened.as_mut().enable();
            if self.is_open() {
                match self.on_their_way.acquire().await {
                    Ok(permit) if self.is_open() => {
                        return Turn {
                            is_open: true,
                            _permit: Some(permit),
                            _probe: None,
                        };
                    }
                    _ => continue,
                }
            }
            let probe = async {
                let turn = self.probe.lock().await;
                let next_at = self.state().next_at;
                if let Some(at) = next_at {
                    tokio::time::sleep_until(at).await;
                }
                turn
            };
            tokio::select! {
                biased;
                () = opened => {}
                turn = probe => if !self.is_open() {
                    return Turn {
                        is_open: false,
                        _permit: None,
                        _probe: Some(turn),
                    };
                },
            }
        }
    }

    /// A dead letter was accepted: everybody may go on.
    pub(crate) fn accepted(&self) {
        let mut state = self.state();
        if state.next_at.is_some() {
            *state = State::default();
            drop(state);
            self.opened.notify_waiters();
        }
    }

    /// A dead letter was refused. Gives the pause until the next attempt of the binding.
    pub(crate) fn refused(&self, turn: &Turn<'_>) -> Duration {
        let mut state = self.state();
        let now = Instant::now();
        match (turn.is_open, state.next_at) {
            // Others that were on their way at the same time are refused for the same reason.
            (true, Some(at)) => at.saturating_duration_since(now),
            _ => {
                let pause = FIRST.saturating_mul(1_u32 << state.refusals.min(8)).min(LONGEST);
                state.refusals += 1;
                state.next_at = Some(now + pause);
                pause
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    /// `count` dead letters that are published at `pace` to a target that is there or not.
    fn letters(
        pace: &Arc<Pace>,
        count: u32,
        there: &Arc<AtomicBool>,
        attempts: &Arc<AtomicU32>,
    ) -> tokio::task::JoinSet<()> {
        let mut letters = tokio::task::JoinSet::new();
        for _ in 0..count {
            let (pace, there, attempts) = (pace.clone(), there.clone(), attempts.clone());
            letters.spawn(async move {
                loop {
                    let turn = pace.turn().await;
                    attempts.fetch_add(1, Ordering::SeqCst);
                    if there.load(Ordering::SeqCst) {
                        return pace.accepted();
                    }
                    pace.refused(&turn);
                    drop(turn);
                }
            });
        }
        letters
    }

    #[tokio::test(start_paused = true)]
    async fn refused_dead_letters_are_tried_again_less_than_five_times_a_second_however_many_wait() {
        let (pace, there, attempts) = (Arc::new(Pace::new()), Arc::default(), Arc::new(AtomicU32::new(0)));
        let waiting = letters(&pace, 1000, &there, &attempts);
        tokio::time::sleep(Duration::from_millis(1)).await;
        let first = attempts.load(Ordering::SeqCst);
        assert!(first as usize <= AT_ONCE, "{first} at once");
        let mut before = first;
        for second in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = attempts.load(Ordering::SeqCst);
            assert!(now - before < 5, "{} in second {second}", now - before);
            before = now;
        }
        assert!(
            before - first >= 12,
            "it is tried again at least every 5 s: {before}"
        );
        drop(waiting);
    }

    #[tokio::test(start_paused = true)]
    async fn all_go_on_at_once_when_one_is_accepted() {
        let (pace, there, attempts) = (Arc::new(Pace::new()), Arc::default(), Arc::new(AtomicU32::new(0)));
        let waiting = letters(&pace, 1000, &there, &attempts);
        tokio::time::sleep(Duration::from_secs(60)).await;
        there.store(true, Ordering::SeqCst);
        let back = Instant::now();
        waiting.join_all().await;
        assert!(back.elapsed() <= LONGEST, "{:?}", back.elapsed());
        assert!(pace.is_open());
    }
}
