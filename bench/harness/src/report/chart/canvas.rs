//! A page that grows downwards, and the marks that charts are made of.

use svg::Document;
use svg::node::Text as Words;
use svg::node::element::{Circle, Line, Rectangle, Style, Text, Title};

use crate::stats::Program;

/// How wide the page is.
const WIDTH: f64 = 760.0;
/// Where labels end and the plot begins.
pub(super) const LEFT: f64 = 235.0;
/// Where the plot ends; figures stand behind it.
pub(super) const RIGHT: f64 = 660.0;
/// Where text begins.
const MARGIN: f64 = 20.0;

const STYLE: &str = "\
text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328; }
.heading { font-size: 15px; font-weight: 600; }
.quiet { fill: #59636e; }
.page { fill: #ffffff; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.base { stroke: #59636e; stroke-width: 1; }
.limit { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 5 4; }
.other { fill: #afb8c1; }
.peer { fill: #d8c3ea; }
.own { fill: #54aeff; }
.link { stroke: #6e7781; stroke-width: 2; }
.dot { fill: #1f2328; stroke: #ffffff; stroke-width: 1; }
.ring { fill: #ffffff; stroke: #1f2328; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.quiet { fill: #9198a1; }
.page { fill: #0d1117; }
.grid { stroke: #2a313c; }
.base { stroke: #9198a1; }
.limit { stroke: #f0883e; }
.other { fill: #57606a; }
.peer { fill: #6e5494; }
.own { fill: #1f6feb; }
.link { stroke: #9198a1; }
.dot { fill: #f0f6fc; stroke: #0d1117; }
.ring { fill: #0d1117; stroke: #f0f6fc; }
}
";

/// Where a text stands from its position.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// A page.
#[derive(Debug)]
pub(super) struct Canvas {
    document: Document,
    /// How far the page is filled.
    pub(super) bottom: f64,
}

impl Canvas {
    pub(super) fn new() -> Self {
        Self {
            document: Document::new(),
            bottom: MARGIN,
        }
    }

    /// A line of text over a chart; what follows stands below it.
    pub(super) fn heading(&mut self, text: &str) {
        self.text("heading", MARGIN, self.bottom + 12.0, Anchor::Start, text);
        self.bottom += 24.0;
    }

    /// A quiet line of text.
    pub(super) fn subheading(&mut self, text: &str) {
        self.text("quiet", MARGIN, self.bottom + 10.0, Anchor::Start, text);
        self.bottom += 24.0;
    }

    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let mut node = Text::new("").set("x", place(x)).set("y", place(y));
        node = node.set("text-anchor", anchor).add(Words::new(text));
        if !class.is_empty() {
            node = node.set("class", class);
        }
        self.add(node);
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.add(
            Line::new()
                .set("class", class)
                .set("x1", place(from.0))
                .set("y1", place(from.1))
                .set("x2", place(to.0))
                .set("y2", place(to.1)),
        );
    }

    pub(super) fn bar(&mut self, class: &str, y: f64, until: f64, height: f64) {
        self.add(
            Rectangle::new()
                .set("class", class)
                .set("x", place(LEFT))
                .set("y", place(y))
                .set("width", place(until - LEFT))
                .set("height", place(height)),
        );
    }

    /// A round mark; whoever points at it is told what it is.
    pub(super) fn mark(&mut self, class: &str, x: f64, y: f64, radius: f64, told: &str) {
        let circle = Circle::new()
            .set("class", class)
            .set("cx", place(x))
            .set("cy", place(y))
            .set("r", place(radius));
        self.add(circle.add(Title::new(told)));
    }

    /// The page as text; `told` is what somebody hears who can't see it.
    pub(super) fn finish(self, told: &str) -> String {
        let height = place(self.bottom + MARGIN / 2.0);
        let width = place(WIDTH);
        let page = Rectangle::new()
            .set("class", "page")
            .set("width", "100%")
            .set("height", "100%");
        let mut document = Document::new()
            .set("viewBox", format!("0 0 {width} {height}"))
            .set("width", width)
            .set("height", height)
            .set("role", "img")
            .add(Title::new(told))
            .add(Style::new(STYLE))
            .add(page);
        for child in self.document.get_children().iter() {
            document = document.add(child.clone());
        }
        format!("{document}\n")
    }

    fn add(&mut self, node: impl svg::Node) {
        svg::Node::append(&mut self.document, node);
    }
}

/// The colour of a program.
pub(super) fn class(program: Program) -> &'static str {
    match program {
        Program::Bindery => "own",
        program if program.is_peer() => "peer",
        _ => "other",
    }
}

/// A tenth of a unit is more than anybody sees.
fn place(position: f64) -> f64 {
    (position * 10.0).round() / 10.0
}
