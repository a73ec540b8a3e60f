//! Words that no passage in scope has, looked for in another spelling.

use std::collections::{BTreeMap, BTreeSet};

use tantivy::Term;
use tantivy::query::FuzzyTermQuery;

use super::LexicalIndex;
use super::asked::{Asked, IDENTIFIER_JOINT};
use super::in_scope::View;
use super::query::Wanted;
use crate::Result;
use crate::language::Language;

/// Shorter words are a letter away from too many others.
const MIN_CHARS: usize = 4;
/// Words of at least so many characters may have two slips.
const CHARS_FOR_TWO: usize = 8;
/// The nearest spellings that are looked up in scope.
const MAX_TRIED: usize = 8;

impl LexicalIndex {
    /// Gives the words that were not met the spelling that is nearest among those in scope; whether any has one.
    /// What is outside the scope corrects nothing: it would tell that it is there.
    pub(super) fn correct(&self, view: &View, wanted: &mut Wanted, unmet: &[usize]) -> Result<bool> {
        let mut corrected = BTreeMap::new();
        for place in unmet {
            let word = &wanted.asked.words[*place];
            let is_word = !word.is_identifier() && word.written.chars().all(char::is_alphabetic);
            if is_word
                && word.written.chars().count() >= MIN_CHARS
                && wanted.longer[*place].is_empty()
                && !wanted.alternatives[*place].is_known
                && let Some(nearest) = self.nearest(view, &word.written)?
            {
                corrected.insert(*place, nearest);
            }
        }
        if corrected.is_empty() {
            return Ok(false);
        }
        let languages: Vec<Language> = self.languages(view)?.into_keys().collect();
        for (place, written) in &corrected {
            let word = &mut wanted.asked.words[*place];
            let read = Asked::read(written, wanted.asked.language, &languages);
            let stems = read.words.into_iter().flat_map(|word| word.stems).collect();
            (word.written, word.stems) = (written.clone(), stems);
        }
        let words = wanted.asked.words.iter().filter(|word| !word.is_identifier());
        let words: Vec<&str> = words.map(|word| word.written.as_str()).collect();
        wanted.corrected = Some(words.join(" "));
        Ok(true)
    }

    /// The spelling with the fewest slips, then the most frequent one, of words that the scope has.
    fn nearest(&self, view: &View, written: &str) -> Result<Option<String>> {
        let most = if written.chars().count() >= CHARS_FOR_TWO { 2 } else { 1 };
        for slips in 1..=most {
            let around = FuzzyTermQuery::new(Term::from_field_text(self.fields.written, written), slips, true);
            let mut spellings: BTreeSet<String> = BTreeSet::new();
            for segment in view.searcher.segment_readers() {
                let inverted = segment.inverted_index(self.fields.written)?;
                let mut stream = inverted.terms().search(around.automaton()?).into_stream()?;
                while stream.advance() {
                    let term = String::from_utf8_lossy(stream.key());
                    if !term.contains(IDENTIFIER_JOINT) && term.chars().all(char::is_alphabetic) {
                        spellings.insert(term.into_owned());
                    }
                }
            }
            // People seldom miss the first letter, and hardly ever besides another one.
            let first = |term: &str| term.chars().next() == written.chars().next();
            spellings.retain(|spelling| slips == 1 || first(spelling));
            let mut candidates = Vec::with_capacity(spellings.len());
            for spelling in spellings {
                let frequency = view.frequency(&Term::from_field_text(self.fields.written, &spelling))?;
                if frequency > 0 {
                    candidates.push((spelling, frequency));
                }
            }
            candidates.sort_by(|left, right| {
                (first(&right.0), right.1).cmp(&(first(&left.0), left.1)).then_with(|| left.0.cmp(&right.0))
            });
            for (candidate, _) in candidates.into_iter().take(MAX_TRIED) {
                if self.is_in_view(view, &Term::from_field_text(self.fields.written, &candidate))? {
                    return Ok(Some(candidate));
                }
            }
        }
        Ok(None)
    }
}
