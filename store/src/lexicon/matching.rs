//! Expressions of a lexicon in a query. They are compared as the analysis has them, so that plurals and other inflected
//! forms are found, and word by word at the same distances; the longest expression first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use unicode_normalization::UnicodeNormalization as _;

use super::parse::{Entry, folded};
use crate::language::Language;
use crate::lexical::analysis::{terms, written};
use crate::lexical::asked::{Asked, quoted};

/// Alternatives for one query: each costs a look into the index, in every language in scope.
const MAX_ALTERNATIVES: usize = 24;
/// Alternatives that an encoder is shown for one expression, first ones first. A vector is a mean over words: many of
/// them, which it mostly does not know, would drown the question.
const MAX_SHOWN: usize = 4;

/// A parsed lexicon.
#[derive(Debug)]
pub struct Lexicon {
    entries: Vec<Entry>,
    /// By the first term of an expression, for each analysis that was needed.
    patterns: BTreeMap<Language, OnceLock<HashMap<String, Vec<Pattern>>>>,
}

/// An expression, as a language's analysis has it, without its first term.
#[derive(Debug)]
struct Pattern {
    /// How many words behind the first one.
    rest: Vec<(usize, String)>,
    entry: usize,
    expression: usize,
}

/// Words of a query that are an expression of a lexicon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expanded {
    /// Places of the words in [`Asked`].
    pub words: Vec<usize>,
    /// Where the last one ends, in bytes of the composed query.
    end: usize,
    /// As they are written in the lexicon; none where the query has them already.
    pub alternatives: Vec<String>,
}

/// What the lexicons in scope have beside the words of a query, in the order of the query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expansion(pub Vec<Expanded>);

impl Expansion {
    /// Every alternative once.
    pub fn alternatives(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let all = self.0.iter().flat_map(|expanded| &expanded.alternatives);
        all.filter(|alternative| seen.insert(folded(alternative))).cloned().collect()
    }

    /// The query for an encoder, which knows no dialect: alternatives stand in brackets behind their expressions, each
    /// once. A query without any is left as it is, to the byte.
    pub fn text(&self, query: &str) -> String {
        let mut seen = BTreeSet::new();
        let composed: String = query.nfc().collect();
        let (mut text, mut from) = (String::new(), 0);
        for expanded in &self.0 {
            let shown: Vec<&str> = expanded
                .alternatives
                .iter()
                .filter(|alternative| seen.insert(folded(alternative)))
                .take(MAX_SHOWN)
                .map(String::as_str)
                .collect();
            if let Some(before) = composed.get(from..expanded.end).filter(|_| !shown.is_empty()) {
                text.push_str(before);
                text.push_str(" (");
                text.push_str(&shown.join(", "));
                text.push(')');
                from = expanded.end;
            }
        }
        if from == 0 {
            return query.to_owned();
        }
        text.push_str(composed.get(from..).unwrap_or_default());
        text
    }
}

impl Lexicon {
    pub fn new(entries: Vec<Entry>) -> Self {
        let languages = Language::ANALYSED.into_iter().chain([Language::Other]);
        Self { entries, patterns: languages.map(|language| (language, OnceLock::new())).collect() }
    }

    fn patterns(&self, language: Language) -> Option<&HashMap<String, Vec<Pattern>>> {
        let patterns = self.patterns.get(&language)?;
        Some(patterns.get_or_init(|| {
            let mut found: HashMap<String, Vec<Pattern>> = HashMap::new();
            for (entry, known) in self.entries.iter().enumerate() {
                for (expression, text) in known.expressions.iter().enumerate() {
                    let mut terms = terms(text, language).into_iter();
                    let Some(first) = terms.next() else { continue };
                    let rest = terms.map(|term| (term.position - first.position, term.text)).collect();
                    found.entry(first.text).or_default().push(Pattern { rest, entry, expression });
                }
            }
            found
        }))
    }

    /// Expressions in words that are known by their places: places of first and last word, entry, expression.
    fn find(&self, language: Language, words: &BTreeMap<usize, String>) -> Vec<(RangeInclusive<usize>, usize, usize)> {
        let Some(patterns) = self.patterns(language) else { return Vec::new() };
        let mut found = Vec::new();
        for (place, word) in words {
            for pattern in patterns.get(word).into_iter().flatten() {
                if pattern.rest.iter().all(|(behind, term)| words.get(&(place + behind)) == Some(term)) {
                    let last = pattern.rest.last().map_or(0, |(behind, _)| *behind);
                    found.push((*place..=place + last, pattern.entry, pattern.expression));
                }
            }
        }
        found
    }
}

/// An expression in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Match {
    places: RangeInclusive<usize>,
    lexicon: usize,
    entry: usize,
    expression: usize,
}

