//! Words that no passage in scope has, looked for in another spelling.

use std::collections::BTreeMap;

use tantivy::collector::Count;
use tantivy::query::{BooleanQuery, FuzzyTermQuery, Occur, Query, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{Searcher, Term};

use super::LexicalIndex;
use super::asked::{Asked, IDENTIFIER_JOINT};
use super::query::Wanted;
use crate::Result;
use crate::language::Language;
use crate::search::Scope;

/// Shorter words are a letter away from too many others.
const MIN_CHARS: usize = 4;
/// Words of at least so many characters may have two slips.
const CHARS_FOR_TWO: usize = 8;
/// The nearest spellings that are looked up in scope.
const MAX_TRIED: usize = 8;

impl LexicalIndex {
    /// Gives the words that were not met the spelling that is nearest among those in scope; whether any has one.
    /// What is outside the scope corrects nothing: it would tell that it is there.
    pub(super) fn correct(&self, wanted: &mut Wanted, unmet: &[usize], scope: &Scope) -> Result<bool> {
        let searcher = self.reader.searcher();
        let mut corrected = BTreeMap::new();
        for place in unmet {
            let word = &wanted.asked.words[*place];
            let is_word = !word.is_identifier() && word.written.chars().all(char::is_alphabetic);
            if is_word
                && word.written.chars().count() >= MIN_CHARS
                && wanted.longer[*place].is_empty()
                && let Some(nearest) = self.nearest(&searcher, &word.written, scope)?
            {
                corrected.insert(*place, nearest);
            }
        }
        let languages: Vec<Language> = self.languages()?.into_keys().collect();
        for (place, written) in &corrected {
            let word = &mut wanted.asked.words[*place];
            let read = Asked::read(written, wanted.asked.language, &languages);
            let stems = read.words.into_iter().flat_map(|word| word.stems).collect();
            (word.written, word.stems) = (written.clone(), stems);
        }
        if !corrected.is_empty() {
            let words = wanted.asked.words.iter().filter(|word| !word.is_identifier());
            let words: Vec<&str> = words.map(|word| word.written.as_str()).collect();
            wanted.corrected = Some(words.join(" "));
        }
        Ok(!corrected.is_empty())
    }

    /// The spelling with the fewest slips, then the most frequent one, of words that the scope has.
    fn nearest(&self, searcher: &Searcher, written: &str, scope: &Scope) -> Result<Option<String>> {
        let most = if written.chars().count() >= CHARS_FOR_TWO { 2 } else { 1 };
        for slips in 1..=most {
            let around = FuzzyTermQuery::new(Term::from_field_text(self.fields.written, written), slips, true);
            let mut frequencies: BTreeMap<String, u64> = BTreeMap::new();
            for segment in searcher.segment_readers() {
                let inverted = segment.inverted_index(self.fields.written)?;
                let mut stream = inverted.terms().search(around.automaton()?).into_stream()?;
                while stream.advance() {
                    let term = String::from_utf8_lossy(stream.key());
                    if !term.contains(IDENTIFIER_JOINT) && term.chars().all(char::is_alphabetic) {
                        *frequencies.entry(term.into_owned()).or_default() += u64::from(stream.value().doc_freq);
                    }
                }
            }
            // People seldom miss the first letter, and hardly ever besides another one.
            let first = |term: &str| term.chars().next() == written.chars().next();
            let possible = frequencies.into_iter().filter(|(term, _)| slips == 1 || first(term));
            let mut candidates: Vec<(String, u64)> = possible.collect();
            candidates.sort_by(|left, right| {
                (first(&right.0), right.1).cmp(&(first(&left.0), left.1)).then_with(|| left.0.cmp(&right.0))
            });
            for (candidate, _) in candidates.into_iter().take(MAX_TRIED) {
                if self.is_in_scope(searcher, &candidate, scope)? {
                    return Ok(Some(candidate));
                }
            }
        }
        Ok(None)
    }

    fn is_in_scope(&self, searcher: &Searcher, written: &str, scope: &Scope) -> Result<bool> {
        let term = Term::from_field_text(self.fields.written, written);
        let word: Box<dyn Query> = Box::new(TermQuery::new(term, IndexRecordOption::Basic));
        let filters = self.scope_filters(scope).into_iter().map(|filter| (Occur::Must, filter));
        let both = BooleanQuery::new(std::iter::once((Occur::Must, word)).chain(filters).collect());
        Ok(searcher.search(&both, &Count)? > 0)
    }
}
