//! Tokens → paragraphs, tables and notes.

use encoding_rs::{Encoding, WINDOWS_1252};

use super::fonts::{self, Fonts};
use super::lexer::Token;
use super::state::{Destination, State};
use super::styles::Styles;
use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, Metadata};
use crate::error::ParseError;
use crate::tables::OpenTable;
use crate::title::sensible;

pub(super) struct Reader<'a> {
    builder: &'a mut BlockBuilder,
    max_groups: u32,
    state: State,
    /// States of the groups around the open one.
    outer: Vec<State>,
    fonts: Fonts,
    styles: Styles,
    default_encoding: &'static Encoding,
    default_font: i32,
    /// Bytes that wait for the rest of their character.
    bytes: Vec<u8>,
    /// The first half of a character beyond 16 bits.
    high_surrogate: Option<u16>,
    /// Characters yet to come that stand in for one of Unicode.
    skipped: u32,
    frame: Frame,
    /// What surrounds the open notes and text boxes.
    frames: Vec<Frame>,
    title: String,
    metadata: Metadata,
}

/// A flow of paragraphs.
#[derive(Default)]
struct Frame {
    text: String,
    label: String,
    kind: Option<BlockKind>,
    style: Option<i32>,
    in_list: bool,
    in_table: bool,
    table: Option<OpenTable>,
    notes: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(builder: &'a mut BlockBuilder, max_groups: u32) -> Self {
        Self {
            builder,
            max_groups,
            state: State::outermost(),
            outer: Vec::new(),
            fonts: Fonts::default(),
            styles: Styles::default(),
            default_encoding: WINDOWS_1252,
            default_font: 0,
            bytes: Vec::new(),
            high_surrogate: None,
            skipped: 0,
            frame: Frame::default(),
            frames: Vec::new(),
            title: String::new(),
            metadata: Metadata::default(),
        }
    }

    /// Title and what else the document says about itself.
    pub(super) fn finish(mut self) -> (Option<String>, Metadata) {
        self.decode();
        // What never closes is text all the same.
        self.state = State::outermost();
        while let Some(outer) = self.frames.pop() {
            self.end_paragraph();
            self.end_table();
            self.frame = outer;
        }
        self.end_paragraph();
        self.end_table();
        self.end_notes();
        (sensible(&self.title), self.metadata)
    }

    pub(super) fn take(&mut self, token: &Token<'_>) -> Result<(), ParseError> {
        match *token {
            Token::Open => {
                self.decode();
                self.skipped = 0;
                if self.outer.len() >= self.max_groups as usize {
                    return Err(ParseError::limit("nested groups", self.max_groups.into()));
                }
                self.outer.push(State { fresh: false, ..self.state.clone() });
                self.state.fresh = true;
            }
            Token::Close => self.close(),
            Token::Byte(byte) => {
                if self.skipped > 0 {
                    self.skipped -= 1;
                } else {
                    self.bytes.push(byte);
                }
            }
            Token::Text(bytes) => {
                let skipped = (self.skipped as usize).min(bytes.len());
                self.skipped -= skipped as u32;
                self.bytes.extend_from_slice(&bytes[skipped..]);
            }
            Token::Control(name, number) => self.control(name, number),
        }
        Ok(())
    }

    fn close(&mut self) {
        self.decode();
        self.skipped = 0;
        let closed = self.state.destination;
        self.state = self.outer.pop().unwrap_or_else(State::outermost);
        if closed == self.state.destination {
            return;
        }
        match closed {
            Destination::Note => {
                let text = std::mem::take(&mut self.frame.text);
                self.leave_frame();
                self.frame.notes.push(text);
            }
            Destination::TextBox => {
                self.end_paragraph();
                self.end_table();
                self.leave_frame();
            }
            _ => {}
        }
    }

    fn leave_frame(&mut self) {
        if let Some(outer) = self.frames.pop() {
            self.frame = outer;
        }
    }

    fn control(&mut self, name: &str, number: Option<i32>) {
        if name == "u" {
            return self.unicode(number.unwrap_or_default());
        }
        self.decode();
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        let begins_group = std::mem::take(&mut self.state.fresh);
        if name == "*" {
            self.state.optional = begins_group;
            return;
        }
        let before = self.state.destination;
        if self.state.redirect(name) {
            if self.state.destination != before
                && matches!(self.state.destination, Destination::Note | Destination::TextBox)
            {
                self.frames.push(std::mem::take(&mut self.frame));
            }
            return;
        }
        match self.state.destination {
            Destination::Fonts => self.fonts.define(name, number),
            Destination::Styles => self.styles.define(name, number),
            Destination::Created if name == "yr" => self.metadata.year = number.filter(|year| *year > 1900),
            Destination::Info | Destination::Created => {}
            _ => self.text_control(name, number),
        }
    }

