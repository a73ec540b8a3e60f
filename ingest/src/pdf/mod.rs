//! PDF: bytes → placed glyphs → lines in reading order → blocks, every character with its place.
//!
//! ```text
//! file ─ interpreter ─ glyphs ─ segments ─ columns ─ lines ─ furniture ─ paragraphs ─ blocks
//!             │                                                              │
//!           font/                                      tables, headings, title (xmp, first_page)
//! ```

mod accents;
mod annotations;
mod assemble;
mod bands;
mod blocks;
mod budget;
mod columns;
mod direction;
mod draw;
mod file;
mod first_page;
mod font;
mod furniture;
mod geometry;
mod glyphs;
mod headings;
mod interpreter;
mod legible;
mod lexer;
mod lines;
mod lookup;
mod marks;
mod paragraphs;
mod recognised;
mod rows;
mod segments;
mod state;
mod tables;
#[cfg(test)]
mod tests;
mod title;
mod words;
mod xmp;

use self::budget::Budget;
use self::interpreter::{Interpreter, Shared};
use self::legible::{Legibility, is_unreadable};
use self::lines::Region;
use crate::document::{MediaType, ParsedDocument, Warning};
use crate::error::{ParseError, guarded};
use crate::limits::Limits;
use crate::recognition::RecognisedPage;

pub(crate) use self::draw::draw;
pub(crate) use self::recognised::{assemble_recognised, doubt, notice};

/// Parses a PDF file. Call it on a thread with a large stack, in a process that may die: the
/// limits bound what the file can ask for, not what a fault in a parser of fonts can do.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    parse_recognised(bytes, limits, &[])
}

/// The same with pages that text recognition has read, which stand in for those that say too little themselves.
pub(crate) fn parse_recognised(
    bytes: &[u8],
    limits: &Limits,
    recognised: &[RecognisedPage],
) -> Result<ParsedDocument, ParseError> {
    guarded("pdf", || parse_unguarded(bytes, limits, recognised))
}

fn parse_unguarded(bytes: &[u8], limits: &Limits, recognised: &[RecognisedPage]) -> Result<ParsedDocument, ParseError> {
    let opened = file::open(bytes, limits)?;
    let document = &opened.document;
    let mut budget = Budget::new(limits);
    let pages = file::pages(document, limits, &mut budget)?;
    let mut shared = Shared::new(document);
    let mut notes = Notes::default();
    if opened.repaired {
        notes.warn("repaired_file", "the file is damaged; what could be found in it was read", None);
    }
    let mut drawn: Vec<(f32, Vec<Region>)> = Vec::with_capacity(pages.len());
    for (number, page) in (1_u32..).zip(&pages) {
        let content = file::content(document, page, &mut budget)?;
        let mut interpreter = Interpreter::new(&mut shared, &mut budget, page);
        interpreter.run(&content, page.resources)?;
        annotations::draw(document, page, &mut interpreter)?;
        let glyphs = interpreter.glyphs;
        let mut regions = lines::read(number, &glyphs);
        let legibility = Legibility::of(&glyphs, &regions, page.size);
        let recognised = recognised.iter().find(|recognised| recognised.number == number);
        match recognised.filter(|recognised| legibility.gives_way(&regions, recognised)) {
            Some(recognised) => {
                regions = recognised::regions(recognised, page.size);
                if regions.is_empty() && !recognised.language.is_empty() {
                    notes.warn("page_without_text", "text recognition finds no text on the page", Some(number));
                }
                notes.used.push(recognised);
                notes.warnings.extend(doubt(recognised));
            }
            None => notes.look_at(number, &glyphs, legibility, recognised.is_some()),
        }
        drawn.push((page.size.height, regions));
    }
    let page_count = pages.len() as u32;
    if drawn.iter().all(|(_, regions)| regions.is_empty()) {
        return Err(if opened.repaired && recognised.is_empty() {
            ParseError::damaged("pdf", "no text can be found in what is left of it")
        } else {
            ParseError::NoText { pages: Some(page_count) }
        });
    }
    notes.conclude();
    let blocks = assemble::blocks(drawn);
    let (title, metadata) = title::read(document, &blocks, limits, &mut budget)?;
    Ok(ParsedDocument {
        media_type: MediaType::Pdf,
        title,
        metadata,
        page_count: Some(page_count),
        page_sizes: pages.iter().map(|page| page.size).collect(),
        blocks,
        warnings: notes.warnings,
        unread_pages: notes.unread_pages,
    })
}

/// What is noticed from page to page.
#[derive(Default)]
struct Notes<'a> {
    warnings: Vec<Warning>,
    unread_pages: Vec<u32>,
    used: Vec<&'a RecognisedPage>,
}

impl Notes<'_> {
    fn warn(&mut self, code: &'static str, message: impl Into<String>, page: Option<u32>) {
        self.warnings.push(Warning::new(code, message, page));
    }

    /// A page that speaks for itself, as well as it can.
    fn look_at(&mut self, number: u32, glyphs: &glyphs::PageGlyphs, legibility: Legibility, was_recognised: bool) {
        if is_unreadable(glyphs.glyphs.len(), glyphs.unmapped as usize) {
            let message = format!("{} characters are drawn without saying what they mean", glyphs.unmapped);
            self.warn("unreadable_characters", message, Some(number));
        }
        if legibility == Legibility::Text || was_recognised {
            return;
        }
        self.unread_pages.push(number);
        if legibility == Legibility::Nothing {
            let message = "the page has no text; if it is an image, text recognition (OCR) would read it";
            self.warn("page_without_text", message, Some(number));
        }
    }

    /// What is true of the whole file.
    fn conclude(&mut self) {
        self.warnings.extend(notice(&self.used));
    }
}
