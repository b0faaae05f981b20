//! Whatever a binding is told, and whatever its broker does meanwhile: its states are the documented ones, nothing that
//! was delivered is lost, nothing is repeated without a reason, and it ends in time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use bindery::{BindingHandle, BindingState, Running};
use proptest::prelude::*;
use tokio::time::Instant;

use super::{cases, on_paused_time};
use crate::fixture::{DEADLINE, Order, application, order, started};

const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// Longer than the longest pauses (30 s each) of a binding that was lost: one after the loss, one that has begun, and one
/// after each of three binds that are to fail still.
const SETTLED: Duration = Duration::from_secs(5 * 30 + 10);

#[derive(Clone, Debug)]
enum Step {
    Start,
    Stop,
    Pause,
    Resume,
    Disconnect,
    Reconnect,
    /// The next binds fail, as with a broker that isn't there yet.
    FailBinds(u64),
    /// Publishes a message whose handler takes so many milliseconds.
    Publish(u64),
    /// So many milliseconds pass.
    Wait(u64),
}

/// How long a handler takes that doesn't end within any deadline.
const FOR_EVER: u64 = 3_600_000;

fn steps(quiet: bool) -> impl Strategy<Value = Vec<Step>> {
    let command = prop::sample::select(vec![Step::Start, Step::Stop, Step::Pause, Step::Resume]);
    let takes = prop_oneof![9 => 0..1_500_u64, u32::from(!quiet) => Just(FOR_EVER)];
    let trouble = prop_oneof![
        Just(Step::Disconnect),
        Just(Step::Reconnect),
        (1..4_u64).prop_map(Step::FailBinds),
    ];
    let step = prop_oneof![
        6 => command,
        if quiet { 0 } else { 3 } => trouble,
        8 => takes.prop_map(Step::Publish),
        6 => (0..3_000_u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..25)
}

/// How long each message takes, and what was done, in order.
#[derive(Default)]
struct Desk {
    takes: Mutex<Vec<u64>>,
    begun: Mutex<Vec<u32>>,
    done: Mutex<Vec<u32>>,
}

impl Desk {
    fn done(&self) -> Vec<u32> {
        self.done.lock().unwrap().clone()
    }
}

#[stream_listener]
async fn serve(order: Order, desk: State<Arc<Desk>>) {
    desk.begun.lock().unwrap().push(order.id);
    let takes = desk.takes.lock().unwrap()[order.id as usize];
    tokio::time::sleep(Duration::from_millis(takes)).await;
    desk.done.lock().unwrap().push(order.id);
}

/// What a binding should be.
struct Model {
    wanted: bool,
    paused: bool,
}

impl Model {
    /// The state once nothing is under way any more.
    fn at_rest(&self) -> BindingState {
        match (self.wanted, self.paused) {
            (false, _) => BindingState::Stopped,
            (true, false) => BindingState::Running,
            (true, true) => BindingState::Paused,
        }
    }

    /// The states that it may be in just now.
    fn allows(&self, state: BindingState) -> bool {
        state == self.at_rest() || (self.wanted && state == BindingState::Starting)
    }
}

struct Scene {
    broker: MemoryBroker,
    desk: Arc<Desk>,
    input: BindingHandle,
    model: Model,
}

impl Scene {
    async fn command(&mut self, step: &Step) {
        let begun = Instant::now();
        let result = match step {
            Step::Start => self.input.start().await,
            Step::Stop => self.input.stop().await,
            Step::Pause => self.input.pause().await,
            _ => self.input.resume().await,
        };
        result.unwrap();
        match step {
            Step::Start => self.model.wanted = true,
            Step::Stop => self.model.wanted = false,
            Step::Pause => self.model.paused = true,
            _ => self.model.paused = false,
        }
        // A stop drains for as long as a shutdown may take, and closes.
        assert!(begun.elapsed() <= SHUTDOWN_TIMEOUT * 2 + Duration::from_millis(10));
    }

    fn publish(&self, takes: u64) {
        let id = {
            let mut all = self.desk.takes.lock().unwrap();
            all.push(takes);
            all.len() as u32 - 1
        };
        self.broker.publish_record("in", order(id)).unwrap();
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Start | Step::Stop | Step::Pause | Step::Resume => self.command(step).await,
            Step::Disconnect => self.broker.disconnect(),
            Step::Reconnect => self.broker.reconnect(),
            Step::FailBinds(count) => self.broker.faults().fail_binds(*count),
            Step::Publish(takes) => self.publish(*takes),
            Step::Wait(millis) => tokio::time::sleep(Duration::from_millis(*millis)).await,
        }
        let state = self.input.state();
        prop_assert!(self.model.allows(state), "{state} after {step:?}");
        Ok(())
    }
}

