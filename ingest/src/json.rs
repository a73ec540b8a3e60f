//! JSON and JSON lines as a person would write them down: tables for lists of alike records, `path: value`
//! lines for the rest, long texts as paragraphs.

mod node;
#[cfg(test)]
mod tests;

use self::node::Node;
use crate::blocks::BlockBuilder;
use crate::delimited::rows_left_out;
use crate::document::{BlockKind, MediaType, ParsedDocument, Warning};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::tables::RowWriter;
use crate::text::{decode, prose};

/// A longer string is a text, not a value.
const MAX_VALUE_CHARS: usize = 200;
/// Lines of values in one block.
const LINES_PER_BLOCK: usize = 20;
/// Records with more fields than this are hard to read as rows.
const MAX_COLUMNS: usize = 40;
/// Fields that name the record they stand in.
const NAMES: &[&str] = &["title", "name", "headline", "subject", "label"];
/// Levels of headings that paths become.
const MAX_HEADINGS: u8 = 3;

pub fn parse(media_type: MediaType, bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let (text, warning) = decode(bytes);
    let mut warnings: Vec<Warning> = warning.into_iter().collect();
    let root = if media_type == MediaType::JsonLines {
        lines(&text, limits, &mut warnings)
    } else {
        serde_json::from_str(&text).map_err(|error| ParseError::damaged("json", error))?
    };
    let mut builder = BlockBuilder::default();
    let mut writer = Writer { builder: &mut builder, lines: Vec::new(), limits, left_out: false };
    writer.value("", &root, 1);
    writer.flush();
    if writer.left_out {
        warnings.push(rows_left_out(limits));
    }
    let title = match &root {
        Node::Object(fields) => name_of(fields),
        _ => None,
    };
    Ok(ParsedDocument::flowing(media_type, title, builder.finish(), warnings))
}

/// A line that is broken says so and is left out; the others are read.
fn lines(text: &str, limits: &Limits, warnings: &mut Vec<Warning>) -> Node {
    let mut records = Vec::new();
    let mut broken = 0_u64;
    for line in text.lines().filter(|line| !line.trim().is_empty()).take(limits.max_rows as usize + 1) {
        match serde_json::from_str(line) {
            Ok(record) => records.push(record),
            Err(_) => broken += 1,
        }
    }
    if broken > 0 {
        warnings.push(Warning::new("broken_lines", format!("{broken} lines are no JSON and were left out"), None));
    }
    Node::List(records)
}

fn name_of(fields: &[(String, Node)]) -> Option<String> {
    let named = |name: &&str| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    NAMES.iter().filter_map(named).find_map(|(_, value)| match value {
        Node::Value(text) if !text.trim().is_empty() && text.len() <= MAX_VALUE_CHARS => Some(text.trim().to_owned()),
        _ => None,
    })
}

struct Writer<'a> {
    builder: &'a mut BlockBuilder,
    lines: Vec<String>,
    limits: &'a Limits,
    left_out: bool,
}

impl Writer<'_> {
    /// Recursion is bounded by the nesting that the reader of JSON accepts.
    fn value(&mut self, path: &str, node: &Node, level: u8) {
        match node {
            Node::Empty => {}
            Node::Value(text) if text.chars().count() > MAX_VALUE_CHARS || text.contains('\n') => {
                self.flush();
                if !path.is_empty() {
                    self.builder.push(BlockKind::Caption, path);
                }
                prose(self.builder, text);
            }
            Node::Value(text) if path.is_empty() => self.line(text.clone()),
            Node::Value(text) => self.line(format!("{path}: {text}")),
            Node::Object(fields) => {
                for (key, value) in fields {
                    self.value(&joined(path, key), value, level);
                }
            }
            Node::List(items) => self.list(path, items, level),
        }
    }

    fn list(&mut self, path: &str, items: &[Node], level: u8) {
        if items.iter().all(|item| matches!(item, Node::Value(_) | Node::Empty)) {
            return self.values(path, items);
        }
        let all = items.len();
        let items = &items[..all.min(self.limits.max_rows as usize)];
        self.left_out |= items.len() < all;
        self.flush();
        let level = if path.is_empty() { level } else { self.heading(path, level) };
        if let Some(columns) = columns(items) {
            return self.table(&columns, items);
        }
        for item in items {
            if let Node::Object(fields) = item {
                if let Some(name) = name_of(fields) {
                    self.heading(&name, level);
                }
                self.value("", item, level.saturating_add(1));
            } else {
                self.value("", item, level);
            }
            self.flush();
        }
    }

    /// Values on one line, unless there are too many of them.
    fn values(&mut self, path: &str, items: &[Node]) {
        let texts: Vec<&str> = items.iter().filter_map(Node::as_text).collect();
        if texts.iter().any(|text| text.len() > MAX_VALUE_CHARS) {
            return items.iter().for_each(|item| self.value(path, item, u8::MAX));
        }
        for part in texts.chunks(LINES_PER_BLOCK) {
            self.value(path, &Node::Value(part.join(", ")), u8::MAX);
        }
    }

    fn table(&mut self, columns: &[&str], items: &[Node]) {
        let mut rows = RowWriter::new(self.builder);
        rows.row(columns);
        for item in items {
            if let Node::Object(fields) = item {
                let cell = |column: &&str| {
                    let value = fields.iter().find(|(key, _)| key == column).map(|(_, value)| value);
                    value.and_then(Node::as_text).unwrap_or_default()
                };
                rows.row(&columns.iter().map(cell).collect::<Vec<_>>());
            }
        }
    }

    /// The level of what stands below.
    fn heading(&mut self, text: &str, level: u8) -> u8 {
        self.flush();
        let kind = if level <= MAX_HEADINGS { BlockKind::Heading { level } } else { BlockKind::Caption };
        self.builder.push(kind, text);
        level.saturating_add(1)
    }

    fn line(&mut self, line: String) {
        self.lines.push(line);
        if self.lines.len() >= LINES_PER_BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.builder.push(BlockKind::Code, &std::mem::take(&mut self.lines).join("\n"));
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The columns of a table that holds all of these, in the order in which they appear.
fn columns(items: &[Node]) -> Option<Vec<&str>> {
    let mut columns: Vec<&str> = Vec::new();
    for item in items {
        let Node::Object(fields) = item else { return None };
        for (key, value) in fields {
            let fits = value.as_text().is_none_or(|text| text.chars().count() <= MAX_VALUE_CHARS);
            if !fits || !matches!(value, Node::Value(_) | Node::Empty) {
                return None;
            }
            if !columns.contains(&key.as_str()) {
                columns.push(key);
            }
            if columns.len() > MAX_COLUMNS {
                return None;
            }
        }
    }
    (items.len() > 1).then_some(columns)
}
