//! A query as a person wrote it → what the index is asked for: words in all their forms, what looks like an
//! identifier, and what stands in quotation marks.

use std::ops::Range;

use tantivy::tokenizer::Token;
use unicode_normalization::UnicodeNormalization as _;

use super::analysis::{terms, written};
use crate::language::Language;

#[derive(Debug, Clone)]
pub struct Asked {
    /// The language that the query is taken to be in.
    pub language: Language,
    pub words: Vec<AskedWord>,
    /// What stands in quotation marks: words as written, which a passage must hold side by side.
    pub phrases: Vec<Vec<String>>,
    /// Whether the query names something rather than describing it: its words then count more than its meaning.
    pub names_something: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedWord {
    /// As written, in lower case, accents included.
    pub written: String,
    /// As the analysis of each language has it, that of the query first; none for an identifier, which is
    /// looked for as written only.
    pub stems: Vec<String>,
    /// How often the query has it: long questions repeat what they are about.
    pub count: u32,
    /// Which word of the query it is: what is side by side there is better side by side in the passage.
    pub position: usize,
}

impl AskedWord {
    pub fn is_identifier(&self) -> bool {
        self.stems.is_empty()
    }
}

const QUOTATION_MARKS: [(char, &[char]); 5] =
    [('"', &['"']), ('“', &['”', '"']), ('„', &['“', '”', '"']), ('«', &['»']), ('»', &['«'])];

impl Asked {
    /// Each word of the query as the analysis of each of `languages` has it, since a chunk is analysed in its own.
    /// What is a stop word in the query's language is one in all of them: English "the" must not find French
    /// "thé". A query of nothing but stop words keeps them: "to be or not to be" is a query.
    pub fn read(query: &str, language: Language, languages: &[Language]) -> Self {
        let query: String = query.nfc().collect();
        let mut kept = terms(&query, language);
        if kept.is_empty() {
            kept = terms(&query, Language::Other);
        }
        let others: Vec<Vec<Token>> =
            languages.iter().filter(|other| **other != language).map(|other| terms(&query, *other)).collect();
        let as_written = written(&query);
        let mut words: Vec<AskedWord> = Vec::new();
        for token in kept {
            let mut stems = vec![token.text];
            for other in others.iter().flatten().filter(|other| other.offset_from == token.offset_from) {
                if !stems.contains(&other.text) {
                    stems.push(other.text.clone());
                }
            }
            let same = |word: &&Token| (word.offset_from, word.offset_to) == (token.offset_from, token.offset_to);
            let written = as_written.iter().find(same).map_or_else(|| stems[0].clone(), |word| word.text.clone());
            match words.iter_mut().find(|word| word.stems == stems && word.written == written) {
                Some(word) => word.count += 1,
                None => words.push(AskedWord { written, stems, count: 1, position: token.position }),
            }
        }
        let identifiers = as_written.iter().filter(|token| token.text.contains(IDENTIFIER_JOINT));
        let identifiers: Vec<(String, usize)> = identifiers.map(|token| (token.text.clone(), token.position)).collect();
        // In a long text quotation marks quote; they do not ask for anything.
        let phrases = if words.len() <= LONGEST_REQUEST { phrases(&query) } else { Vec::new() };
        let names_something = words.len() <= NAME_WORDS && !(phrases.is_empty() && identifiers.is_empty());
        let apart = spelled_apart(&as_written, &words);
        for (written, position) in identifiers.into_iter().chain(apart) {
            let identifier = AskedWord { written, stems: Vec::new(), count: 1, position };
            if !words.contains(&identifier) {
                words.push(identifier);
            }
        }
        Self { language, words, phrases, names_something }
    }
}

/// More words than these are a text that was pasted.
const LONGEST_REQUEST: usize = 20;
/// In so few words an identifier or a phrase is what is looked for. In a sentence it is one word among others: where that was
/// measured, the weights are those of any sentence.
const NAME_WORDS: usize = 3;

pub(super) use super::words::IDENTIFIER_JOINT;

/// "ISO 9001" as "ISO9001" and "ISO-9001" are indexed. Stop words name nothing: they are not among `words`.
fn spelled_apart(tokens: &[Token], words: &[AskedWord]) -> Vec<(String, usize)> {
    const LONGEST_NAME: usize = 5;
    let plain: Vec<&Token> = tokens.iter().filter(|token| !token.text.contains(IDENTIFIER_JOINT)).collect();
    let joined = plain.windows(2).filter(|pair| {
        let [name, number] = pair else { return false };
        name.offset_to + 1 == number.offset_from
            && name.text.chars().count() <= LONGEST_NAME
            && name.text.chars().all(char::is_alphabetic)
            && number.text.chars().all(|character| character.is_ascii_digit())
            && words.iter().any(|word| word.written == name.text)
    });
    joined.map(|pair| (format!("{}{IDENTIFIER_JOINT}{}", pair[0].text, pair[1].text), pair[0].position)).collect()
}

fn phrases(query: &str) -> Vec<Vec<String>> {
    let phrases = quoted(query).into_iter().map(|inside| {
        let words = written(&query[inside]).into_iter().filter(|token| !token.text.contains(IDENTIFIER_JOINT));
        words.map(|token| token.text).collect::<Vec<String>>()
    });
    phrases.filter(|words| !words.is_empty()).collect()
}

/// What stands in quotation marks, in bytes.
pub fn quoted(query: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some((start, open)) = rest.char_indices().find(|(_, c)| QUOTATION_MARKS.iter().any(|(open, _)| c == open))
    {
        let inside = &rest[start + open.len_utf8()..];
        let closing = QUOTATION_MARKS.iter().find(|(mark, _)| *mark == open).map_or(&[][..], |(_, closing)| closing);
        let Some(end) = inside.find(closing) else { break };
        let from = query.len() - inside.len();
        found.push(from..from + end);
        rest = &inside[end..];
        rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written_words(query: &str, language: Language) -> Vec<String> {
        Asked::read(query, language, &[language]).words.into_iter().map(|word| word.written).collect()
    }

    #[test]
    fn words_keep_the_form_they_were_written_in() {
        let asked = Asked::read("récolter les COINGS", Language::French, &[Language::French]);
        let first = AskedWord { written: "récolter".into(), stems: vec!["recolt".into()], count: 1, position: 0 };
        assert_eq!(asked.words[0], first);
        assert_eq!(asked.words[1].written, "coings");
        assert_eq!(asked.words[1].position, 2);
        // Typed as a letter and an accent.
        assert_eq!(written_words("re\u{301}colter", Language::French), ["récolter"]);
    }

    #[test]
    fn a_query_of_stop_words_is_not_empty() {
        assert!(written_words("to be or not to be", Language::English).contains(&"be".to_owned()));
    }

    #[test]
    fn a_query_meets_chunks_of_other_languages_without_its_stop_words() {
        let both = [Language::English, Language::French];
        let asked = Asked::read("the harvesting of quinces", Language::English, &both);
        let french = terms("harvesting", Language::French).remove(0).text;
        assert_eq!(asked.words[0].stems, ["harvest".to_owned(), french]);
        assert_eq!(asked.words.len(), 2, "{asked:?}");
        assert_eq!(Asked::read("quinces, quinces", Language::English, &both).words[0].count, 2);
    }

    #[test]
    fn identifiers_are_found_however_they_are_spelled() {
        for query in ["AB-1234", "ab1234", "AB/1234", "AB 1234"] {
            let asked = Asked::read(query, Language::English, &[]);
            let identifiers: Vec<&AskedWord> = asked.words.iter().filter(|word| word.is_identifier()).collect();
            assert_eq!(identifiers.len(), 1, "{query}: {asked:?}");
            assert_eq!(identifiers[0].written, format!("ab{IDENTIFIER_JOINT}1234"), "{query}");
            assert_eq!(asked.names_something, query != "AB 1234");
        }
        let sentence = Asked::read("when are the 42 quinces harvested", Language::English, &[]);
        assert!(!sentence.names_something && !sentence.words.iter().any(AskedWord::is_identifier), "{sentence:?}");
    }

    #[test]
    fn quoted_words_are_a_phrase() {
        for query in
            ["find \"Force Majeure\" in it", "find “force majeure” in it", "« force majeure »", "„Force Majeure“"]
        {
            assert_eq!(Asked::read(query, Language::English, &[]).phrases, [["force", "majeure"]], "{query}");
        }
        assert!(Asked::read("a \"mark that stays open", Language::English, &[]).phrases.is_empty());
        assert!(Asked::read("\"\" \"-\"", Language::English, &[]).phrases.is_empty());
        let words = ('a'..='z').map(|letter| format!("{letter}{letter}ing")).collect::<Vec<_>>().join(" ");
        let pasted = format!("the so called \"force majeure\" {words}");
        assert!(Asked::read(&pasted, Language::English, &[]).phrases.is_empty(), "a quotation in a pasted text");
    }
}
