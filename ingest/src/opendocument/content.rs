//! The body of a document: paragraphs, lists, tables, sheets and pages, in order.

use quick_xml::events::BytesStart;

use super::sheets::Row;
use super::styles::{Role, Styles};
use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, MediaType};
use crate::limits::Limits;
use crate::tables::{OpenTable, RowWriter};
use crate::text::one_line;
use crate::xml::{Visitor, attribute};

/// Spaces that one element stands for.
const MAX_SPACES: usize = 40;

#[expect(clippy::struct_excessive_bools, reason = "each says that an element is open")]
pub(super) struct Content<'a> {
    media_type: MediaType,
    styles: &'a Styles,
    limits: &'a Limits,
    builder: &'a mut BlockBuilder,
    in_body: bool,
    /// Open paragraphs: a text box or a note stands inside a paragraph of another flow.
    paragraphs: Vec<Paragraph>,
    /// Open lists: whether items are numbered is a matter of style, and of no importance here.
    lists: u32,
    tables: Vec<OpenTable>,
    /// The open sheet of a spreadsheet: its name, and its rows so far.
    sheet: Option<(String, Vec<Vec<String>>)>,
    row: Row,
    rows_read: u64,
    rows_left_out: bool,
    /// Notes of the open paragraph, or of the open table.
    notes: Vec<String>,
    open_note: Option<String>,
    in_citation: bool,
    in_page_notes: bool,
    in_title: bool,
    index: u32,
    page: u32,
    title: Option<String>,
}

#[derive(Default)]
struct Paragraph {
    text: String,
    style: Option<String>,
    /// Of a heading.
    level: Option<u8>,
}

/// What is known when the body has been read.
pub(super) struct Read {
    pub(super) title: Option<String>,
    pub(super) pages: Option<u32>,
    pub(super) rows_left_out: bool,
}

impl<'a> Content<'a> {
    pub(super) fn new(
        media_type: MediaType,
        styles: &'a Styles,
        limits: &'a Limits,
        builder: &'a mut BlockBuilder,
    ) -> Self {
        Self {
            media_type,
            styles,
            limits,
            builder,
            in_body: false,
            paragraphs: Vec::new(),
            lists: 0,
            tables: Vec::new(),
            sheet: None,
            row: Row::default(),
            rows_read: 0,
            rows_left_out: false,
            notes: Vec::new(),
            open_note: None,
            in_citation: false,
            in_page_notes: false,
            in_title: false,
            index: 0,
            page: 0,
            title: None,
        }
    }

    pub(super) fn finish(self) -> Read {
        let pages = (self.media_type == MediaType::Odp).then_some(self.page);
        Read { title: self.title, pages, rows_left_out: self.rows_left_out }
    }

    fn start_page(&mut self) {
        self.page = self.page.saturating_add(1);
        if self.media_type == MediaType::Odp {
            self.builder.turn_to(self.page);
            self.builder.leave(1);
        }
    }

    fn end_paragraph(&mut self) {
        let Some(paragraph) = self.paragraphs.pop() else { return };
        let text = paragraph.text;
        if let Some(note) = &mut self.open_note {
            note.push(' ');
            return note.push_str(&text);
        }
        if self.sheet.is_some() {
            return self.row.add(&text);
        }
        if let Some(table) = self.tables.last_mut() {
            return table.add(&text);
        }
        if self.index > 0 {
            return;
        }
        let role = paragraph.style.as_deref().and_then(|name| self.styles.role(name));
        let kind = match (paragraph.level, role) {
            (Some(level), _) => BlockKind::Heading { level },
            (None, Some(Role::Title)) => {
                let title = one_line(&text);
                if !title.is_empty() {
                    self.title.get_or_insert(title);
                }
                BlockKind::Heading { level: 1 }
            }
            _ if self.in_title && !self.in_page_notes => BlockKind::Heading { level: 1 },
            (None, Some(Role::Block(kind))) => kind,
            _ if self.lists > 0 => BlockKind::ListItem,
            _ => BlockKind::Paragraph,
        };
        self.builder.push(kind, &text);
        if self.paragraphs.is_empty() {
            self.end_notes();
        }
    }