impl Scene {
    async fn open() -> (Running, Self) {
        let broker = MemoryBroker::new();
        let desk = Arc::new(Desk::default());
        let running = application(&broker, "", listeners![serve])
            .state(desk.clone())
            .property("stream.bindings.serve-in-0.destination", "in")
            .property("stream.bindings.serve-in-0.group", "g")
            .property(
                "stream.shutdown-timeout",
                SHUTDOWN_TIMEOUT.as_millis().to_string(),
            );
        let running = started(running).await;
        let input = running.bindings().named("serve-in-0").remove(0);
        let model = Model {
            wanted: true,
            paused: false,
        };
        let scene = Self {
            broker,
            desk,
            input,
            model,
        };
        (running, scene)
    }

    fn published(&self) -> u32 {
        self.desk.takes.lock().unwrap().len() as u32
    }
}

/// A binding that goes through `steps` and then works on.
async fn carry_on(steps: Vec<Step>, quiet: bool) -> Result<(), TestCaseError> {
    let (running, mut scene) = Scene::open().await;
    for step in &steps {
        scene.step(step).await?;
    }
    scene.broker.reconnect();
    tokio::time::sleep(SETTLED).await;
    prop_assert_eq!(scene.input.state(), scene.model.at_rest());
    // What took for ever is quick the next time.
    scene
        .desk
        .takes
        .lock()
        .unwrap()
        .iter_mut()
        .for_each(|takes| *takes = 0);
    for step in [Step::Stop, Step::Start, Step::Resume] {
        scene.step(&step).await?;
    }
    scene.broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let done = scene.desk.done();
    let missing = (0..scene.published()).find(|id| !done.contains(id));
    prop_assert_eq!(missing, None, "nothing is lost");
    if quiet {
        prop_assert_eq!(
            done,
            (0..scene.published()).collect::<Vec<_>>(),
            "each once, in order"
        );
        let begun = scene.desk.begun.lock().unwrap().len();
        prop_assert_eq!(begun, scene.published() as usize, "nothing is begun and given up");
    }
    let ending = Instant::now();
    running.shutdown().await.unwrap();
    prop_assert!(ending.elapsed() <= SHUTDOWN_TIMEOUT);
    Ok(())
}

/// An application that is told to stop, whatever it is doing.
async fn shut_down(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (running, mut scene) = Scene::open().await;
    for step in &steps {
        scene.step(step).await?;
    }
    let ending = Instant::now();
    // What isn't done in time is said, and comes again.
    let _ = running.shutdown().await;
    prop_assert!(ending.elapsed() <= SHUTDOWN_TIMEOUT + Duration::from_millis(1_010));
    let done = scene.desk.done();
    let unsettled = scene.broker.lag("in", "g").unwrap_or_default();
    let missing = (0..scene.published()).filter(|id| !done.contains(id)).count();
    prop_assert!(
        missing as u64 <= unsettled,
        "what isn't done stays with the broker"
    );
    prop_assert!(scene.input.stop().await.is_err(), "nobody obeys any more");
    Ok(())
}

#[test]
fn a_binding_whose_broker_was_away_for_long_is_bound_again() {
    let steps = [
        Step::FailBinds(3),
        Step::Disconnect,
        Step::Stop,
        Step::Start,
        Step::Wait(60_000),
    ];
    on_paused_time(carry_on(steps.into(), false)).unwrap();
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn commands_alone_lose_and_repeat_nothing(steps in steps(true)) {
        on_paused_time(carry_on(steps, true))?;
    }

    #[test]
    fn a_troubled_binding_loses_nothing_and_is_what_it_was_told_to_be(steps in steps(false)) {
        on_paused_time(carry_on(steps, false))?;
    }

    #[test]
    fn an_application_ends_in_time_and_keeps_what_is_not_done(steps in steps(false)) {
        on_paused_time(shut_down(steps))?;
    }
}
