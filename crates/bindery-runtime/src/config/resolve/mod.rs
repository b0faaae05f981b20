//! Resolution: from checked settings to the model. Inheritance is applied here, once.

mod binders;
mod bindings;
mod general;
mod inputs;
mod outputs;
mod retry;

use std::path::PathBuf;
use std::sync::Arc;

use bindery_core::{BinderFactory, BindingName, ListenerDefinition};

use super::schema::{Part, Place, Schema, Scope};
use super::settings::{Setting, Settings, Tree};
use super::validate::{named, validate};
use super::{Model, Origin, Problem, Problems, Properties, Warning};
use binders::Binders;
use general::Instances;

/// Makes the model of the given listeners: which functions exist, and what their bindings are.
///
/// Only the functions that `spring.cloud.function.definition` names are bound, or all when it isn't given.
///
/// # Errors
/// Every problem at once: unknown keys, wrong values, names that belong to nothing, combinations that a binder refuses.
pub fn resolve(
    properties: Properties,
    listeners: &[ListenerDefinition],
    factories: &[Arc<dyn BinderFactory>],
) -> Result<Model, Problems> {
    let schema = Schema::new(factories);
    let properties = properties.merged(Some(&schema));
    let mut problems = properties.problems.clone();
    let mut warnings = properties.warnings.clone();
    let tree = validate(&properties, &schema, factories, &mut problems, &mut warnings);
    if let Some(setting) = tree
        .at(&Place::Binding(Scope::Default, Part::Own))
        .get("destination")
    {
        warnings.push(Warning::new(
            setting.property.key_at(),
            &setting.property.key,
            "has no effect: a destination belongs to one binding",
        ));
    }
    let resolver = Resolver {
        binders: Binders::new(&tree, factories),
        instances: general::instances(&tree, &properties, &mut problems),
        directory: properties.directory.clone(),
        factories: factories.to_vec(),
        tree,
    };
    let mut context = Context {
        resolver: &resolver,
        problems,
        warnings,
        without_binder: Vec::new(),
    };
    let bindings = bindings::assign(&mut context, listeners);
    let inputs = context.inputs(listeners, &bindings);
    let outputs = context.outputs(&bindings);
    let binders = context.used_binders(&inputs, &outputs);
    context.without_default();
    context.warn_of_embedded();
    let management = context.management();
    let settings = resolver.tree.at(&Place::Stream);
    let Context {
        problems,
        mut warnings,
        ..
    } = context;
    warnings.sort();
    warnings.dedup();
    Problems::none_or(problems, ())?;
    Ok(Model {
        profiles: properties.profiles().to_vec(),
        sources: properties.sources(),
        application_name: resolver
            .tree
            .at(&Place::Application)
            .text("name")
            .map(str::to_owned),
        binders,
        inputs,
        outputs,
        warnings,
        management,
        binding_retry_interval: general::binding_retry_interval(&settings),
        shutdown_timeout: general::shutdown_timeout(&resolver.tree),
        properties,
        resolver: Arc::new(resolver),
    })
}

/// What resolution looks things up in. The model keeps it for destinations that are named later.
pub(crate) struct Resolver {
    tree: Tree,
    binders: Binders,
    instances: Instances,
    directory: PathBuf,
    factories: Vec<Arc<dyn BinderFactory>>,
}

impl Resolver {
    fn factory(&self, kind: &str) -> Option<&Arc<dyn BinderFactory>> {
        self.factories.iter().find(|factory| factory.kind() == kind)
    }

    /// The core's settings of one part of a binding, over the defaults. A default destination has no effect.
    fn binding(&self, name: &BindingName, part: Part) -> Settings {
        let own = self.tree.at(&Place::Binding(named(name.canonical()), part));
        let default = self.tree.at(&Place::Binding(Scope::Default, part));
        own.over(&default.without("destination"))
    }

    /// A binder kind's settings of one part of a binding, over the defaults.
    fn kind_binding(&self, kind: &Arc<str>, name: &BindingName, part: Part) -> Settings {
        let place = |scope| Place::KindBinding(kind.clone(), scope, part);
        let own = self.tree.at(&place(named(name.canonical())));
        own.over(&self.tree.at(&place(Scope::Default)))
    }
}

/// A resolution at work.
struct Context<'a> {
    resolver: &'a Resolver,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    /// Bindings that need the default binder, which isn't settled.
    without_binder: Vec<BindingName>,
}

impl Context<'_> {
    /// The one problem of all bindings that the default binder is missing for.
    fn without_default(&mut self) {
        if let (Err(message), false) = (&self.resolver.binders.default, self.without_binder.is_empty()) {
            let shown = self.without_binder.iter().take(3);
            let mut names: Vec<String> = shown.map(|name| format!("`{name}`")).collect();
            if self.without_binder.len() > names.len() {
                names.push(format!("{} more", self.without_binder.len() - names.len()));
            }
            let message = format!("{message}; needed by {}", names.join(", "));
            self.problems
                .push(Problem::new(Origin::Program, "stream.default-binder", message));
        }
    }

    /// A problem with a binding as a whole.
    fn binding_problem(&mut self, name: &BindingName, message: impl Into<String>) {
        let problem = match self.resolver.tree.bindings.get(name.canonical()) {
            Some(known) => Problem::new(known.at.clone(), &known.key, message),
            None => Problem::new(Origin::Program, format!("stream.bindings.{name}"), message),
        };
        self.problems.push(problem);
    }

    /// A problem with the value of a setting; with the binding as a whole when it wasn't set.
    fn problem_at(&mut self, setting: Option<&Setting>, name: &BindingName, message: impl Into<String>) {
        match setting {
            Some(setting) => self.problems.push(setting_problem(setting, message)),
            None => self.binding_problem(name, message),
        }
    }

    fn warn_at(&mut self, setting: &Setting, message: impl Into<String>) {
        let property = &setting.property;
        self.warnings
            .push(Warning::new(property.key_at(), &property.key, message));
    }
}

/// A problem with the value of a setting.
fn setting_problem(setting: &Setting, message: impl Into<String>) -> Problem {
    let property = &setting.property;
    let problem = Problem::new(property.value_at.clone(), &property.key, message);
    match setting
        .value
        .as_str()
        .and_then(|text| super::secrets::shown(&property.key, text))
    {
        Some(text) => problem.found(text),
        None => problem,
    }
}
