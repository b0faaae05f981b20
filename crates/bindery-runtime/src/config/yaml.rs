//! YAML to properties, with the place of every key and value.
//!
//! Anchors, aliases and merge keys work, within budgets: a document that would expand without bound is refused.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::key::Key;
use super::property::{Given, Property, fold_lists};
use super::{Origin, Problem};

/// The largest text, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The deepest nesting, aliases expanded.
const MAX_DEPTH: usize = 48;
/// The most values of one text, aliases expanded.
const MAX_NODES: usize = 50_000;

/// One document of a YAML text.
pub(crate) struct Document {
    pub(crate) properties: Vec<Property>,
}

/// Reads the documents of a text. What is wrong is added to `problems`; what can be read is still given.
pub(crate) fn parse(file: &str, text: &str, problems: &mut Vec<Problem>) -> Vec<Document> {
    let file: Arc<str> = file.into();
    let whole = |line, column| Origin::File {
        file: file.clone(),
        line,
        column,
    };
    if text.len() > MAX_BYTES {
        problems.push(Problem::new(
            whole(1, 1),
            "",
            format!("the text has {} bytes; at most {MAX_BYTES} are read", text.len()),
        ));
        return Vec::new();
    }
    let mut reader = Reader {
        parser: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        anchors: HashMap::new(),
        nodes: 0,
        path: Vec::new(),
        duplicates: Vec::new(),
    };
    let mut documents = Vec::new();
    let failure = loop {
        match reader.document() {
            Ok(Some(node)) => documents.push(flatten(&file, &node, problems)),
            Ok(None) => break None,
            Err(failure) => break Some(failure),
        }
    };
    for (name, at, first) in reader.duplicates {
        problems.push(Problem::new(
            whole(at.line, at.column),
            name,
            format!("given twice in one place; first on line {}", first.line),
        ));
    }
    if let Some(Failure { at, message }) = failure {
        problems.push(Problem::new(whole(at.line, at.column), "", message));
    }
    documents
}

#[derive(Clone, Copy)]
struct At {
    line: usize,
    column: usize,
}

struct Failure {
    at: At,
    message: String,
}

struct Node {
    kind: Kind,
    at: At,
    depth: usize,
    size: usize,
}

