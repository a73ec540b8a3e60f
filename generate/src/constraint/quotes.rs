//! Text in which every quote is one: between quotation marks only what stands in a passage, verbatim.
//!
//! The places where a quote may begin (words of the passages) are sorted by the text that follows them, so
//! that all places where the quote so far stands are neighbours, and the next byte narrows them.

use std::sync::Arc;

use llguidance::toktrie::Recognizer;

use super::{TokenSet, Vocabulary};
use crate::error::{GenerateError, Result};

/// Opening and closing marks that quotes are written with.
const MARKS: [(&[u8], &[u8]); 3] =
    [(b"\"", b"\""), ("\u{201c}".as_bytes(), "\u{201d}".as_bytes()), ("\u{ab}".as_bytes(), "\u{bb}".as_bytes())];

/// A quote shorter than this proves nothing.
const SHORTEST_BYTES: usize = 12;

#[derive(Clone)]
pub(crate) struct Quotes {
    vocabulary: Vocabulary,
    passages: Arc<Passages>,
    /// Free text is the same everywhere: its tokens are found once.
    free: Arc<TokenSet>,
    ends: Arc<TokenSet>,
    allowed: TokenSet,
    place: Place,
    finished: bool,
}

impl Quotes {
    /// Quotes come from `passages`; marks within them end a text that can be quoted.
    pub(super) fn new(vocabulary: &Vocabulary, passages: &[String]) -> Self {
        let passages = Arc::new(Passages::new(passages));
        let ends = vocabulary.ends();
        let mut free = tokens_from(vocabulary, &passages, Place::default());
        free.or(&ends);
        Self {
            vocabulary: vocabulary.clone(),
            passages,
            free: Arc::new(free),
            ends: Arc::new(ends),
            allowed: TokenSet::new(),
            place: Place::default(),
            finished: false,
        }
    }

    pub(super) fn allowed(&mut self) -> Result<&TokenSet> {
        if self.finished {
            return Ok(&self.ends);
        }
        if self.place == Place::default() {
            return Ok(&self.free);
        }
        self.allowed = tokens_from(&self.vocabulary, &self.passages, self.place);
        if matches!(self.place, Place::Free { .. }) {
            self.allowed.or(&self.ends);
        }
        if self.allowed.is_zero() {
            return Err(GenerateError::Constraint {
                reason: "the model has no token that continues the quote".to_owned(),
            });
        }
        Ok(&self.allowed)
    }

    pub(super) fn accept(&mut self, token: u32) -> Result<()> {
        let refused =
            || GenerateError::Constraint { reason: format!("token {token} stands in no passage at this place") };
        if self.finished {
            return Ok(());
        }
        if (token as usize) < self.ends.len() && self.ends.is_allowed(token) {
            self.finished = matches!(self.place, Place::Free { .. });
            return if self.finished { Ok(()) } else { Err(refused()) };
        }
        let mut place = self.place;
        for byte in self.vocabulary.trie().token(token) {
            place = self.passages.step(place, *byte).ok_or_else(refused)?;
        }
        self.place = place;
        Ok(())
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }
}

impl std::fmt::Debug for Quotes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.debug_struct("Quotes").field("place", &self.place).finish_non_exhaustive()
    }
}

fn tokens_from(vocabulary: &Vocabulary, passages: &Passages, place: Place) -> TokenSet {
    let mut tokens = vocabulary.trie().alloc_token_set();
    let mut walk = Walk { passages, places: vec![place] };
    vocabulary.trie().add_bias(&mut walk, &mut tokens, &[]);
    tokens
}

/// Where the text stands after some byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Outside of quotes; the last `count` bytes may begin an opening mark.
    Free { begun: [u8; 2], count: u8 },
    Quote {
        /// Index into [`MARKS`].
        mark: u8,
        /// Range of [`Passages::starts`] where the quote so far stands; empty once the closing mark has begun.
        first: u32,
        last: u32,
        length: u32,
        /// Bytes of the closing mark that the last ones may be.
        closing: u8,
    },
}

impl Default for Place {
    fn default() -> Self {
        Self::Free { begun: [0; 2], count: 0 }
    }
}

struct Passages {
    texts: Vec<Vec<u8>>,
    /// Text and byte where a quote may begin, sorted by what follows.
    starts: Vec<(u32, u32)>,
}

