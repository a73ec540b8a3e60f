//! Blocks → chunks: what is embedded and indexed. Chunks tile the revision's text: each is a slice of it,
//! none overlap, and all that is left out is white space between them.

use crate::document::{BlockKind, ParsedDocument};
use crate::sentence::sentences;

/// Counts tokens of the embedding model, special tokens and the prompt of passages included.
pub trait TokenCounter {
    fn count(&self, text: &str) -> usize;
}

#[cfg(feature = "worker")]
impl TokenCounter for terroir_embed::Encoder {
    fn count(&self, text: &str) -> usize {
        self.count_tokens(text, terroir_embed::Input::Passage)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub ordinal: u32,
    /// Characters of the revision's text.
    pub char_start: u32,
    pub char_end: u32,
    pub text: String,
    pub heading_path: Vec<String>,
    /// Where it begins, 1-based.
    pub page: Option<u32>,
    pub token_count: u32,
}

/// A stretch of text that is not cut any further unless it is too long by itself.
struct Unit<'a> {
    /// Byte range in the revision's text.
    start: usize,
    end: usize,
    tokens: usize,
    heading: bool,
    heading_path: &'a [String],
    page: Option<u32>,
}

/// Consecutive blocks under one heading path, at most `max_tokens` long. A heading stays with what
/// follows it; a sentence, a table row or a line of code is cut only if it is longer than a chunk.
pub fn chunk(document: &ParsedDocument, max_tokens: usize, counter: &dyn TokenCounter) -> Vec<Chunk> {
    let text = document.text();
    let special_tokens = counter.count("");
    let budget = max_tokens.saturating_sub(special_tokens).max(1);
    let units = units(document, &text, budget, special_tokens, counter);
    let mut chunks = Vec::new();
    let mut open: Option<Open<'_>> = None;
    for unit in &units {
        let fits = open.as_ref().is_some_and(|open| open.takes(unit, budget));
        match open.as_mut() {
            Some(open) if fits => open.extend(unit),
            _ => {
                let closed = open.replace(Open::of(unit));
                chunks.extend(closed);
            }
        }
    }
    chunks.extend(open);
    finish(chunks, &text, counter)
}

/// A chunk that may still grow.
struct Open<'a> {
    start: usize,
    end: usize,
    tokens: usize,
    only_headings: bool,
    heading_path: &'a [String],
    page: Option<u32>,
}

impl<'a> Open<'a> {
    fn of(unit: &Unit<'a>) -> Self {
        Self {
            start: unit.start,
            end: unit.end,
            tokens: unit.tokens,
            only_headings: unit.heading,
            heading_path: unit.heading_path,
            page: unit.page,
        }
    }

    fn takes(&self, unit: &Unit<'_>, budget: usize) -> bool {
        if self.tokens + unit.tokens > budget {
            return false;
        }
        // A heading opens a section, unless the section before has nothing but headings yet.
        if unit.heading { self.only_headings } else { self.only_headings || self.heading_path == unit.heading_path }
    }

    fn extend(&mut self, unit: &Unit<'a>) {
        self.end = unit.end;
        self.tokens += unit.tokens;
        if self.only_headings {
            self.heading_path = unit.heading_path;
        }
        self.only_headings &= unit.heading;
    }
}

fn units<'a>(
    document: &'a ParsedDocument,
    text: &str,
    budget: usize,
    special_tokens: usize,
    counter: &dyn TokenCounter,
) -> Vec<Unit<'a>> {
    let count = |text: &str| counter.count(text).saturating_sub(special_tokens);
    let mut units = Vec::new();
    let mut start = 0;
    for block in &document.blocks {
        let block_end = start + block.text.len();
        let mut push = |from: usize, to: usize, tokens: usize| {
            if !text[from..to].trim().is_empty() {
                units.push(Unit {
                    start: from,
                    end: to,
                    tokens,
                    heading: matches!(block.kind, BlockKind::Heading { .. }),
                    heading_path: &block.heading_path,
                    page: page_at(block, &text[start..from]).or(block.page),
                });
            }
        };
        let whole = count(&block.text);
        // A table that fits stays with its header.
        let stays_whole = if block.kind == BlockKind::Table { budget } else { budget / 3 };
        if whole <= stays_whole {
            push(start, block_end, whole);
        } else {
            for (from, to) in parts(block.kind, &block.text) {
                let tokens = count(&block.text[from..to]);
                for (from, to, tokens) in split_long(&block.text, from, to, tokens, budget, &count) {
                    push(start + from, start + to, tokens);
                }
            }
        }
        start = block_end + crate::document::BLOCK_SEPARATOR.len();
    }
    units
}

/// The page on which a part of a block begins, by the lines of the block.
fn page_at(block: &crate::document::Block, before: &str) -> Option<u32> {
    let char_start = before.chars().count() as u32;
    block.lines.iter().find(|line| line.char_end > char_start).map(|line| line.page)
}

/// Sentences, or lines where lines mean something.
fn parts(kind: BlockKind, text: &str) -> Vec<(usize, usize)> {
    if !matches!(kind, BlockKind::Table | BlockKind::Code) {
        return sentences(text);
    }
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let range = (start, start + line.len());
            start = range.1;
            range
        })
        .collect()
}

