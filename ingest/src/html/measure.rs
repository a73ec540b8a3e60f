//! How much there is inside each element, counted once for the whole page.

use std::collections::HashMap;

use ego_tree::NodeId;
use ego_tree::iter::Edge;
use scraper::{Html, Node};

use crate::error::ParseError;
use crate::limits::Limits;

/// Elements may nest this many times deeper than `Limits::max_nesting`: generated pages wrap everything.
const ELEMENTS_PER_NESTING: usize = 64;
/// Their text is not seen.
const UNSEEN: &[&str] = &["script", "style", "noscript", "template", "head"];

/// What an element holds, all that is inside it included.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measure {
    /// Characters of text that are not white space.
    pub(super) chars: usize,
    /// Those of them that stand in links.
    pub(super) linked_chars: usize,
    pub(super) links: usize,
    pub(super) headings: usize,
    pub(super) tables: usize,
    pub(super) rows: usize,
    pub(super) cells: usize,
    /// Header cells, captions and table heads: what only a table of data has.
    pub(super) header_cells: usize,
}

#[derive(Debug)]
pub(super) struct Measures(HashMap<NodeId, Measure>);

impl Measure {
    fn add(&mut self, inner: Self) {
        self.chars += inner.chars;
        self.linked_chars += inner.linked_chars;
        self.links += inner.links;
        self.headings += inner.headings;
        self.tables += inner.tables;
        self.rows += inner.rows;
        self.cells += inner.cells;
        self.header_cells += inner.header_cells;
    }

    /// Counts the element itself.
    fn count(&mut self, name: &str) {
        match name {
            "a" => {
                self.links += 1;
                self.linked_chars = self.chars;
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.headings += 1,
            "table" => self.tables += 1,
            "tr" => self.rows += 1,
            "td" => self.cells += 1,
            "th" | "caption" | "thead" => self.header_cells += 1,
            _ if UNSEEN.contains(&name) => *self = Self::default(),
            _ => {}
        }
    }

    /// Share of the text that stands in links, 0 to 1.
    pub(super) fn link_share(&self) -> f32 {
        self.linked_chars as f32 / self.chars.max(1) as f32
    }
}

impl Measures {
    pub(super) fn of(html: &Html, limits: &Limits) -> Result<Self, ParseError> {
        let max_depth = limits.max_nesting as usize * ELEMENTS_PER_NESTING;
        let mut measures = HashMap::new();
        // One for each open node, and one for the whole.
        let mut open = vec![Measure::default()];
        for edge in html.tree.root().traverse() {
            match edge {
                Edge::Open(node) => {
                    if open.len() > max_depth {
                        return Err(ParseError::limit("nested elements", max_depth as u64));
                    }
                    let mut measure = Measure::default();
                    if let Node::Text(text) = node.value() {
                        measure.chars = text.chars().filter(|character| !character.is_whitespace()).count();
                    }
                    open.push(measure);
                }
                Edge::Close(node) => {
                    let Some(mut measure) = open.pop() else { continue };
                    if let Node::Element(element) = node.value() {
                        measure.count(element.name());
                        measures.insert(node.id(), measure);
                    }
                    if let Some(outer) = open.last_mut() {
                        outer.add(measure);
                    }
                }
            }
        }
        Ok(Self(measures))
    }

    pub(super) fn get(&self, id: NodeId) -> Measure {
        self.0.get(&id).copied().unwrap_or_default()
    }
}
