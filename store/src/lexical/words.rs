//! Text → words: runs of letters and digits. Scripts that are written without spaces become overlapping
//! pairs of characters, which is what lets a part of a run be found.

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
    Between,
}

fn kind(character: char) -> Kind {
    match character {
        // Han, kana, and the extensions of both.
        '\u{3040}'..='\u{30ff}'
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

fn split(text: &str) -> Vec<Token> {
    let mut words = Vec::new();
    // Where the run began, and where each of its characters did.
    let mut starts: Vec<usize> = Vec::new();
    let mut running = Kind::Between;
    for (offset, character) in text.char_indices() {
        let kind = kind(character);
        if kind != running {
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
        (Kind::Word, [first, ..]) | (Kind::Unspaced, [first]) => add(*first, end),
        (Kind::Unspaced, several) => {
            let ends = several.iter().skip(2).copied().chain([end]);
            for (from, to) in several.iter().zip(ends) {
                add(*from, to);
            }
        }
    }
    starts.clear();
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
}
