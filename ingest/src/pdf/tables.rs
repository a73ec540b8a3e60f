//! Which lines of a region are rows of a table: cells aligned from line to line.

use super::lines::TextLine;

/// Cells further apart than this, in font sizes.
const MIN_CELL_GAP: f32 = 0.9;
/// Edges of cells that differ by less are aligned, in font sizes.
const ALIGNED: f32 = 0.6;
/// A label this short at the start of a line is a list's, not a cell.
const LABEL_CHARS: usize = 3;

/// For each line, whether it is a row of a table. A table has at least two rows.
pub(super) fn rows(lines: &[TextLine]) -> Vec<bool> {
    let mut is_row = vec![false; lines.len()];
    for index in 1..lines.len() {
        let (above, below) = (&lines[index - 1], &lines[index]);
        if has_cells(above) && has_cells(below) && are_near(above, below, 3.5) && shared_edges(above, below) >= 2 {
            is_row[index - 1] = true;
            is_row[index] = true;
        }
    }
    add_heads(lines, &mut is_row);
    add_wrapped_cells(lines, &mut is_row);
    is_row
}

/// The heads of columns often share one edge only with the cells below them.
fn add_heads(lines: &[TextLine], is_row: &mut [bool]) {
    for index in (1..lines.len()).rev() {
        let (above, below) = (&lines[index - 1], &lines[index]);
        if is_row[index]
            && !is_row[index - 1]
            && has_cells(above)
            && are_near(above, below, 2.2)
            && shared_edges(above, below) >= 1
        {
            is_row[index - 1] = true;
        }
    }
}

/// A cell of several lines leaves lines with nothing but its text between two rows.
fn add_wrapped_cells(lines: &[TextLine], is_row: &mut [bool]) {
    for index in 1..lines.len().saturating_sub(1) {
        let (above, line, below) = (&lines[index - 1], &lines[index], &lines[index + 1]);
        if is_row[index - 1]
            && !is_row[index]
            && is_row[index + 1]
            && are_near(above, line, 1.6)
            && are_near(line, below, 1.6)
            && shared_edges(above, line) >= 1
        {
            is_row[index] = true;
        }
    }
}

fn are_near(above: &TextLine, below: &TextLine, sizes: f32) -> bool {
    below.base - above.base < sizes * above.size.max(below.size)
}

pub(super) fn has_cells(line: &TextLine) -> bool {
    let is_label = |index: usize| line.segments[index].chars.len() <= LABEL_CHARS && !is_number(&line.segments[index]);
    let gaps = line.segments.windows(2).filter(|pair| pair[1].x0 - pair[0].x1 > MIN_CELL_GAP * line.size).count();
    match line.segments.len() {
        0 | 1 => false,
        2 => gaps == 1 && !is_label(0),
        _ => gaps >= 1,
    }
}

fn is_number(segment: &super::segments::Segment) -> bool {
    segment.chars.iter().any(|placed| placed.c.is_ascii_digit())
}

/// How many segments of `below` share an edge or the middle with one of `above`.
fn shared_edges(above: &TextLine, below: &TextLine) -> usize {
    let near = ALIGNED * above.size.max(below.size);
    below
        .segments
        .iter()
        .filter(|cell| {
            above.segments.iter().any(|other| {
                (cell.x0 - other.x0).abs() < near
                    || (cell.x1 - other.x1).abs() < near
                    || (cell.x0 + cell.x1 - other.x0 - other.x1).abs() < near
            })
        })
        .count()
}
