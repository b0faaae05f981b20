//! The schema: which tables of properties apply below which keys. It is made of the core's tables and of those of the
//! binder kinds that the program has.

mod variables;

use std::sync::Arc;

use bindery_core::{BinderFactory, PropertyDef, relaxed};

use super::core_properties as core;
use super::key::Segment;

/// Kinds that have a section in many configurations; without their binder it is left alone.
const KNOWN_KINDS: &[&str] = &["kafka", "rabbit", "memory", "pulsar"];

/// Which binding's settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Those below `default`.
    Default,
    /// Those of the binding of this canonical name.
    Named(String),
}

/// Which part of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Own,
    Consumer,
    Producer,
}

/// Where a setting belongs: one level, with the names that lead to it filled in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Stream,
    Function,
    Application,
    Profiles,
    Config,
    Poller,
    Lifecycle,
    Management,
    Binder(String),
    Binding(Scope, Part),
    /// `<kind>.binder`, of the application or of the environment of a named binder.
    KindBinder(Arc<str>, Option<String>),
    KindBinding(Arc<str>, Scope, Part),
    /// The connection root of a kind, likewise.
    Connection(Arc<str>, Option<String>),
    /// Keys of no table.
    Nowhere,
}

/// What happens to a key below a level that no table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It is a problem.
    Refused,
    /// It is a problem when it looks like a mistyped known one; otherwise it is left alone.
    RefusedIfClose,
    /// It is left alone, with one warning; the text says why.
    Warned(&'static str),
}

/// One part of a level's key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Word(String),
    /// A name that the configuration chooses.
    Name,
}

/// One level: its key, its table, and what else may stand there.
#[derive(Clone)]
pub(crate) struct Level {
    steps: Vec<Step>,
    place: Place,
    pub(crate) table: &'static [PropertyDef],
    pub(crate) unknown: Unknown,
}

/// A key matched to its level.
pub(crate) struct Match<'s> {
    pub(crate) level: &'s Level,
    pub(crate) place: Place,
    /// The segments below the level.
    pub(crate) rest: Vec<Segment>,
}

/// All levels.
pub(crate) struct Schema {
    levels: Vec<Level>,
}

impl Schema {
    /// The levels of the core and of the given kinds.
    pub(crate) fn new(factories: &[Arc<dyn BinderFactory>]) -> Self {
        let mut schema = Self { levels: Vec::new() };
        schema.add_core();
        for kind in KNOWN_KINDS {
            if factories.iter().all(|factory| factory.kind() != *kind) {
                let unknown = Unknown::Warned("left alone: this program has no binder of this kind");
                schema.add(&["stream", kind], Place::Nowhere, &[], unknown);
            }
        }
        for factory in factories {
            schema.add_kind(factory.as_ref());
        }
        schema
    }

    fn add(&mut self, steps: &[&str], place: Place, table: &'static [PropertyDef], unknown: Unknown) {
        let steps = steps
            .iter()
            .flat_map(|step| step.split('.'))
            .map(|step| match step {
                "*" => Step::Name,
                word => Step::Word(relaxed(word)),
            })
            .collect();
        self.levels.push(Level {
            steps,
            place,
            table,
            unknown,
        });
    }

