//! Tables of spreadsheets, which say how often a cell or a row is repeated: often to the end of the world.

use quick_xml::events::BytesStart;

use crate::xml::attribute;

/// An empty cell, or a cell with text, repeated more often than this fills the sheet.
const MAX_REPEATED_CELLS: usize = 64;
/// Rows alike that are written out.
const MAX_REPEATED_ROWS: usize = 100;
/// Columns of a sheet that are read.
const MAX_COLUMNS: usize = 1_024;

/// The open row of a sheet.
#[derive(Debug, Default)]
pub(super) struct Row {
    cells: Vec<String>,
    cell: String,
    /// What a cell holds that shows no text.
    value: Option<String>,
    repeated_cells: usize,
    repeated_rows: usize,
}

impl Row {
    pub(super) fn start(&mut self, element: &BytesStart<'_>) {
        *self = Self { repeated_rows: repeated(element, "number-rows-repeated"), ..Self::default() };
    }

    pub(super) fn start_cell(&mut self, element: &BytesStart<'_>) {
        self.cell.clear();
        self.repeated_cells = repeated(element, "number-columns-repeated");
        self.value = ["date-value", "time-value", "value", "string-value", "boolean-value"]
            .iter()
            .find_map(|name| attribute(element, name));
    }

    pub(super) fn add(&mut self, text: &str) {
        if !self.cell.is_empty() {
            self.cell.push(' ');
        }
        self.cell.push_str(text);
    }

    pub(super) fn end_cell(&mut self) {
        let shown = std::mem::take(&mut self.cell);
        let cell = if shown.trim().is_empty() { self.value.take().unwrap_or_default() } else { shown };
        let room = MAX_COLUMNS.saturating_sub(self.cells.len());
        self.cells.extend(std::iter::repeat_n(cell, self.repeated_cells.min(MAX_REPEATED_CELLS).min(room)));
    }

    /// The cells, and how often the row stands there.
    pub(super) fn end(&mut self) -> (Vec<String>, usize) {
        (std::mem::take(&mut self.cells), self.repeated_rows.min(MAX_REPEATED_ROWS))
    }
}

fn repeated(element: &BytesStart<'_>, name: &str) -> usize {
    attribute(element, name).and_then(|count| count.parse().ok()).unwrap_or(1)
}
