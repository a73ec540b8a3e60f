//! Compounds, in languages that write them as one word: "Datenschutz" is in "Datenschutzbeauftragter", and so is
//! "Beauftragter".
//!
//! There is no dictionary but the index's own: it knows the words of the collection, whatever the trade, and comes
//! with no licence; of it, what the caller may read. A word of the query is looked for at the beginning and at the end of longer words; a compound
//! of the query is split where both parts are words of the index.

use std::collections::BTreeSet;

use tantivy::Term;
use tantivy::schema::Field;

use super::LexicalIndex;
use super::alternatives::Alternatives;
use super::analysis::terms;
use super::asked::Asked;
use super::in_scope::View;
use super::query::Wanted;
use crate::Result;
use crate::language::Language;

/// What an occurrence inside a longer word counts for.
const LONGER_WEIGHT: f32 = 0.3;
/// What a part of a compound counts for, beside the compound.
const PART_WEIGHT: f32 = 0.3;
/// Shorter beginnings and ends of words are syllables.
const MIN_PART_CHARS: usize = 4;
/// What remains of a longer word; "Rathaus".
const MIN_REST_CHARS: usize = 3;
/// The most frequent of the longer words, at each end.
const MAX_LONGER: usize = 16;
/// Between the parts of German and Dutch compounds, the empty one apart.
const JOINTS: [&str; 7] = ["s", "es", "n", "en", "er", "e", "ens"];
/// Terms shorter than this have no two parts.
pub(super) const MIN_COMPOUND_CHARS: usize = 7;

/// Languages that write compounds as one word.
pub(super) fn has_compounds(language: Language) -> bool {
    matches!(language, Language::German | Language::Dutch)
}

/// A term from its end: its last part is then where a dictionary is sorted by.
pub(super) fn reversed(term: &str) -> String {
    term.chars().rev().collect()
}

impl LexicalIndex {
    /// The words of a query with the forms that the index has of them.
    pub fn want(&self, view: &View, asked: Asked, alternatives: Vec<Alternatives>) -> Result<Wanted> {
        let mut wanted = Wanted {
            longer: vec![Vec::new(); asked.words.len()],
            alternatives,
            parts: Vec::new(),
            phrases: !asked.phrases.is_empty(),
            corrected: None,
            ceiling: 0.0,
            asked,
        };
        if has_compounds(wanted.asked.language) {
            for (word, longer) in wanted.asked.words.iter().zip(&mut wanted.longer) {
                let Some(stem) = word.stems.first() else { continue };
                *longer = self.longer_words(view, stem, &word.written)?;
                wanted.parts.extend(self.parts_of(view, stem, wanted.asked.language)?);
            }
        }
        Ok(wanted)
    }

    /// Terms of the body that begin or end with the word.
    fn longer_words(&self, view: &View, stem: &str, written: &str) -> Result<Vec<(String, f32)>> {
        // A stem that has lost too much says little: "Daten" is "dat", as in "Datum".
        let part = if stem.chars().count() >= MIN_PART_CHARS { stem } else { written };
        if part.chars().count() < MIN_PART_CHARS || !part.chars().all(char::is_alphabetic) {
            return Ok(Vec::new());
        }
        let long_enough = |term: &str| term.chars().count() >= part.chars().count() + MIN_REST_CHARS;
        let mut found = most_frequent(view, self.fields.body, part, &long_enough)?;
        let ends = most_frequent(view, self.fields.tails, &reversed(part), &long_enough)?;
        found.extend(ends.iter().map(|term| reversed(term)));
        found.sort();
        found.dedup();
        Ok(found.into_iter().map(|term| (term, LONGER_WEIGHT)).collect())
    }

    /// The two parts of a compound: the split whose parts are most frequent in the geometric mean (Koehn and
    /// Knight, "Empirical Methods for Compound Splitting", EACL 2003).
    fn parts_of(&self, view: &View, stem: &str, language: Language) -> Result<Vec<(String, f32)>> {
        let chars: Vec<(usize, char)> = stem.char_indices().collect();
        if chars.len() < MIN_COMPOUND_CHARS || !chars.iter().all(|(_, character)| character.is_alphabetic()) {
            return Ok(Vec::new());
        }
        let frequency = |term: &str| view.frequency(&Term::from_field_text(self.fields.body, term));
        let mut best: (u64, Vec<String>) = (0, Vec::new());
        for (cut, _) in &chars[MIN_REST_CHARS..=chars.len() - MIN_PART_CHARS.min(chars.len())] {
            let (left, right) = stem.split_at(*cut);
            let of_right = frequency(right)?;
            if of_right == 0 {
                continue;
            }
            let without_joint = JOINTS.iter().filter_map(|joint| left.strip_suffix(joint));
            for left in std::iter::once(left).chain(without_joint) {
                if left.chars().count() < MIN_REST_CHARS {
                    continue;
                }
                let as_word = terms(left, language).into_iter().next().map(|token| token.text);
                for left in [Some(left.to_owned()), as_word].into_iter().flatten() {
                    let product = frequency(&left)? * of_right;
                    if product > best.0 {
                        best = (product, vec![left, right.to_owned()]);
                    }
                }
            }
        }
        Ok(best.1.into_iter().map(|part| (part, PART_WEIGHT)).collect())
    }
}

/// Terms of a field that begin with `prefix`, apart from those that are not wanted.
fn most_frequent(view: &View, field: Field, prefix: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>> {
    let mut terms: BTreeSet<String> = BTreeSet::new();
    let after = format!("{prefix}{}", char::MAX);
    for segment in view.searcher.segment_readers() {
        let inverted = segment.inverted_index(field)?;
        let mut stream = inverted.terms().range().ge(prefix.as_bytes()).lt(after.as_bytes()).into_stream()?;
        while stream.advance() {
            let Ok(term) = std::str::from_utf8(stream.key()) else { continue };
            if wanted(term) {
                terms.insert(term.to_owned());
            }
        }
    }
    let mut found = Vec::with_capacity(terms.len());
    for term in terms {
        let frequency = view.frequency(&Term::from_field_text(field, &term))?;
        if frequency > 0 {
            found.push((term, frequency));
        }
    }
    found.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    found.truncate(MAX_LONGER);
    Ok(found.into_iter().map(|(term, _)| term).collect())
}
