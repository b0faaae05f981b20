//! Which binders there are, which is the default, and what each is made with.

use std::sync::Arc;

use bindery_core::{BinderFactory, BinderSpec, Options, relaxed};

use super::{Context, Resolver};
use crate::config::Warning;
use crate::config::model::{InputSpec, OutputSpec};
use crate::config::nearest;
use crate::config::schema::Place;
use crate::config::settings::{Setting, Settings, Tree};

/// The kind that an application without any broker runs on.
const EMBEDDED: &str = "memory";

/// A binder that bindings can name.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(super) name: Arc<str>,
    /// The kind, or the text that names none.
    pub(super) kind: Result<Arc<str>, String>,
    /// Whether it stands below `binders`, and under which canonical name.
    declared: Option<String>,
    default_candidate: bool,
    inherits: bool,
}

/// All binders that bindings can name.
pub(crate) struct Binders {
    candidates: Vec<Candidate>,
    /// The default's name, or why there is none.
    pub(super) default: Result<Arc<str>, String>,
    pub(super) default_setting: Option<Setting>,
}

impl Binders {
    pub(super) fn new(tree: &Tree, factories: &[Arc<dyn BinderFactory>]) -> Self {
        let mut candidates: Vec<Candidate> = tree
            .binders
            .iter()
            .map(|(canonical, named)| declared(tree, canonical, &named.given, factories))
            .collect();
        for factory in factories {
            let kind: Arc<str> = factory.kind().into();
            if candidates
                .iter()
                .all(|known| relaxed(&known.name) != relaxed(&kind))
            {
                candidates.push(Candidate {
                    name: kind.clone(),
                    kind: Ok(kind),
                    declared: None,
                    default_candidate: true,
                    inherits: true,
                });
            }
        }
        let stream = tree.at(&Place::Stream);
        let default_setting = stream.get("default-binder").cloned();
        let default = match stream.text("default-binder") {
            Some(name) => Ok(name.into()),
            None => default(tree, &candidates),
        };
        Self {
            candidates,
            default,
            default_setting,
        }
    }

    /// The binder of a name.
    ///
    /// # Errors
    /// A sentence that says which names there are.
    pub(super) fn find(&self, name: &str) -> Result<&Candidate, String> {
        let wanted = relaxed(name);
        let Some(found) = self
            .candidates
            .iter()
            .find(|candidate| relaxed(&candidate.name) == wanted)
        else {
            let names: Vec<&str> = self.candidates.iter().map(|known| &*known.name).collect();
            let hint = match nearest::nearest(name, names.iter().copied()) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => String::new(),
            };
            return Err(format!(
                "no binder of this name; configured: {}{hint}",
                names.join(", ")
            ));
        };
        match &found.kind {
            Ok(_) => Ok(found),
            Err(kind) => Err(format!(
                "the binder `{}` has the type `{kind}`, of which this program has no binder; its kinds: {}",
                found.name,
                self.kinds().join(", ")
            )),
        }
    }

    fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = self
            .candidates
            .iter()
            .filter_map(|known| known.kind.as_deref().ok())
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

fn declared(tree: &Tree, canonical: &str, given: &str, factories: &[Arc<dyn BinderFactory>]) -> Candidate {
    let settings = tree.at(&Place::Binder(canonical.to_owned()));
    let kind = settings.text("type").unwrap_or(given);
    let known = factories
        .iter()
        .find(|factory| relaxed(factory.kind()) == relaxed(kind));
    Candidate {
        name: given.into(),
        kind: known
            .map(|factory| factory.kind().into())
            .ok_or_else(|| kind.to_owned()),
        declared: Some(canonical.to_owned()),
        default_candidate: settings.flag("default-candidate").unwrap_or(true),
        inherits: settings.flag("inherit-environment").unwrap_or(true),
    }
}

