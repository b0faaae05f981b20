//! YAML to properties, with the place of every key and value.
//!
//! Anchors, aliases and merge keys work, within budgets: a document that would expand without bound is refused.

mod flatten;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::property::Property;
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
            Ok(Some(node)) => documents.push(flatten::flatten(&file, &node, problems)),
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