    /// A table inside a cell becomes part of that cell's text.
    fn end_table(&mut self) {
        if let Some((name, rows)) = self.sheet.take() {
            if rows.iter().flatten().any(|cell| !cell.trim().is_empty()) {
                self.builder.push(BlockKind::Heading { level: 1 }, &name);
            }
            let mut writer = RowWriter::new(self.builder);
            return rows.iter().for_each(|row| writer.row(row));
        }
        let Some(table) = self.tables.pop() else { return };
        if let Some(outer) = self.tables.last_mut() {
            return outer.add(&table.in_cell());
        }
        self.builder.push(BlockKind::Table, &table.text());
        self.end_notes();
    }

    fn end_row(&mut self) {
        let Some((_, sheet)) = &mut self.sheet else {
            return self.tables.iter_mut().rev().take(1).for_each(OpenTable::end_row);
        };
        let (cells, times) = self.row.end();
        // Rows without content are repeated to the end of the sheet; one of them says as much.
        let times = if cells.iter().all(|cell| cell.trim().is_empty()) { 1 } else { times };
        for _ in 0..times {
            if self.rows_read >= self.limits.max_rows {
                self.rows_left_out = true;
                return;
            }
            self.rows_read += 1;
            sheet.push(cells.clone());
        }
    }

    fn end_notes(&mut self) {
        for note in std::mem::take(&mut self.notes) {
            self.builder.push(BlockKind::Paragraph, &note);
        }
    }

    fn start_table(&mut self, element: &BytesStart<'_>) {
        if self.media_type == MediaType::Ods && self.sheet.is_none() && self.tables.is_empty() {
            let name = attribute(element, "name").unwrap_or_default();
            self.sheet = Some((name, Vec::new()));
        } else {
            self.tables.push(OpenTable::default());
        }
    }

    /// A character or more that an element stands for.
    fn add(&mut self, text: &str) {
        if let Some(paragraph) = self.paragraphs.last_mut() {
            paragraph.text.push_str(text);
        }
    }
}

impl Visitor for Content<'_> {
    fn start(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "body" => self.in_body = true,
            _ if !self.in_body => {}
            "p" => self.paragraphs.push(Paragraph { style: attribute(element, "style-name"), ..Paragraph::default() }),
            "h" => {
                let level = attribute(element, "outline-level").and_then(|level| level.parse().ok());
                self.paragraphs.push(Paragraph { level: Some(level.unwrap_or(1).max(1)), ..Paragraph::default() });
            }
            "list" => self.lists += 1,
            "tab" => self.add("\t"),
            "line-break" => self.add("\n"),
            "s" => {
                let count = attribute(element, "c").and_then(|count| count.parse().ok()).unwrap_or(1_usize);
                self.add(&" ".repeat(count.min(MAX_SPACES)));
            }
            "table" => self.start_table(element),
            "table-row" if self.sheet.is_some() => self.row.start(element),
            "table-cell" | "covered-table-cell" if self.sheet.is_some() => self.row.start_cell(element),
            "note" => self.open_note = Some(String::new()),
            "note-citation" => self.in_citation = true,
            "page" => self.start_page(),
            "notes" => self.in_page_notes = true,
            "frame" => self.in_title = attribute(element, "class").is_some_and(|class| class == "title"),
            "table-of-content" | "alphabetical-index" | "illustration-index" | "table-index" => self.index += 1,
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "body" => self.in_body = false,
            _ if !self.in_body => {}
            "p" | "h" => self.end_paragraph(),
            "list" => self.lists = self.lists.saturating_sub(1),
            "table-cell" | "covered-table-cell" if self.sheet.is_some() => self.row.end_cell(),
            "table-cell" | "covered-table-cell" => {
                self.tables.iter_mut().rev().take(1).for_each(OpenTable::end_cell);
            }
            "table-row" => self.end_row(),
            "table" => self.end_table(),
            "note" => self.notes.extend(self.open_note.take()),
            "note-citation" => self.in_citation = false,
            "notes" => self.in_page_notes = false,
            "frame" => self.in_title = false,
            "table-of-content" | "alphabetical-index" | "illustration-index" | "table-index" => {
                self.index = self.index.saturating_sub(1);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if !self.in_citation {
            self.add(text);
        }
    }
}
