//! A topic: its partitions, its groups, and how a record finds its partition.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bindery_core::{Origin, OutboundRecord, Position, RawMessage};

use crate::group::Group;
use crate::link::Link;
use crate::log::Retention;
use crate::partition::{GroupId, Partition, Start};
use crate::sync::{Watch, lock};

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    partitions: Vec<Arc<Partition>>,
    groups: Mutex<Vec<Arc<Group>>>,
    turn: AtomicU32,
}

/// Why a record was not appended.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A group is too far behind.
    Full,
    /// The record names a partition that doesn't exist.
    NoPartition(i32),
}

impl Topic {
    pub(crate) fn new(
        name: Arc<str>,
        partitions: u32,
        retention: Retention,
        link: &Arc<Link>,
        watch: &Arc<Watch>,
    ) -> Self {
        let partitions = (0..partitions.max(1))
            .map(|number| Partition::new(&name, number, retention, link.clone(), watch.clone()))
            .collect();
        Self {
            name,
            partitions,
            groups: Mutex::default(),
            turn: AtomicU32::new(0),
        }
    }

    pub(crate) fn partitions(&self) -> &[Arc<Partition>] {
        &self.partitions
    }

    pub(crate) fn partition_count(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    /// Appends a record: to the partition it names, else by its key, else in turn.
    pub(crate) fn append(&self, record: OutboundRecord, max_backlog: u64) -> Result<Position, Refusal> {
        let index = self.choose(&record)?;
        let number = i32::try_from(index).ok();
        let message = RawMessage {
            payload: record.payload,
            key: record.key,
            headers: record.headers,
            origin: Origin {
                destination: self.name.clone(),
                routing_key: record.routing_key,
                partition: number,
                position: 0,
                timestamp: now_millis(),
                redelivered: false,
            },
        };
        let offset = self.partitions[index].append(message, max_backlog);
        let offset = offset.ok_or(Refusal::Full)?;
        Ok(Position {
            partition: number,
            offset: i64::try_from(offset).ok(),
        })
    }

    fn choose(&self, record: &OutboundRecord) -> Result<usize, Refusal> {
        let count = self.partitions.len();
        if let Some(partition) = record.partition {
            let index = usize::try_from(partition).ok().filter(|index| *index < count);
            return index.ok_or(Refusal::NoPartition(partition));
        }
        if count == 1 {
            return Ok(0);
        }
        let number = match &record.key {
            Some(key) => hash(key),
            None => self.turn.fetch_add(1, Ordering::Relaxed),
        };
        Ok(number as usize % count)
    }

    /// Whether no group is `max_backlog` behind in any partition.
    pub(crate) fn has_room(&self, max_backlog: u64) -> bool {
        self.partitions
            .iter()
            .all(|partition| partition.has_room(max_backlog))
    }

    /// The group of that name; made with the number `id` and the given start when there is none.
    pub(crate) fn group(&self, name: &Arc<str>, id: GroupId, start: Start) -> Arc<Group> {
        let mut groups = lock(&self.groups);
        if let Some(known) = groups.iter().find(|group| group.name == *name) {
            return known.clone();
        }
        for partition in &self.partitions {
            partition.add_group(id, start);
        }
        let group = Group::new(id, name.clone(), self.partitions.clone());
        groups.push(group.clone());
        group
    }

    /// The group of that name, if there is one.
    pub(crate) fn known_group(&self, name: &str) -> Option<Arc<Group>> {
        lock(&self.groups)
            .iter()
            .find(|group| &*group.name == name)
            .cloned()
    }

    /// The names of the groups.
    pub(crate) fn group_names(&self) -> Vec<Arc<str>> {
        lock(&self.groups)
            .iter()
            .map(|group| group.name.clone())
            .collect()
    }

    /// Forgets a group; what it had not settled is no longer kept for it.
    pub(crate) fn remove_group(&self, id: GroupId) {
        lock(&self.groups).retain(|group| group.id != id);
        for partition in &self.partitions {
            partition.remove_group(id);
        }
    }
}

/// FNV-1a: stable, so that a key stays in its partition.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

fn now_millis() -> Option<i64> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok()
}