    fn add_core(&mut self) {
        use Unknown::{Refused, RefusedIfClose};
        let name = || Scope::Named(String::new());
        self.add(&["spring"], Place::Nowhere, &[], RefusedIfClose);
        self.add(&["spring.cloud"], Place::Nowhere, &[], RefusedIfClose);
        // Keys below `spring.cloud.stream` are below `stream` by now; the word is here for what is mistyped.
        self.add(&["spring.cloud.stream"], Place::Nowhere, &[], RefusedIfClose);
        self.add(
            &["spring.cloud.function"],
            Place::Function,
            core::FUNCTION,
            Refused,
        );
        self.add(
            &["spring.application"],
            Place::Application,
            core::APPLICATION,
            RefusedIfClose,
        );
        self.add(&["spring.profiles"], Place::Profiles, core::PROFILES, Refused);
        self.add(&["spring.config"], Place::Config, core::CONFIG, Refused);
        self.add(
            &["spring.integration.poller"],
            Place::Poller,
            core::POLLER,
            Refused,
        );
        self.add(
            &["spring.lifecycle"],
            Place::Lifecycle,
            core::LIFECYCLE,
            RefusedIfClose,
        );
        self.add(
            &["management"],
            Place::Management,
            core::MANAGEMENT,
            Unknown::Warned("not known here: it has no effect"),
        );
        self.add(&["stream"], Place::Stream, core::STREAM, Refused);
        for (scope, path) in [(Scope::Default, "stream.default"), (name(), "stream.bindings.*")] {
            for (part, below, table) in [
                (Part::Own, "", core::BINDING),
                (Part::Consumer, ".consumer", core::CONSUMER),
                (Part::Producer, ".producer", core::PRODUCER),
            ] {
                let place = Place::Binding(scope.clone(), part);
                self.add(&[&format!("{path}{below}")], place, table, Refused);
            }
        }
        self.add(
            &["stream.binders.*"],
            Place::Binder(String::new()),
            core::BINDER,
            Refused,
        );
        self.add(
            &["stream.binders.*.environment"],
            Place::Nowhere,
            &[],
            RefusedIfClose,
        );
        self.add(
            &["stream.binders.*.environment.stream"],
            Place::Nowhere,
            &[],
            Refused,
        );
        for kind in KNOWN_KINDS {
            let unknown = Unknown::Warned("left alone: only `binder` of this binder's own kind is read here");
            self.add(
                &["stream.binders.*.environment.stream", kind],
                Place::Nowhere,
                &[],
                unknown,
            );
        }
    }

    fn add_kind(&mut self, factory: &dyn BinderFactory) {
        use Unknown::Refused;
        let kind: Arc<str> = factory.kind().into();
        let catalog = factory.properties();
        self.add(&["stream", &kind], Place::Nowhere, &[], Refused);
        self.add(
            &["stream", &kind, "streams"],
            Place::Nowhere,
            &[],
            Unknown::Warned("not supported yet: it has no effect"),
        );
        for (path, owner) in [("", None), ("stream.binders.*.environment", Some(String::new()))] {
            let below = |root: &str| match path {
                "" => root.to_owned(),
                path => format!("{path}.{root}"),
            };
            let place = Place::KindBinder(kind.clone(), owner.clone());
            self.add(
                &[&below(&format!("stream.{kind}.binder"))],
                place,
                catalog.binder,
                Refused,
            );
            if let Some(root) = catalog.connection_root {
                let place = Place::Connection(kind.clone(), owner);
                self.add(&[&below(root)], place, catalog.connection, Refused);
            }
        }
        let scopes = [
            (Scope::Default, "default"),
            (Scope::Named(String::new()), "bindings.*"),
        ];
        for (scope, path) in scopes {
            let own = Place::KindBinding(kind.clone(), scope.clone(), Part::Own);
            self.add(&["stream", &kind, path], own, &[], Refused);
            for (part, word, table) in [
                (Part::Consumer, "consumer", catalog.consumer),
                (Part::Producer, "producer", catalog.producer),
            ] {
                let place = Place::KindBinding(kind.clone(), scope.clone(), part);
                self.add(&["stream", &kind, path, word], place, table, Refused);
            }
        }
    }

