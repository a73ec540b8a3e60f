//! Tables: one that is being read cell by cell, and long ones cut so that every part keeps the header.

use crate::blocks::BlockBuilder;
use crate::document::BlockKind;
use crate::text::one_line;

/// Between cells of a row.
pub(crate) const CELL_SEPARATOR: &str = " | ";
/// Length of the parts that a long table is cut into. About as much as a chunk holds when the cells are numbers.
const PART_CHARS: usize = 500;
/// A longer header is not repeated: there would be more of it than of the table.
const MAX_HEADER_CHARS: usize = 200;

/// A table whose end has not been seen.
#[derive(Debug, Default)]
pub(crate) struct OpenTable {
    rows: Vec<String>,
    cells: Vec<String>,
    cell: String,
}

impl OpenTable {
    /// Adds text to the open cell, as a paragraph of its own.
    pub(crate) fn add(&mut self, text: &str) {
        self.cell.push(' ');
        self.cell.push_str(text);
    }

    pub(crate) fn end_cell(&mut self) {
        let cell = std::mem::take(&mut self.cell);
        self.cells.push(one_line(&cell));
    }

    pub(crate) fn end_row(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        if !cells.is_empty() {
            self.rows.push(cells.join(CELL_SEPARATOR));
        }
    }

    /// The text of a table of a document: its rows as lines.
    pub(crate) fn text(&self) -> String {
        self.rows.join("\n")
    }

    /// The table as part of a cell of another.
    pub(crate) fn in_cell(&self) -> String {
        self.rows.join("; ")
    }
}

/// Rows of data, which may be many: written as tables of bounded length, each beginning with the header.
pub(crate) struct RowWriter<'a> {
    builder: &'a mut BlockBuilder,
    header: Option<String>,
    /// Rows of the open part, the header included.
    open: String,
    /// An empty row was seen: what follows may be another table.
    after_gap: bool,
}

impl<'a> RowWriter<'a> {
    pub(crate) fn new(builder: &'a mut BlockBuilder) -> Self {
        Self { builder, header: None, open: String::new(), after_gap: true }
    }

    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        let filled = cells.iter().rposition(|cell| !cell.as_ref().trim().is_empty()).map_or(0, |last| last + 1);
        if filled == 0 {
            self.after_gap = true;
            return;
        }
        let cells: Vec<String> = cells[..filled].iter().map(|cell| one_line(cell.as_ref())).collect();
        let row = cells.join(CELL_SEPARATOR);
        if self.after_gap && is_header(&cells) {
            self.end_part();
            self.header = (row.chars().count() <= MAX_HEADER_CHARS).then(|| row.clone());
            self.after_gap = false;
            self.open = row;
            return;
        }
        // A title above the table does not end the search for its header.
        self.after_gap &= filled == 1;
        if self.open.len() + row.len() > PART_CHARS {
            self.end_part();
        }
        if self.open.is_empty() {
            self.open.push_str(self.header.as_deref().unwrap_or_default());
        }
        if !self.open.is_empty() {
            self.open.push('\n');
        }
        self.open.push_str(&row);
    }

    fn end_part(&mut self) {
        let part = std::mem::take(&mut self.open);
        // A line alone is a title, or a remark below.
        let is_row = part.contains(CELL_SEPARATOR) || part.contains('\n');
        self.builder.push(if is_row { BlockKind::Table } else { BlockKind::Paragraph }, &part);
    }
}

impl Drop for RowWriter<'_> {
    fn drop(&mut self) {
        self.end_part();
    }
}

/// A row of names: several cells, hardly a number among them.
fn is_header(cells: &[String]) -> bool {
    let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
    let numbers = cells.iter().filter(|cell| is_number(cell)).count();
    filled >= 2 && numbers * 4 <= filled
}

fn is_number(cell: &str) -> bool {
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    // Years are names of columns more often than values.
    let is_year = digits == 4 && cell.len() == 4;
    digits > 0 && !is_year && cell.chars().filter(|character| character.is_alphabetic()).count() <= digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(rows: &[&[&str]]) -> Vec<String> {
        let mut builder = BlockBuilder::default();
        let mut writer = RowWriter::new(&mut builder);
        for row in rows {
            writer.row(row);
        }
        drop(writer);
        builder.finish().into_iter().map(|block| block.text).collect()
    }

    #[test]
    fn every_part_of_a_long_table_begins_with_the_header() {
        let numbers: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        let mut rows: Vec<Vec<&str>> = vec![vec!["plot", "trees"]];
        rows.extend(numbers.iter().map(|number| vec!["north meadow", number.as_str()]));
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        let parts = written(&rows);
        assert!(parts.len() > 3);
        for part in &parts {
            assert!(part.starts_with("plot | trees\nnorth meadow | "), "{part}");
            assert!(part.len() <= PART_CHARS + 20);
        }
        let kept = parts.iter().flat_map(|part| part.lines()).filter(|line| line.starts_with("north")).count();
        assert_eq!(kept, 200);
    }

    #[test]
    fn titles_stand_above_headers_and_gaps_divide_tables() {
        let rows: [&[&str]; 7] = [
            &["Harvest 2023"],
            &["fruit", "kg", ""],
            &["pears", "120"],
            &[""],
            &["name", "town"],
            &["Keller\nM.", "Bern"],
            &["12", "13"],
        ];
        assert_eq!(
            written(&rows),
            ["Harvest 2023", "fruit | kg\npears | 120", "name | town\nKeller M. | Bern\n12 | 13"]
        );
    }
}
