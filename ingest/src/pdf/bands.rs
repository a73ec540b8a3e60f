//! Rows of tables whose cells are centred beside each other: the lines of a long cell stand between those of the
//! short ones, closer than lines of text ever follow each other. Such lines are put together as one, cell by cell.

use super::lines::TextLine;
use super::segments::{PlacedChar, Segment};

/// Lines closer than this, in font sizes, interleave.
const TIGHT: f32 = 0.85;
/// Lines of one band; columns of prose beside each other interleave for longer.
const MAX_LINES: usize = 9;
/// Base lines that differ by less, in font sizes, are one.
const SAME_LINE: f32 = 0.2;
/// Cells further apart than this, in font sizes.
const MIN_CELL_GAP: f32 = 0.9;
const MIN_CELLS: usize = 3;

/// `lines` from top to bottom.
pub(super) fn merge(lines: Vec<TextLine>) -> Vec<TextLine> {
    let mut merged: Vec<TextLine> = Vec::with_capacity(lines.len());
    let mut band: Vec<TextLine> = Vec::new();
    for line in lines {
        if band.last().is_some_and(|last| line.base - last.base >= TIGHT * last.size.min(line.size)) {
            merged.extend(closed(std::mem::take(&mut band)));
        }
        band.push(line);
    }
    merged.extend(closed(band));
    merged
}

/// One line if the lines are a row of cells, else themselves.
fn closed(band: Vec<TextLine>) -> Vec<TextLine> {
    if band.len() < 2 || band.len() > MAX_LINES || band.windows(2).any(|pair| collide(&pair[0], &pair[1])) {
        return band;
    }
    let size = band.iter().map(|line| line.size).fold(0.0, f32::max);
    let mut segments: Vec<&Segment> = band.iter().flat_map(|line| &line.segments).collect();
    segments.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    let mut cells: Vec<Vec<&Segment>> = Vec::new();
    let mut right = f32::NEG_INFINITY;
    for segment in segments {
        match cells.last_mut() {
            Some(cell) if segment.x0 - right < MIN_CELL_GAP * size => cell.push(segment),
            _ => cells.push(vec![segment]),
        }
        right = right.max(segment.x1);
    }
    if cells.len() < MIN_CELLS {
        return band;
    }
    let cells: Vec<Vec<Segment>> = cells.into_iter().map(stretches).collect();
    // Where most cells hold several lines, these are rows themselves, with a few cells that span them.
    if cells.iter().filter(|cell| cell.len() > 1).count() * 2 > cells.len() {
        return band;
    }
    let segments: Vec<Segment> = cells.into_iter().flatten().collect();
    let (page, frame) = (band[0].page, band[0].frame);
    match TextLine::new(page, frame, segments) {
        Some(line) => vec![TextLine { is_stacked: true, ..line }],
        None => band,
    }
}

/// The lines of a cell, each as one segment: spread words of a justified line are no cells.
fn stretches(mut cell: Vec<&Segment>) -> Vec<Segment> {
    cell.sort_by(|a, b| a.base.total_cmp(&b.base));
    cell.chunk_by_mut(|above, below| below.base - above.base < SAME_LINE * above.size).map(stretch).collect()
}

fn stretch(line: &mut [&Segment]) -> Segment {
    line.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    let mut whole = line[0].clone();
    for segment in &line[1..] {
        whole.chars.push(PlacedChar { c: ' ', x0: whole.x1, x1: segment.x0.max(whole.x1) });
        whole.chars.extend_from_slice(&segment.chars);
        whole.x1 = whole.x1.max(segment.x1);
    }
    whole
}

/// Lines that interleave have nothing above each other.
fn collide(above: &TextLine, below: &TextLine) -> bool {
    above.segments.iter().any(|one| below.segments.iter().any(|other| one.x0 < other.x1 && other.x0 < one.x1))
}
