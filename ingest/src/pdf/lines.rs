//! Regions of a page → lines of text.

use super::bands;
use super::columns;
use super::direction;
use super::geometry::Frame;
use super::glyphs::{Glyph, PageGlyphs};
use super::rows;
use super::segments::{self, PlacedChar, Segment};

/// One line of a region. Coordinates are those of its frame.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "looks of a line, each of which stands for itself")]
pub(super) struct TextLine {
    /// 1-based.
    pub page: u32,
    pub frame: Frame,
    pub x0: f32,
    pub x1: f32,
    pub top: f32,
    pub bottom: f32,
    pub base: f32,
    pub size: f32,
    pub is_bold: bool,
    pub is_monospaced: bool,
    pub is_right_to_left: bool,
    /// It is a row of cells of which some hold several lines of their own.
    pub is_stacked: bool,
    /// From left to right, at least one; in a stacked row cell by cell, and in those from top to bottom.
    pub segments: Vec<Segment>,
}

/// Lines that are read one after the other: a column, or the whole page.
pub(super) type Region = Vec<TextLine>;

impl TextLine {
    pub(super) fn new(page: u32, frame: Frame, segments: Vec<Segment>) -> Option<Self> {
        let main = segments.iter().max_by_key(|segment| segment.chars.len())?;
        let (base, size) = (main.base, main.size);
        let edge = |pick: fn(&Segment) -> f32| segments.iter().map(pick);
        Some(Self {
            page,
            frame,
            x0: edge(|s| s.x0).fold(f32::INFINITY, f32::min),
            x1: edge(|s| s.x1).fold(f32::NEG_INFINITY, f32::max),
            top: main.top,
            bottom: main.bottom,
            base,
            size,
            is_bold: segments.iter().all(|segment| segment.is_bold),
            is_monospaced: segments.iter().all(|segment| segment.is_monospaced),
            is_right_to_left: direction::is_mostly_right_to_left(segments.iter().flat_map(|segment| &segment.chars)),
            is_stacked: false,
            segments,
        })
    }

    /// Characters in visual order.
    pub(super) fn visual_text(&self) -> String {
        let texts: Vec<String> =
            self.segments.iter().map(|segment| segment.chars.iter().map(|placed| placed.c).collect()).collect();
        texts.join(" ")
    }

    /// In reading direction.
    pub(super) fn first_char(&self) -> Option<char> {
        if self.is_right_to_left {
            return Some(self.segments.last()?.chars.last()?.c);
        }
        Some(self.segments.first()?.chars.first()?.c)
    }

    pub(super) fn last_char(&self) -> Option<char> {
        if self.is_right_to_left {
            return Some(self.segments.first()?.chars.first()?.c);
        }
        Some(self.segments.last()?.chars.last()?.c)
    }

    /// Where the line begins and ends in reading direction; growing from begin to end.
    pub(super) fn extent(&self) -> (f32, f32) {
        if self.is_right_to_left { (-self.x1, -self.x0) } else { (self.x0, self.x1) }
    }

    /// Width of the first word.
    pub(super) fn first_word_width(&self) -> f32 {
        let is_space = |placed: &&PlacedChar| placed.c == ' ';
        if self.is_right_to_left {
            let space = self.segments.last().and_then(|last| last.chars.iter().rev().find(is_space));
            return self.x1 - space.map_or(self.x0, |space| space.x1);
        }
        let space = self.segments.first().and_then(|first| first.chars.iter().find(is_space));
        space.map_or(self.x1, |space| space.x0) - self.x0
    }
}

/// The lines of a page in reading order. Text in the page's main direction comes first.
pub(super) fn read(page: u32, drawn: &PageGlyphs) -> Vec<Region> {
    let mut frames: Vec<(Frame, Vec<Glyph>)> = Vec::new();
    for glyph in text_glyphs(&drawn.glyphs) {
        match frames.iter_mut().find(|(frame, _)| *frame == glyph.frame) {
            Some((_, glyphs)) => glyphs.push(glyph),
            None => frames.push((glyph.frame, vec![glyph])),
        }
    }
    // Stable: frames with equally many glyphs stay in the order in which they were drawn.
    frames.sort_by_key(|(_, glyphs)| std::cmp::Reverse(glyphs.len()));
    let mut regions = Vec::new();
    for (frame, glyphs) in frames {
        for region in columns::regions(segments::build(drawn, &glyphs)) {
            let rows = rows::group(region).into_iter();
            let lines: Region = bands::merge(rows.filter_map(|row| TextLine::new(page, frame, row)).collect());
            if !lines.is_empty() {
                regions.push(lines);
            }
        }
    }
    regions
}

/// Without what is marked as decoration, unless nearly everything is: then the marks are wrong.
fn text_glyphs(glyphs: &[Glyph]) -> Vec<Glyph> {
    let artifacts = glyphs.iter().filter(|glyph| glyph.is_artifact).count();
    let trust_marks = artifacts * 2 < glyphs.len();
    glyphs.iter().filter(|glyph| !(trust_marks && glyph.is_artifact)).copied().collect()
}
