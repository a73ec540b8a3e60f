//! The body of a document: paragraphs and tables, in order.

use quick_xml::events::BytesStart;

use super::notes::Notes;
use super::numbering::{Numbering, NumberingReference};
use super::styles::{Role, Styles, outline};
use super::walk::{Visitor, attribute};
use crate::blocks::BlockBuilder;
use crate::document::BlockKind;
use crate::tables::OpenTable;
use crate::text::one_line;

/// What the other parts say about the body.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) styles: Styles,
    pub(super) numbering: Numbering,
    pub(super) footnotes: Notes,
    pub(super) endnotes: Notes,
}

/// Appends the blocks of the body to a builder while it is walked through.
pub(super) struct Body<'a> {
    parts: Parts,
    builder: &'a mut BlockBuilder,
    frame: Frame,
    /// What surrounds the open text boxes, outermost first.
    outer: Vec<Frame>,
    /// Inside `w:t`, the only element whose text counts.
    in_text: bool,
    in_properties: bool,
    /// Text of the first paragraph in the style for titles.
    title: Option<String>,
}

/// A flow of paragraphs: the body's own, or that of a text box, which stands inside a paragraph of another.
#[derive(Default)]
struct Frame {
    paragraph: Paragraph,
    /// Open tables, outermost first.
    tables: Vec<OpenTable>,
    /// Notes of the open paragraph, or of the open table.
    notes: Vec<String>,
}

#[derive(Default)]
struct Paragraph {
    text: String,
    style: Option<String>,
    outline: Option<BlockKind>,
    numbering: NumberingReference,
}

impl<'a> Body<'a> {
    pub(super) fn new(parts: Parts, builder: &'a mut BlockBuilder) -> Self {
        Self {
            parts,
            builder,
            frame: Frame::default(),
            outer: Vec::new(),
            in_text: false,
            in_properties: false,
            title: None,
        }
    }

    pub(super) fn title(self) -> Option<String> {
        self.title
    }

    fn property(&mut self, element: &BytesStart<'_>) {
        let paragraph = &mut self.frame.paragraph;
        match element.local_name().as_ref() {
            "pStyle" => paragraph.style = attribute(element, "val"),
            "outlineLvl" => {
                paragraph.outline = attribute(element, "val").and_then(|level| level.parse().ok()).map(outline);
            }
            name => paragraph.numbering.take(name, element),
        }
    }

    fn end_paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.frame.paragraph);
        let style = paragraph.style.as_deref();
        let of_style = style.map(|id| self.parts.styles.numbering(id)).unwrap_or_default();
        let numbering = paragraph.numbering.or(&of_style);
        let text = if numbering.is_list() && !paragraph.text.trim().is_empty() {
            format!("{} {}", self.parts.numbering.next_label(&numbering), paragraph.text)
        } else {
            paragraph.text
        };
        if let Some(table) = self.frame.tables.last_mut() {
            table.add(&text);
            return;
        }
        let role = paragraph.outline.map(Role::Block).or_else(|| style.and_then(|id| self.parts.styles.role(id)));
        let kind = match role {
            Some(Role::Contents) => return,
            Some(Role::Title) => {
                self.title.get_or_insert_with(|| one_line(&text));
                BlockKind::Heading { level: 1 }
            }
            Some(Role::Block(kind)) if kind != BlockKind::Paragraph => kind,
            _ if numbering.is_list() => BlockKind::ListItem,
            _ => BlockKind::Paragraph,
        };
        self.builder.push(kind, &text);
        self.end_notes();
    }

    /// A table inside a cell becomes part of that cell's text.
    fn end_table(&mut self) {
        let Some(table) = self.frame.tables.pop() else { return };
        if let Some(outer) = self.frame.tables.last_mut() {
            outer.add(&table.in_cell());
            return;
        }
        self.builder.push(BlockKind::Table, &table.text());
        self.end_notes();
    }

    fn end_notes(&mut self) {
        for note in std::mem::take(&mut self.frame.notes) {
            self.builder.push(BlockKind::Paragraph, &note);
        }
    }
}

impl Visitor for Body<'_> {
    fn start(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "t" => self.in_text = true,
            "p" => self.frame.paragraph = Paragraph::default(),
            "pPr" => self.in_properties = true,
            // Tab stops of the paragraph's properties have the same name as a tab in the text.
            _ if self.in_properties => self.property(element),
            "tab" | "ptab" => self.frame.paragraph.text.push('\t'),
            "br" | "cr" => self.frame.paragraph.text.push('\n'),
            "noBreakHyphen" => self.frame.paragraph.text.push('-'),
            "tbl" => self.frame.tables.push(OpenTable::default()),
            "txbxContent" => self.outer.push(std::mem::take(&mut self.frame)),
            "footnoteReference" => {
                let note = attribute(element, "id").and_then(|id| self.parts.footnotes.take(&id));
                self.frame.notes.extend(note);
            }
            "endnoteReference" => {
                let note = attribute(element, "id").and_then(|id| self.parts.endnotes.take(&id));
                self.frame.notes.extend(note);
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match (name, self.frame.tables.last_mut()) {
            ("t", _) => self.in_text = false,
            ("pPr", _) => self.in_properties = false,
            ("p", _) => self.end_paragraph(),
            ("txbxContent", _) => self.frame = self.outer.pop().unwrap_or_default(),
            ("tc", Some(table)) => table.end_cell(),
            ("tr", Some(table)) => table.end_row(),
            ("tbl", Some(_)) => self.end_table(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_text {
            self.frame.paragraph.text.push_str(text);
        }
    }
}
