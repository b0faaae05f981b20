//! One partition: its log, and for each group the place in it and the member that owns it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use bindery_core::{Delivery, RawMessage, Receipt, Settlement, Source};

use crate::cursor::{Cursor, Settled};
use crate::link::Link;
use crate::log::{Log, Retention};
use crate::member::{Assignment, Member};
use crate::sync::{Watch, lock};

/// Identifies a group within its broker.
pub(crate) type GroupId = u64;

/// Where a new group starts in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the oldest message that is still there.
    Earliest,
    /// Behind the newest message.
    Latest,
}

/// A partition of a topic. Everything in it is guarded by one lock, which is held for a batch at most.
#[derive(Debug)]
pub(crate) struct Partition {
    number: u32,
    name: Arc<str>,
    retention: Retention,
    link: Arc<Link>,
    watch: Arc<Watch>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    log: Log,
    places: Vec<Place>,
}

/// A group's place in the partition.
#[derive(Debug)]
struct Place {
    group: GroupId,
    cursor: Cursor,
    generation: u32,
    owner: Option<Owner>,
    /// The member that shall own the partition; differs from the owner while that one drains.
    target: Option<Arc<Member>>,
}

#[derive(Debug)]
struct Owner {
    member: Arc<Member>,
    source: Arc<Source>,
    draining: bool,
}

impl Partition {
    pub(crate) fn new(
        topic: &str,
        number: u32,
        retention: Retention,
        link: Arc<Link>,
        watch: Arc<Watch>,
    ) -> Arc<Self> {
        Arc::new(Self {
            number,
            name: format!("{topic}-{number}").into(),
            retention,
            link,
            watch,
            state: Mutex::default(),
        })
    }

    /// Appends a record and returns its offset; `None` when a group is `max_backlog` behind.
    pub(crate) fn append(&self, message: RawMessage, max_backlog: u64) -> Option<u64> {
        let mut state = lock(&self.state);
        if state.log.end() - state.settled() >= max_backlog {
            return None;
        }
        let offset = state.log.append(message);
        self.compact(&mut state);
        for place in &state.places {
            if let Some(owner) = place.owner.as_ref().filter(|owner| !owner.draining) {
                owner.member.wake();
            }
        }
        drop(state);
        self.watch.changed();
        Some(offset)
    }

    /// Whether no group is `max_backlog` behind.
    pub(crate) fn has_room(&self, max_backlog: u64) -> bool {
        let state = lock(&self.state);
        state.log.end() - state.settled() < max_backlog
    }

    /// The messages that are still here.
    pub(crate) fn messages(&self) -> Vec<RawMessage> {
        lock(&self.state).log.iter().cloned().collect()
    }

    /// How many messages are still here.
    pub(crate) fn retained(&self) -> u64 {
        let state = lock(&self.state);
        state.log.end() - state.log.start()
    }

    /// How many messages the group has not settled.
    pub(crate) fn lag(&self, group: GroupId) -> u64 {
        let state = lock(&self.state);
        state
            .places
            .iter()
            .find(|place| place.group == group)
            .map_or(0, |place| state.log.end() - place.cursor.committed())
    }

    /// Adds a group.
    pub(crate) fn add_group(&self, group: GroupId, start: Start) {
        let mut state = lock(&self.state);
        let offset = match start {
            Start::Earliest => state.log.start(),
            Start::Latest => state.log.end(),
        };
        state.places.push(Place {
            group,
            cursor: Cursor::new(offset),
            generation: 0,
            owner: None,
            target: None,
        });
    }

    /// Removes a group with all that it had not settled.
    pub(crate) fn remove_group(&self, group: GroupId) {
        let mut state = lock(&self.state);
        if let Some(place) = state.place(group) {
            place.let_go();
        }
        state.places.retain(|place| place.group != group);
        self.compact(&mut state);
        drop(state);
        self.watch.changed();
    }

    /// Makes `target` the member that shall own the partition. When the present owner has deliveries to settle first,
    /// it is told to drain, and the number of its assignment is returned for [`Partition::expire`].
    pub(crate) fn retarget(self: &Arc<Self>, group: GroupId, target: Option<Arc<Member>>) -> Option<u32> {
        let mut state = lock(&self.state);
        let place = state.place(group)?;
        let stays = match (&place.owner, &target) {
            (Some(owner), Some(target)) => !owner.draining && owner.member.id() == target.id(),
            _ => false,
        };
        place.target = target;
        if stays {
            return None;
        }
        let Some(owner) = &mut place.owner else {
            self.hand_over(place);
            return None;
        };
        if !owner.draining {
            owner.draining = true;
            owner.member.unassign(&owner.source);
            owner.source.revoked.cancel();
        }
        if place.cursor.in_flight() > 0 {
            return Some(place.generation);
        }
        self.hand_over(place);
        None
    }

