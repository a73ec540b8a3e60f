//! Where the package of a book lies, and which files it lists in which order.

use std::collections::HashMap;

use quick_xml::events::BytesStart;

use crate::xml::{Visitor, attribute};

/// `META-INF/container.xml`.
#[derive(Default)]
pub(super) struct Container {
    /// The first package that it names.
    pub(super) path: Option<String>,
}

impl Visitor for Container {
    fn start(&mut self, element: &BytesStart<'_>) {
        if self.path.is_none() && element.local_name().as_ref() == "rootfile" {
            self.path = attribute(element, "full-path");
        }
    }

    fn end(&mut self, _name: &str) {}
}

/// The package document: its manifest and its spine.
#[derive(Default)]
pub(super) struct Publication {
    /// References by identifier; none for what repeats the headings of the book.
    manifest: HashMap<String, Option<String>>,
    spine: Vec<String>,
}

impl Publication {
    /// References to the chapters, in order, each once.
    pub(super) fn chapters(&self) -> Vec<&str> {
        let mut chapters: Vec<&str> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for id in &self.spine {
            let reference = self.manifest.get(id).and_then(Option::as_deref);
            chapters.extend(reference.filter(|reference| seen.insert(*reference)));
        }
        chapters
    }
}

impl Visitor for Publication {
    fn start(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "item" => {
                let Some(id) = attribute(element, "id") else { return };
                let is_page = attribute(element, "media-type").is_none_or(|kind| kind.contains("html"));
                let is_contents = attribute(element, "properties")
                    .is_some_and(|properties| properties.split_whitespace().any(|property| property == "nav"));
                let reference = attribute(element, "href").filter(|_| is_page && !is_contents);
                self.manifest.insert(id, reference);
            }
            "itemref" => self.spine.extend(attribute(element, "idref")),
            _ => {}
        }
    }

    fn end(&mut self, _name: &str) {}
}
