//! Elements and text of a page → blocks.

use ego_tree::iter::Edge;
use scraper::{ElementRef, Node};

use super::furniture::Furniture;
use super::measure::Measures;
use crate::blocks::BlockBuilder;
use crate::document::BlockKind;
use crate::text::one_line;

/// Elements that begin and end a block.
const BLOCK: &[&str] = &[
    "p",
    "div",
    "section",
    "article",
    "main",
    "body",
    "blockquote",
    "pre",
    "ul",
    "ol",
    "dl",
    "dd",
    "dt",
    "li",
    "table",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "td",
    "th",
    "figure",
    "figcaption",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "address",
    "details",
    "summary",
    "caption",
    "header",
    "footer",
    "aside",
    "form",
    "fieldset",
    "legend",
    "center",
];
/// Cells with more text than this on average are parts of a page, not of a table.
const MAX_CELL_CHARS: usize = 300;

pub(super) struct Reader<'a> {
    builder: &'a mut BlockBuilder,
    measures: &'a Measures,
    furniture: &'a Furniture<'a>,
    /// Of the open block, or of the open cell.
    text: String,
    /// Kinds of the open elements that give their text a meaning.
    kinds: Vec<BlockKind>,
    /// Open tables, outermost first; `None` for one that only lays out the page.
    tables: Vec<Option<Table>>,
    /// Next numbers of the open lists; `None` for bullets.
    lists: Vec<Option<u64>>,
    /// The number of the open list item, until its text begins.
    label: Option<u64>,
    open_pre: u32,
}

#[derive(Default)]
struct Table {
    rows: Vec<String>,
    cells: Vec<String>,
    /// Text of the open cell before the table inside it.
    outer_text: String,
}

impl<'a> Reader<'a> {
    pub(super) fn new(builder: &'a mut BlockBuilder, measures: &'a Measures, furniture: &'a Furniture<'a>) -> Self {
        Self {
            builder,
            measures,
            furniture,
            text: String::new(),
            kinds: Vec::new(),
            tables: Vec::new(),
            lists: Vec::new(),
            label: None,
            open_pre: 0,
        }
    }

    pub(super) fn read(mut self, root: ElementRef<'_>) {
        let mut skipped = None;
        for edge in root.traverse() {
            match edge {
                Edge::Open(_) if skipped.is_some() => {}
                Edge::Open(node) => {
                    if let Node::Text(text) = node.value() {
                        self.add(text);
                    } else if let Some(element) = ElementRef::wrap(node) {
                        if node.id() != root.id() && self.furniture.is(element) {
                            skipped = Some(node.id());
                        } else {
                            self.open(element);
                        }
                    }
                }
                Edge::Close(node) => {
                    if skipped == Some(node.id()) {
                        skipped = None;
                    } else if skipped.is_none()
                        && let Node::Element(element) = node.value()
                    {
                        self.close(element.name());
                    }
                }
            }
        }
        self.flush();
    }

    fn add(&mut self, text: &str) {
        if self.open_pre > 0 {
            self.text.push_str(text);
            return;
        }
        let mut pending_space = text.starts_with(char::is_whitespace);
        for word in text.split_whitespace() {
            if pending_space {
                self.add_space();
            }
            self.text.push_str(word);
            pending_space = true;
        }
        if text.ends_with(char::is_whitespace) {
            self.add_space();
        }
    }

