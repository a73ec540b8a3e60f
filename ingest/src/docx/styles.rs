//! What paragraph styles mean: by outline level or by the style's name, which stays English in every
//! language of the program, directly or through the style it is based on.

use std::collections::HashMap;

use quick_xml::events::BytesStart;

use super::numbering::NumberingReference;
use super::walk::{Visitor, attribute, walk};
use crate::document::BlockKind;
use crate::error::ParseError;
use crate::limits::Limits;

/// Longest chain of styles that are based on one another; longer ones are circles.
const MAX_CHAIN: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Styles {
    styles: HashMap<String, Style>,
    open: Option<(String, Style)>,
}

#[derive(Debug, Default)]
struct Style {
    /// In lower case.
    name: String,
    based_on: Option<String>,
    outline_level: Option<u8>,
    numbering: NumberingReference,
}

/// What a paragraph of a style is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Title,
    /// A line of a table of contents, which repeats what stands elsewhere.
    Contents,
    Block(BlockKind),
}

impl Styles {
    pub(super) fn read(xml: &str, limits: &Limits) -> Result<Self, ParseError> {
        let mut styles = Self::default();
        walk(xml, limits, &mut styles)?;
        Ok(styles)
    }

    /// What a style says, or the nearest of those it is based on that says something.
    pub(super) fn role(&self, id: &str) -> Option<Role> {
        self.chain(id).find_map(Style::role)
    }

    /// The numbering that comes with a style.
    pub(super) fn numbering(&self, id: &str) -> NumberingReference {
        let mut found = NumberingReference::default();
        for style in self.chain(id) {
            found = found.or(&style.numbering);
        }
        found
    }

    fn chain<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Style> {
        let next = |style: &&'a Style| style.based_on.as_deref().and_then(|id| self.styles.get(id));
        std::iter::successors(self.styles.get(id), next).take(MAX_CHAIN)
    }
}

impl Style {
    fn role(&self) -> Option<Role> {
        if let Some(level) = self.outline_level {
            return Some(Role::Block(outline(level)));
        }
        if let Some(level) = self.name.strip_prefix("heading ").and_then(|level| level.parse().ok()) {
            return Some(Role::Block(BlockKind::Heading { level }));
        }
        match self.name.as_str() {
            "title" => Some(Role::Title),
            "caption" => Some(Role::Block(BlockKind::Caption)),
            "quote" | "intense quote" => Some(Role::Block(BlockKind::Quote)),
            "html preformatted" | "plain text" | "macro" => Some(Role::Block(BlockKind::Code)),
            name if name.starts_with("toc ") && name != "toc heading" => Some(Role::Contents),
            _ => None,
        }
    }
}

/// Outline levels count from 0; 9 is body text (ECMA-376, 17.3.1.20).
pub(super) fn outline(level: u8) -> BlockKind {
    if level < 9 { BlockKind::Heading { level: level + 1 } } else { BlockKind::Paragraph }
}

impl Visitor for Styles {
    fn start(&mut self, element: &BytesStart<'_>) {
        let value = || attribute(element, "val");
        match (element.local_name().as_ref(), &mut self.open) {
            ("style", open) => *open = attribute(element, "styleId").map(|id| (id, Style::default())),
            ("name", Some((_, style))) => style.name = value().unwrap_or_default().to_lowercase(),
            ("basedOn", Some((_, style))) => style.based_on = value(),
            ("outlineLvl", Some((_, style))) => style.outline_level = value().and_then(|level| level.parse().ok()),
            (name, Some((id, style))) => {
                style.numbering.take(name, element);
                style.numbering.style = Some(id.clone());
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if name == "style" {
            self.styles.extend(self.open.take());
        }
    }
}