/// The default binder when none is named: the one declared candidate; else the one kind whose connection is
/// configured; else the embedded one when nothing is; else the one kind that has properties; else the only kind.
fn default(tree: &Tree, candidates: &[Candidate]) -> Result<Arc<str>, String> {
    let named: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.declared.is_some() && candidate.default_candidate)
        .collect();
    if !named.is_empty() {
        return one(&named);
    }
    let implicit: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.declared.is_none())
        .collect();
    if implicit.len() == 1 {
        return one(&implicit);
    }
    let kinds = |filter: &dyn Fn(&Arc<str>) -> bool| -> Vec<&Candidate> {
        let fits = |candidate: &&&Candidate| candidate.kind.as_ref().is_ok_and(filter);
        implicit.iter().filter(fits).copied().collect()
    };
    let connected = kinds(&|kind| {
        tree.has(&Place::KindBinder(kind.clone(), None)) || tree.has(&Place::Connection(kind.clone(), None))
    });
    if !connected.is_empty() {
        return one(&connected);
    }
    let embedded = kinds(&|kind| &**kind == EMBEDDED);
    if !embedded.is_empty() {
        return one(&embedded);
    }
    let mentioned = kinds(&|kind| tree.kinds_mentioned.contains_key(kind));
    match mentioned.len() {
        1 => one(&mentioned),
        _ => one(&implicit),
    }
}

fn one(candidates: &[&Candidate]) -> Result<Arc<str>, String> {
    match candidates {
        [only] => Ok(only.name.clone()),
        [] => Err("this program has no binder".to_owned()),
        several => {
            let names: Vec<&str> = several.iter().map(|candidate| &*candidate.name).collect();
            Err(format!(
                "several binders could be meant: {}; name one with `stream.default-binder` or the binding's `binder`",
                names.join(", ")
            ))
        }
    }
}

impl Resolver {
    /// What a binder is made with.
    pub(super) fn binder_spec(&self, candidate: &Candidate, kind: &Arc<str>, consumers: usize) -> BinderSpec {
        let level = |place: &dyn Fn(Option<String>) -> Place| -> Options {
            let main = || self.tree.at(&place(None));
            let settings: Settings = match &candidate.declared {
                None => main(),
                Some(name) => {
                    let own = self.tree.at(&place(Some(name.clone())));
                    if candidate.inherits {
                        own.over(&main())
                    } else {
                        own
                    }
                }
            };
            settings.options()
        };
        BinderSpec {
            name: candidate.name.clone(),
            kind: kind.clone(),
            options: level(&|owner| Place::KindBinder(kind.clone(), owner)),
            connection: level(&|owner| Place::Connection(kind.clone(), owner)),
            consumers,
        }
    }
}

impl Context<'_> {
    /// Says so when the embedded binder is taken for want of another, beside sections of other kinds.
    pub(super) fn warn_of_embedded(&mut self) {
        let binders = &self.resolver.binders;
        if binders.default_setting.is_some() || binders.default.as_deref() != Ok(EMBEDDED) {
            return;
        }
        for (kind, named) in &self.resolver.tree.kinds_mentioned {
            if **kind != *EMBEDDED {
                let message = format!(
                    "has no effect: no broker is configured, so the bindings are on `{EMBEDDED}`; \
                     `stream.default-binder` says where they are meant to be"
                );
                self.warnings
                    .push(Warning::new(named.at.clone(), &named.key, message));
            }
        }
    }
    /// The binders that bindings use, and the default one, which a stream bridge may need.
    pub(super) fn used_binders(&mut self, inputs: &[InputSpec], outputs: &[OutputSpec]) -> Vec<BinderSpec> {
        let resolver = self.resolver;
        let mut names: Vec<Arc<str>> = Vec::new();
        let used = inputs
            .iter()
            .map(|input| &input.binder)
            .chain(outputs.iter().map(|output| &output.binder));
        for name in used.chain(resolver.binders.default.as_ref()) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let mut specs: Vec<BinderSpec> = Vec::new();
        for name in names {
            if let Ok(candidate) = resolver.binders.find(&name)
                && let Ok(kind) = &candidate.kind
                && specs.iter().all(|known| known.name != candidate.name)
            {
                let own = inputs.iter().filter(|input| input.binder == candidate.name);
                let consumers = own.map(|input| input.consumers.len()).sum();
                specs.push(resolver.binder_spec(candidate, kind, consumers));
            }
        }
        specs
    }
}