    fn add_space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(char::is_whitespace) {
            self.text.push(' ');
        }
    }

    fn open(&mut self, element: ElementRef<'_>) {
        let name = element.value().name();
        match name {
            "br" => return self.line_break(),
            "table" => return self.open_table(element),
            _ if !BLOCK.contains(&name) => return,
            "td" | "th" if self.table().is_some() => return self.text.clear(),
            "caption" if self.table().is_some() => self.text.clear(),
            _ if self.table().is_some() => return self.add_space(),
            _ => self.flush(),
        }
        match name {
            "pre" => self.open_pre += 1,
            "ul" => self.lists.push(None),
            "ol" => {
                let start = element.value().attr("start").and_then(|start| start.parse().ok());
                // Letters and Roman numerals are left to the eye.
                let counts = element.value().attr("type").is_none_or(|kind| kind == "1");
                self.lists.push(counts.then(|| start.unwrap_or(1)));
            }
            "li" => {
                let value = element.value().attr("value").and_then(|value| value.parse().ok());
                self.label = self.lists.last_mut().and_then(Option::as_mut).map(|next| {
                    let number = value.unwrap_or(*next);
                    *next = number.saturating_add(1);
                    number
                });
            }
            _ => {}
        }
        self.kinds.extend(kind_of(name));
    }

    fn close(&mut self, name: &str) {
        match (name, self.table()) {
            ("table", _) => return self.close_table(),
            ("td" | "th", Some(_)) => {
                let cell = std::mem::take(&mut self.text);
                let cell = one_line(&cell);
                return self.table().into_iter().for_each(|table| table.cells.push(cell.clone()));
            }
            ("tr", Some(table)) => {
                let row = std::mem::take(&mut table.cells).join(" | ");
                table.rows.push(row);
                return;
            }
            ("caption", Some(_)) => {}
            (_, Some(_)) => {
                if BLOCK.contains(&name) {
                    self.add_space();
                }
                return;
            }
            (_, None) if !BLOCK.contains(&name) => return,
            _ => {}
        }
        self.flush();
        match name {
            "pre" => self.open_pre = self.open_pre.saturating_sub(1),
            "ul" | "ol" => drop(self.lists.pop()),
            "li" => self.label = None,
            _ => {}
        }
        if kind_of(name).is_some() {
            self.kinds.pop();
        }
    }

    /// One line break is white space, two in a row divide paragraphs in pages that know no others.
    fn line_break(&mut self) {
        if self.open_pre == 0 && self.table().is_none() && self.text.ends_with('\n') {
            return self.flush();
        }
        let trimmed = self.text.trim_end_matches(' ').len();
        self.text.truncate(trimmed);
        self.text.push('\n');
    }

    /// The innermost open table, if it is one of data.
    fn table(&mut self) -> Option<&mut Table> {
        self.tables.last_mut()?.as_mut()
    }

    fn open_table(&mut self, element: ElementRef<'_>) {
        if self.table().is_some() {
            let outer_text = std::mem::take(&mut self.text);
            self.tables.push(Some(Table { outer_text, ..Table::default() }));
            return;
        }
        self.flush();
        let table = (!self.is_layout(element)).then(Table::default);
        self.tables.push(table);
    }

    /// Old pages use tables to place their parts.
    fn is_layout(&self, element: ElementRef<'_>) -> bool {
        if matches!(element.value().attr("role"), Some("presentation" | "none")) {
            return true;
        }
        let measure = self.measures.get(element.id());
        if measure.header_cells > 0 && measure.tables == 1 {
            return false;
        }
        let of_data = element.child_elements().any(|child| matches!(child.value().name(), "caption" | "thead"));
        let divided = measure.tables > 1 || measure.headings > 0;
        !of_data && (divided || measure.cells <= measure.rows || measure.chars > MAX_CELL_CHARS * measure.cells)
    }

    /// A table inside a cell becomes part of that cell's text.
    fn close_table(&mut self) {
        let Some(closed) = self.tables.pop() else { return };
        let Some(table) = closed else { return self.flush() };
        if self.table().is_some() {
            self.text = table.outer_text;
            self.add_space();
            self.text.push_str(&table.rows.join("; "));
            self.add_space();
            return;
        }
        self.builder.push(BlockKind::Table, &table.rows.join("\n"));
        self.text.clear();
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        if text.trim().is_empty() {
            return;
        }
        let kind = self.kinds.last().copied().unwrap_or(BlockKind::Paragraph);
        match self.label.take() {
            Some(number) => self.builder.push(kind, &format!("{number}. {text}")),
            None => self.builder.push(kind, &text),
        }
    }
}

fn kind_of(name: &str) -> Option<BlockKind> {
    Some(match name {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => BlockKind::Heading { level: name.as_bytes()[1] - b'0' },
        "li" | "dd" | "dt" => BlockKind::ListItem,
        "blockquote" => BlockKind::Quote,
        "pre" => BlockKind::Code,
        "figcaption" | "caption" => BlockKind::Caption,
        _ => return None,
    })
}
