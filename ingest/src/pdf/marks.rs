//! Marked content: which glyphs are decoration, hidden, or stand for another text.

use std::collections::HashSet;

use lopdf::{Dictionary, Document, Object, ObjectId};

use super::font;
use super::glyphs::PageGlyphs;
use super::lexer::Operand;
use super::lookup;

/// Deeper marks are counted, not kept.
const MAX_OPEN: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Marks {
    open: Vec<Mark>,
    beyond: u64,
}

#[derive(Debug, Default)]
struct Mark {
    is_artifact: bool,
    is_hidden: bool,
    /// The text, and the first glyph that it stands for.
    actual_text: Option<(String, usize)>,
}

impl Marks {
    pub(super) fn is_artifact(&self) -> bool {
        self.open.iter().any(|mark| mark.is_artifact)
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.open.iter().any(|mark| mark.is_hidden)
    }

    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn begin(
        &mut self,
        document: &Document,
        operands: &[Operand],
        resources: Option<&Dictionary>,
        layers: &Layers,
        glyphs: &PageGlyphs,
    ) {
        if self.open.len() >= MAX_OPEN {
            self.beyond += 1;
            return;
        }
        let tag = operands.first().and_then(Operand::name);
        let mut mark = Mark::default();
        let actual_text = match operands.get(1) {
            Some(Operand::Dictionary(entries)) => {
                let entry = |wanted: &[u8]| {
                    let (_, value) = entries.iter().find(|(key, _)| key == wanted)?;
                    Some(value)
                };
                // Forms mark their labels as artifacts too: only headers and footers are meant.
                mark.is_artifact =
                    tag == Some(b"Artifact") && entry(b"Type").and_then(Operand::name) == Some(b"Pagination");
                entry(b"ActualText").and_then(Operand::string).map(lookup::text)
            }
            Some(Operand::Name(name)) => {
                let properties = resources.and_then(|resources| lookup::dictionary(document, resources, b"Properties"));
                if tag == Some(b"OC")
                    && let Some(object) = properties.and_then(|properties| properties.get(name).ok())
                {
                    mark.is_hidden = layers.hides(document, object);
                }
                properties
                    .and_then(|properties| lookup::dictionary(document, properties, name))
                    .and_then(|properties| lookup::value(document, properties, b"ActualText"))
                    .and_then(|text| text.as_str().ok())
                    .map(lookup::text)
            }
            _ => None,
        };
        // Control characters stand for nothing: then the glyphs say more.
        mark.actual_text = actual_text.and_then(|text| {
            let cleaned = font::clean(&text, false);
            let says_something = text.is_empty() || !cleaned.is_empty();
            says_something.then_some((cleaned, glyphs.glyphs.len()))
        });
        self.open.push(mark);
    }

    pub(super) fn end(&mut self, glyphs: &mut PageGlyphs) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        if let Some(Mark { actual_text: Some((text, first)), .. }) = self.open.pop()
            && first < glyphs.glyphs.len()
        {
            glyphs.replace_text(first, &text);
        }
    }

    /// A form may leave marks open: they end with it.
    pub(super) fn end_down_to(&mut self, depth: usize, glyphs: &mut PageGlyphs) {
        self.beyond = 0;
        while self.open.len() > depth {
            self.end(glyphs);
        }
    }
}

/// Optional content: the layers that are off when the document is opened.
#[derive(Debug, Default)]
pub(super) struct Layers {
    off: HashSet<ObjectId>,
}

impl Layers {
    pub(super) fn read(document: &Document) -> Self {
        let properties =
            document.catalog().ok().and_then(|catalog| lookup::dictionary(document, catalog, b"OCProperties"));
        let Some(properties) = properties else {
            return Self::default();
        };
        let Some(default) = lookup::dictionary(document, properties, b"D") else {
            return Self::default();
        };
        let ids = |parent: &Dictionary, key: &[u8]| -> HashSet<ObjectId> {
            lookup::array(document, parent, key)
                .unwrap_or_default()
                .iter()
                .filter_map(|object| object.as_reference().ok())
                .collect()
        };
        let mut off = ids(default, b"OFF");
        if lookup::name(document, default, b"BaseState") == Some(b"OFF") {
            off.extend(ids(properties, b"OCGs"));
            let on = ids(default, b"ON");
            off.retain(|id| !on.contains(id));
        }
        Self { off }
    }

    /// `object` is a group, or a set of groups that shows when one of them is on.
    pub(super) fn hides(&self, document: &Document, object: &Object) -> bool {
        if self.off.is_empty() {
            return false;
        }
        if let Ok(id) = object.as_reference()
            && self.off.contains(&id)
        {
            return true;
        }
        let Some(members) = lookup::resolve(document, object).and_then(lookup::as_dictionary) else {
            return false;
        };
        match members.get(b"OCGs") {
            Ok(Object::Array(groups)) => {
                !groups.is_empty()
                    && groups.iter().all(|group| group.as_reference().is_ok_and(|id| self.off.contains(&id)))
            }
            Ok(Object::Reference(id)) => self.off.contains(id),
            _ => false,
        }
    }
}