    /// Every level's key, with `<name>` for names, and its table.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn tables(&self) -> impl Iterator<Item = (String, &'static [PropertyDef])> {
        self.levels.iter().map(|level| (level.path(), level.table))
    }

    /// The deepest level that a key is below of; `None` when it is outside our tree.
    pub(crate) fn find(&self, segments: &[Segment]) -> Option<Match<'_>> {
        let level = self
            .levels
            .iter()
            .filter(|level| level.leads_to(segments))
            .max_by_key(|level| (level.steps.len(), level.words()))?;
        let name = level
            .steps
            .iter()
            .position(|step| *step == Step::Name)
            .map(|position| segments[position].canonical.clone());
        Some(Match {
            level,
            place: level.place.named(name),
            rest: segments[level.steps.len()..].to_vec(),
        })
    }

    /// The next words of the levels below a level.
    pub(crate) fn words_below(&self, level: &Level) -> Vec<&str> {
        let mut words: Vec<&str> = self
            .levels
            .iter()
            .filter(|other| other.steps.starts_with(&level.steps))
            .filter_map(|other| match other.steps.get(level.steps.len())? {
                Step::Word(word) => Some(word.as_str()),
                Step::Name => None,
            })
            .collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    /// Whether a word is a section below `stream`, such as `bindings` or a binder's kind.
    pub(crate) fn is_section(&self, word: &str) -> bool {
        self.levels.iter().any(|level| {
            matches!(&level.steps[..], [Step::Word(root), Step::Word(section), ..] if root == "stream" && section == word)
        })
    }

    /// Levels in whose table a property of this name is, with the level's key as people write it.
    pub(crate) fn levels_with(&self, rest: &[Segment]) -> Vec<String> {
        let mut found: Vec<String> = self
            .levels
            .iter()
            .filter(|level| level.steps.first() == Some(&Step::Word("stream".to_owned())))
            .filter(|level| !level.steps.contains(&Step::Word("environment".to_owned())))
            .filter(|level| level.table.iter().any(|def| name_is(def, rest)))
            .map(Level::path)
            .collect();
        found.sort_by_key(|path| (path.contains(".default"), path.len()));
        found
    }
}

impl Level {
    fn leads_to(&self, segments: &[Segment]) -> bool {
        self.steps.len() <= segments.len()
            && self.steps.iter().zip(segments).all(|(step, segment)| match step {
                Step::Word(word) => *word == segment.canonical,
                Step::Name => true,
            })
    }

    fn words(&self) -> usize {
        self.steps.iter().filter(|step| **step != Step::Name).count()
    }

    /// The level's key with `<name>` for names.
    fn path(&self) -> String {
        let words: Vec<&str> = self
            .steps
            .iter()
            .map(|step| match step {
                Step::Word(word) => word.as_str(),
                Step::Name => "<name>",
            })
            .collect();
        words.join(".")
    }
}

impl Place {
    /// This place with the name that the key gave.
    fn named(&self, name: Option<String>) -> Self {
        let Some(name) = name else {
            return self.clone();
        };
        match self {
            Self::Binder(_) => Self::Binder(name),
            Self::Binding(Scope::Named(_), part) => Self::Binding(Scope::Named(name), *part),
            Self::KindBinder(kind, Some(_)) => Self::KindBinder(kind.clone(), Some(name)),
            Self::KindBinding(kind, Scope::Named(_), part) => {
                Self::KindBinding(kind.clone(), Scope::Named(name), *part)
            }
            Self::Connection(kind, Some(_)) => Self::Connection(kind.clone(), Some(name)),
            other => other.clone(),
        }
    }
}

/// Whether a property's name is what these segments say.
pub(crate) fn name_is(def: &PropertyDef, segments: &[Segment]) -> bool {
    let mut parts = def.name.split('.');
    segments.iter().all(|segment| {
        parts
            .next()
            .is_some_and(|part| relaxed(part) == segment.canonical)
    }) && parts.next().is_none()
}

/// How many segments a property's name takes of these, if they begin with it.
pub(crate) fn name_leads(def: &PropertyDef, segments: &[Segment]) -> Option<usize> {
    let parts: Vec<&str> = def.name.split('.').collect();
    let leads = parts.len() <= segments.len()
        && parts
            .iter()
            .zip(segments)
            .all(|(part, segment)| relaxed(part) == segment.canonical);
    leads.then_some(parts.len())
}

/// Whether a property's name goes on after these segments.
pub(crate) fn name_continues(def: &PropertyDef, segments: &[Segment]) -> bool {
    let parts: Vec<&str> = def.name.split('.').collect();
    segments.len() < parts.len()
        && parts
            .iter()
            .zip(segments)
            .all(|(part, segment)| relaxed(part) == segment.canonical)
}
