//! A consumer group of one topic: who its members are, and which of them shall own which partition.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::member::Member;
use crate::partition::{GroupId, Partition};
use crate::sync::lock;

/// A consumer group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) name: Arc<str>,
    partitions: Vec<Arc<Partition>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    members: Vec<Arc<Member>>,
    /// The member that shall own each partition.
    plan: Vec<Option<u64>>,
}

impl Group {
    pub(crate) fn new(id: GroupId, name: Arc<str>, partitions: Vec<Arc<Partition>>) -> Arc<Self> {
        let plan = vec![None; partitions.len()];
        Arc::new(Self {
            id,
            name,
            partitions,
            state: Mutex::new(State {
                members: Vec::new(),
                plan,
            }),
        })
    }

    /// Adds a member and gives it its share. Owners that lose a partition have `drain_timeout` to settle what they
    /// were handed. Called within a tokio runtime.
    pub(crate) fn join(&self, member: Arc<Member>, drain_timeout: Duration) {
        let mut state = lock(&self.state);
        state.members.push(member);
        for (partition, generation) in self.rebalance(&mut state) {
            tokio::spawn(expire_later(
                Arc::downgrade(&partition),
                self.id,
                generation,
                drain_timeout,
            ));
        }
    }

    /// Removes a member. What it had not settled goes back at once, and its partitions to the others.
    pub(crate) fn leave(&self, member: &Member) {
        let mut state = lock(&self.state);
        state.members.retain(|known| known.id() != member.id());
        for partition in &self.partitions {
            partition.leave(self.id, member.id());
        }
        // Nobody drains after a departure: shares only grow.
        self.rebalance(&mut state);
    }

    /// How many messages the group has not settled.
    pub(crate) fn lag(&self) -> u64 {
        self.partitions
            .iter()
            .map(|partition| partition.lag(self.id))
            .sum()
    }

    fn rebalance(&self, state: &mut State) -> Vec<(Arc<Partition>, u32)> {
        let members: Vec<u64> = state.members.iter().map(|member| member.id()).collect();
        spread(&mut state.plan, &members);
        let mut draining = Vec::new();
        for (partition, planned) in self.partitions.iter().zip(&state.plan) {
            let target = state.members.iter().find(|member| Some(member.id()) == *planned);
            if let Some(generation) = partition.retarget(self.id, target.cloned()) {
                draining.push((partition.clone(), generation));
            }
        }
        draining
    }
}

/// Ends by itself: the partition may be gone or drained by then.
async fn expire_later(partition: Weak<Partition>, group: GroupId, generation: u32, after: Duration) {
    tokio::time::sleep(after).await;
    if let Some(partition) = partition.upgrade() {
        partition.expire(group, generation);
    }
}

/// Spreads partitions evenly over members and moves as few as possible.
fn spread(plan: &mut [Option<u64>], members: &[u64]) {
    for owner in plan.iter_mut() {
        *owner = owner.filter(|member| members.contains(member));
    }
    loop {
        let load = |member: u64| plan.iter().filter(|owner| **owner == Some(member)).count();
        let Some(least) = members.iter().copied().min_by_key(|member| load(*member)) else {
            return;
        };
        let most = members
            .iter()
            .copied()
            .max_by_key(|member| load(*member))
            .filter(|most| load(*most) > load(least) + 1);
        let unowned = plan.iter().position(Option::is_none);
        let overloaded = || plan.iter().rposition(|owner| most.is_some() && *owner == most);
        let Some(moved) = unowned.or_else(overloaded) else {
            return;
        };
        plan[moved] = Some(least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_spread_evenly_and_stay_where_they_are() {
        let mut plan = vec![None; 4];
        spread(&mut plan, &[1]);
        assert_eq!(plan, [Some(1); 4]);
        spread(&mut plan, &[1, 2]);
        assert_eq!(plan, [Some(1), Some(1), Some(2), Some(2)]);
        spread(&mut plan, &[1, 2, 3]);
        assert_eq!(plan.iter().filter(|owner| **owner == Some(3)).count(), 1);
        spread(&mut plan, &[2, 3]);
        assert_eq!(plan.iter().filter(|owner| **owner == Some(2)).count(), 2);
        spread(&mut plan, &[]);
        assert_eq!(plan, [None; 4]);
    }

    #[test]
    fn members_beyond_the_partitions_get_none() {
        let mut plan = vec![None; 2];
        spread(&mut plan, &[1, 2, 3]);
        assert_eq!(plan, [Some(1), Some(2)]);
    }
}