/// What is needed of a query to find expressions in it.
struct Reading {
    /// By the place of a word: that of the word in [`Asked`]. Stop words have none.
    asked: BTreeMap<usize, usize>,
    /// By the place of a word: where it ends, in bytes.
    ends: BTreeMap<usize, usize>,
    /// Words in lower case, without accents.
    folded: Vec<String>,
    /// Places of words in quotation marks: they are meant as they stand.
    quoted: BTreeSet<usize>,
}

impl Reading {
    fn of(query: &str, asked: &Asked) -> Self {
        let written: Vec<_> = written(query);
        let words = terms(query, Language::Other);
        let mut kept = terms(query, asked.language);
        if kept.is_empty() {
            kept.clone_from(&words);
        }
        let mut places = BTreeMap::new();
        for token in &kept {
            let same = |other: &&tantivy::tokenizer::Token| {
                (other.offset_from, other.offset_to) == (token.offset_from, token.offset_to)
            };
            let as_written = written.iter().find(same).map_or(token.text.as_str(), |word| word.text.as_str());
            let is_it = |word: &crate::lexical::asked::AskedWord| {
                word.stems.first() == Some(&token.text) && word.written == as_written
            };
            if let Some(word) = asked.words.iter().position(is_it) {
                places.insert(token.position, word);
            }
        }
        let quoted = quoted(query);
        let in_quotes =
            |token: &&tantivy::tokenizer::Token| quoted.iter().any(|part| part.contains(&token.offset_from));
        Self {
            asked: places,
            ends: words.iter().map(|token| (token.position, token.offset_to)).collect(),
            quoted: words.iter().filter(in_quotes).map(|token| token.position).collect(),
            folded: words.into_iter().map(|token| token.text).collect(),
        }
    }

    fn words(&self, query: &str, language: Language) -> BTreeMap<usize, String> {
        let words = terms(query, language).into_iter().map(|token| (token.position, token.text));
        words.filter(|(place, _)| !self.quoted.contains(place)).collect()
    }

    fn has(&self, expression: &[String]) -> bool {
        !expression.is_empty() && self.folded.windows(expression.len()).any(|words| words == expression)
    }
}

/// What the lexicons have beside a query's words. `languages`: in which the chunks in scope were analysed.
pub fn expand(lexicons: &[Arc<Lexicon>], query: &str, asked: &Asked, languages: &[Language]) -> Expansion {
    if lexicons.is_empty() {
        return Expansion::default();
    }
    let query: String = query.nfc().collect();
    let reading = Reading::of(&query, asked);
    let languages: BTreeSet<Language> = languages.iter().copied().chain([asked.language, Language::Other]).collect();
    let mut matches: Vec<Match> = Vec::new();
    for language in languages {
        let words = reading.words(&query, language);
        for (lexicon, known) in lexicons.iter().enumerate() {
            for (places, entry, expression) in known.find(language, &words) {
                let found = Match { places, lexicon, entry, expression };
                // What is a stop word in the query's language asks for nothing: English "or" is not French gold.
                if reading.asked.range(found.places.clone()).next().is_some() && !matches.contains(&found) {
                    matches.push(found);
                }
            }
        }
    }
    let own = reading.words(&query, asked.language);
    let mut left = MAX_ALTERNATIVES;
    let chosen = longest_first(matches).into_iter().map(|group| {
        let places = group[0].places.clone();
        let own: Vec<&String> = own.range(places.clone()).map(|(_, term)| term).collect();
        let mut alternatives: Vec<String> = Vec::new();
        for found in group {
            for alternative in lexicons[found.lexicon].entries[found.entry].alternatives(found.expression) {
                let words = folded(alternative);
                let is_known = reading.has(&words) || alternatives.iter().any(|known| folded(known) == words);
                let in_own = terms(alternative, asked.language);
                let is_same_word = !own.is_empty() && in_own.iter().map(|token| &token.text).eq(own.iter().copied());
                if left > 0 && !is_known && !is_same_word {
                    left -= 1;
                    alternatives.push(alternative.clone());
                }
            }
        }
        let mut words: Vec<usize> = reading.asked.range(places.clone()).map(|(_, word)| *word).collect();
        words.sort_unstable();
        words.dedup();
        let end = reading.ends.get(places.end()).copied().unwrap_or_default();
        Expanded { words, end, alternatives }
    });
    Expansion(chosen.collect())
}

