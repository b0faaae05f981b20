//! Outputs: those of listeners, and those for a stream bridge.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{BindingName, Error, ErrorKind, ProducerSpec};

use super::bindings::{Bindings, Output, misplaced};
use super::inputs::content_type;
use super::{Context, Resolver, general};
use crate::config::model::OutputSpec;
use crate::config::schema::Part;
use crate::config::settings::Settings;
use crate::expression::Expression;

/// How many records may be sent and unconfirmed.
const MAX_IN_FLIGHT: u32 = 1_024;
/// How long a publication may stay unconfirmed.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

impl Context<'_> {
    pub(super) fn outputs(&mut self, bindings: &Bindings) -> Vec<OutputSpec> {
        bindings
            .outputs
            .iter()
            .filter_map(|output| self.output(output))
            .collect()
    }

    fn output(&mut self, output: &Output) -> Option<OutputSpec> {
        let name = &output.name;
        misplaced(self, name, Part::Consumer, "an output");
        let own = self.resolver.binding(name, Part::Own);
        self.check_own(name, &own);
        let (binder, kind) = self.binder_of(name, &own)?;
        let mut spec = self.resolver.output_spec(name, binder, &kind);
        spec.listeners.clone_from(&output.listeners);
        spec.producer.awaited = spec.listeners.is_empty();
        spec.lazy = output.lazy;
        spec.avro_schema = self.avro_schema(name);
        let resolver = self.resolver;
        if let Some(factory) = resolver.factory(&kind)
            && let Err(error) = factory.check_producer(&spec.producer)
        {
            self.binding_problem(name, error.to_string());
        }
        Some(spec)
    }

    fn check_own(&mut self, name: &BindingName, own: &Settings) {
        if let Some(setting) = own.get("destination")
            && setting.value.as_str().is_some_and(|text| text.trim().is_empty())
        {
            self.problem_at(Some(setting), name, "a destination's name is empty");
        }
        let own_settings = self.resolver.tree.at(&crate::config::schema::Place::Binding(
            crate::config::validate::named(name.canonical()),
            Part::Own,
        ));
        if let Some(setting) = own_settings.get("group") {
            self.warn_at(
                setting,
                "has no effect on an output; `producer.required-groups` makes the queues of groups",
            );
        }
        let producer = self.resolver.binding(name, Part::Producer);
        if let Some(setting) = producer.get("partition-selector-expression")
            && producer.get("partition-key-expression").is_none()
        {
            self.problem_at(
                Some(setting),
                name,
                "a selector needs `partition-key-expression`, whose value it reads",
            );
        }
    }
}

impl Resolver {
    /// The output of a name on a binder, with nothing checked.
    fn output_spec(&self, name: &BindingName, binder: Arc<str>, kind: &Arc<str>) -> OutputSpec {
        let own = self.binding(name, Part::Own);
        let producer = self.binding(name, Part::Producer);
        let of_kind = self.kind_binding(kind, name, Part::Producer);
        let catalog = self.factory(kind).map(|factory| factory.properties());
        let expression = |settings: &Settings, name: Option<&str>| -> Option<Expression> {
            Expression::parse(settings.text(name?)?).ok()
        };
        let partition_key = expression(&producer, Some("partition-key-expression"));
        OutputSpec {
            name: name.clone(),
            listeners: Vec::new(),
            lazy: true,
            binder,
            content_type: content_type(&own),
            producer: ProducerSpec {
                binding: name.clone(),
                destination: own.text("destination").unwrap_or(name.as_str()).into(),
                partition_count: partition_key
                    .as_ref()
                    .map(|_| producer.number("partition-count").unwrap_or(1)),
                required_groups: producer
                    .list("required-groups")
                    .unwrap_or_default()
                    .into_iter()
                    .map(Arc::from)
                    .collect(),
                max_in_flight: producer.number("max-in-flight").unwrap_or(MAX_IN_FLIGHT),
                confirm_timeout: producer
                    .duration("confirm-timeout")
                    .filter(|timeout| !timeout.is_zero())
                    .unwrap_or(CONFIRM_TIMEOUT),
                awaited: true,
                options: of_kind.options(),
            },
            partition_selector: expression(&producer, Some("partition-selector-expression")),
            partition_key,
            key: expression(&of_kind, catalog.and_then(|catalog| catalog.key_expression)),
            routing_key: expression(
                &of_kind,
                catalog.and_then(|catalog| catalog.routing_key_expression),
            ),
            poller: general::poller(&self.tree, &producer),
            auto_startup: producer.flag("auto-startup").unwrap_or(true),
            avro_schema: self.avro_schema(name).map(|(path, _)| path),
        }
    }

    pub(crate) fn dynamic_output(&self, name: &str) -> bindery_core::Result<OutputSpec> {
        let refused = |message| Error::new(ErrorKind::Configuration, message).with("destination", name);
        if name.trim().is_empty() {
            return Err(refused("a destination's name is empty".to_owned()));
        }
        let name = BindingName::new(name);
        let own = self.binding(&name, Part::Own);
        let (binder, kind) = self.binder(own.text("binder")).map_err(refused)?;
        let spec = self.output_spec(&name, binder, &kind);
        if let Some(factory) = self.factory(&kind) {
            factory.check_producer(&spec.producer)?;
        }
        Ok(spec)
    }
}
