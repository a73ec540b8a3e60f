//! Paragraphs → blocks: characters in logical order with spaces and line breaks, hyphens undone,
//! every character with its place.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::compose;

use super::direction::{self, LogicalChar};
use super::geometry::{Frame, Rectangle};
use super::lines::TextLine;
use super::segments::{PlacedChar, Segment};
use super::words::{Words, is_hyphen};
use crate::document::Line;

/// What stands for more dots in a row than these.
const LEADER: char = '…';
const LEADER_DOTS: usize = 4;
const CELL_SEPARATOR: &str = " | ";

/// How the lines of a block are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joining {
    /// One running text.
    Flow,
    /// Each line for itself.
    Lines,
    /// Each line for itself, its segments as cells.
    Cells,
}

/// Text and geometry of lines, put together.
pub(super) fn compose_text(lines: &[TextLine], joining: Joining, words: &Words) -> (String, Vec<Line>) {
    let mut builder = Builder::default();
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            let next = lines_first_word(line);
            builder.end_line(joining, &next, words);
        }
        builder.start_line(line);
        builder.line(line, joining);
    }
    builder.finish()
}

/// The first word of a line, for the decision on a hyphen before it.
fn lines_first_word(line: &TextLine) -> String {
    line.segments
        .first()
        .into_iter()
        .flat_map(|segment| &segment.chars)
        .map(|placed| placed.c)
        .take_while(|c| c.is_alphanumeric() || *c == '-' || *c == '\'' || *c == '’')
        .collect()
}

#[derive(Debug, Clone, Copy)]
struct Char {
    c: char,
    x0: f32,
    x1: f32,
    is_right_to_left: bool,
    /// Index of the line.
    row: usize,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    page: u32,
    frame: Frame,
    top: f32,
    bottom: f32,
}

#[derive(Default)]
struct Builder {
    chars: Vec<Char>,
    rows: Vec<Row>,
}

impl Builder {
    fn start_line(&mut self, line: &TextLine) {
        let (top, bottom) = match line.segments.first() {
            Some(first) if line.is_stacked => (first.top, first.bottom),
            _ => (line.top, line.bottom),
        };
        self.rows.push(Row { page: line.page, frame: line.frame, top, bottom });
    }

    fn line(&mut self, line: &TextLine, joining: Joining) {
        let mut piece = Vec::new();
        let mut previous: Option<&Segment> = None;
        // Of the cell, of which a short line may follow a long one.
        let mut right = f32::NEG_INFINITY;
        for segment in &line.segments {
            if let Some(before) = previous {
                right = if line.is_stacked { right.max(before.x1) } else { before.x1 };
                let is_cell = joining == Joining::Cells && segment.x0 - right > 0.5 * line.size;
                let is_below = line.is_stacked && (segment.base - before.base).abs() > 0.2 * line.size;
                if is_cell || is_below {
                    self.piece(std::mem::take(&mut piece));
                    if is_cell {
                        self.separate_cells(segment);
                    } else {
                        self.space();
                    }
                } else {
                    piece.push(PlacedChar { c: ' ', x0: before.x1, x1: segment.x0.max(before.x1) });
                }
                if is_below {
                    let (top, bottom) = (segment.top, segment.bottom);
                    self.rows.push(Row { page: line.page, frame: line.frame, top, bottom });
                }
            }
            piece.extend_from_slice(&segment.chars);
            previous = Some(segment);
        }
        self.piece(piece);
    }

    /// Characters in visual order, of one stretch of text.
    fn piece(&mut self, visual: Vec<PlacedChar>) {
        for c in direction::logical(visual) {
            self.push(&c);
            self.shorten_leader();
        }
    }

    /// Between two lines of one cell.
    fn space(&mut self) {
        if let Some(&last) = self.chars.last().filter(|last| !last.c.is_whitespace()) {
            self.chars.push(Char { c: ' ', x0: last.x1, x1: last.x1, ..last });
        }
    }

    /// The separator takes the space between the cells.
    fn separate_cells(&mut self, next: &Segment) {
        let start = self.chars.last().map_or(0.0, |last| last.x1);
        let end = next.chars.first().map_or(start, |first| first.x0).max(start);
        let step = (end - start) / CELL_SEPARATOR.len() as f32;
        for (index, c) in CELL_SEPARATOR.chars().enumerate() {
            self.chars.push(Char {
                c,
                x0: start + step * index as f32,
                x1: start + step * (index + 1) as f32,
                is_right_to_left: false,
                row: self.rows.len() - 1,
            });
        }
    }

    /// Adds a character in composed form; no two spaces follow each other.
    fn push(&mut self, logical: &LogicalChar) {
        let row = self.rows.len() - 1;
        for c in std::iter::once(logical.placed.c).nfc() {
            if let Some(last) = self.chars.last_mut() {
                if c == ' ' && last.c.is_whitespace() {
                    continue;
                }
                if last.row == row
                    && let Some(whole) = compose(last.c, c)
                {
                    last.c = whole;
                    continue;
                }
            } else if c == ' ' {
                continue;
            }
            self.chars.push(Char {
                c,
                x0: logical.placed.x0,
                x1: logical.placed.x1,
                is_right_to_left: logical.is_right_to_left,
                row,
            });
        }
    }