impl Passages {
    fn new(passages: &[impl AsRef<str>]) -> Self {
        let marks = MARKS.map(|(open, close)| [open, close]).concat();
        let marks = marks.iter().filter_map(|mark| std::str::from_utf8(mark).ok()?.chars().next()).collect::<Vec<_>>();
        let texts = passages.iter().flat_map(|passage| passage.as_ref().split(marks.as_slice())).map(str::trim);
        let texts = texts.filter(|text| text.len() >= SHORTEST_BYTES).collect::<Vec<_>>();
        let mut starts = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            // From later starts, no quote would be long enough.
            let latest = text.len() - SHORTEST_BYTES;
            let begins = beginnings(text).take_while(|start| *start <= latest);
            starts.extend(begins.map(|start| (index as u32, start as u32)));
        }
        let texts = texts.into_iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
        starts.sort_unstable_by(|a, b| texts[a.0 as usize][a.1 as usize..].cmp(&texts[b.0 as usize][b.1 as usize..]));
        Self { texts, starts }
    }

    /// The place after one more byte; none where the text would be no quote.
    fn step(&self, place: Place, byte: u8) -> Option<Place> {
        match place {
            Place::Free { begun, count } => self.step_free(&begun[..usize::from(count)], byte),
            Place::Quote { mark, first, last, length, closing } => {
                let close = MARKS[usize::from(mark)].1;
                let may_close = closing > 0 || self.may_close(first, last, length);
                let closing = if may_close && close.get(usize::from(closing)) == Some(&byte) { closing + 1 } else { 0 };
                if usize::from(closing) == close.len() {
                    return Some(Place::default());
                }
                let (first, last) = self.narrow(first, last, length, byte);
                (first < last || closing > 0).then_some(Place::Quote { mark, first, last, length: length + 1, closing })
            }
        }
    }

    fn step_free(&self, begun: &[u8], byte: u8) -> Option<Place> {
        // Marks are whole characters: an unfinished one is either continued or was none.
        let seen = [begun, &[byte]].concat();
        for tail in [seen.as_slice(), &[byte]] {
            if let Some(mark) = MARKS.iter().position(|(open, _)| *open == tail) {
                let last = self.starts.len() as u32;
                let quote = Place::Quote { mark: mark as u8, first: 0, last, length: 0, closing: 0 };
                return (last > 0).then_some(quote);
            }
            if MARKS.iter().any(|(open, _)| open.starts_with(tail)) {
                let mut begun = [0; 2];
                begun[..tail.len()].copy_from_slice(tail);
                return Some(Place::Free { begun, count: tail.len() as u8 });
            }
        }
        Some(Place::default())
    }

    fn byte_at(&self, start: (u32, u32), offset: u32) -> Option<u8> {
        self.texts[start.0 as usize].get((start.1 + offset) as usize).copied()
    }

    fn narrow(&self, first: u32, last: u32, length: u32, byte: u8) -> (u32, u32) {
        let range = &self.starts[first as usize..last as usize];
        // A text that has ended stands before all that go on.
        let low = range.partition_point(|start| self.byte_at(*start, length) < Some(byte));
        let high = range.partition_point(|start| self.byte_at(*start, length) <= Some(byte));
        (first + low as u32, first + high as u32)
    }

    /// The quote is long enough, and a word ends with it at one of its places.
    fn may_close(&self, first: u32, last: u32, length: u32) -> bool {
        length as usize >= SHORTEST_BYTES
            && self.starts[first as usize..last as usize].iter().any(|(text, start)| {
                let text = &self.texts[*text as usize];
                let end = (start + length) as usize;
                let (before, after) = (last_character(&text[..end]), first_character(&text[end..]));
                before
                    .is_some_and(|before| !before.is_whitespace() && (!is_word(before) || !after.is_some_and(is_word)))
                    && (after.is_some() || end == text.len())
            })
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric()
}

/// Bytes at which words and signs begin.
fn beginnings(text: &str) -> impl Iterator<Item = usize> {
    let mut before = None;
    text.char_indices().filter_map(move |(at, character)| {
        let inside = is_word(character) && before.is_some_and(is_word);
        before = Some(character);
        (!inside && !character.is_whitespace()).then_some(at)
    })
}

/// The character that begins `bytes`; none within one.
fn first_character(bytes: &[u8]) -> Option<char> {
    let chunk = bytes.get(..bytes.len().min(4))?.utf8_chunks().next()?;
    chunk.valid().chars().next()
}

/// The character that ends `bytes`; none within one.
fn last_character(bytes: &[u8]) -> Option<char> {
    let tail = &bytes[bytes.len().saturating_sub(4)..];
    let start = (0..tail.len()).rev().find(|at| tail[*at] & 0xc0 != 0x80)?;
    std::str::from_utf8(&tail[start..]).ok()?.chars().next()
}

/// Follows the trie of tokens, one place per byte.
struct Walk<'a> {
    passages: &'a Passages,
    places: Vec<Place>,
}

impl Recognizer for Walk<'_> {
    fn pop_bytes(&mut self, count: usize) {
        self.places.truncate(self.places.len().saturating_sub(count).max(1));
    }

    fn collapse(&mut self) {
        self.places.drain(..self.places.len().saturating_sub(1));
    }

    fn trie_finished(&mut self) {
        self.places.truncate(1);
    }

    fn try_push_byte(&mut self, byte: u8) -> bool {
        let next = self.places.last().and_then(|place| self.passages.step(*place, byte));
        next.inspect(|place| self.places.push(*place)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(passages: &[&str], text: &str) -> Option<Place> {
        let passages = Passages::new(passages);
        text.bytes().try_fold(Place::default(), |place, byte| passages.step(place, byte))
    }

    #[test]
    fn quotes_are_whole_words_of_a_passage() {
        let passages =
            ["The orchard was planted in 1962 by Marthe Keller.", "Elle dit : «C’est l’été à Évian…» et part ensuite."];
        for (text, allowed) in [
            ("It says \"planted in 1962\".", true),
            ("\"The orchard was planted\" and \"by Marthe Keller.\"", true),
            ("\u{201c}planted in 1962 by\u{201d} \u{ab}orchard was planted\u{bb}", true),
            ("«C’est l’été à Évian…»", true),
            ("plain – text, with 'apostrophes' and more", true),
            ("\"planted in 1963", false),
            ("\"lanted in 1962\"", false),
            ("\"planted in 19\"", false),
            ("\"planted in \"", false),
            ("\"planted\"", false),
            ("\"Keller", false),
            ("\u{201c}planted in 1962\"", false),
            ("\"Elle dit : «", false),
        ] {
            let place = writes(&passages, text);
            assert_eq!(matches!(place, Some(Place::Free { .. })), allowed, "{text}: {place:?}");
        }
    }

    #[test]
    fn without_anything_to_quote_there_are_no_quotes() {
        assert!(writes(&[], "free text").is_some());
        assert!(writes(&["too short"], "a \"").is_none());
    }
}
