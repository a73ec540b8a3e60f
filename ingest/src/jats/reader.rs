//! Elements of an article → blocks, and what the article says about itself.

use quick_xml::events::BytesStart;

use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, Metadata};
use crate::dublin_core::{doi, year};
use crate::tables::OpenTable;
use crate::text::one_line;
use crate::xml::{Visitor, attribute};

/// Parts of a reference between which a comma stands; parts of a name follow one another.
const REFERENCE_PARTS: &[&str] = &[
    "name",
    "string-name",
    "collab",
    "etal",
    "article-title",
    "chapter-title",
    "source",
    "year",
    "volume",
    "issue",
    "lpage",
    "publisher-name",
    "publisher-loc",
    "edition",
    "comment",
    "elocation-id",
    "pub-id",
    "part-title",
];
/// Elements that begin and end a paragraph of their own.
const BREAKS: &[&str] =
    &["p", "sec", "list", "table-wrap", "fig", "disp-quote", "disp-formula", "ref-list", "app", "ack"];

pub(super) struct Reader<'a> {
    builder: &'a mut BlockBuilder,
    open: Vec<String>,
    text: String,
    /// The label of a section, an item, a figure, until its text comes.
    label: String,
    section_level: u8,
    tables: Vec<OpenTable>,
    title: Option<String>,
    metadata: Metadata,
    /// Authors that stand in a block already.
    shown_authors: usize,
    /// Parts of the open author's name.
    surname: String,
    given_names: String,
    is_author: bool,
    is_doi: bool,
    /// Where the text of the open formula in TeX begins.
    formula_start: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(builder: &'a mut BlockBuilder) -> Self {
        Self {
            builder,
            open: Vec::new(),
            text: String::new(),
            label: String::new(),
            // The title of the article is the outermost heading.
            section_level: 1,
            tables: Vec::new(),
            title: None,
            metadata: Metadata::default(),
            shown_authors: 0,
            surname: String::new(),
            given_names: String::new(),
            is_author: false,
            is_doi: false,
            formula_start: 0,
        }
    }

    pub(super) fn finish(mut self) -> (Option<String>, Metadata) {
        self.end_block();
        (self.title, self.metadata)
    }

    fn is_in(&self, name: &str) -> bool {
        self.open.iter().any(|open| open == name)
    }

    fn take(&mut self) -> String {
        one_line(&std::mem::take(&mut self.text))
    }

    /// What the open elements make of a piece of text.
    fn end_block(&mut self) {
        let text = self.take();
        if text.is_empty() {
            return;
        }
        if let Some(table) = self.tables.last_mut() {
            return table.add(&text);
        }
        let kind = if self.is_in("list-item") || self.is_in("ref") || self.is_in("def-item") {
            BlockKind::ListItem
        } else if self.is_in("caption") {
            BlockKind::Caption
        } else if self.is_in("disp-quote") {
            BlockKind::Quote
        } else if self.is_in("code") || self.is_in("preformat") {
            BlockKind::Code
        } else {
            BlockKind::Paragraph
        };
        let label = std::mem::take(&mut self.label);
        let text = if label.is_empty() { text } else { format!("{label} {text}") };
        self.builder.push(kind, &text);
    }

    /// A title of a section, a figure, a list of references.
    fn end_title(&mut self) {
        if self.is_in("caption") || self.is_in("list") {
            return self.end_block();
        }
        let text = self.take();
        // The heading of an abstract stands there already.
        if self.open.last().is_some_and(|open| open == "abstract") && text.eq_ignore_ascii_case("abstract") {
            return;
        }
        let label = std::mem::take(&mut self.label);
        let of_abstract = self.open.last().is_some_and(|open| open == "abstract");
        let level = if of_abstract { 2 } else { self.section_level.max(2) };
        self.builder.push(BlockKind::Heading { level }, format!("{label} {text}").trim());
    }

    fn end_label(&mut self) {
        let label = self.take();
        // A footnote's mark alone says nothing, and in a cell it would stand for text.
        if self.tables.is_empty() && !label.is_empty() {
            self.label = label;
        }
    }

    /// A formula in TeX comes with the frame of a document around it, and often beside the same in `MathML`.
    fn end_formula(&mut self) {
        let source = self.text.split_off(self.formula_start.min(self.text.len()));
        if !self.is_in("alternatives") {
            let inside = source.split_once("\\begin{document}").map_or(source.as_str(), |(_, inside)| inside);
            self.text.push_str(inside.split("\\end{document}").next().unwrap_or_default());
        }
    }

    /// Elements that describe the article; whether this was one.
    fn end_of_front(&mut self, name: &str) -> bool {
        match name {
            "article-title" => {
                let title = self.take();
                self.builder.push(BlockKind::Heading { level: 1 }, &title);
                self.title.get_or_insert(title);
            }
            "surname" => self.surname = self.take(),
            "given-names" => self.given_names = self.take(),
            "collab" | "string-name" if self.is_author && self.surname.is_empty() => self.surname = self.take(),
            "contrib" => {
                let name = format!("{} {}", std::mem::take(&mut self.given_names), std::mem::take(&mut self.surname));
                if self.is_author {
                    self.metadata.add_authors(&name);
                }
                self.text.clear();
            }
            "contrib-group" => {
                let authors = self.metadata.authors[self.shown_authors..].join(", ");
                self.shown_authors = self.metadata.authors.len();
                self.builder.push(BlockKind::Paragraph, &authors);
            }
            "article-id" => {
                let id = self.take();
                if self.is_doi {
                    self.metadata.doi = self.metadata.doi.take().or_else(|| doi(&id));
                }
            }
            "year" => {
                let found = year(&self.take());
                self.metadata.year = self.metadata.year.or(found);
            }
            "kwd-group" => {
                let keywords = self.take();
                self.builder.push(BlockKind::Paragraph, keywords.trim_end_matches(','));
            }
            "kwd" => self.text.push_str(", "),
            "day" | "month" | "season" | "fpage" | "lpage" | "xref" | "degrees" | "role" | "email" | "alt-title"
            | "trans-title" | "article-meta" | "trans-subtitle" | "contrib-id" => self.text.clear(),
            _ => return false,
        }
        true
    }
}

