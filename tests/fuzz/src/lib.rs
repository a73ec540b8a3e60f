//! What every fuzz target shares: strict limits, what must hold of every document, and the wrappers that bring
//! bytes to the parser inside a parser.
//!
//! Start with [`check`].

mod wrap;

use std::panic;

use terroir_ingest::chunk::{TokenCounter, chunk};
use terroir_ingest::document::{BLOCK_SEPARATOR, MediaType, ParsedDocument};
use terroir_ingest::error::ParseError;
use terroir_ingest::limits::Limits;

pub use wrap::{Font, container, pdf_page};

/// Small, so that an input which costs more than a file of its size may is soon found.
pub fn limits() -> Limits {
    Limits {
        max_bytes: 1 << 20,
        max_pages: 100,
        max_expanded_bytes: 16 << 20,
        max_entries: 200,
        max_rows: 5_000,
        ..Limits::default()
    }
}

/// Panics in libraries become errors of the file, by design; those in code of this project end the run. Call it
/// once, before the first input: libFuzzer's own hook would end the run for both.
pub fn tolerate_libraries() {
    let fatal = panic::take_hook();
    panic::set_hook(Box::new(move |report| {
        let is_ours = report.location().is_none_or(|place| !place.file().contains(".cargo/registry"));
        if is_ours {
            fatal(report);
        }
    }));
}

/// What must hold of whatever a parser makes of hostile bytes.
///
/// # Panics
///
/// When it does not.
pub fn check(outcome: &Result<ParsedDocument, ParseError>) {
    let document = match outcome {
        Ok(document) => document,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.hint().is_empty());
            return;
        }
    };
    let text = document.text();
    let mut char_start = 0;
    for (block, range) in document.blocks.iter().zip(document.block_ranges()) {
        assert!(!block.text.trim().is_empty(), "a block without text");
        assert_eq!(range.0, char_start, "blocks tile the text");
        char_start = range.1 + BLOCK_SEPARATOR.chars().count() as u32;
        let mut at = 0;
        for line in &block.lines {
            assert_eq!(line.char_start, at, "lines tile their block");
            assert_eq!(line.x.len() as u32, line.char_end - line.char_start + 1);
            assert!(line.page >= 1 && document.page_count.is_some_and(|count| line.page <= count));
            assert!(line.x.iter().all(|x| x.is_finite()) && line.top.is_finite() && line.bottom.is_finite());
            at = line.char_end;
        }
        assert!(block.lines.is_empty() || at as usize == block.text.chars().count(), "lines tile their block");
    }
    check_chunks(document, &text);
}

fn check_chunks(document: &ParsedDocument, text: &str) {
    let chars: Vec<char> = text.chars().collect();
    let mut end = 0;
    for chunk in chunk(document, 64, &Words) {
        let (from, to) = (chunk.char_start as usize, chunk.char_end as usize);
        assert!(chars[end..from].iter().all(|c| c.is_whitespace()), "text is lost between chunks");
        assert!(chars[from..to].iter().copied().eq(chunk.text.chars()), "a chunk is a slice of the text");
        end = to;
    }
    assert!(chars[end..].iter().all(|c| c.is_whitespace()), "text is lost behind the last chunk");
}

/// Parses bytes as the file that their name says.
pub fn named(bytes: &[u8], name: &str) {
    check(&terroir_ingest::parse::parse(bytes, Some(name), &limits()));
}

/// For parsers that never fail.
pub fn infallible(parse: impl FnOnce() -> ParsedDocument) {
    let document = parse();
    if !document.blocks.is_empty() {
        check(&Ok(document));
    }
}

/// For parsers that leave it to their caller to refuse a document without blocks.
pub fn fallible(parse: impl FnOnce(&Limits) -> Result<ParsedDocument, ParseError>) {
    let outcome = parse(&limits());
    if outcome.as_ref().map_or(true, |document| !document.blocks.is_empty()) {
        check(&outcome);
    }
}

/// The media types that the first byte of an input chooses from.
pub fn choose(bytes: &[u8], among: &[MediaType]) -> Option<(MediaType, usize)> {
    let first = usize::from(*bytes.first()?);
    among.get(first % among.len()).map(|media_type| (*media_type, 1))
}

/// Two special tokens, and one for every four bytes of a word.
struct Words;

impl TokenCounter for Words {
    fn count(&self, text: &str) -> usize {
        2 + text.split_whitespace().map(|word| word.len().div_ceil(4)).sum::<usize>()
    }
}
