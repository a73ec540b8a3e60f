//! The geometry of a revision: from a character range to rectangles on pages.
//!
//! Stored beside the text as compact bytes (about two bytes per character): lengths in twentieths
//! of a point, differences as variable-length integers.

use serde::{Deserialize, Serialize};

mod bytes;
#[cfg(test)]
mod tests;

/// Lines of few characters (vertical text) are joined into one rectangle when they touch within
/// this many points.
const STACK_GAP_POINTS: f32 = 2.0;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    pub pages: Vec<PageSize>,
    /// In order of `char_start`.
    pub lines: Vec<LayoutLine>,
}

/// Size of a page as displayed, in points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PageSize {
    pub width: f32,
    pub height: f32,
}

/// [`Line`](crate::document::Line) with character offsets in the revision's text.
#[derive(Debug, Clone, PartialEq)]
pub struct LayoutLine {
    pub page: u32,
    pub char_start: u32,
    pub char_end: u32,
    pub top: f32,
    pub bottom: f32,
    /// `char_end - char_start + 1` boundaries.
    pub x: Vec<f32>,
}

/// A rectangle on a page, in points, origin at the top left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PageBox {
    /// 1-based.
    pub page: u32,
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored layout is damaged: {reason}; parse the document again")]
pub struct LayoutError {
    pub reason: &'static str,
}

impl Layout {
    /// The stored form; read it with [`Self::from_bytes`]. Lengths are rounded to 1/20 point.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes::encode(self)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LayoutError> {
        bytes::decode(bytes)
    }

    /// The rectangles that cover characters `char_start..char_end`, one per line and direction.
    pub fn boxes(&self, char_start: u32, char_end: u32) -> Vec<PageBox> {
        let first = self.lines.partition_point(|line| line.char_end <= char_start);
        let mut boxes: Vec<PageBox> = Vec::new();
        let mut previous_is_short = false;
        for line in &self.lines[first..] {
            if line.char_start >= char_end {
                break;
            }
            let Some(found) = line.part(char_start, char_end) else {
                continue;
            };
            let is_short = line.char_end - line.char_start <= 2;
            match boxes.last_mut() {
                Some(last) if last.continues_into(&found, is_short && previous_is_short) => {
                    last.cover(&found);
                }
                _ => boxes.push(found),
            }
            previous_is_short = is_short;
        }
        boxes
    }

    /// 1-based page on which the character stands.
    pub fn page_of(&self, char_start: u32) -> Option<u32> {
        let next = self.lines.partition_point(|line| line.char_end <= char_start);
        self.lines.get(next).or_else(|| self.lines.last()).map(|line| line.page)
    }
}

impl LayoutLine {
    fn part(&self, char_start: u32, char_end: u32) -> Option<PageBox> {
        let from = char_start.max(self.char_start) - self.char_start;
        let to = char_end.min(self.char_end).checked_sub(self.char_start).filter(|&to| to > from)?;
        let (first, last) = (*self.x.get(from as usize)?, *self.x.get(to as usize)?);
        let width = (last - first).abs();
        // The white space that stands for a line break has no width: nothing to draw.
        (width > 0.0).then_some(PageBox {
            page: self.page,
            x: first.min(last),
            y: self.top,
            width,
            height: self.bottom - self.top,
        })
    }
}

impl PageBox {
    fn continues_into(&self, next: &Self, stacked: bool) -> bool {
        if self.page != next.page {
            return false;
        }
        let same_row = (self.y - next.y).abs() < 0.1 && (self.height - next.height).abs() < 0.1;
        let touches = next.x <= self.x + self.width + 1.0 && self.x <= next.x + next.width + 1.0;
        let same_stack = stacked
            && next.x < self.x + self.width
            && self.x < next.x + next.width
            && next.y <= self.y + self.height + STACK_GAP_POINTS
            && self.y <= next.y + next.height + STACK_GAP_POINTS;
        (same_row && touches) || same_stack
    }

    fn cover(&mut self, other: &Self) {
        let right = (self.x + self.width).max(other.x + other.width);
        let bottom = (self.y + self.height).max(other.y + other.height);
        self.x = self.x.min(other.x);
        self.y = self.y.min(other.y);
        self.width = right - self.x;
        self.height = bottom - self.y;
    }
}
