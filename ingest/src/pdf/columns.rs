//! Reading order: segments of a page → regions, read one after the other.
//!
//! A region is cut where an empty vertical strip has text on both sides for long enough: what
//! stands above comes first, then the left side, the right side, and what stands below. A strip
//! between the cells of a table is not a cut.

use super::segments::Segment;

/// Deeper cuts are noise.
const MAX_DEPTH: usize = 12;
/// A page with more segments is a map or a drawing, or hostile.
const MAX_SEGMENTS: usize = 3_000;
/// The narrowest gutter, in font sizes.
const MIN_GUTTER: f32 = 0.8;
/// Rows on either side of a cut.
const MIN_ROWS: usize = 3;
/// Cells of tables are shorter than lines of prose: characters per segment.
const PROSE_CHARS: f32 = 18.0;
/// Distance of base lines, in font sizes.
const LINE_HEIGHT: f32 = 1.2;
/// Columns of short pieces have this share of the lines that would fit beside each other: labels of a chart, that
/// stand far apart, are no columns.
const MIN_FILLED: f32 = 0.4;
/// Base lines that match for more than this share mean a table, or columns on a grid.
const ALIGNED_SHARE: f32 = 0.6;

/// Regions in reading order.
pub(super) fn regions(segments: Vec<Segment>) -> Vec<Vec<Segment>> {
    let mut regions = Vec::new();
    cut(segments, 0, &mut regions);
    regions
}

fn cut(segments: Vec<Segment>, depth: usize, regions: &mut Vec<Vec<Segment>>) {
    if segments.is_empty() {
        return;
    }
    let best = if depth < MAX_DEPTH && segments.len() <= MAX_SEGMENTS { best_cut(&segments) } else { None };
    let Some(best) = best else {
        regions.push(segments);
        return;
    };
    let (mut above, mut left, mut right, mut below) = (vec![], vec![], vec![], vec![]);
    for segment in segments {
        let middle = f32::midpoint(segment.top, segment.bottom);
        if middle < best.top {
            above.push(segment);
        } else if middle > best.bottom {
            below.push(segment);
        } else if segment.x1 <= best.x + best.slack {
            left.push(segment);
        } else {
            right.push(segment);
        }
    }
    cut(above, depth + 1, regions);
    cut(left, depth + 1, regions);
    cut(right, depth + 1, regions);
    cut(below, depth + 1, regions);
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    /// Where the strip begins.
    x: f32,
    slack: f32,
    top: f32,
    bottom: f32,
    /// Height over which both sides have text.
    shared_height: f32,
}

fn best_cut(segments: &[Segment]) -> Option<Cut> {
    let mut sizes: Vec<f32> = segments.iter().map(|segment| segment.size).collect();
    sizes.sort_by(f32::total_cmp);
    let size = sizes[sizes.len() / 2];
    let mut by_height: Vec<&Segment> = segments.iter().collect();
    by_height.sort_by(|a, b| middle(a).total_cmp(&middle(b)));
    let mut candidates: Vec<f32> = segments.iter().map(|segment| segment.x1).collect();
    candidates.sort_by(f32::total_cmp);
    candidates.dedup_by(|next, kept| *next - *kept < 0.2 * size);
    let right_edge = segments.iter().map(|s| s.x1).fold(f32::MIN, f32::max);
    candidates.retain(|&x| x < right_edge - size);

    let mut best: Option<Cut> = None;
    for x in candidates {
        let strip = (x + 0.2 * size, x + 0.2 * size + MIN_GUTTER * size);
        let mut start = 0;
        for index in 0..=by_height.len() {
            let crosses = by_height.get(index).is_none_or(|segment| segment.x0 < strip.1 && segment.x1 > strip.0);
            if !crosses {
                continue;
            }
            if index - start >= 2 * MIN_ROWS
                && let Some(found) = judge(&by_height[start..index], strip.0, size)
                && best.is_none_or(|best| found.shared_height > best.shared_height * 1.02)
            {
                best = Some(found);
            }
            start = index + 1;
        }
    }
    best
}

fn middle(segment: &Segment) -> f32 {
    f32::midpoint(segment.top, segment.bottom)
}

/// Is the strip at `x` a gutter between columns of prose in these segments?
fn judge(free: &[&Segment], x: f32, size: f32) -> Option<Cut> {
    let (left, right): (Vec<&Segment>, Vec<&Segment>) = free.iter().partition(|segment| segment.x1 <= x + 0.01);
    let left = Side::of(&left)?;
    let right = Side::of(&right)?;
    let top = left.top.max(right.top);
    let bottom = left.bottom.min(right.bottom);
    let shared_height = bottom - top;
    if left.rows.len() < MIN_ROWS || right.rows.len() < MIN_ROWS || shared_height < 3.0 * size {
        return None;
    }
    let aligned = left
        .rows
        .iter()
        .filter(|&&base| base >= top - size && right.rows.iter().any(|&other| (base - other).abs() < 0.25 * size))
        .count() as f32;
    let shared_rows = |side: &Side| side.rows.iter().filter(|&&base| base >= top && base <= bottom).count();
    let fewer = shared_rows(&left).min(shared_rows(&right)).max(1) as f32;
    let is_grid = aligned / fewer > ALIGNED_SHARE;
    let short = left.chars_per_segment.min(right.chars_per_segment);
    let is_numbers = left.digit_share.max(right.digit_share) > 0.4;
    if is_grid && (short < PROSE_CHARS || is_numbers) {
        return None;
    }
    if short < PROSE_CHARS && fewer * LINE_HEIGHT * size < MIN_FILLED * shared_height {
        return None;
    }
    // Words that happen to stand under each other are not a column.
    if (short < 4.0 && fewer < 8.0) || (short < 12.0 && fewer < 6.0) {
        return None;
    }
    let first = free.iter().map(|segment| middle(segment));
    let last = first.clone().fold(f32::MIN, f32::max);
    let first = first.fold(f32::MAX, f32::min);
    Some(Cut { x, slack: 0.01, top: first - 0.01, bottom: last + 0.01, shared_height })
}

struct Side {
    /// Base lines.
    rows: Vec<f32>,
    top: f32,
    bottom: f32,
    chars_per_segment: f32,
    digit_share: f32,
}

impl Side {
    fn of(segments: &[&Segment]) -> Option<Self> {
        let first = segments.first()?;
        let mut bases: Vec<f32> = segments.iter().map(|segment| segment.base).collect();
        bases.sort_by(f32::total_cmp);
        bases.dedup_by(|next, kept| *next - *kept < 0.5 * first.size);
        let chars: usize = segments.iter().map(|segment| segment.chars.len()).sum();
        let digits =
            segments.iter().flat_map(|segment| &segment.chars).filter(|placed| placed.c.is_ascii_digit()).count();
        Some(Self {
            rows: bases,
            top: segments.iter().map(|s| s.top).fold(f32::MAX, f32::min),
            bottom: segments.iter().map(|s| s.bottom).fold(f32::MIN, f32::max),
            chars_per_segment: chars as f32 / segments.len() as f32,
            digit_share: digits as f32 / chars.max(1) as f32,
        })
    }
}
