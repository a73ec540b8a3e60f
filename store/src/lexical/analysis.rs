//! Text → terms, by language: words, lower case, stop words, Snowball stems, accents folded last (the
//! stemmers need them). Elided articles ("l'article") fall to the stop words, which hold them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language as Snowball, LowerCaser, RemoveLongFilter, Stemmer, StopWordFilter, TextAnalyzer,
    Token, TokenStream as _,
};

use super::words::Words;
use crate::language::Language;

/// Part of the indexes' version: a change of analysis needs a rebuild.
pub const ANALYSIS_VERSION: u32 = 1;

/// Longer runs of letters are data, not words.
const MAX_TERM_BYTES: usize = 80;

static ANALYSERS: LazyLock<BTreeMap<Language, TextAnalyzer>> = LazyLock::new(|| {
    let analysed = Language::ANALYSED.into_iter().map(|language| (language, analyser(language)));
    analysed.chain([(Language::Other, plain())]).collect()
});

fn snowball(language: Language) -> Option<Snowball> {
    Some(match language {
        Language::English => Snowball::English,
        Language::French => Snowball::French,
        Language::German => Snowball::German,
        Language::Spanish => Snowball::Spanish,
        Language::Italian => Snowball::Italian,
        Language::Dutch => Snowball::Dutch,
        Language::Portuguese => Snowball::Portuguese,
        Language::Other => return None,
    })
}

/// What remains of an article or pronoun before an apostrophe, and words that only make a question.
fn extra_stop_words(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => {
            &["what", "which", "who", "whom", "when", "where", "why", "how", "does", "did", "do", "s", "t"]
        }
        Language::French => &[
            "l", "d", "j", "m", "t", "s", "n", "c", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "quel", "quelle",
            "quels", "quelles", "qui", "que", "quoi", "où", "comment", "pourquoi", "quand", "combien", "est", "sont",
            "a", "il", "elle",
        ],
        Language::German => {
            &["wer", "wie", "wann", "warum", "welche", "welcher", "welches", "welchen", "wieviel", "wieso"]
        }
        Language::Spanish => &["qué", "quién", "cuál", "cuáles", "cuándo", "dónde", "cómo", "cuánto", "cuántos"],
        Language::Italian => {
            &["l", "d", "un", "dell", "all", "nell", "sull", "dall", "quell", "chi", "quale", "quando", "dove"]
        }
        Language::Dutch => &["wie", "waar", "wanneer", "waarom", "welke", "hoe", "hoeveel"],
        Language::Portuguese => &["qual", "quais", "quem", "quando", "onde", "como", "quanto"],
        Language::Other => &[],
    }
}

fn analyser(language: Language) -> TextAnalyzer {
    let Some(snowball) = snowball(language) else {
        return plain();
    };
    let extra = extra_stop_words(language).iter().map(|word| (*word).to_owned());
    let builder = TextAnalyzer::builder(Words)
        .filter(RemoveLongFilter::limit(MAX_TERM_BYTES))
        .filter(LowerCaser)
        .filter(StopWordFilter::remove(extra));
    match StopWordFilter::new(snowball) {
        Some(stop_words) => {
            builder.filter(stop_words).filter(Stemmer::new(snowball)).filter(AsciiFoldingFilter).build()
        }
        None => builder.filter(Stemmer::new(snowball)).filter(AsciiFoldingFilter).build(),
    }
}

fn plain() -> TextAnalyzer {
    TextAnalyzer::builder(Words)
        .filter(RemoveLongFilter::limit(MAX_TERM_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// The terms of a text, with their places in it.
pub fn terms(text: &str, language: Language) -> Vec<Token> {
    let Some(analyser) = ANALYSERS.get(&language) else {
        return Vec::new();
    };
    let mut analyser = analyser.clone();
    let mut stream = analyser.token_stream(text);
    let mut terms = Vec::new();
    while stream.advance() {
        terms.push(stream.token().clone());
    }
    terms
}

/// The distinct terms of a query: each of its words as the analysis of each language has it, since a chunk
/// is analysed in its own. What is a stop word in the query's language is one in all of them: English "the"
/// must not find French "thé". A query of nothing but stop words keeps them: "to be or not to be" is a query.
pub fn query_terms(query: &str, query_language: Language, languages: &[Language]) -> BTreeSet<String> {
    let kept = terms(query, query_language);
    let mut found: BTreeSet<String> = kept.iter().map(|token| token.text.clone()).collect();
    for language in languages.iter().filter(|language| **language != query_language) {
        let words = terms(query, *language).into_iter();
        let is_kept = |word: &Token| kept.iter().any(|kept| kept.offset_from == word.offset_from);
        found.extend(words.filter(is_kept).map(|word| word.text));
    }
    if found.is_empty() {
        found.extend(terms(query, Language::Other).into_iter().map(|token| token.text));
    }
    found
}

/// Character ranges of the words in `text` that match one of the terms.
pub fn matches(text: &str, language: Language, wanted: &BTreeSet<String>) -> Vec<(u32, u32)> {
    let mut ranges = Vec::new();
    let (mut byte, mut chars) = (0, 0);
    let mut chars_at = |offset: usize| {
        if offset > byte {
            chars += text[byte..offset].chars().count() as u32;
            byte = offset;
        }
        chars
    };
    for token in terms(text, language) {
        if wanted.contains(&token.text) {
            ranges.push((chars_at(token.offset_from), chars_at(token.offset_to)));
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, language: Language) -> Vec<String> {
        terms(text, language).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn each_language_has_its_own_terms() {
        for (text, language, expected) in [
            ("The harvested quinces", Language::English, &["harvest", "quinc"][..]),
            ("l'élection d'aujourd'hui", Language::French, &["elect", "aujourd", "hui"]),
            ("Häuser und Gärten", Language::German, &["haus", "gart"]),
            ("Øre 42", Language::Other, &["ore", "42"]),
        ] {
            assert_eq!(texts(text, language), expected, "{text}");
        }
    }

    #[test]
    fn words_match_in_another_form_and_their_places_are_characters() {
        let wanted = query_terms("récolter", Language::French, &[Language::French]);
        assert_eq!(matches("Été : on récolte les coings", Language::French, &wanted), [(9, 16)]);
    }

    #[test]
    fn a_query_of_stop_words_is_not_empty() {
        assert!(query_terms("to be or not to be", Language::English, &[Language::English]).contains("be"));
    }

    #[test]
    fn a_query_meets_chunks_of_other_languages_without_its_stop_words() {
        let both = [Language::English, Language::French];
        let found = query_terms("the harvesting of quinces", Language::English, &both);
        assert!(found.contains("harvest"), "as English chunks have it: {found:?}");
        let french = terms("harvesting", Language::French).remove(0).text;
        assert!(found.contains(&french), "as French chunks have it: {found:?}");
        assert!(!found.contains("the") && !found.contains("of"), "{found:?}");
    }
}
