//! Text → words: runs of letters and digits, and the section sign. Scripts that are written without spaces
//! become overlapping pairs of characters, which is what lets a part of a run be found. Identifiers, which are
//! spelled in several ways ("AB-1234", "AB 1234", "AB1234"), have a form of their own.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

#[derive(Debug, Clone, Default)]
pub(super) struct Words;

pub(super) struct WordStream {
    words: std::vec::IntoIter<Token>,
    current: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream {
        WordStream { words: split(text).into_iter(), current: Token::default() }
    }
}

impl TokenStream for WordStream {
    fn advance(&mut self) -> bool {
        match self.words.next() {
            Some(word) => {
                self.current = word;
                true
            }
            None => false,
        }
    }

    fn token(&self) -> &Token {
        &self.current
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.current
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Unspaced,
    /// A word by itself, whatever stands beside it: "§12" is "§ 12".
    Sign,
    Between,
}

/// Between the parts of an identifier in its own form; in no word.
pub(super) const IDENTIFIER_JOINT: char = '-';
/// Longer rows of letters and digits are data.
const MAX_IDENTIFIER_PARTS: usize = 8;

fn kind(character: char) -> Kind {
    match character {
        '§' => Kind::Sign,
        // Thai, Lao, Myanmar and Khmer, with the marks that are part of a syllable.
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        // Han, kana, and the extensions of both; Hangul, whose words grow by endings.
        | '\u{ac00}'..='\u{d7af}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{323af}' => Kind::Unspaced,
        _ if character.is_alphanumeric() => Kind::Word,
        _ => Kind::Between,
    }
}

pub(super) fn split(text: &str) -> Vec<Token> {
    let mut words = Vec::new();
    // Where the run began, and where each of its characters did.
    let mut starts: Vec<usize> = Vec::new();
    let mut running = Kind::Between;
    for (offset, character) in text.char_indices() {
        let kind = kind(character);
        if kind != running || kind == Kind::Sign {
            end_run(text, running, &mut starts, offset, &mut words);
            running = kind;
        }
        starts.push(offset);
    }
    end_run(text, running, &mut starts, text.len(), &mut words);
    words
}

fn end_run(text: &str, kind: Kind, starts: &mut Vec<usize>, end: usize, words: &mut Vec<Token>) {
    let mut add = |from: usize, to: usize| {
        words.push(Token {
            offset_from: from,
            offset_to: to,
            position: words.len(),
            text: text[from..to].to_owned(),
            position_length: 1,
        });
    };
    match (kind, starts.as_slice()) {
        (Kind::Between, _) | (_, []) => {}
        (Kind::Word | Kind::Sign, [first, ..]) | (Kind::Unspaced, [first]) => add(*first, end),
        (Kind::Unspaced, several) => {
            let ends = several.iter().skip(2).copied().chain([end]);
            for (from, to) in several.iter().zip(ends) {
                add(*from, to);
            }
        }
    }
    starts.clear();
}

/// The identifiers among words: letters and digits, joined by a sign or by nothing, in one form.
pub(super) fn identifiers(text: &str, words: &[Token]) -> Vec<Token> {
    // Pairs of characters overlap: what is between them is nothing.
    let joins = |pair: &[Token]| {
        let gap = text.get(pair[0].offset_to..pair[1].offset_from);
        matches!(gap, Some("-" | "." | "/" | "_" | ":" | "‑" | "–"))
    };
    let mut found = Vec::new();
    let mut rest = words;
    while let Some(first) = rest.first() {
        let row = rest.windows(2).take_while(|pair| joins(pair)).count() + 1;
        let (run, behind) = rest.split_at(row);
        rest = behind;
        if !run.iter().any(|word| word.text.contains(|character: char| character.is_ascii_digit())) {
            continue;
        }
        let parts: Vec<&str> = run.iter().flat_map(|word| letters_and_digits(&word.text)).collect();
        if (2..=MAX_IDENTIFIER_PARTS).contains(&parts.len()) {
            found.push(Token {
                offset_from: first.offset_from,
                offset_to: run[run.len() - 1].offset_to,
                position: first.position,
                text: parts.join(&IDENTIFIER_JOINT.to_string()).to_lowercase(),
                position_length: 1,
            });
        }
    }
    found
}

/// "b12" → "b", "12".
fn letters_and_digits(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let characters = word.char_indices().zip(word.chars().skip(1));
    for ((index, character), next) in characters {
        if character.is_ascii_digit() != next.is_ascii_digit() {
            let end = index + character.len_utf8();
            parts.push(&word[start..end]);
            start = end;
        }
    }
    parts.push(&word[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_and_unspaced_scripts_are_pairs() {
        for (text, expected) in [
            ("l'élève, 42 ans", &["l", "élève", "42", "ans"][..]),
            ("会议记录", &["会议", "议记", "记录"]),
            ("年", &["年"]),
            ("2024年会议 ok", &["2024", "年会", "会议", "ok"]),
            ("§12 § 3", &["§", "12", "§", "3"]),
            ("", &[]),
            (" …—", &[]),
        ] {
            let words = split(text);
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(texts, expected, "{text}");
            for word in &words {
                assert_eq!(&text[word.offset_from..word.offset_to], word.text, "{text}");
            }
        }
    }

    #[test]
    fn identifiers_have_one_form() {
        for (text, expected) in [
            ("AB-1234", &["ab-1234"][..]),
            ("ab1234, then", &["ab-1234"]),
            ("norm 27001:2022/A1", &["27001-2022-a-1"]),
            ("version 3.5", &["3-5"]),
            ("well-known 42", &[]),
            // Regression: pairs of characters overlap, and what is between them was sliced.
            ("大元中書省 12", &[]),
        ] {
            let found = identifiers(text, &split(text));
            let texts: Vec<&str> = found.iter().map(|token| token.text.as_str()).collect();
            assert_eq!(texts, expected, "{text}");
        }
    }
}