    /// Takes the partition from an owner that didn't drain in time. Its late receipts settle nothing.
    pub(crate) fn expire(self: &Arc<Self>, group: GroupId, generation: u32) {
        let mut state = lock(&self.state);
        let Some(place) = state.place(group) else {
            return;
        };
        if place.generation == generation && place.owner.as_ref().is_some_and(|owner| owner.draining) {
            self.hand_over(place);
        }
    }

    /// Takes the partition from a member that leaves: what it had not settled goes to the next owner.
    pub(crate) fn leave(&self, group: GroupId, member: u64) {
        let mut state = lock(&self.state);
        let Some(place) = state.place(group) else {
            return;
        };
        if place
            .owner
            .as_ref()
            .is_some_and(|owner| owner.member.id() == member)
        {
            place.let_go();
        }
        if place.target.as_ref().is_some_and(|target| target.id() == member) {
            place.target = None;
        }
    }

    /// Ends every assignment, as a broken connection does.
    pub(crate) fn disconnect(&self) {
        for place in &mut lock(&self.state).places {
            place.let_go();
        }
    }

    /// Assigns the partition again after [`Partition::disconnect`].
    pub(crate) fn reconnect(self: &Arc<Self>) {
        for place in &mut lock(&self.state).places {
            if place.owner.is_none() {
                self.hand_over(place);
            }
        }
    }

    /// Takes up to `limit` deliveries; none when the source's assignment has ended.
    pub(crate) fn take(&self, group: GroupId, source: &Source, limit: usize) -> Vec<Delivery> {
        let mut state = lock(&self.state);
        let State { log, places } = &mut *state;
        let Some(place) = places.iter_mut().find(|place| place.group == group) else {
            return Vec::new();
        };
        if !place.is_current(source.generation) || place.owner.as_ref().is_some_and(|owner| owner.draining) {
            return Vec::new();
        }
        place.cursor.take(log, source, limit)
    }

    /// Settles deliveries. Receipts of an ended assignment are dropped.
    pub(crate) fn settle(self: &Arc<Self>, group: GroupId, receipts: &[Receipt], settlement: Settlement) {
        let mut state = lock(&self.state);
        let Some(place) = state.place(group) else {
            return;
        };
        let mut settled = Settled::default();
        let mut any = false;
        for receipt in receipts {
            if place.is_current(receipt.generation) {
                any = true;
                settled |= place.cursor.settle(receipt.position, settlement);
            }
        }
        if !any {
            return;
        }
        let drained = place.cursor.in_flight() == 0;
        match &place.owner {
            Some(owner) if owner.draining && drained => self.hand_over(place),
            Some(owner) if settled.wake => owner.member.wake(),
            _ => {}
        }
        if settled.advanced {
            self.compact(&mut state);
            drop(state);
            self.watch.changed();
        }
    }

    /// The message of a receipt that is not settled yet.
    pub(crate) fn unsettled(&self, group: GroupId, receipt: &Receipt) -> Option<RawMessage> {
        let mut state = lock(&self.state);
        let place = state.place(group)?;
        if !place.is_current(receipt.generation) || !place.cursor.is_in_flight(receipt.position) {
            return None;
        }
        state.log.get(receipt.position).cloned()
    }

    fn compact(&self, state: &mut State) {
        let settled = state.settled();
        state.log.compact(settled, self.retention);
    }

    /// Ends the present assignment and begins the target's.
    fn hand_over(self: &Arc<Self>, place: &mut Place) {
        place.let_go();
        let Some(member) = place.target.clone().filter(|_| self.link.is_connected()) else {
            return;
        };
        place.generation += 1;
        place.cursor.set_limit(member.max_in_flight());
        let partition = i32::try_from(self.number).ok();
        let source = Source::new(self.number, place.generation, self.name.clone(), partition);
        member.assign(Assignment {
            source: source.clone(),
            partition: self.clone(),
            paused: Arc::new(AtomicBool::new(false)),
        });
        place.owner = Some(Owner {
            member,
            source,
            draining: false,
        });
    }
}

impl State {
    fn place(&mut self, group: GroupId) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.group == group)
    }

    /// Everything below this offset was settled by every group; the end of the log when there is no group.
    fn settled(&self) -> u64 {
        let committed = self.places.iter().map(|place| place.cursor.committed());
        committed.min().unwrap_or(self.log.end())
    }
}

impl Place {
    fn is_current(&self, generation: u32) -> bool {
        self.owner.is_some() && self.generation == generation
    }

    /// Ends the assignment at once: what is unsettled is given back.
    fn let_go(&mut self) {
        if let Some(owner) = self.owner.take() {
            owner.member.unassign(&owner.source);
            owner.source.revoked.cancel();
        }
        self.cursor.give_back();
    }
}
