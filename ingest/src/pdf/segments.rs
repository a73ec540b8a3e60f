//! Glyphs of one frame → segments: stretches of words on one base line without a wide gap.

use super::accents;
use super::glyphs::{Glyph, PageGlyphs};
use super::rows::{self, Placed};

/// A gap wider than this (in font sizes) ends a segment: it may be a gutter or a table's column.
const SEGMENT_GAP: f32 = 0.8;
/// A step back wider than this is not kerning.
const STEP_BACK: f32 = 0.5;
/// Spaces are at least this wide, in font sizes, when no space character was drawn…
const MIN_SPACE: f32 = 0.1;
const MAX_SPACE: f32 = 0.3;
/// …and this wide when one was: otherwise the next glyph was moved back over it.
const MIN_DRAWN_SPACE: f32 = 0.04;
/// Letters set apart by more than this are letter-spaced; words in them are further apart.
const LETTER_SPACING: f32 = 0.05;

/// A character with its place along the base line, in the coordinates of the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PlacedChar {
    pub c: char,
    pub x0: f32,
    pub x1: f32,
}

/// Characters in visual order, left to right.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub x0: f32,
    pub x1: f32,
    pub top: f32,
    pub bottom: f32,
    pub base: f32,
    pub size: f32,
    pub is_bold: bool,
    pub is_monospaced: bool,
    pub chars: Vec<PlacedChar>,
}

/// Glyphs that follow each other on one base line, as drawn.
#[derive(Debug)]
struct Fragment {
    items: Vec<Item>,
    x0: f32,
    x1: f32,
    top: f32,
    bottom: f32,
    base: f32,
    size: f32,
}

#[derive(Debug, Clone, Copy)]
struct Item {
    glyph: Glyph,
    space_before: bool,
}

impl Placed for Fragment {
    fn base(&self) -> f32 {
        self.base
    }
    fn size(&self) -> f32 {
        self.size
    }
    fn height(&self) -> (f32, f32) {
        (self.top, self.bottom)
    }
    fn width(&self) -> (f32, f32) {
        (self.x0, self.x1)
    }
}

impl Placed for Segment {
    fn base(&self) -> f32 {
        self.base
    }
    fn size(&self) -> f32 {
        self.size
    }
    fn height(&self) -> (f32, f32) {
        (self.top, self.bottom)
    }
    fn width(&self) -> (f32, f32) {
        (self.x0, self.x1)
    }
}

/// Segments in rows from top to bottom, each row from left to right.
pub(super) fn build(page: &PageGlyphs, glyphs: &[Glyph]) -> Vec<Segment> {
    let mut segments = Vec::new();
    for row in rows::group(fragments(page, glyphs)) {
        let mut open: Vec<Fragment> = Vec::new();
        let mut right = f32::NEG_INFINITY;
        for fragment in row {
            let gap = fragment.x0 - right;
            let size = open.last().map_or(fragment.size, |last: &Fragment| last.size.max(fragment.size));
            if gap > SEGMENT_GAP * size && !open.is_empty() {
                segments.extend(segment(page, std::mem::take(&mut open)));
                right = f32::NEG_INFINITY;
            }
            right = right.max(fragment.x1);
            if !open.iter().rev().take(4).any(|drawn| is_overprint(page, drawn, &fragment)) {
                open.push(fragment);
            }
        }
        segments.extend(segment(page, open));
    }
    segments
}

fn fragments(page: &PageGlyphs, glyphs: &[Glyph]) -> Vec<Fragment> {
    let mut fragments: Vec<Fragment> = Vec::new();
    let mut space_before = false;
    for glyph in glyphs {
        if page.is_space(glyph) {
            space_before = true;
            continue;
        }
        let item = Item { glyph: *glyph, space_before: std::mem::take(&mut space_before) };
        match fragments.last_mut() {
            Some(last) if last.continues_with(glyph) => last.push(item),
            _ => fragments.push(Fragment::new(item)),
        }
    }
    fragments
}

impl Fragment {
    fn new(item: Item) -> Self {
        let glyph = &item.glyph;
        Self {
            x0: glyph.x0,
            x1: glyph.x1,
            top: glyph.top,
            bottom: glyph.bottom,
            base: glyph.base,
            size: glyph.size,
            items: vec![item],
        }
    }

    fn continues_with(&self, glyph: &Glyph) -> bool {
        let gap = glyph.x0 - self.x1;
        (glyph.base - self.base).abs() < 0.05 * self.size.max(glyph.size)
            && (0.7..1.43).contains(&(glyph.size / self.size))
            && gap < SEGMENT_GAP * self.size
            && gap > -STEP_BACK * self.size
            && glyph.x0 >= self.items.last().map_or(self.x0, |last| last.glyph.x0) - 0.3 * self.size
    }

