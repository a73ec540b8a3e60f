//! The cells of one sheet, which may lie far apart, as rows of a table.

use std::collections::BTreeSet;

use crate::blocks::BlockBuilder;
use crate::document::BlockKind;
use crate::tables::RowWriter;

/// Cells that are kept of one sheet.
const MAX_CELLS: usize = 4_000_000;
/// A sheet with more columns in use is no table: its cells are written without the gaps between them.
const MAX_COLUMNS: usize = 512;

pub(super) struct SheetRows {
    /// Row, column, text; never empty.
    cells: Vec<(u32, u32, String)>,
    columns: BTreeSet<u32>,
    rows: u64,
    left_rows: u64,
    whole: bool,
}

impl SheetRows {
    pub(super) fn new(left_rows: u64) -> Self {
        Self { cells: Vec::new(), columns: BTreeSet::new(), rows: 0, left_rows, whole: true }
    }

    /// Adds a cell; `false` when the sheet holds more than is read.
    pub(super) fn add(&mut self, row: u32, column: u32, text: String) -> bool {
        if text.trim().is_empty() {
            return true;
        }
        let begins_row = self.cells.last().is_none_or(|(last, _, _)| *last != row);
        if self.cells.len() >= MAX_CELLS || begins_row && self.rows >= self.left_rows {
            self.whole = false;
            return false;
        }
        self.rows += u64::from(begins_row);
        self.columns.insert(column);
        self.cells.push((row, column, text));
        true
    }

    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Writes the rows under the name of the sheet; how many there were. An empty sheet is left out.
    pub(super) fn write(mut self, name: &str, builder: &mut BlockBuilder) -> u64 {
        if self.cells.is_empty() {
            return 0;
        }
        builder.push(BlockKind::Heading { level: 1 }, name);
        self.cells.sort_by_key(|(row, column, _)| (*row, *column));
        let columns: Vec<u32> = self.columns.iter().copied().collect();
        let mut writer = RowWriter::new(builder);
        let mut last = None;
        for row in self.cells.chunk_by(|one, other| one.0 == other.0) {
            let number = row[0].0;
            if last.is_some_and(|last: u32| number > last + 1) {
                writer.row::<&str>(&[]);
            }
            last = Some(number);
            if columns.len() > MAX_COLUMNS {
                writer.row(&row.iter().map(|(_, _, text)| text.as_str()).collect::<Vec<_>>());
                continue;
            }
            let mut cells = vec![""; columns.len()];
            for (_, column, text) in row {
                if let Ok(at) = columns.binary_search(column) {
                    cells[at] = text;
                }
            }
            writer.row(&cells);
        }
        self.rows
    }
}