    /// The dots between an entry of a table of contents and its page become one character.
    fn shorten_leader(&mut self) {
        let row = self.rows.len() - 1;
        let Some(last) = self.chars.last().filter(|last| last.c == '.') else {
            return;
        };
        let end = last.x1;
        let mut dots = 0;
        let mut start = self.chars.len();
        while let Some(c) = start.checked_sub(1).and_then(|before| self.chars.get(before)) {
            if c.row != row || c.is_right_to_left || !matches!(c.c, '.' | ' ' | LEADER) {
                break;
            }
            dots += if c.c == LEADER { LEADER_DOTS } else { usize::from(c.c == '.') };
            start -= 1;
        }
        if dots <= LEADER_DOTS {
            return;
        }
        while self.chars.get(start).is_some_and(|c| c.c == ' ') {
            start += 1;
        }
        self.chars.truncate(start + 1);
        if let Some(leader) = self.chars.last_mut() {
            leader.c = LEADER;
            leader.x1 = end;
        }
    }

    /// Ends a line before another whose first word is `next`.
    fn end_line(&mut self, joining: Joining, next: &str, words: &Words) {
        while self.chars.last().is_some_and(|last| last.c == ' ') {
            self.chars.pop();
        }
        let Some(&last) = self.chars.last() else {
            return;
        };
        let next_char = next.chars().next();
        let break_char = match joining {
            Joining::Lines | Joining::Cells => Some('\n'),
            Joining::Flow => {
                if self.ends_in_hyphen() && next_char.is_some() {
                    let first = self.last_word();
                    if !words.keeps_hyphen(&first, next) {
                        self.chars.pop();
                    }
                    None
                } else if next_char.is_some_and(is_unspaced) && is_unspaced(last.c) {
                    None
                } else {
                    Some(' ')
                }
            }
        };
        if let Some(c) = break_char {
            let edge = if last.is_right_to_left { last.x0 } else { last.x1 };
            self.chars.push(Char { c, x0: edge, x1: edge, ..last });
        }
    }

    fn ends_in_hyphen(&self) -> bool {
        let [.., before, last] = self.chars.as_slice() else {
            return false;
        };
        is_hyphen(last.c) && before.c.is_alphabetic()
    }

    /// The letters before the hyphen at the end.
    fn last_word(&self) -> String {
        let mut word: Vec<char> =
            self.chars.iter().rev().skip(1).map(|c| c.c).take_while(|c| c.is_alphanumeric() || *c == '-').collect();
        word.reverse();
        word.into_iter().collect()
    }

    fn finish(mut self) -> (String, Vec<Line>) {
        while self.chars.last().is_some_and(|last| last.c.is_whitespace()) {
            self.chars.pop();
        }
        let text: String = self.chars.iter().map(|c| c.c).collect();
        let mut lines = Vec::new();
        let mut start = 0;
        while start < self.chars.len() {
            let end =
                (start + 1..self.chars.len()).find(|&index| !self.continues(start, index)).unwrap_or(self.chars.len());
            lines.push(self.drawn(start, end));
            start = end;
        }
        (text, lines)
    }

    /// Do the characters before `index`, from `start` on, and the one at it form one line?
    fn continues(&self, start: usize, index: usize) -> bool {
        let (before, here) = (&self.chars[index - 1], &self.chars[index]);
        let row = &self.rows[here.row];
        let jumps_back = if here.is_right_to_left { here.x1 > before.x1 + 1.0 } else { here.x0 < before.x0 - 1.0 };
        before.row == here.row
            && self.chars[start].is_right_to_left == here.is_right_to_left
            && row.frame.is_upright()
            && !jumps_back
    }

    fn drawn(&self, start: usize, end: usize) -> Line {
        let chars = &self.chars[start..end];
        let row = &self.rows[chars[0].row];
        let mut x = Vec::with_capacity(chars.len() + 1);
        let (mut top, mut bottom) = (row.top, row.bottom);
        if row.frame.is_upright() {
            let mut at = if chars[0].is_right_to_left { f32::INFINITY } else { f32::NEG_INFINITY };
            let ends = chars.iter().map(|c| (c.x0, c.x1));
            let last = chars[chars.len() - 1];
            for (x0, x1) in ends {
                at = if last.is_right_to_left { at.min(x1) } else { at.max(x0) };
                x.push(at);
            }
            x.push(if last.is_right_to_left { at.min(last.x0) } else { at.max(last.x1) });
        } else {
            let displayed =
                row.frame.leave(Rectangle { x0: chars[0].x0, y0: row.top, x1: chars[0].x1, y1: row.bottom });
            (top, bottom) = (displayed.y0, displayed.y1);
            let is_break = chars[0].x0 >= chars[0].x1;
            let right = if is_break { displayed.x0 } else { displayed.x1 };
            x.extend([displayed.x0, right]);
        }
        Line { page: row.page, char_start: start as u32, char_end: end as u32, top, bottom, x }
    }
}

/// Scripts that write no spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{2e80}'..='\u{30ff}' | '\u{31f0}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{e00}'..='\u{eff}')
}
