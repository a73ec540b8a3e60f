//! The shapes of a slide, of a page of notes, of a diagram.

use quick_xml::events::BytesStart;

use crate::blocks::BlockBuilder;
use crate::document::BlockKind;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::tables::OpenTable;
use crate::xml::{Dialect, Visitor, attribute, walk};

#[derive(Default)]
pub(super) struct Slide {
    pub(super) shapes: Vec<Shape>,
    table: Option<OpenTable>,
    paragraph: Paragraph,
    in_text: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Role {
    Title,
    /// Where the slide's main text stands.
    Body,
    /// Date, footer and number of the slide.
    Furniture,
    #[default]
    Other,
}

#[derive(Default)]
pub(super) struct Shape {
    pub(super) role: Role,
    blocks: Vec<(BlockKind, String)>,
}

#[derive(Default)]
struct Paragraph {
    text: String,
    level: u32,
    /// What the paragraph says itself about having a bullet or a number.
    marked: Option<bool>,
}

impl Slide {
    pub(super) fn read(xml: &str, limits: &Limits, dialect: &Dialect) -> Result<Self, ParseError> {
        let mut slide = Self::default();
        walk(xml, limits, dialect, &mut slide)?;
        slide.shapes.retain(|shape| shape.role != Role::Furniture);
        Ok(slide)
    }

    /// The text of the first shape for titles that has one.
    pub(super) fn title(&self) -> Option<String> {
        let titles = self.shapes.iter().filter(|shape| shape.role == Role::Title).map(|shape| {
            let texts: Vec<&str> = shape.blocks.iter().flat_map(|(_, text)| text.split_whitespace()).collect();
            texts.join(" ")
        });
        titles.filter(|title| !title.is_empty()).reduce(|one, other| format!("{one} {other}"))
    }

    fn end_paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        if let Some(table) = &mut self.table {
            return table.add(&paragraph.text);
        }
        let Some(shape) = self.shapes.last_mut() else { return };
        let is_item = paragraph.marked.unwrap_or(shape.role == Role::Body || paragraph.level > 0);
        let kind = if is_item { BlockKind::ListItem } else { BlockKind::Paragraph };
        shape.blocks.push((kind, paragraph.text));
    }
}

impl Shape {
    pub(super) fn write(&self, builder: &mut BlockBuilder) {
        for (kind, text) in &self.blocks {
            builder.push(*kind, text);
        }
    }

    /// Writes what is text as one kind of block.
    pub(super) fn write_as(&self, kind: BlockKind, builder: &mut BlockBuilder) {
        for (own, text) in &self.blocks {
            builder.push(if *own == BlockKind::Table { *own } else { kind }, text);
        }
    }
}

impl Visitor for Slide {
    fn start(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "sp" | "graphicFrame" | "pt" => self.shapes.push(Shape::default()),
            "ph" => {
                if let Some(shape) = self.shapes.last_mut() {
                    shape.role = match attribute(element, "type").as_deref() {
                        Some("title" | "ctrTitle") => Role::Title,
                        Some("dt" | "ftr" | "sldNum" | "hdr" | "sldImg") => Role::Furniture,
                        Some("subTitle") => Role::Other,
                        _ => Role::Body,
                    };
                }
            }
            "p" => self.paragraph = Paragraph::default(),
            "pPr" => {
                self.paragraph.level = attribute(element, "lvl").and_then(|level| level.parse().ok()).unwrap_or(0);
            }
            "buNone" => self.paragraph.marked = Some(false),
            "buChar" | "buAutoNum" | "buBlip" => self.paragraph.marked = Some(true),
            "t" => self.in_text = true,
            "br" => self.paragraph.text.push('\n'),
            "tab" => self.paragraph.text.push('\t'),
            "tbl" => self.table = Some(OpenTable::default()),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match (name, &mut self.table) {
            ("t", _) => self.in_text = false,
            ("p", _) => self.end_paragraph(),
            ("tc", Some(table)) => table.end_cell(),
            ("tr", Some(table)) => table.end_row(),
            ("tbl", Some(table)) => {
                let text = table.text();
                self.table = None;
                self.shapes
                    .iter_mut()
                    .rev()
                    .take(1)
                    .for_each(|shape| shape.blocks.push((BlockKind::Table, text.clone())));
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_text {
            self.paragraph.text.push_str(text);
        }
    }
}
