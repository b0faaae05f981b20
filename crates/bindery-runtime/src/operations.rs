//! The operations of a running application.

use std::sync::Arc;

use async_trait::async_trait;
use bindery_core::{BinderHealth, BindingInfo, Operations, Result, StateChange};

use crate::assembly::Site;
use crate::binding::BindingHandle;

/// Operations over the bindings of one application.
pub(crate) struct RuntimeOperations {
    site: Arc<Site>,
}

impl RuntimeOperations {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }
}

#[async_trait]
impl Operations for RuntimeOperations {
    fn binders(&self) -> Vec<BinderHealth> {
        let mut binders: Vec<_> = self
            .site
            .binders
            .iter()
            .map(|(name, (kind, binder))| BinderHealth {
                name: name.clone(),
                kind: kind.clone(),
                health: binder.health(),
            })
            .collect();
        binders.sort_by(|left, right| left.name.cmp(&right.name));
        binders
    }

    fn bindings(&self) -> Vec<BindingInfo> {
        self.site.bindings.all().iter().map(info).collect()
    }

    async fn change_state(&self, binding: &str, change: StateChange) -> Result<()> {
        for handle in self.site.bindings.named(binding) {
            match change {
                StateChange::Started => handle.start().await?,
                StateChange::Stopped => handle.stop().await?,
                StateChange::Paused => handle.pause().await?,
                StateChange::Resumed => handle.resume().await?,
            }
        }
        Ok(())
    }

    fn metrics(&self) -> String {
        self.site.observe();
        self.site.metrics.render()
    }
}

fn info(handle: &BindingHandle) -> BindingInfo {
    BindingInfo {
        name: handle.name().to_owned(),
        destination: handle.destination().to_owned(),
        group: handle.group().map(|group| group.to_string()),
        binder: handle.binder().to_owned(),
        binder_kind: handle.binder_kind().to_owned(),
        input: handle.is_input(),
        pausable: handle.is_input(),
        state: handle.state().as_str(),
        health: handle.health(),
        in_flight: handle.in_flight(),
        lag: handle.lag(),
    }
}
