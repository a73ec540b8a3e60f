//! HTML → blocks: the main content, not the menus around it.
//!
//! One pass measures every element (how much text, how much of it in links), a second one reads the blocks
//! and leaves out what the measures and the page's own marks show to be furniture. Both walk the tree with a
//! stack of their own, so that nesting cannot exhaust the thread's.

mod furniture;
mod measure;
mod nesting;
mod reader;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use scraper::{ElementRef, Html, Selector};

use self::furniture::Furniture;
use self::measure::Measures;
use self::reader::Reader;
use crate::blocks::BlockBuilder;
use crate::document::{MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::text::{decode, one_line};

/// The declaration of the encoding stands near the beginning (HTML, 13.2.3.2, says within 1024 bytes).
const PRESCAN_BYTES: usize = 2 << 10;
/// What is marked as main but is shorter is no content by itself.
const MIN_MAIN_CHARS: usize = 200;

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let (text, warning) = decode(&with_declared_encoding(bytes));
    nesting::check(&text, limits)?;
    let html = Html::parse_document(&text);
    let measures = Measures::of(&html, limits)?;
    let main = main_part(&html, &measures);
    let mut builder = BlockBuilder::default();
    let furniture = Furniture::new(&measures, html.root_element().id(), main.is_some());
    Reader::new(&mut builder, &measures, &furniture).read(main.unwrap_or_else(|| html.root_element()));
    let title = first_text(&html, "title").or_else(|| builder.first_heading());
    Ok(ParsedDocument::flowing(MediaType::Html, title, builder.finish(), warning))
}

/// Appends the blocks of a piece of HTML inside a document of another format.
pub(crate) fn read_fragment(text: &str, limits: &Limits, builder: &mut BlockBuilder) -> Result<(), ParseError> {
    nesting::check(text, limits)?;
    read_whole(&Html::parse_fragment(text), limits, builder)
}

/// Appends the blocks of a page that is all content: a chapter of a book, a message.
pub(crate) fn read_page(bytes: &[u8], limits: &Limits, builder: &mut BlockBuilder) -> Result<(), ParseError> {
    let (text, _) = decode(&with_declared_encoding(bytes));
    nesting::check(&text, limits)?;
    read_whole(&Html::parse_document(&text), limits, builder)
}

fn read_whole(html: &Html, limits: &Limits, builder: &mut BlockBuilder) -> Result<(), ParseError> {
    let measures = Measures::of(html, limits)?;
    let furniture = Furniture::new(&measures, html.root_element().id(), true);
    Reader::new(builder, &measures, &furniture).read(html.root_element());
    Ok(())
}

/// Re-encodes as UTF-8 when the page names another encoding and is not UTF-8 already: declarations lie.
fn with_declared_encoding(bytes: &[u8]) -> Cow<'_, [u8]> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(PRESCAN_BYTES)]).to_ascii_lowercase();
    let label = head.split_once("charset=").or_else(|| head.split_once("encoding=")).map(|(_, rest)| {
        let rest = rest.trim_start_matches(['"', '\'', ' ']);
        rest.split(['"', '\'', ' ', ';', '>', '/', '?']).next().unwrap_or_default()
    });
    match label.and_then(|label| Encoding::for_label(label.as_bytes())) {
        // A declaration that can be read as ASCII does not stand in UTF-16.
        Some(encoding) if ![UTF_8, UTF_16LE, UTF_16BE].contains(&encoding) && std::str::from_utf8(bytes).is_err() => {
            Cow::Owned(encoding.decode(bytes).0.into_owned().into_bytes())
        }
        _ => Cow::Borrowed(bytes),
    }
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).expect("the selectors are constants")
}

fn first_text(html: &Html, css: &str) -> Option<String> {
    let text: String = html.select(&selector(css)).next()?.text().collect();
    let text = one_line(&text);
    (!text.is_empty()).then_some(text)
}

/// The part that the page itself marks as main, if it is one and holds text.
fn main_part<'a>(html: &'a Html, measures: &Measures) -> Option<ElementRef<'a>> {
    for css in ["main", "[role=main]", "article"] {
        let selector = selector(css);
        let mut found = html.select(&selector);
        if let (Some(only), None) = (found.next(), found.next())
            && measures.get(only.id()).chars > MIN_MAIN_CHARS
        {
            return Some(only);
        }
    }
    None
}
