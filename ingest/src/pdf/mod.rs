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
mod file;
mod first_page;
mod font;
mod furniture;
mod geometry;
mod glyphs;
mod headings;
mod interpreter;
mod lexer;
mod lines;
mod lookup;
mod marks;
mod paragraphs;
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
use self::lines::Region;
use crate::document::{MediaType, ParsedDocument, Warning};
use crate::error::{ParseError, guarded};
use crate::limits::Limits;

/// A page is unreadable when fonts don't say what this share of its characters means.
const UNREADABLE_SHARE: f32 = 0.1;

/// Parses a PDF file. Call it on a thread with a large stack, in a process that may die: the
/// limits bound what the file can ask for, not what a fault in a parser of fonts can do.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    guarded("pdf", || parse_unguarded(bytes, limits))
}

fn parse_unguarded(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let opened = file::open(bytes, limits)?;
    let document = &opened.document;
    let mut budget = Budget::new(limits);
    let pages = file::pages(document, limits, &mut budget)?;
    let mut shared = Shared::new(document);
    let mut warnings = Vec::new();
    if opened.repaired {
        warnings.push(Warning::new("repaired_file", "the file is damaged; what could be found in it was read", None));
    }
    let mut drawn: Vec<(f32, Vec<Region>)> = Vec::with_capacity(pages.len());
    for (number, page) in (1_u32..).zip(&pages) {
        let content = file::content(document, page, &mut budget)?;
        let mut interpreter = Interpreter::new(&mut shared, &mut budget, page);
        interpreter.run(&content, page.resources)?;
        annotations::draw(document, page, &mut interpreter)?;
        let glyphs = interpreter.glyphs;
        if glyphs.unmapped as f32 > UNREADABLE_SHARE * (glyphs.glyphs.len() as f32 + glyphs.unmapped as f32) {
            warnings.push(Warning::new(
                "unreadable_characters",
                format!("{} characters are drawn without saying what they mean", glyphs.unmapped),
                Some(number),
            ));
        }
        let regions = lines::read(number, &glyphs);
        if regions.is_empty() {
            warnings.push(Warning::new(
                "page_without_text",
                "the page has no text; if it is an image, text recognition (OCR) would read it",
                Some(number),
            ));
        }
        drawn.push((page.size.height, regions));
    }
    let page_count = pages.len() as u32;
    if drawn.iter().all(|(_, regions)| regions.is_empty()) {
        return Err(if opened.repaired {
            ParseError::damaged("pdf", "no text can be found in what is left of it")
        } else {
            ParseError::NoText { pages: Some(page_count) }
        });
    }
    let blocks = assemble::blocks(drawn);
    let (title, metadata) = title::read(document, &blocks, limits, &mut budget)?;
    Ok(ParsedDocument {
        media_type: MediaType::Pdf,
        title,
        metadata,
        page_count: Some(page_count),
        page_sizes: pages.iter().map(|page| page.size).collect(),
        blocks,
        warnings,
    })
}
