//! Text → terms, by language: words, lower case, stop words, Snowball stems, accents folded last (the
//! stemmers need them). Elided articles ("l'article") fall to the stop words, which hold them. Beside them, each
//! word as it is written: a form that is met exactly is better than one that shares its stem.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language as Snowball, LowerCaser, RemoveLongFilter, Stemmer, StopWordFilter, TextAnalyzer,
    Token, TokenStream as _,
};

use super::words::{Words, identifiers, split};
use crate::language::Language;

/// Part of the indexes' version: a change of analysis needs a rebuild.
pub const ANALYSIS_VERSION: u32 = 2;

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

/// The words of a text as they are written, in lower case, and its identifiers.
pub fn written(text: &str) -> Vec<Token> {
    let mut words = split(text);
    let identifiers = identifiers(text, &words);
    for word in &mut words {
        word.text = word.text.to_lowercase();
    }
    words.retain(|word| word.text.len() <= MAX_TERM_BYTES);
    words.extend(identifiers);
    // Positions go up, as an index wants them.
    words.sort_by_key(|word| word.position);
    words
}

/// The words of a text in lower case, to compare texts by.
pub fn normalised(text: &str) -> Vec<String> {
    split(text).into_iter().map(|word| word.text.to_lowercase()).collect()
}

/// Terms side by side: each with the number of words that it is behind the first one.
pub type Phrase = Vec<(usize, String)>;

/// What is marked in a passage.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    pub terms: BTreeSet<String>,
    pub phrases: Vec<Phrase>,
}

impl Marks {
    /// Which of the tokens are marked.
    fn of(&self, tokens: &[Token]) -> BTreeSet<usize> {
        let mut marked: BTreeSet<usize> =
            (0..tokens.len()).filter(|place| self.terms.contains(&tokens[*place].text)).collect();
        for phrase in &self.phrases {
            for (place, token) in tokens.iter().enumerate() {
                let found = phrase.iter().map(|(behind, term)| {
                    let is_it = |other: &Token| other.position == token.position + behind && other.text == *term;
                    // Stop words are left out, so it is no further in the list than in the text.
                    (place..tokens.len()).take(behind + 1).find(|place| is_it(&tokens[*place]))
                });
                marked.extend(found.collect::<Option<Vec<usize>>>().into_iter().flatten());
            }
        }
        marked
    }
}

/// Character ranges of the words in `text` that are to be marked.
pub fn matches(text: &str, language: Language, marks: &Marks) -> Vec<(u32, u32)> {
    let mut ranges = Vec::new();
    let (mut byte, mut chars) = (0, 0);
    let mut chars_at = |offset: usize| {
        if offset > byte {
            chars += text[byte..offset].chars().count() as u32;
            byte = offset;
        }
        chars
    };
    let tokens = terms(text, language);
    for place in marks.of(&tokens) {
        let token = &tokens[place];
        ranges.push((chars_at(token.offset_from), chars_at(token.offset_to)));
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
        let wanted = Marks { terms: BTreeSet::from(["recolt".to_owned()]), phrases: Vec::new() };
        assert_eq!(matches("Été : on récolte les coings", Language::French, &wanted), [(9, 16)]);
    }

    #[test]
    fn words_of_a_phrase_are_marked_where_they_stand_together() {
        let phrase = vec![(0, "mis".to_owned()), (2, "demeur".to_owned())];
        let wanted = Marks { terms: BTreeSet::new(), phrases: vec![phrase] };
        let text = "La mise en demeure : mise, demeure.";
        assert_eq!(matches(text, Language::French, &wanted), [(3, 7), (11, 18)]);
    }

    #[test]
    fn words_as_written_keep_their_accents() {
        let texts: Vec<String> = written("L'Été, réf. AB-12").into_iter().map(|token| token.text).collect();
        assert_eq!(texts, ["l", "été", "réf", "ab", "ab-12", "12"]);
    }
}
