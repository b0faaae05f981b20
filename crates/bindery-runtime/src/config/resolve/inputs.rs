//! Inputs: one spec for each listener's binding, one consumer for each of its destinations.

use std::path::PathBuf;
use std::sync::Arc;

use bindery_core::{BindingName, ConsumerSpec, InputType, ListenerDefinition};

use super::bindings::{Bindings, misplaced};
use super::{Context, Resolver};
use crate::config::model::{InputSpec, OnExhausted, Ordering};
use crate::config::property::Property;
use crate::config::schema::{Part, Place};
use crate::config::settings::Settings;
use crate::expression::Expression;

/// How many messages may be delivered and unsettled, per source.
const MAX_IN_FLIGHT: u32 = 2_048;
/// How many bytes of them.
const MAX_IN_FLIGHT_BYTES: u64 = 64 * 1024 * 1024;
/// How many messages a batch holds at most.
const BATCH_SIZE: u32 = 500;

impl Context<'_> {
    pub(super) fn inputs(&mut self, listeners: &[ListenerDefinition], bindings: &Bindings) -> Vec<InputSpec> {
        bindings
            .inputs
            .iter()
            .filter_map(|(index, name)| self.input(*index, &listeners[*index], name))
            .collect()
    }

    fn input(
        &mut self,
        index: usize,
        listener: &ListenerDefinition,
        name: &BindingName,
    ) -> Option<InputSpec> {
        misplaced(self, name, Part::Producer, "an input");
        let own = self.resolver.binding(name, Part::Own);
        let consumer = self.resolver.binding(name, Part::Consumer);
        let retry = self.retry(name, &consumer);
        let ordering = self.ordering(name, &consumer);
        let batch = self.batch(listener, name, &consumer);
        let (binder, kind) = self.binder_of(name, &own)?;
        let template = self.consumer_spec(name, &own, &consumer, batch, retry.max_attempts);
        let template = ConsumerSpec {
            options: self.resolver.kind_binding(&kind, name, Part::Consumer).options(),
            ..template
        };
        let consumers: Vec<ConsumerSpec> = self
            .destinations(name, &own)
            .into_iter()
            .map(|destination| ConsumerSpec {
                destination,
                ..template.clone()
            })
            .collect();
        self.check_consumers(name, &kind, &consumers);
        Some(InputSpec {
            name: name.clone(),
            listener: index,
            binder,
            content_type: content_type(&own),
            consumers,
            auto_startup: consumer.flag("auto-startup").unwrap_or(true),
            ordering,
            retry,
            handler_timeout: consumer
                .duration("handler-timeout")
                .filter(|timeout| !timeout.is_zero()),
            max_in_flight_bytes: consumer
                .number("max-in-flight-bytes")
                .unwrap_or(MAX_IN_FLIGHT_BYTES),
            on_exhausted: match consumer.text("on-exhausted") {
                Some("skip") => OnExhausted::Skip,
                _ => OnExhausted::Hold,
            },
            avro_schema: self.avro_schema(name),
        })
    }

    fn consumer_spec(
        &mut self,
        name: &BindingName,
        own: &Settings,
        consumer: &Settings,
        batch: Option<u32>,
        max_attempts: u32,
    ) -> ConsumerSpec {
        let group = own.text("group").map(str::trim).filter(|group| !group.is_empty());
        let instances = self.resolver.instances;
        let count = consumer
            .number::<u32>("instance-count")
            .filter(|count| *count > 0);
        let spec = ConsumerSpec {
            binding: name.clone(),
            destination: name.shared(),
            group: group.map(Arc::from),
            concurrency: consumer.number("concurrency").unwrap_or(1),
            partitioned: consumer.flag("partitioned").unwrap_or(false),
            instance_count: count.unwrap_or(instances.count),
            instance_index: consumer.number("instance-index").unwrap_or(instances.index),
            batch,
            max_in_flight: consumer.number("max-in-flight").unwrap_or(MAX_IN_FLIGHT),
            max_attempts,
            options: bindery_core::Options::default(),
        };
        if spec.partitioned && spec.group.is_none() {
            let message = "a partitioned input needs a `group`, which its instances share";
            self.problem_at(consumer.get("partitioned"), name, message);
        }
        if spec.partitioned && spec.instance_index >= spec.instance_count {
            let message = format!(
                "instance {} of {}: the index counts from 0 and is less than the count",
                spec.instance_index, spec.instance_count
            );
            let setting = consumer.get("instance-index").or(consumer.get("instance-count"));
            self.problem_at(setting, name, message);
        }
        spec
    }

    fn ordering(&mut self, name: &BindingName, consumer: &Settings) -> Ordering {
        let setting = consumer.get("ordering-key-expression");
        let expression = setting
            .and_then(|setting| setting.value.as_str())
            .and_then(|text| Expression::parse(text).ok());
        match (consumer.text("ordering"), expression) {
            (Some("key"), expression) => Ordering::Key { expression },
            (None, Some(expression)) => Ordering::Key {
                expression: Some(expression),
            },
            (Some(other), Some(_)) => {
                let message = format!("has no effect with `ordering: {other}`; use `ordering: key`");
                self.problem_at(setting, name, message);
                Ordering::default()
            }
            (Some("none"), None) => Ordering::None,
            _ => Ordering::Partition,
        }
    }

    fn batch(
        &mut self,
        listener: &ListenerDefinition,
        name: &BindingName,
        consumer: &Settings,
    ) -> Option<u32> {
        let takes_batches = listener.input_type == InputType::Batch;
        match (takes_batches, consumer.flag("batch-mode")) {
            (true, Some(false)) => self.problem_at(
                consumer.get("batch-mode"),
                name,
                format!("the listener `{}` takes batches", listener.function),
            ),
            (false, Some(true)) => self.problem_at(
                consumer.get("batch-mode"),
                name,
                format!(
                    "the listener `{}` takes one message at a time; let it take `Batch<T>`",
                    listener.function
                ),
            ),
            _ => {}
        }
        takes_batches.then(|| consumer.number("batch-size").unwrap_or(BATCH_SIZE))
    }

    fn destinations(&mut self, name: &BindingName, own: &Settings) -> Vec<Arc<str>> {
        let Some(setting) = own.get("destination") else {
            return vec![name.shared()];
        };
        let text = setting.value.as_str().unwrap_or_default();
        let parts: Vec<&str> = text.split(',').collect();
        if parts.iter().any(|part| part.trim().is_empty()) {
            self.problem_at(Some(setting), name, "a destination's name is empty");
        } else if parts.iter().any(|part| *part != part.trim()) {
            let setting = setting.clone();
            self.warn_at(&setting, "blanks around destinations are left out");
        }
        parts
            .into_iter()
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(Arc::from)
            .collect()
    }

    fn check_consumers(&mut self, name: &BindingName, kind: &Arc<str>, consumers: &[ConsumerSpec]) {
        let resolver = self.resolver;
        let Some(factory) = resolver.factory(kind) else {
            return;
        };
        for consumer in consumers {
            if let Err(error) = factory.check_consumer(consumer) {
                self.binding_problem(name, error.to_string());
            }
        }
    }

    /// The binder of a binding: its name and kind.
    pub(super) fn binder_of(&mut self, name: &BindingName, own: &Settings) -> Option<(Arc<str>, Arc<str>)> {
        let resolver = self.resolver;
        let setting = own.get("binder");
        match resolver.binder(own.text("binder")) {
            Ok(found) => Some(found),
            Err(_) if setting.is_none() && resolver.binders.default.is_err() => {
                self.without_binder.push(name.clone());
                None
            }
            Err(message) => {
                let setting = setting.or(resolver.binders.default_setting.as_ref());
                self.problem_at(setting, name, message);
                None
            }
        }
    }

    /// The Avro schema that is named for a binding; the file must be there.
    pub(super) fn avro_schema(&mut self, name: &BindingName) -> Option<PathBuf> {
        let (path, property) = self.resolver.avro_schema(name)?;
        if !path.is_file() {
            let message = format!("no such file: `{}`", path.display());
            self.problems.push(crate::config::Problem::new(
                property.value_at.clone(),
                &property.key,
                message,
            ));
        }
        Some(path)
    }
}

impl Resolver {
    /// A binder's name and kind: of the given name, or the default one.
    pub(super) fn binder(&self, name: Option<&str>) -> Result<(Arc<str>, Arc<str>), String> {
        let name: Arc<str> = match name {
            Some(name) => name.into(),
            None => self.binders.default.clone()?,
        };
        let candidate = self.binders.find(&name)?;
        let kind = candidate.kind.clone()?;
        Ok((candidate.name.clone(), kind))
    }

    pub(super) fn avro_schema(&self, name: &BindingName) -> Option<(PathBuf, Arc<Property>)> {
        let stream = self.tree.at(&Place::Stream);
        let setting = stream.get("avro.schemas")?;
        let entries = stream.entries("avro.schemas");
        let (given, file) = entries
            .iter()
            .find(|(binding, _)| BindingName::new(binding) == *name)?;
        Some((self.directory.join(file), setting.part(given).clone()))
    }
}

pub(super) fn content_type(own: &Settings) -> Arc<str> {
    own.text("content-type").unwrap_or("application/json").into()
}