/// Matches that do not overlap, in the order of the query; those of the same words together.
fn longest_first(mut matches: Vec<Match>) -> Vec<Vec<Match>> {
    matches.sort_by_key(|found| {
        let length = found.places.end() - found.places.start();
        (Reverse(length), *found.places.start(), found.lexicon, found.entry, found.expression)
    });
    let mut groups: Vec<Vec<Match>> = Vec::new();
    for found in matches {
        let overlaps = |group: &Vec<Match>| {
            let taken = &group[0].places;
            found.places.start() <= taken.end() && taken.start() <= found.places.end()
        };
        match groups.iter().position(overlaps) {
            Some(group) if groups[group][0].places == found.places => groups[group].push(found),
            Some(_) => {}
            None => groups.push(vec![found]),
        }
    }
    groups.sort_by_key(|group| *group[0].places.start());
    groups
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    fn expansion(lexicon: &str, query: &str, language: Language, languages: &[Language]) -> Expansion {
        let lexicon = Arc::new(Lexicon::new(parse(lexicon).unwrap()));
        expand(&[lexicon], query, &Asked::read(query, language, languages), languages)
    }

    fn found(lexicon: &str, query: &str) -> Vec<String> {
        expansion(lexicon, query, Language::French, &[Language::French]).alternatives()
    }

    #[test]
    fn expressions_are_found_in_any_form() {
        for query in ["vache", "les VACHES du village", "Vache ?", "l'étable de la vache"] {
            assert_eq!(found("vache, vaca, saoc", query), ["vaca", "saoc"], "{query}");
        }
        assert_eq!(found("élevé, naut", "eleves"), ["naut"], "as the analysis has accents");
        assert_eq!(found("re\u{301}colte, amassada", "récoltes"), ["amassada"], "composed or not");
        assert_eq!(found("vache, vaca", "cheval"), Vec::<String>::new());
        assert_eq!(found("vache, vaca", ""), Vec::<String>::new());
    }

    #[test]
    fn one_way_is_one_way() {
        assert_eq!(found("PV => procès-verbal", "le PV d'hier"), ["procès-verbal"]);
        assert!(found("PV => procès-verbal", "le procès-verbal d'hier").is_empty());
    }

    #[test]
    fn the_longest_expression_is_found_first() {
        let lexicon = "mise en demeure, MED\ndemeure, ostal\nmise, aposta";
        assert_eq!(found(lexicon, "une mise en demeure"), ["MED"]);
        assert_eq!(found(lexicon, "la demeure"), ["ostal"]);
        assert_eq!(found(lexicon, "la mise de la demeure"), ["aposta", "ostal"], "at another distance");
        let both = expansion(lexicon, "mises en demeure", Language::French, &[Language::French]);
        assert_eq!(both.0[0].words, [0, 1], "the stop word between them is none of the words");
    }

    #[test]
    fn quoted_words_are_meant_as_they_stand() {
        assert!(found("vache, vaca", "« vache » folle").is_empty());
        assert_eq!(found("vache, vaca", "\"la vache\" et vache"), ["vaca"]);
    }

    #[test]
    fn what_is_asked_for_already_is_not_added() {
        assert!(found("vache, vaca", "vache ou vaca").is_empty());
        assert!(found("vache, vaches", "vache").is_empty(), "a form of the same word");
        assert_eq!(found("PV => procès-verbal", "PV ou proces verbal"), Vec::<String>::new());
        assert_eq!(found("a1, b2\nc3, b2", "a1 c3"), ["b2"], "told once");
    }

    #[test]
    fn a_stop_word_asks_for_nothing() {
        let languages = [Language::English, Language::French];
        let of = |query| expansion("or, aur", query, Language::English, &languages).alternatives();
        assert!(of("silver or copper").is_empty());
        assert_eq!(of("or"), ["aur"], "by itself it is a query");
    }

    #[test]
    fn another_languages_analysis_finds_its_forms() {
        let both = [Language::English, Language::German];
        assert_eq!(expansion("Haus, Hüs", "Häuser", Language::English, &both).alternatives(), ["Hüs"]);
        assert!(expansion("Haus, Hüs", "Häuser", Language::English, &both[..1]).0.is_empty());
    }

    #[test]
    fn an_encoder_gets_alternatives_beside_their_expressions() {
        let text =
            |query: &str| expansion("vache, vaca, saoc\nPV => procès-verbal", query, Language::French, &[]).text(query);
        assert_eq!(text("prix des vaches, selon le PV"), "prix des vaches (vaca, saoc), selon le PV (procès-verbal)");
        assert_eq!(text("vache et vaches"), "vache (vaca, saoc) et vaches");
        let plain = "de\u{301}ja\u{300} vu";
        assert_eq!(text(plain), plain, "to the byte");
        let many = (0..9).map(|number| format!("w{number}")).collect::<Vec<_>>().join(", ");
        assert_eq!(expansion(&many, "w0", Language::French, &[]).text("w0"), "w0 (w1, w2, w3, w4)");
    }

    #[test]
    fn alternatives_are_bounded() {
        let entries =
            (0..10).map(|entry| (0..10).map(|word| format!("e{entry}w{word}")).collect::<Vec<_>>().join(", "));
        let lexicon = entries.collect::<Vec<_>>().join("\n");
        let query = (0..10).map(|entry| format!("e{entry}w0")).collect::<Vec<_>>().join(" ");
        assert_eq!(found(&lexicon, &query).len(), MAX_ALTERNATIVES);
    }
}
