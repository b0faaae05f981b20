//! Which bindings there are: those of listeners, and those that only the configuration names.

use bindery_core::{BindingName, ListenerDefinition, relaxed};

use super::{Context, setting_problem};
use crate::config::schema::{Part, Place};
use crate::config::settings::Setting;
use crate::config::validate::named;
use crate::config::{Problem, Warning, nearest};

/// The bindings of one application.
#[derive(Default)]
pub(super) struct Bindings {
    /// Listener and input.
    pub(super) inputs: Vec<(usize, BindingName)>,
    /// Outputs with the listeners that publish there.
    pub(super) outputs: Vec<Output>,
}

pub(super) struct Output {
    pub(super) name: BindingName,
    pub(super) listeners: Vec<(usize, usize)>,
    pub(super) lazy: bool,
}

/// Assigns every configured name to what it belongs to.
pub(super) fn assign(context: &mut Context<'_>, listeners: &[ListenerDefinition]) -> Bindings {
    let renames = renames(context, listeners);
    let name_of = |name: &BindingName| -> BindingName {
        let renamed = renames.iter().find(|(implicit, _)| implicit == name);
        renamed.map_or_else(|| name.clone(), |(_, explicit)| explicit.clone())
    };
    let active = active(context, listeners);
    let mut bindings = Bindings::default();
    let mut idle: Vec<BindingName> = Vec::new();
    for (index, listener) in listeners.iter().enumerate() {
        let names = listener.input.iter().chain(&listener.outputs).map(name_of);
        if !active.contains(&index) {
            idle.extend(names);
            continue;
        }
        if let Some(input) = &listener.input {
            bindings.inputs.push((index, name_of(input)));
        }
        for (position, output) in listener.outputs.iter().enumerate() {
            let name = name_of(output);
            match bindings.outputs.iter_mut().find(|known| known.name == name) {
                Some(known) => known.listeners.push((index, position)),
                None => bindings.outputs.push(Output {
                    name,
                    listeners: vec![(index, position)],
                    lazy: false,
                }),
            }
        }
    }
    conflicts(context, &bindings);
    explicit_outputs(context, &mut bindings);
    configured(context, &mut bindings, &idle);
    kind_bindings(context, &bindings, &idle);
    schemas(context, &bindings, &idle);
    bindings
}

/// `function.bindings`: implicit name to the name that is used.
fn renames(context: &mut Context<'_>, listeners: &[ListenerDefinition]) -> Vec<(BindingName, BindingName)> {
    let stream = context.resolver.tree.at(&Place::Stream);
    let mut renames = Vec::new();
    for (given, explicit) in stream.entries("function.bindings") {
        let implicit = BindingName::new(given);
        let known = names(listeners).any(|name| *name == implicit);
        if known {
            renames.push((implicit, BindingName::new(explicit)));
        } else if let Some(setting) = stream.get("function.bindings") {
            let all: Vec<&str> = names(listeners).map(BindingName::as_str).collect();
            let hint = match did_you_mean(implicit.as_str(), all.iter().copied()) {
                hint if hint.is_empty() => format!("; bindings: {}", all.join(", ")),
                hint => hint,
            };
            let message = format!("no listener has a binding `{implicit}`{hint}");
            let property = setting.part(given);
            context
                .problems
                .push(Problem::new(property.key_at(), &property.key, message));
        }
    }
    renames
}

fn names(listeners: &[ListenerDefinition]) -> impl Iterator<Item = &BindingName> {
    listeners
        .iter()
        .flat_map(|listener| listener.input.iter().chain(&listener.outputs))
}

/// The listeners that `spring.cloud.function.definition` names; all when it isn't given.
fn active(context: &mut Context<'_>, listeners: &[ListenerDefinition]) -> Vec<usize> {
    let function = context.resolver.tree.at(&Place::Function);
    let Some(setting) = function.get("definition") else {
        return (0..listeners.len()).collect();
    };
    let mut active = Vec::new();
    let text = setting.value.as_str().unwrap_or_default();
    for name in text.split(';').map(str::trim).filter(|name| !name.is_empty()) {
        match find_function(name, listeners) {
            Ok(index) if !active.contains(&index) => active.push(index),
            Ok(_) => {}
            Err(message) => context.problems.push(setting_problem(setting, message)),
        }
    }
    active.sort_unstable();
    active
}

