//! Pages that text recognition has read → regions, as if their words had been drawn by a font.

use super::assemble;
use super::geometry::{Frame, Rectangle};
use super::glyphs::{Glyph, PageGlyphs};
use super::lines::{self, Region};
use crate::document::{Block, Warning};
use crate::layout::PageSize;
use crate::recognition::{PixelBox, RecognisedLine, RecognisedPage, RecognisedWord};

/// What recognition is less sure of than this is noise: stains, hatching, parts of photographs.
const MIN_WORD_CONFIDENCE: u8 = 20;
const MIN_LINE_CONFIDENCE: f32 = 40.0;
/// Sizes that differ by less from the usual one are measured badly, not different.
const SAME_SIZE_SHARE: f32 = 0.15;
/// From the top of ascenders to the foot of descenders, in font sizes, and the share of it above the base line.
const HEIGHT: f32 = 0.95;
const ASCENT: f32 = 0.74;
const DESCENT: f32 = 0.21;
/// Among so many characters some have ascenders.
const MIN_INK_CHARS: usize = 8;
const SPACE_WIDTH: f32 = 0.25;
/// Below this mean confidence (in percent) a reader is warned.
const DOUBTFUL: f32 = 75.0;
const POINTS_PER_INCH: f32 = 72.0;

/// Pages that are pictures as a whole: their sizes, and the blocks on them in reading order.
pub(crate) fn assemble_recognised(pages: &[&RecognisedPage]) -> (Vec<PageSize>, Vec<Block>) {
    let sizes: Vec<PageSize> = pages.iter().map(|page| size(page)).collect();
    let drawn = pages.iter().zip(&sizes).map(|(page, size)| (size.height, regions(page, *size))).collect();
    (sizes, assemble::blocks(drawn))
}

/// What the reader of a recognised page should know.
pub(crate) fn doubt(page: &RecognisedPage) -> Option<Warning> {
    let confidence = page.confidence();
    (confidence < DOUBTFUL && page.letters() > 0).then(|| {
        Warning::new(
            "page_recognised_with_doubt",
            format!(
                "text recognition is not sure of this page ({confidence:.0} %): look at the page before you rely on it"
            ),
            Some(page.number),
        )
    })
}

/// That text of a document comes from text recognition.
pub(crate) fn notice(pages: &[&RecognisedPage]) -> Option<Warning> {
    let read: Vec<&&RecognisedPage> = pages.iter().filter(|page| page.letters() > 0).collect();
    let mut languages: Vec<&str> = read.iter().map(|page| page.language.as_str()).collect();
    languages.sort_unstable();
    languages.dedup();
    (!read.is_empty()).then(|| {
        let pages = if read.len() == 1 { "1 page was".to_owned() } else { format!("{} pages were", read.len()) };
        let message =
            format!("{pages} read by text recognition ({}): single characters can be wrong", languages.join(", "));
        Warning::new("recognised_text", message, None)
    })
}

fn size(page: &RecognisedPage) -> PageSize {
    let points = |pixels: u32| pixels.max(1) as f32 * POINTS_PER_INCH / page.dots_per_inch.max(1) as f32;
    PageSize { width: points(page.width), height: points(page.height) }
}

/// `size` is that of the displayed page, whatever the picture's resolution was.
pub(super) fn regions(page: &RecognisedPage, size: PageSize) -> Vec<Region> {
    let scale = (size.width / page.width.max(1) as f32, size.height / page.height.max(1) as f32);
    let usual = usual_size(page);
    let mut glyphs = PageGlyphs::default();
    for line in page.lines.iter().filter(|line| line.confidence() >= MIN_LINE_CONFIDENCE) {
        let line_size = line.size as f32;
        let is_usual = (line_size - usual).abs() <= SAME_SIZE_SHARE * usual;
        let line_size = if is_usual { usual } else { line_size };
        let font_size = line_size * scale.1 / HEIGHT;
        if font_size > 0.2 {
            let frame = frame(line.degrees);
            Placing { glyphs: &mut glyphs, scale, font_size, frame, ink: None }.line(line);
        }
    }
    lines::read(page.number, &glyphs)
}

/// The size of most characters.
fn usual_size(page: &RecognisedPage) -> f32 {
    let mut sizes: Vec<u32> = Vec::new();
    for line in &page.lines {
        let count = line.words.iter().map(|word| word.text.chars().count()).sum();
        sizes.extend(std::iter::repeat_n(line.size, count));
    }
    sizes.sort_unstable();
    sizes.get(sizes.len() / 2).map_or(0.0, |size| *size as f32)
}

fn frame(degrees: u16) -> Frame {
    match degrees {
        90 => Frame::of_direction(0.0, 1.0),
        180 => Frame::of_direction(-1.0, 0.0),
        270 => Frame::of_direction(0.0, -1.0),
        _ => Frame::of_direction(1.0, 0.0),
    }
}

struct Placing<'a> {
    glyphs: &'a mut PageGlyphs,
    /// Points per pixel, across and down.
    scale: (f32, f32),
    font_size: f32,
    frame: Frame,
    /// Top and bottom of the line, where its letters show how high it is.
    ink: Option<(f32, f32)>,
}

impl Placing<'_> {
    fn line(&mut self, line: &RecognisedLine) {
        let bounds = self.inside(line.bounds);
        let base = bounds.y1 - line.rise as f32 * self.scale.1;
        self.ink = (line.text().chars().count() >= MIN_INK_CHARS).then_some((bounds.y0, bounds.y1));
        let mut previous: Option<f32> = None;
        for word in line.words.iter().filter(|word| word.confidence >= MIN_WORD_CONFIDENCE) {
            let bounds = self.inside(word.bounds);
            if let Some(end) = previous {
                self.place(" ", end.min(bounds.x0), bounds.x0, base);
            }
            self.word(word, bounds, base);
            previous = Some(bounds.x1);
        }
    }

    fn word(&mut self, word: &RecognisedWord, bounds: Rectangle, base: f32) {
        let count = word.text.chars().count();
        let edge = |index: usize| match word.edges.get(index) {
            Some(edge) if word.edges.len() == count + 1 && self.frame.is_upright() => *edge as f32 * self.scale.0,
            _ => bounds.x0 + (bounds.x1 - bounds.x0) * index as f32 / count.max(1) as f32,
        };
        let edges: Vec<f32> = (0..=count).map(edge).collect();
        for (c, edges) in word.text.chars().zip(edges.windows(2)) {
            self.place(c.encode_utf8(&mut [0; 4]), edges[0], edges[1], base);
        }
    }

    fn place(&mut self, text: &str, x0: f32, x1: f32, base: f32) {
        let size = self.font_size;
        let mut glyph = Glyph::empty(self.frame);
        (glyph.x0, glyph.x1, glyph.base) = (x0, x1, base);
        // Sizes are estimates: in small pictures poor ones.
        (glyph.top, glyph.bottom) = self.ink.unwrap_or((base - ASCENT * size, base + DESCENT * size));
        (glyph.size, glyph.space_width) = (size, SPACE_WIDTH * size);
        self.glyphs.place(text, glyph);
    }

    /// A box of the picture in points of the frame.
    fn inside(&self, pixels: PixelBox) -> Rectangle {
        let point = |x: u32, y: u32| self.frame.enter(x as f32 * self.scale.0, y as f32 * self.scale.1);
        let (first, second) = (point(pixels.left, pixels.top), point(pixels.right, pixels.bottom));
        Rectangle::from_corners([first.0, first.1, second.0, second.1])
    }
}