enum Kind {
    Scalar { text: String, plain: bool },
    List(Vec<Rc<Node>>),
    Map(Vec<(String, At, Rc<Node>)>),
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    anchors: HashMap<usize, Rc<Node>>,
    nodes: usize,
    /// The names of the maps that are being read.
    path: Vec<String>,
    duplicates: Vec<(String, At, At)>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, At), Failure> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, at(&span))),
            Some(Err(error)) => Err(Failure {
                at: At {
                    line: error.marker().line(),
                    column: error.marker().col() + 1,
                },
                message: format!("no valid YAML: {}", error.info()),
            }),
            None => Ok((Event::StreamEnd, At { line: 1, column: 1 })),
        }
    }

    /// The next document; `None` at the end.
    fn document(&mut self) -> Result<Option<Rc<Node>>, Failure> {
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(None),
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                other => return self.node(other, at, 0).map(Some),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, at: At, depth: usize) -> Result<Rc<Node>, Failure> {
        if depth > MAX_DEPTH {
            return fail(at, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let (anchor, kind) = match event {
            Event::Alias(id) => return self.alias(id, at, depth),
            Event::Scalar(text, style, anchor, _) => (
                anchor,
                Kind::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                },
            ),
            Event::SequenceStart(anchor, _) => (anchor, self.list(depth)?),
            Event::MappingStart(anchor, _) => (anchor, self.map(depth)?),
            _ => return fail(at, "no valid YAML: a value is missing".to_owned()),
        };
        self.count(1, at)?;
        let children: Box<dyn Iterator<Item = &Rc<Node>>> = match &kind {
            Kind::Scalar { .. } => Box::new(std::iter::empty()),
            Kind::List(items) => Box::new(items.iter()),
            Kind::Map(entries) => Box::new(entries.iter().map(|(_, _, value)| value)),
        };
        let (below, size) = children.fold((0, 1), |(deepest, size), child| {
            (deepest.max(child.depth + 1), size + child.size)
        });
        let node = Rc::new(Node {
            kind,
            at,
            depth: below,
            size,
        });
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, at: At, depth: usize) -> Result<Rc<Node>, Failure> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            return fail(at, "an alias names a value that isn't complete".to_owned());
        };
        if depth + node.depth > MAX_DEPTH {
            return fail(
                at,
                format!("nested deeper than {MAX_DEPTH} levels through aliases"),
            );
        }
        self.count(node.size, at)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, at: At) -> Result<(), Failure> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return fail(at, format!("more than {MAX_NODES} values, aliases expanded"));
        }
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Failure> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Kind::List(items));
            }
            items.push(self.node(event, at, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Kind, Failure> {
        let mut entries: Vec<(String, At, Rc<Node>)> = Vec::new();
        let mut seen: HashMap<String, At> = HashMap::new();
        loop {
            let (event, at) = self.next()?;
            let name = match event {
                Event::MappingEnd => return Ok(Kind::Map(entries)),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return fail(at, "a list or map can't be a key".to_owned()),
            };
            let (event, value_at) = self.next()?;
            self.path.push(name.clone());
            let value = self.node(event, value_at, depth + 1)?;
            let path = self.path.join(".");
            self.path.pop();
            match seen.get(&name) {
                Some(first) if name != "<<" => self.duplicates.push((path, at, *first)),
                _ => {
                    seen.insert(name.clone(), at);
                    entries.push((name, at, value));
                }
            }
        }
    }
}

fn at(span: &Span) -> At {
    At {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn fail<T>(at: At, message: String) -> Result<T, Failure> {
    Err(Failure { at, message })
}

fn flatten(file: &Arc<str>, root: &Node, problems: &mut Vec<Problem>) -> Document {
    let mut flattener = Flattener {
        file: file.clone(),
        properties: Vec::new(),
        places: Vec::new(),
        problems,
    };
    match &root.kind {
        Kind::Map(entries) => flattener.entries(&Key::default(), entries),
        Kind::Scalar { text, plain: true } if is_null(text) => {}
        _ => {
            let origin = flattener.origin(root.at);
            flattener.problems.push(Problem::new(
                origin,
                "",
                "a configuration document is a map of keys and values",
            ));
        }
    }
    let Flattener { properties, .. } = flattener;
    Document {
        properties: without_duplicates(fold_lists(properties), problems),
    }
}

struct Flattener<'p> {
    file: Arc<str>,
    properties: Vec<Property>,
    /// The places of the key that is being read, segment by segment.
    places: Vec<Origin>,
    problems: &'p mut Vec<Problem>,
}

impl Flattener<'_> {
    fn origin(&self, at: At) -> Origin {
        Origin::File {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
        }
    }

    fn entries(&mut self, prefix: &Key, entries: &[(String, At, Rc<Node>)]) {
        for (name, at, value) in entries {
            if name == "<<" {
                continue;
            }
            match Key::parse(name) {
                Ok(key) => {
                    let known = self.places.len();
                    let origin = self.origin(*at);
                    self.places.resize(known + key.0.len(), origin);
                    self.value(&prefix.join(&key), value);
                    self.places.truncate(known);
                }
                Err(message) => {
                    let origin = self.origin(*at);
                    self.problems.push(Problem::new(origin, prefix, message));
                }
            }
        }
        for (_, at, value) in entries.iter().filter(|(name, ..)| name == "<<") {
            self.merge(prefix, entries, *at, value);
        }
    }

    /// A merge key: the entries of the named maps that aren't given beside it.
    fn merge(&mut self, prefix: &Key, own: &[(String, At, Rc<Node>)], at: At, value: &Node) {
        match &value.kind {
            Kind::Map(entries) => {
                let new: Vec<_> = entries
                    .iter()
                    .filter(|(name, ..)| own.iter().all(|(known, ..)| known != name || name == "<<"))
                    .cloned()
                    .collect();
                self.entries(prefix, &new);
            }
            Kind::List(maps) => maps.iter().for_each(|map| self.merge(prefix, own, at, map)),
            Kind::Scalar { .. } => {
                let origin = self.origin(at);
                self.problems
                    .push(Problem::new(origin, prefix, "a merge key takes a map"));
            }
        }
    }

    fn value(&mut self, key: &Key, node: &Node) {
        let value = match &node.kind {
            Kind::Scalar { text, plain: true } if is_null(text) => Given::Null,
            Kind::Scalar { text, plain } => Given::Scalar {
                text: text.clone(),
                plain: *plain,
            },
            Kind::Map(entries) if entries.is_empty() => Given::Null,
            Kind::Map(entries) => return self.entries(key, entries),
            Kind::List(items) => match self.texts(items) {
                Some(texts) => Given::List(texts),
                None => {
                    for (index, item) in items.iter().enumerate() {
                        self.places.push(self.origin(item.at));
                        self.value(&key.item(index), item);
                        self.places.pop();
                    }
                    return;
                }
            },
        };
        let value_at = self.origin(node.at);
        self.properties.push(Property {
            key: key.clone(),
            value,
            places: self.places.clone(),
            value_at,
            literal: false,
        });
    }

    /// The items of a list that holds nothing but texts.
    fn texts(&self, items: &[Rc<Node>]) -> Option<Vec<(String, Origin)>> {
        items
            .iter()
            .map(|item| match &item.kind {
                Kind::Scalar { text, .. } => Some((text.clone(), self.origin(item.at))),
                _ => None,
            })
            .collect()
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reports keys that are given twice under different spellings; the first one counts.
fn without_duplicates(properties: Vec<Property>, problems: &mut Vec<Problem>) -> Vec<Property> {
    let mut first: HashMap<String, (Origin, String)> = HashMap::new();
    let mut kept = Vec::with_capacity(properties.len());
    for property in properties {
        let canonical = property.key.canonical();
        match first.get(&canonical) {
            Some((at, name)) if property.value != Given::Null => problems.push(Problem::new(
                property.key_at(),
                &property.key,
                format!("given twice; first as `{name}` at {at}"),
            )),
            Some(_) => {}
            None => {
                first.insert(canonical, (property.key_at(), property.key.to_string()));
                kept.push(property);
            }
        }
    }
    kept
}
