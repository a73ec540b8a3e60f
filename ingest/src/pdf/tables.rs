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
        let distance = below.base - above.base;
        if has_cells(above)
            && has_cells(below)
            && distance < 3.5 * above.size.max(below.size)
            && are_aligned(above, below)
        {
            is_row[index - 1] = true;
            is_row[index] = true;
        }
    }
    is_row
}

fn has_cells(line: &TextLine) -> bool {
    let is_label = |index: usize| {
        line.segments[index].chars.len() <= LABEL_CHARS && !is_number(&line.segments[index])
    };
    let gaps = line
        .segments
        .windows(2)
        .filter(|pair| pair[1].x0 - pair[0].x1 > MIN_CELL_GAP * line.size)
        .count();
    match line.segments.len() {
        0 | 1 => false,
        2 => gaps == 1 && !is_label(0),
        _ => gaps >= 1,
    }
}

fn is_number(segment: &super::segments::Segment) -> bool {
    segment.chars.iter().any(|placed| placed.c.is_ascii_digit())
}

/// Two columns share an edge or a middle; the first column alone always does.
fn are_aligned(above: &TextLine, below: &TextLine) -> bool {
    let near = ALIGNED * above.size.max(below.size);
    let matches = below
        .segments
        .iter()
        .filter(|cell| {
            above.segments.iter().any(|other| {
                (cell.x0 - other.x0).abs() < near
                    || (cell.x1 - other.x1).abs() < near
                    || (cell.x0 + cell.x1 - other.x0 - other.x1).abs() < near
            })
        })
        .count();
    matches >= 2
}
