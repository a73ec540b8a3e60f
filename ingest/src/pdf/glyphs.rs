//! The glyphs of one page, placed and decoded, in the order in which the page draws them.

use super::font::{Code, Font};
use super::geometry::{Frame, Matrix};
use crate::layout::PageSize;

/// One drawn character code. Coordinates are points in the glyph's own [`Frame`], y downwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glyph {
    pub frame: Frame,
    pub x0: f32,
    pub x1: f32,
    pub base: f32,
    pub top: f32,
    pub bottom: f32,
    /// Font size as displayed.
    pub size: f32,
    /// Extra space that the page asks for after every glyph.
    pub spacing: f32,
    pub space_width: f32,
    text_start: u32,
    text_length: u32,
    pub is_bold: bool,
    pub is_monospaced: bool,
    /// Drawn between marks that say: not part of the text.
    pub is_artifact: bool,
}

#[derive(Debug, Default)]
pub(super) struct PageGlyphs {
    pub glyphs: Vec<Glyph>,
    text: String,
    /// Glyphs whose font doesn't say what they mean.
    pub unmapped: u32,
    /// Glyphs that are there to be found, not to be seen: the text layer of a scan.
    pub hidden: u32,
    /// What pictures cover of the page, in square points; twice where they lie upon each other.
    pub picture_area: f32,
}

/// Where a glyph is drawn.
pub(super) struct Placement<'a> {
    /// From glyph space at font size 1 to the displayed page.
    pub matrix: &'a Matrix,
    pub font: &'a Font,
    /// In parts of the font size.
    pub spacing: f32,
    pub is_artifact: bool,
    /// Drawn without ink.
    pub is_hidden: bool,
    pub page: PageSize,
}

impl Glyph {
    /// Without place, size and text.
    pub(super) fn empty(frame: Frame) -> Self {
        Self {
            frame,
            x0: 0.0,
            x1: 0.0,
            base: 0.0,
            top: 0.0,
            bottom: 0.0,
            size: 0.0,
            spacing: 0.0,
            space_width: 0.0,
            text_start: 0,
            text_length: 0,
            is_bold: false,
            is_monospaced: false,
            is_artifact: false,
        }
    }
}

impl PageGlyphs {
    pub(super) fn text(&self, glyph: &Glyph) -> &str {
        let start = glyph.text_start as usize;
        self.text.get(start..start + glyph.text_length as usize).unwrap_or_default()
    }

    pub(super) fn is_space(&self, glyph: &Glyph) -> bool {
        self.text(glyph).chars().all(|c| c == ' ')
    }

    /// Adds a glyph if it means something and falls on the page.
    pub(super) fn draw(&mut self, code: &Code, at: &Placement) {
        let Some(text) = code.text.as_deref() else {
            self.unmapped = self.unmapped.saturating_add(1);
            return;
        };
        let Some(mut glyph) = place(code, at) else {
            return;
        };
        self.hidden = self.hidden.saturating_add(u32::from(at.is_hidden));
        (glyph.text_start, glyph.text_length) = self.store(text);
        self.glyphs.push(glyph);
    }

    /// Adds a glyph whose place is known already.
    pub(super) fn place(&mut self, text: &str, mut glyph: Glyph) {
        (glyph.text_start, glyph.text_length) = self.store(text);
        self.glyphs.push(glyph);
    }

    fn store(&mut self, text: &str) -> (u32, u32) {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        (start, text.len() as u32)
    }

    /// Gives the glyphs from `first` on another text: what the page says that they stand for.
    pub(super) fn replace_text(&mut self, first: usize, text: &str) {
        let drawn: String = self.glyphs[first..].iter().map(|glyph| self.text(glyph)).collect();
        let bare = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
        let Some(&start) = self.glyphs.get(first) else {
            return;
        };
        if bare(&drawn) == bare(text) {
            return;
        }
        if text.trim().is_empty() {
            self.glyphs.truncate(first);
            return;
        }
        let mut whole = start;
        let mut bare_end = start.x1;
        for glyph in &self.glyphs[first + 1..] {
            // A replacement that spans lines has no place of its own.
            if glyph.frame != start.frame || (glyph.base - start.base).abs() > start.size {
                return;
            }
            whole.x0 = whole.x0.min(glyph.x0);
            bare_end = bare_end.max(glyph.x1);
        }
        whole.x1 = bare_end;
        (whole.text_start, whole.text_length) = self.store(text);
        self.glyphs.truncate(first);
        self.glyphs.push(whole);
    }
}

fn place(code: &Code, at: &Placement) -> Option<Glyph> {
    let matrix = at.matrix;
    let is_vertical = at.font.is_vertical();
    let (origin_x, origin_y) = matrix.point(0.0, 0.0);
    let right = matrix.direction(1.0, 0.0);
    let down = matrix.direction(0.0, -1.0);
    let (along, advance) = if is_vertical {
        (down, matrix.direction(0.0, code.vertical_advance))
    } else {
        (right, matrix.direction(code.width, 0.0))
    };
    let length = along.0.hypot(along.1);
    let area = (right.0 * down.1 - right.1 * down.0).abs();
    let size = area / length * at.font.em;
    let (middle_x, middle_y) = (origin_x + advance.0 / 2.0, origin_y + advance.1 / 2.0);
    let is_on_page =
        (-1.0..=at.page.width + 1.0).contains(&middle_x) && (-1.0..=at.page.height + 1.0).contains(&middle_y);
    let is_sane = size.is_finite() && size > 0.2 && size < 2000.0 && advance.0.is_finite();
    if !is_on_page || !is_sane {
        return None;
    }
    let frame = Frame::of_direction(along.0, along.1);
    let (start, base) = frame.enter(origin_x, origin_y);
    let (end, _) = frame.enter(origin_x + advance.0, origin_y + advance.1);
    let (above, below) = if is_vertical { (0.5, 0.5) } else { (at.font.ascent, at.font.descent) };
    Some(Glyph {
        frame,
        x0: start.min(end),
        x1: start.max(end),
        base: if is_vertical { base + size * 0.5 } else { base },
        top: base - above * size,
        bottom: base + below * size,
        size,
        spacing: at.spacing * length,
        space_width: at.font.space_width * size,
        text_start: 0,
        text_length: 0,
        is_bold: at.font.is_bold,
        is_monospaced: at.font.is_monospaced,
        is_artifact: at.is_artifact,
    })
}