fn find_function(name: &str, listeners: &[ListenerDefinition]) -> Result<usize, String> {
    if name.contains(['|', ',']) {
        return Err(format!(
            "`{name}`: composition isn't supported yet; write one listener that calls the functions"
        ));
    }
    if relaxed(name) == "functionrouter" {
        return Err("`functionRouter` isn't supported yet".to_owned());
    }
    let known = listeners
        .iter()
        .position(|listener| relaxed(listener.function) == relaxed(name));
    known.ok_or_else(|| {
        let functions: Vec<&str> = listeners.iter().map(|listener| listener.function).collect();
        match did_you_mean(name, functions.iter().copied()) {
            hint if hint.is_empty() => {
                format!(
                    "no listener `{name}` is registered; registered: {}",
                    functions.join(", ")
                )
            }
            hint => format!("no listener `{name}` is registered{hint}"),
        }
    })
}

fn did_you_mean<'n>(name: &str, candidates: impl Iterator<Item = &'n str>) -> String {
    nearest::nearest(name, candidates).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// A name can't be two inputs, nor an input and an output.
fn conflicts(context: &mut Context<'_>, bindings: &Bindings) {
    for (position, (_, name)) in bindings.inputs.iter().enumerate() {
        if bindings.inputs[..position].iter().any(|(_, known)| known == name) {
            context.binding_problem(
                name,
                format!("two listeners have the input `{name}`; name one otherwise with `input = \"…\"`"),
            );
        }
        if bindings.outputs.iter().any(|output| output.name == *name) {
            context.binding_problem(
                name,
                format!("`{name}` is the input of one listener and an output of another"),
            );
        }
    }
}

/// `output-bindings`: outputs that exist from the start.
fn explicit_outputs(context: &mut Context<'_>, bindings: &mut Bindings) {
    for name in listed_names(context, "output-bindings") {
        let name = BindingName::new(name);
        let known = bindings.outputs.iter().any(|output| output.name == name);
        if bindings.inputs.iter().any(|(_, input)| *input == name) {
            let stream = context.resolver.tree.at(&Place::Stream);
            context.problem_at(
                stream.get("output-bindings"),
                &name,
                format!("`{name}` is the input of a listener"),
            );
        } else if !known {
            bindings.outputs.push(Output {
                name,
                listeners: Vec::new(),
                lazy: false,
            });
        }
    }
}

fn listed_names(context: &Context<'_>, key: &str) -> Vec<String> {
    let stream = context.resolver.tree.at(&Place::Stream);
    stream
        .text(key)
        .unwrap_or_default()
        .split(';')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The names below `bindings` that no listener has: outputs for a stream bridge, or mistakes.
fn configured(context: &mut Context<'_>, bindings: &mut Bindings, idle: &[BindingName]) {
    let declared_inputs: Vec<String> = listed_names(context, "input-bindings")
        .iter()
        .map(|name| relaxed(name))
        .collect();
    for (canonical, known) in context.resolver.tree.bindings.clone() {
        let name = BindingName::new(&known.given);
        let taken = bindings.inputs.iter().any(|(_, input)| *input == name)
            || bindings.outputs.iter().any(|output| output.name == name)
            || idle.contains(&name);
        if taken {
            continue;
        }
        let base = input_function(&known.given);
        if declared_inputs.contains(&canonical)
            || base.is_some_and(|base| declared_inputs.contains(&relaxed(base)))
        {
            continue;
        }
        let part = |part| context.resolver.tree.at(&Place::Binding(named(&canonical), part));
        let consumes = !part(Part::Consumer).is_empty() || part(Part::Own).get("group").is_some();
        if base.is_some() || consumes {
            let inputs = bindings.inputs.iter().map(|(_, name)| name.as_str());
            let message = match nearest::nearest(name.as_str(), inputs) {
                Some(near) => format!("no listener has an input of this name; did you mean `{near}`?"),
                None => format!(
                    "no listener has an input of this name; inputs: {}",
                    list(bindings)
                ),
            };
            context
                .problems
                .push(Problem::new(known.at.clone(), &known.key, message));
            continue;
        }
        let unconfigured = bindings.outputs.iter().filter(|output| {
            !context
                .resolver
                .tree
                .bindings
                .contains_key(output.name.canonical())
        });
        if let Some(near) = nearest::slip(name.as_str(), unconfigured.map(|output| output.name.as_str())) {
            let message =
                format!("an output for a stream bridge, as no listener has it; did you mean `{near}`?");
            context
                .warnings
                .push(Warning::new(known.at.clone(), &known.key, message));
        }
        bindings.outputs.push(Output {
            name,
            listeners: Vec::new(),
            lazy: true,
        });
    }
}

/// The `<function>` of `<function>-in-<index>`.
fn input_function(name: &str) -> Option<&str> {
    let (rest, index) = name.rsplit_once('-').or_else(|| name.rsplit_once('_'))?;
    let index_is_number = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    let function = rest.strip_suffix("-in").or_else(|| rest.strip_suffix("_in"))?;
    index_is_number.then_some(function)
}

fn list(bindings: &Bindings) -> String {
    match &bindings.inputs[..] {
        [] => "none".to_owned(),
        inputs => {
            let names: Vec<&str> = inputs.iter().map(|(_, name)| name.as_str()).collect();
            names.join(", ")
        }
    }
}

/// The names below `avro.schemas`: each is a binding's.
fn schemas(context: &mut Context<'_>, bindings: &Bindings, idle: &[BindingName]) {
    let stream = context.resolver.tree.at(&Place::Stream);
    let Some(setting) = stream.get("avro.schemas") else {
        return;
    };
    let inputs = bindings.inputs.iter().map(|(_, name)| name);
    let outputs = bindings.outputs.iter().map(|output| &output.name);
    let all: Vec<&BindingName> = inputs.chain(outputs).chain(idle).collect();
    for (given, _) in stream.entries("avro.schemas") {
        if all.contains(&&BindingName::new(given)) {
            continue;
        }
        let hint = did_you_mean(given, all.iter().map(|name| name.as_str()));
        let property = setting.part(given);
        let message = format!("no binding has this name{hint}");
        context
            .problems
            .push(Problem::new(property.key_at(), &property.key, message));
    }
}

/// The names below `<kind>.bindings`: consumer properties need an input.
fn kind_bindings(context: &mut Context<'_>, bindings: &Bindings, idle: &[BindingName]) {
    let resolver = context.resolver;
    for ((kind, canonical), known) in &resolver.tree.kind_bindings {
        let name = BindingName::new(&known.given);
        let of_kind = |part| {
            let place = Place::KindBinding(kind.clone(), named(canonical), part);
            resolver.tree.at(&place)
        };
        let is_input = bindings.inputs.iter().any(|(_, input)| *input == name);
        let is_output = bindings.outputs.iter().any(|output| output.name == name);
        if idle.contains(&name) {
            continue;
        }
        if !is_input && !of_kind(Part::Consumer).is_empty() {
            let message = if is_output {
                "`consumer` properties have no effect: this binding is an output".to_owned()
            } else {
                let inputs = bindings.inputs.iter().map(|(_, name)| name.as_str());
                let hint = did_you_mean(name.as_str(), inputs);
                format!("no listener has an input of this name{hint}")
            };
            context
                .problems
                .push(Problem::new(known.at.clone(), &known.key, message));
        } else if is_input && !of_kind(Part::Producer).is_empty() {
            context.warnings.push(Warning::new(
                known.at.clone(),
                &known.key,
                "`producer` properties have no effect: this binding is an input",
            ));
        }
    }
}

/// Says of settings at a binding's wrong side that they have no effect.
pub(super) fn misplaced(context: &mut Context<'_>, name: &BindingName, part: Part, is: &str) {
    let settings = context
        .resolver
        .tree
        .at(&Place::Binding(named(name.canonical()), part));
    let setting: Option<Setting> = settings.first().cloned();
    if let Some(setting) = setting {
        context.warn_at(&setting, format!("has no effect: `{name}` is {is}"));
    }
}
