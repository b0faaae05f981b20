//! Orders to publish, encoded one after the other into the same memory.

use anyhow::Result;
use bench_common::{Order, Settings};

pub(super) struct Orders {
    order: Order,
    json: Vec<u8>,
}

impl Orders {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            order: Order::sample(0, 0, 0, 0, settings.bytes),
            json: Vec::with_capacity(settings.bytes + 64),
        }
    }

    /// The key and the payload of the order of this number, sent now.
    pub(super) fn encode(&mut self, id: u64) -> Result<(String, &[u8])> {
        self.order.renew(id);
        self.json.clear();
        serde_json::to_writer(&mut self.json, &self.order)?;
        Ok((self.order.key(), &self.json))
    }
}
