//! What the styles of paragraphs mean: by their own names and by those they derive from, which programs keep in
//! English (`Heading_20_1`, `Title`).

use std::collections::HashMap;

use quick_xml::events::BytesStart;

use crate::document::BlockKind;
use crate::xml::{Visitor, attribute};

/// Longest chain of styles that derive from one another; longer ones are circles.
const MAX_CHAIN: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Styles {
    /// Parents and outline levels by name.
    styles: HashMap<String, (Option<String>, Option<u8>)>,
}

/// What a paragraph of a style is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Title,
    Block(BlockKind),
}

impl Styles {
    pub(super) fn role(&self, name: &str) -> Option<Role> {
        let next = |name: &&str| self.styles.get(*name).and_then(|(parent, _)| parent.as_deref());
        std::iter::successors(Some(name), next).take(MAX_CHAIN).find_map(|name| {
            let level = self.styles.get(name).and_then(|(_, level)| *level).filter(|level| *level > 0);
            level.map(|level| Role::Block(BlockKind::Heading { level })).or_else(|| role_of(name))
        })
    }
}

fn role_of(name: &str) -> Option<Role> {
    let name = name.replace("_20_", " ").to_lowercase();
    if let Some(level) = name.strip_prefix("heading ").and_then(|level| level.parse().ok()) {
        return Some(Role::Block(BlockKind::Heading { level }));
    }
    Some(match name.as_str() {
        "title" => Role::Title,
        "quotations" => Role::Block(BlockKind::Quote),
        "preformatted text" | "source text" => Role::Block(BlockKind::Code),
        "caption" | "illustration" | "table" | "figure" | "drawing" | "text" => Role::Block(BlockKind::Caption),
        _ => return None,
    })
}

impl Visitor for Styles {
    fn start(&mut self, element: &BytesStart<'_>) {
        if element.local_name().as_ref() != "style" {
            return;
        }
        if let Some(name) = attribute(element, "name") {
            let level = attribute(element, "default-outline-level").and_then(|level| level.parse().ok());
            self.styles.insert(name, (attribute(element, "parent-style-name"), level));
        }
    }

    fn end(&mut self, _name: &str) {}
}
