//! The words of a document, to tell a hyphen of spelling from one that only ends a line.

use std::collections::HashSet;

use super::lines::{Region, TextLine};

/// Enough to decide, whatever the file.
const MAX_WORDS: usize = 500_000;
/// Parts of words are often shorter than words.
const MIN_CHARS: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Words {
    /// Lower case, as they stand inside lines; those with hyphens included.
    seen: HashSet<Box<str>>,
}

impl Words {
    /// Adds the words of a region but for the parts of hyphenated ones at the ends of lines.
    pub(super) fn add(&mut self, region: &Region) {
        let mut after_hyphen = false;
        for line in region {
            self.add_line(line, after_hyphen);
            after_hyphen = line.last_char().is_some_and(is_hyphen);
        }
    }

    fn add_line(&mut self, line: &TextLine, after_hyphen: bool) {
        let text = line.visual_text();
        let words = text
            .split(|c: char| !c.is_alphanumeric() && !is_hyphen(c))
            .skip(usize::from(after_hyphen))
            .filter(|word| word.len() >= MIN_CHARS && !word.ends_with(is_hyphen));
        for word in words {
            if self.seen.len() >= MAX_WORDS {
                return;
            }
            if !self.seen.contains(word) {
                self.seen.insert(word.to_lowercase().into_boxed_str());
            }
        }
    }

    /// Does the hyphen between `first` at the end of a line and `next` at the start of the one
    /// below belong to the word?
    pub(super) fn keeps_hyphen(&self, first: &str, next: &str) -> bool {
        if !next.chars().next().is_some_and(char::is_lowercase) {
            return true;
        }
        let (first, next) = (first.to_lowercase(), next.to_lowercase());
        if self.seen.contains(format!("{first}{next}").as_str()) {
            return false;
        }
        // `state-of-` goes on with a hyphen, and so does a word made of two that stand elsewhere.
        let is_word = |word: &str| word.chars().count() >= MIN_CHARS && self.seen.contains(word);
        first.contains(is_hyphen)
            || self.seen.contains(format!("{first}-{next}").as_str())
            || (is_word(&first) && is_word(&next))
    }
}

pub(super) fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn hyphens_of_spelling_stay() {
        let seen = ["information", "high", "dimensional", "well-known", "implement"];
        let words = Words { seen: seen.iter().map(|word| (*word).into()).collect() };
        for (first, next) in
            [("high", "dimensional"), ("well", "known"), ("state-of", "the"), ("aura-t", "il"), ("Jean", "Paul")]
        {
            assert!(words.keeps_hyphen(first, next), "{first}-{next}");
        }
        for (first, next) in [("in", "formation"), ("implement", "ing"), ("hy", "phen")] {
            assert!(!words.keeps_hyphen(first, next), "{first}-{next}");
        }
    }
}