    fn push(&mut self, item: Item) {
        self.x0 = self.x0.min(item.glyph.x0);
        self.x1 = self.x1.max(item.glyph.x1);
        self.top = self.top.min(item.glyph.top);
        self.bottom = self.bottom.max(item.glyph.bottom);
        self.size = self.size.max(item.glyph.size);
        self.items.push(item);
    }
}

/// The same text drawn twice, a little apart: a shadow, or imitated bold.
fn is_overprint(page: &PageGlyphs, drawn: &Fragment, again: &Fragment) -> bool {
    let near = 0.15 * drawn.size;
    (drawn.x0 - again.x0).abs() < near
        && (drawn.x1 - again.x1).abs() < near
        && (drawn.base - again.base).abs() < near
        && drawn.items.len() == again.items.len()
        && drawn.items.iter().zip(&again.items).all(|(a, b)| page.text(&a.glyph) == page.text(&b.glyph))
}

fn segment(page: &PageGlyphs, fragments: Vec<Fragment>) -> Option<Segment> {
    let main = fragments.iter().max_by(|a, b| (a.items.len()).cmp(&b.items.len()).then(a.size.total_cmp(&b.size)))?;
    let (base, size) = (main.base, main.size);
    let (top, bottom) = (main.top, main.bottom);
    let mut items: Vec<Item> = Vec::new();
    for fragment in fragments {
        items.extend(fragment.items);
    }
    let letter_spacing = letter_spacing(page, &items);
    let mut chars: Vec<PlacedChar> = Vec::new();
    let mut previous: Option<Glyph> = None;
    for item in &items {
        let glyph = &item.glyph;
        if let Some(last) = previous {
            let gap = glyph.x0 - last.x1;
            if is_space(&last, item, gap, letter_spacing) {
                chars.push(PlacedChar { c: ' ', x0: last.x1, x1: glyph.x0.max(last.x1) });
            }
        }
        push_text(&mut chars, page.text(glyph), glyph);
        previous = Some(*glyph);
    }
    accents::combine(&mut chars, size);
    let count = items.len();
    let bold = items.iter().filter(|item| item.glyph.is_bold).count();
    let monospaced = items.iter().filter(|item| item.glyph.is_monospaced).count();
    let extent = |pick: fn(&PlacedChar) -> f32| chars.iter().map(pick);
    Some(Segment {
        x0: extent(|c| c.x0).fold(f32::INFINITY, f32::min),
        x1: extent(|c| c.x1).fold(f32::NEG_INFINITY, f32::max),
        top,
        bottom,
        base,
        size,
        is_bold: bold * 10 >= count * 8,
        is_monospaced: monospaced * 10 >= count * 9,
        chars,
    })
}

fn is_space(last: &Glyph, next: &Item, gap: f32, letter_spacing: f32) -> bool {
    let size = last.size.min(next.glyph.size);
    if next.space_before && gap > MIN_DRAWN_SPACE * size {
        return true;
    }
    let narrowest = (0.5 * last.space_width.min(next.glyph.space_width)).clamp(MIN_SPACE * size, MAX_SPACE * size);
    gap - last.spacing.clamp(0.0, size) > narrowest + letter_spacing
}

/// The usual distance between letters where it is not zero and no space says where words end.
fn letter_spacing(page: &PageGlyphs, items: &[Item]) -> f32 {
    if items.iter().any(|item| item.space_before) {
        return 0.0;
    }
    let is_letter = |item: &Item| page.text(&item.glyph).chars().all(char::is_alphabetic);
    let mut gaps: Vec<f32> = items
        .windows(2)
        .filter(|pair| is_letter(&pair[0]) && is_letter(&pair[1]))
        .map(|pair| pair[1].glyph.x0 - pair[0].glyph.x1 - pair[0].glyph.spacing.max(0.0))
        .collect();
    if gaps.len() < 3 {
        return 0.0;
    }
    gaps.sort_by(f32::total_cmp);
    let usual = gaps[gaps.len() * 3 / 10];
    if usual > LETTER_SPACING * items[0].glyph.size { usual } else { 0.0 }
}

/// The characters of one glyph share its width. Those of a right-to-left ligature stand from right
/// to left.
fn push_text(chars: &mut Vec<PlacedChar>, text: &str, glyph: &Glyph) {
    let count = text.chars().count().max(1) as f32;
    let width = (glyph.x1 - glyph.x0) / count;
    let place = |(index, c): (usize, char)| PlacedChar {
        c,
        x0: glyph.x0 + width * index as f32,
        x1: glyph.x0 + width * (index + 1) as f32,
    };
    if text.chars().any(super::direction::is_right_to_left) {
        chars.extend(text.chars().rev().enumerate().map(place));
    } else {
        chars.extend(text.chars().enumerate().map(place));
    }
}