/// Cuts what is longer than a chunk at white space, and a word that is longer still between characters.
fn split_long(
    text: &str,
    start: usize,
    end: usize,
    tokens: usize,
    budget: usize,
    count: &dyn Fn(&str) -> usize,
) -> Vec<(usize, usize, usize)> {
    let mut pieces = Vec::new();
    let mut open = vec![(start, end, tokens)];
    while let Some((from, to, tokens)) = open.pop() {
        let Some(middle) = (tokens > budget).then(|| cut_point(text, from, to)).flatten() else {
            pieces.push((from, to, tokens));
            continue;
        };
        open.push((middle, to, count(&text[middle..to])));
        open.push((from, middle, count(&text[from..middle])));
    }
    pieces
}

/// The white space nearest to the middle, or the middle; none if there is nothing to cut.
fn cut_point(text: &str, from: usize, to: usize) -> Option<usize> {
    let middle = from + (to - from) / 2;
    let boundaries = text[from..to].char_indices().map(|(index, character)| (from + index, character)).skip(1);
    let distance = |index: usize| index.abs_diff(middle);
    let (mut space, mut any): (Option<usize>, Option<usize>) = (None, None);
    let mut previous_is_space = false;
    for (index, character) in boundaries {
        if previous_is_space && !character.is_whitespace() && space.is_none_or(|best| distance(index) < distance(best))
        {
            space = Some(index);
        }
        if any.is_none_or(|best| distance(index) < distance(best)) {
            any = Some(index);
        }
        previous_is_space = character.is_whitespace();
    }
    space.or(any)
}

fn finish(open: Vec<Open<'_>>, text: &str, counter: &dyn TokenCounter) -> Vec<Chunk> {
    let (mut byte, mut chars) = (0, 0);
    let mut chars_at = |offset: usize| {
        chars += text[byte..offset].chars().count() as u32;
        byte = offset;
        chars
    };
    open.into_iter()
        .zip(0..)
        .map(|(chunk, ordinal)| {
            let slice = &text[chunk.start..chunk.end];
            let start = chunk.start + (slice.len() - slice.trim_start().len());
            let slice = slice.trim();
            Chunk {
                ordinal,
                char_start: chars_at(start),
                char_end: chars_at(start + slice.len()),
                text: slice.to_owned(),
                heading_path: chunk.heading_path.to_vec(),
                page: chunk.page,
                token_count: counter.count(slice) as u32,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::blocks::BlockBuilder;
    use crate::document::MediaType;

    /// Two special tokens, and a token for each four bytes of a word.
    struct Words;

    impl TokenCounter for Words {
        fn count(&self, text: &str) -> usize {
            2 + text.split_whitespace().map(|word| word.len().div_ceil(4)).sum::<usize>()
        }
    }

    fn document(blocks: &[(BlockKind, &str)]) -> ParsedDocument {
        let mut builder = BlockBuilder::default();
        for (kind, text) in blocks {
            builder.push(*kind, text);
        }
        ParsedDocument::flowing(MediaType::Text, None, builder.finish(), None)
    }

    #[test]
    fn sections_are_not_mixed_and_headings_stay_with_their_text() {
        let heading = |level| BlockKind::Heading { level };
        let made = document(&[
            (heading(1), "Orchard"),
            (heading(2), "Harvest"),
            (BlockKind::Paragraph, "Quinces come in October."),
            (BlockKind::Paragraph, "Pears come before."),
            (heading(2), "Storage"),
            (BlockKind::Paragraph, "On straw."),
        ]);
        let chunks = chunk(&made, 64, &Words);
        let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
        assert_eq!(
            texts,
            ["Orchard\n\nHarvest\n\nQuinces come in October.\n\nPears come before.", "Storage\n\nOn straw."]
        );
        assert_eq!(chunks[0].heading_path, ["Orchard", "Harvest"]);
        assert_eq!(chunks[1].heading_path, ["Orchard", "Storage"]);
    }

    #[test]
    fn a_long_paragraph_is_cut_between_sentences() {
        let sentence = "The council of the village met in the hall. ";
        let made = document(&[(BlockKind::Paragraph, &sentence.repeat(30))]);
        for chunk in chunk(&made, 40, &Words) {
            assert!(chunk.text.starts_with("The council") && chunk.text.ends_with("hall."), "{}", chunk.text);
        }
    }

    fn kinds() -> impl Strategy<Value = BlockKind> {
        prop_oneof![
            Just(BlockKind::Heading { level: 1 }),
            Just(BlockKind::Heading { level: 2 }),
            Just(BlockKind::Paragraph),
            Just(BlockKind::Table),
            Just(BlockKind::Code),
        ]
    }

    proptest! {
        #[test]
        fn chunks_tile_the_text_within_the_limit(
            blocks in prop::collection::vec((kinds(), "[a-zé .!?\n|]{0,400}"), 0..12),
            max_tokens in 6_usize..60,
        ) {
            let borrowed: Vec<(BlockKind, &str)> = blocks.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
            let made = document(&borrowed);
            let text: Vec<char> = made.text().chars().collect();
            let mut end = 0;
            for (chunk, ordinal) in chunk(&made, max_tokens, &Words).into_iter().zip(0..) {
                let (from, to) = (chunk.char_start as usize, chunk.char_end as usize);
                prop_assert_eq!(chunk.ordinal, ordinal);
                prop_assert!(text[end..from].iter().all(|character| character.is_whitespace()), "text lost before {}", from);
                prop_assert_eq!(text[from..to].iter().collect::<String>(), chunk.text.clone());
                prop_assert!(chunk.token_count as usize <= max_tokens || chunk.text.chars().count() == 1, "{:?}", chunk);
                end = to;
            }
            prop_assert!(text[end..].iter().all(|character| character.is_whitespace()));
        }
    }
}
