//! Alternatives of the lexicons as further forms of the words that they stand for: a word and its alternatives are one
//! pseudo-term, as rare as its most frequent form, so that no rare alternative counts for more than the word does.

use std::collections::BTreeSet;

use super::analysis::{Phrase, terms, written};
use super::asked::{Asked, IDENTIFIER_JOINT};
use crate::language::Language;
use crate::lexicon::Expansion;

/// What the lexicons have beside a word of the query.
#[derive(Debug, Clone, Default)]
pub struct Alternatives {
    /// Of one word: as the analyses of the languages in scope have them.
    pub terms: Vec<String>,
    /// The same as they are written.
    pub written: Vec<String>,
    /// Of several words, which a passage holds side by side.
    pub phrases: Vec<Phrase>,
    /// Whether the word is in a lexicon at all: then it is spelled as it is meant.
    pub is_known: bool,
}

impl Alternatives {
    /// For each word of the query. Of an expression of several words, each has all alternatives: together they count as
    /// the words together do.
    pub fn of(asked: &Asked, expansion: &Expansion, languages: &[Language]) -> Vec<Self> {
        let mut found = vec![Self::default(); asked.words.len()];
        for expanded in &expansion.0 {
            for word in &expanded.words {
                let (Some(found), Some(asked)) = (found.get_mut(*word), asked.words.get(*word)) else { continue };
                found.is_known = true;
                for alternative in &expanded.alternatives {
                    found.add(alternative, languages, &asked.stems, &asked.written);
                }
            }
        }
        found
    }

    fn add(&mut self, alternative: &str, languages: &[Language], stems: &[String], word: &str) {
        for form in languages.iter().map(|language| form(alternative, *language)).collect::<BTreeSet<_>>() {
            match form.as_slice() {
                [] => {}
                [(_, term)] if stems.contains(term) || self.terms.contains(term) => {}
                [(_, term)] => self.terms.push(term.clone()),
                _ if self.phrases.contains(&form) => {}
                _ => self.phrases.push(form),
            }
        }
        let mut words = written(alternative).into_iter().filter(|token| !token.text.contains(IDENTIFIER_JOINT));
        if let (Some(only), None) = (words.next(), words.next())
            && only.text != word
            && !self.written.contains(&only.text)
        {
            self.written.push(only.text);
        }
    }
}

/// An expression as a language's analysis has it, stop words at its ends left out.
fn form(expression: &str, language: Language) -> Phrase {
    let terms = terms(expression, language);
    let first = terms.first().map_or(0, |term| term.position);
    terms.into_iter().map(|term| (term.position - first, term.text)).collect()
}
