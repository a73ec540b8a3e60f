//! Footnotes and endnotes: their text by id, to stand after the paragraph that refers to them.

use std::collections::HashMap;

use quick_xml::events::BytesStart;

use super::walk::{Visitor, attribute, walk};
use crate::error::ParseError;
use crate::limits::Limits;

/// Text of the notes of one part, by id.
#[derive(Debug, Default)]
pub(super) struct Notes {
    texts: HashMap<String, String>,
    open: Option<(String, String)>,
    in_text: bool,
}

impl Notes {
    pub(super) fn read(xml: &str, limits: &Limits) -> Result<Self, ParseError> {
        let mut notes = Self::default();
        walk(xml, limits, &mut notes)?;
        Ok(notes)
    }

    /// Each note is given once.
    pub(super) fn take(&mut self, id: &str) -> Option<String> {
        self.texts.remove(id)
    }
}

impl Visitor for Notes {
    fn start(&mut self, element: &BytesStart<'_>) {
        match (element.local_name().as_ref(), &mut self.open) {
            ("footnote" | "endnote", open) => *open = attribute(element, "id").map(|id| (id, String::new())),
            ("t", _) => self.in_text = true,
            ("tab" | "br" | "cr" | "p", Some((_, text))) => text.push(' '),
            ("noBreakHyphen", Some((_, text))) => text.push('-'),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "footnote" | "endnote" => self.texts.extend(self.open.take()),
            "t" => self.in_text = false,
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let (true, Some((_, open))) = (self.in_text, &mut self.open) {
            open.push_str(text);
        }
    }
}