    fn text_control(&mut self, name: &str, number: Option<i32>) {
        match name {
            "ansicpg" => self.default_encoding = number.and_then(fonts::of_page).unwrap_or(WINDOWS_1252),
            "mac" => self.default_encoding = encoding_rs::MACINTOSH,
            "deff" => self.default_font = number.unwrap_or_default(),
            "f" => self.state.encoding = number.and_then(|font| self.fonts.encoding(font)),
            "plain" => {
                self.state.encoding = self.fonts.encoding(self.default_font);
                self.state.hidden = false;
            }
            "uc" => self.state.substitutes = number.and_then(|count| u32::try_from(count).ok()).unwrap_or(1).min(8),
            "v" | "deleted" => self.state.hidden = number != Some(0),
            "par" | "sect" | "page" | "\r" | "\n" => self.end_paragraph(),
            "pard" => {
                self.frame.kind = None;
                self.frame.style = None;
                self.frame.in_list = false;
                self.frame.in_table = false;
            }
            "intbl" => self.frame.in_table = true,
            "s" => self.frame.style = number,
            "ls" => self.frame.in_list = true,
            "outlinelevel" => {
                let level = number.and_then(|level| u8::try_from(level).ok()).filter(|level| *level < 9);
                self.frame.kind = level.map(|level| BlockKind::Heading { level: level + 1 });
            }
            "cell" | "nestcell" => {
                let text = std::mem::take(&mut self.frame.text);
                let table = self.frame.table.get_or_insert_default();
                table.add(&text);
                table.end_cell();
            }
            "row" | "nestrow" => {
                if let Some(table) = &mut self.frame.table {
                    table.end_row();
                }
            }
            _ => {
                if let Some(text) = symbol(name) {
                    self.add(text);
                }
            }
        }
    }

    fn unicode(&mut self, number: i32) {
        self.decode();
        self.skipped = self.state.substitutes;
        // Numbers are signed, of 16 bits; some programs write them unsigned.
        let Ok(unit) = u16::try_from(number.rem_euclid(0x1_0000)) else { return };
        let units: Vec<u16> = self.high_surrogate.take().into_iter().chain([unit]).collect();
        if (0xd800..0xdc00).contains(&unit) {
            self.high_surrogate = Some(unit);
            return;
        }
        let text: String = char::decode_utf16(units).filter_map(Result::ok).collect();
        // The private use area of symbol fonts repeats their code page.
        if !text.chars().all(|character| ('\u{f000}'..='\u{f0ff}').contains(&character)) {
            self.add(&text);
        }
    }

    /// Turns the bytes so far into text.
    fn decode(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let encoding = self.state.encoding.unwrap_or(self.default_encoding);
        let text = encoding.decode_without_bom_handling(&bytes).0.into_owned();
        self.add(&text);
    }

    fn add(&mut self, text: &str) {
        if self.state.hidden {
            return;
        }
        match self.state.destination {
            Destination::Body | Destination::Note | Destination::TextBox => self.frame.text.push_str(text),
            Destination::Label => self.frame.label.push_str(text),
            Destination::Title => self.title.push_str(text),
            Destination::Author => self.metadata.add_authors(text),
            Destination::Styles => self.styles.name(text),
            Destination::Nowhere | Destination::Fonts | Destination::Info | Destination::Created => {}
        }
    }

    fn end_paragraph(&mut self) {
        let text = std::mem::take(&mut self.frame.text);
        let label = std::mem::take(&mut self.frame.label);
        // Bullets are drawn from symbol fonts.
        let label = label.trim();
        let is_number = label.chars().any(char::is_alphanumeric) && label.chars().count() > 1;
        let has_label = !label.is_empty();
        let text = if is_number && !text.trim().is_empty() { format!("{label} {text}") } else { text };
        if self.state.destination == Destination::Note {
            // All paragraphs of a note are one text.
            self.frame.text = text + " ";
            return;
        }
        if let (true, Some(table)) = (self.frame.in_table, &mut self.frame.table) {
            return table.add(&text);
        }
        if self.frame.in_table {
            return self.frame.table.get_or_insert_default().add(&text);
        }
        if text.trim().is_empty() {
            return;
        }
        self.end_table();
        let of_style = self.frame.style.and_then(|style| self.styles.kind(style));
        let list = (has_label || self.frame.in_list).then_some(BlockKind::ListItem);
        let kind = self.frame.kind.or(of_style).or(list).unwrap_or(BlockKind::Paragraph);
        self.builder.push(kind, &text);
        self.end_notes();
    }

    fn end_table(&mut self) {
        if let Some(mut table) = self.frame.table.take() {
            table.end_row();
            self.builder.push(BlockKind::Table, &table.text());
            self.end_notes();
        }
    }

    fn end_notes(&mut self) {
        for note in std::mem::take(&mut self.frame.notes) {
            self.builder.push(BlockKind::Paragraph, &note);
        }
    }
}

/// What control words print.
fn symbol(name: &str) -> Option<&'static str> {
    Some(match name {
        "tab" => "\t",
        "line" | "column" => "\n",
        "emdash" => "—",
        "endash" => "–",
        "lquote" => "‘",
        "rquote" => "’",
        "ldblquote" => "“",
        "rdblquote" => "”",
        "bullet" => "•",
        "~" | "emspace" | "enspace" | "qmspace" => " ",
        "_" => "-",
        "{" => "{",
        "}" => "}",
        "\\" => "\\",
        _ => return None,
    })
}
