//! Which language a text is in, among those that are analysed in their own way.

use std::sync::LazyLock;

use lingua::{LanguageDetector, LanguageDetectorBuilder};
use serde::{Deserialize, Serialize};

/// A language with its own analysis, or `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Language {
    #[serde(rename = "en")]
    English,
    #[serde(rename = "fr")]
    French,
    #[serde(rename = "de")]
    German,
    #[serde(rename = "es")]
    Spanish,
    #[serde(rename = "it")]
    Italian,
    #[serde(rename = "nl")]
    Dutch,
    #[serde(rename = "pt")]
    Portuguese,
    #[serde(rename = "und")]
    Other,
}

impl Language {
    pub const ANALYSED: [Self; 7] =
        [Self::English, Self::French, Self::German, Self::Spanish, Self::Italian, Self::Dutch, Self::Portuguese];

    /// ISO 639-1, or `und` for any other.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
            Self::German => "de",
            Self::Spanish => "es",
            Self::Italian => "it",
            Self::Dutch => "nl",
            Self::Portuguese => "pt",
            Self::Other => "und",
        }
    }

    pub fn parse(code: &str) -> Self {
        Self::ANALYSED.into_iter().find(|language| language.as_str() == code).unwrap_or(Self::Other)
    }

    fn of(language: lingua::Language) -> Self {
        match language {
            lingua::Language::English => Self::English,
            lingua::Language::French => Self::French,
            lingua::Language::German => Self::German,
            lingua::Language::Spanish => Self::Spanish,
            lingua::Language::Italian => Self::Italian,
            lingua::Language::Dutch => Self::Dutch,
            lingua::Language::Portuguese => Self::Portuguese,
        }
    }
}

static DETECTOR: LazyLock<LanguageDetector> =
    LazyLock::new(|| LanguageDetectorBuilder::from_all_languages().with_minimum_relative_distance(0.02).build());

/// Longer texts are judged by their beginning: enough to be sure, and quick.
const MAX_CHARS: usize = 600;

/// The language of a text; `Other` when it is none of those analysed or cannot be told.
pub fn detect(text: &str) -> Language {
    let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(index, _)| index);
    DETECTOR.detect_language_of(&text[..end]).map_or(Language::Other, Language::of)
}

/// How likely a text is in each of the languages that are analysed, 0 to 1 in sum; nothing for a text of another
/// script, or without words.
pub fn likelihoods(text: &str) -> Vec<(Language, f64)> {
    let values = DETECTOR.compute_language_confidence_values(text);
    let known = values.into_iter().map(|(language, confidence)| (Language::of(language), confidence));
    known.filter(|(_, confidence)| *confidence > 0.0).collect()
}

/// The language of a query, among the languages that the documents in scope are in; and how many chunks are in
/// each. One language in scope needs no guess. Otherwise a few words say little, and that nearly all chunks are in
/// one language says much: its share counts, by its fourth root, so that a sentence in a rare language is still
/// told by its words.
pub fn detect_query(text: &str, in_scope: &[(Language, u64)]) -> Language {
    match in_scope {
        [] => return detect(text),
        [(only, _)] => return *only,
        _ => {}
    }
    let weighed = likelihoods(text).into_iter().filter_map(|(language, likelihood)| {
        let (_, chunks) = in_scope.iter().find(|(known, _)| *known == language)?;
        Some((language, likelihood * (*chunks as f64).powf(0.25)))
    });
    weighed.max_by(|left, right| left.1.total_cmp(&right.1)).map_or(Language::Other, |(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_told_apart() {
        for (text, expected) in [
            ("The council met on Tuesday to vote on the budget.", Language::English),
            ("Le conseil municipal s'est réuni mardi pour voter le budget.", Language::French),
            ("Der Gemeinderat hat am Dienstag über den Haushalt abgestimmt.", Language::German),
            ("El consejo se reunió el martes para votar el presupuesto.", Language::Spanish),
            ("Het bestuur kwam dinsdag bijeen om over de begroting te stemmen.", Language::Dutch),
        ] {
            assert_eq!(detect(text), expected, "{text}");
        }
        assert_eq!(detect("会议于星期二举行"), Language::Other);
        assert_eq!(detect(""), Language::Other);
    }

    #[test]
    fn a_query_is_in_a_language_of_its_scope() {
        assert_eq!(detect_query("quinces", &[(Language::French, 1)]), Language::French);
        let both = [(Language::English, 1), (Language::French, 1)];
        assert_eq!(detect_query("date de la récolte des coings", &both), Language::French);
        assert_eq!(detect_query("when are the quinces harvested", &both), Language::English);
        let mostly_english = [(Language::English, 1_000), (Language::French, 1)];
        assert_eq!(detect_query("interferon", &mostly_english), Language::English);
        assert_eq!(detect_query("quelle est la date de la récolte des coings", &mostly_english), Language::French);
    }
}
