//! The body of a part: paragraphs and tables, in order.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::damaged;
use super::styles::{Styles, attribute};
use crate::blocks::BlockBuilder;
use crate::document::BlockKind;
use crate::error::ParseError;
use crate::limits::Limits;

/// Their content is not text of the document: deletions, field codes, and the older copy of a text box.
const SKIPPED: &[&str] = &["del", "moveFrom", "instrText", "delText", "Fallback"];

/// Appends the blocks of a part.
pub(super) fn read(xml: &str, styles: &Styles, limits: &Limits, builder: &mut BlockBuilder) -> Result<(), ParseError> {
    let mut reader = Reader::from_str(xml);
    let mut body = Body { styles, builder, text: String::new(), kind: BlockKind::Paragraph, tables: Vec::new(), in_text: false };
    let max_depth = limits.max_nesting as usize * 4;
    let (mut depth, mut skipped_at) = (0_usize, None);
    loop {
        match reader.read_event().map_err(damaged)? {
            Event::Start(element) => {
                depth += 1;
                if depth > max_depth {
                    return Err(ParseError::limit("nested elements", max_depth as u64));
                }
                if skipped_at.is_none() {
                    if SKIPPED.contains(&element.local_name().as_ref()) {
                        skipped_at = Some(depth);
                    } else {
                        body.start(&element);
                    }
                }
            }
            Event::Empty(element) if skipped_at.is_none() => {
                body.start(&element);
                body.end(element.local_name().as_ref());
            }
            Event::End(element) => {
                if skipped_at == Some(depth) {
                    skipped_at = None;
                } else if skipped_at.is_none() {
                    body.end(element.local_name().as_ref());
                }
                depth = depth.saturating_sub(1);
            }
            Event::Text(text) if skipped_at.is_none() && body.in_text => {
                body.text.push_str(&text);
            }
            Event::GeneralRef(reference) if skipped_at.is_none() && body.in_text => {
                body.text.extend(character(&reference));
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The five predefined entities and numbers; no others exist here.
fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

struct Body<'a> {
    styles: &'a Styles,
    builder: &'a mut BlockBuilder,
    text: String,
    kind: BlockKind,
    /// Open tables, outermost first.
    tables: Vec<Table>,
    /// Inside `w:t`, the only element whose text counts.
    in_text: bool,
}

#[derive(Default)]
struct Table {
    rows: Vec<String>,
    cells: Vec<String>,
    cell: String,
}

impl Body<'_> {
    fn start(&mut self, element: &BytesStart<'_>) {
        match element.local_name().as_ref() {
            "t" => self.in_text = true,
            "p" => self.kind = BlockKind::Paragraph,
            "pStyle" => {
                let level = attribute(element, "val").and_then(|id| self.styles.heading_level(&id));
                if let Some(level) = level {
                    self.kind = BlockKind::Heading { level };
                }
            }
            "numPr" if self.kind == BlockKind::Paragraph => self.kind = BlockKind::ListItem,
            "tab" | "br" | "cr" => self.text.push(' '),
            "noBreakHyphen" => self.text.push('-'),
            "tbl" => self.tables.push(Table::default()),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match (name, self.tables.last_mut()) {
            ("t", _) => self.in_text = false,
            ("p", Some(table)) => {
                table.cell.push(' ');
                table.cell.push_str(&std::mem::take(&mut self.text));
            }
            ("p", None) => self.builder.push(self.kind, &std::mem::take(&mut self.text)),
            ("tc", Some(table)) => {
                let cell = std::mem::take(&mut table.cell);
                table.cells.push(cell.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            ("tr", Some(table)) => {
                let row = std::mem::take(&mut table.cells).join(" | ");
                table.rows.push(row);
            }
            ("tbl", Some(_)) => self.end_table(),
            _ => {}
        }
    }

    /// A table inside a cell becomes part of that cell's text.
    fn end_table(&mut self) {
        let Some(table) = self.tables.pop() else { return };
        match self.tables.last_mut() {
            Some(outer) => {
                outer.cell.push(' ');
                outer.cell.push_str(&table.rows.join("; "));
            }
            None => self.builder.push(BlockKind::Table, &table.rows.join("\n")),
        }
    }
}
