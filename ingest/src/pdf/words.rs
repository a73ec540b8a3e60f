//! The words of a document, to tell a hyphen of spelling from one that only ends a line.

use std::collections::HashSet;

use super::lines::TextLine;

/// Enough to decide, whatever the file.
const MAX_WORDS: usize = 500_000;

#[derive(Debug, Default)]
pub(super) struct Words {
    /// Lower case; those with hyphens inside a line included.
    seen: HashSet<Box<str>>,
}

impl Words {
    pub(super) fn add(&mut self, line: &TextLine) {
        let text = line.visual_text();
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
        for word in words.filter(|word| word.len() > 3 && !word.ends_with('-')) {
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
        let whole = format!("{first}{next}").to_lowercase();
        let hyphenated = format!("{first}-{next}").to_lowercase();
        self.seen.contains(hyphenated.as_str()) && !self.seen.contains(whole.as_str())
    }
}