impl Visitor for Reader<'_> {
    fn start(&mut self, element: &BytesStart<'_>) {
        let name = element.local_name().as_ref().to_owned();
        let in_cell = !self.tables.is_empty();
        match name.as_str() {
            _ if in_cell && BREAKS.contains(&name.as_str()) => self.text.push(' '),
            name if BREAKS.contains(&name) || matches!(name, "title" | "label" | "caption" | "ref" | "list-item") => {
                self.end_block();
            }
            _ => {}
        }
        match name.as_str() {
            "article" => self.metadata.language = attribute(element, "lang"),
            "sec" | "ref-list" | "app" | "ack" | "glossary" => {
                self.section_level = self.section_level.saturating_add(1);
            }
            "abstract" => {
                self.text.clear();
                // Others than the main one have titles of their own.
                if attribute(element, "abstract-type").is_none() {
                    self.builder.push(BlockKind::Heading { level: 2 }, "Abstract");
                }
                self.section_level = self.section_level.saturating_add(1);
            }
            "contrib" => {
                let kind = attribute(element, "contrib-type");
                self.is_author = kind.is_none_or(|kind| kind == "author");
                self.text.clear();
            }
            "article-id" => self.is_doi = attribute(element, "pub-id-type").is_some_and(|kind| kind == "doi"),
            "table" => {
                self.end_block();
                self.tables.push(OpenTable::default());
            }
            "break" => self.text.push(' '),
            "tex-math" => self.formula_start = self.text.len(),
            _ => {}
        }
        self.open.push(name);
    }

    fn end(&mut self, name: &str) {
        self.open.pop();
        if name == "tex-math" {
            return self.end_formula();
        }
        let in_article_front = self.is_in("front") && !self.is_in("abstract") && !self.is_in("trans-abstract");
        let in_title = self.is_in("article-title");
        if in_title || (in_article_front && self.end_of_front(name)) {
            return;
        }
        if name != "ref" && self.is_in("ref") {
            if REFERENCE_PARTS.contains(&name) && !self.is_in("mixed-citation") {
                let trimmed = self.text.trim_end().len();
                self.text.truncate(trimmed);
                self.text.push_str(", ");
            } else if name == "label" {
                self.end_label();
            } else if !self.is_in("mixed-citation") {
                self.text.push(' ');
            }
            return;
        }
        match (name, self.tables.is_empty()) {
            ("td" | "th", false) => {
                self.end_block();
                self.tables.iter_mut().rev().take(1).for_each(OpenTable::end_cell);
            }
            ("tr", false) => self.tables.iter_mut().rev().take(1).for_each(OpenTable::end_row),
            ("table", false) => {
                let Some(table) = self.tables.pop() else { return };
                match self.tables.last_mut() {
                    Some(outer) => outer.add(&table.in_cell()),
                    None => self.builder.push(BlockKind::Table, &table.text()),
                }
            }
            (_, false) => self.text.push_str(if BREAKS.contains(&name) { " " } else { "" }),
            ("title", true) => self.end_title(),
            ("label", true) => self.end_label(),
            ("ref", true) => {
                let trimmed = self.text.trim_end_matches([',', ' ']).len();
                self.text.truncate(trimmed);
                self.open.push("ref".to_owned());
                self.end_block();
                self.open.pop();
            }
            ("term", true) => self.text.push_str(": "),
            (name, true)
                if BREAKS.contains(&name)
                    || matches!(name, "caption" | "list-item" | "def-item" | "code" | "preformat") =>
            {
                // The block belongs to what has just ended.
                self.open.push(name.to_owned());
                self.end_block();
                self.open.pop();
            }
            _ => {}
        }
        if matches!(name, "sec" | "ref-list" | "app" | "ack" | "glossary" | "abstract") {
            self.section_level = self.section_level.saturating_sub(1);
        }
    }

    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }
}
