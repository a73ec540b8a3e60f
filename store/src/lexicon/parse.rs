//! A lexicon as a person writes it → entries. One entry a line: expressions that mean the same, with commas between
//! them; or `=>` between those that are asked for and those that are then looked for as well. `#` at the beginning of a
//! line or after white space begins a comment, so that "C#" is an expression.

use unicode_normalization::UnicodeNormalization as _;

use crate::language::Language;
use crate::lexical::analysis::{normalised, terms};

/// A lexicon is looked through by hand; more than this is a dictionary.
const MAX_BYTES: usize = 256 << 10;
const MAX_LINES: usize = 5_000;
/// In one entry, on both sides together.
const MAX_EXPRESSIONS: usize = 16;
const MAX_CHARS: usize = 100;
const MAX_WORDS: usize = 8;

/// What is wrong with a lexicon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LexiconProblem {
    #[error("the lexicon has more than {} kB; leave out what nobody asks for", MAX_BYTES >> 10)]
    TooLong,
    #[error("the lexicon has more than {MAX_LINES} lines; leave out what nobody asks for")]
    TooManyLines,
    #[error("an expression alone means nothing else; write another one beside it, with a comma or => between")]
    Alone,
    #[error("there is nothing before, between or after the commas or the =>; write an expression there")]
    Empty,
    #[error("there is more than one => in the line; write two entries")]
    Arrows,
    #[error("an expression has no letter and no digit, so nothing can be found by it; spell it out")]
    NoWord,
    #[error("an entry has more than {MAX_EXPRESSIONS} expressions; write several entries")]
    TooManyExpressions,
    #[error("an expression has more than {MAX_CHARS} characters or {MAX_WORDS} words; write what people ask for")]
    ExpressionTooLong,
    #[error("the line has a control character; remove it")]
    Control,
}

/// One line of a lexicon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// By which the entry is found, as they are written.
    pub expressions: Vec<String>,
    /// What is looked for as well; none if that is the other expressions.
    pub only: Option<Vec<String>>,
}

impl Entry {
    /// What is looked for beside one of the expressions.
    pub fn alternatives(&self, expression: usize) -> impl Iterator<Item = &String> {
        let others = self.expressions.iter().enumerate().filter(move |(place, _)| *place != expression);
        let others = others.map(|(_, other)| other).filter(|_| self.only.is_none());
        others.chain(self.only.iter().flatten())
    }
}

/// The entries of a lexicon; or the line, from 1, that is not one, and why. Line 0 is the lexicon as a whole.
pub fn parse(text: &str) -> Result<Vec<Entry>, (usize, LexiconProblem)> {
    if text.len() > MAX_BYTES {
        return Err((0, LexiconProblem::TooLong));
    }
    if text.lines().count() > MAX_LINES {
        return Err((0, LexiconProblem::TooManyLines));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().zip(1..).map(|(line, number)| entry(line).map_err(|problem| (number, problem)));
    lines.filter_map(Result::transpose).collect()
}

/// None for a line without an entry.
fn entry(line: &str) -> Result<Option<Entry>, LexiconProblem> {
    if line.chars().any(|character| character.is_control() && character != '\t') {
        return Err(LexiconProblem::Control);
    }
    let line = without_comment(line).trim();
    if line.is_empty() {
        return Ok(None);
    }
    let sides: Vec<&str> = line.split("=>").collect();
    let entry = match sides.as_slice() {
        [both] => Entry { expressions: expressions(both)?, only: None },
        [from, to] => Entry { expressions: expressions(from)?, only: Some(expressions(to)?) },
        _ => return Err(LexiconProblem::Arrows),
    };
    let count = entry.expressions.len() + entry.only.as_ref().map_or(0, Vec::len);
    if count > MAX_EXPRESSIONS {
        return Err(LexiconProblem::TooManyExpressions);
    }
    if count < 2 {
        return Err(LexiconProblem::Alone);
    }
    Ok(Some(entry))
}

fn without_comment(line: &str) -> &str {
    let begins = |(place, _): &(usize, &str)| line[..*place].chars().next_back().is_none_or(char::is_whitespace);
    line.match_indices('#').find(begins).map_or(line, |(place, _)| &line[..place])
}

/// Each once, composed, with single spaces.
fn expressions(side: &str) -> Result<Vec<String>, LexiconProblem> {
    let mut found: Vec<String> = Vec::new();
    for part in side.split(',') {
        let expression: String = part.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
        if expression.is_empty() {
            return Err(LexiconProblem::Empty);
        }
        let words = normalised(&expression).len();
        if words == 0 {
            return Err(LexiconProblem::NoWord);
        }
        if words > MAX_WORDS || expression.chars().count() > MAX_CHARS {
            return Err(LexiconProblem::ExpressionTooLong);
        }
        if !found.iter().any(|known| normalised(known) == normalised(&expression)) {
            found.push(expression);
        }
    }
    Ok(found)
}

/// What two spellings of one expression have in common: words in lower case, without accents.
pub fn folded(expression: &str) -> Vec<String> {
    terms(expression, Language::Other).into_iter().map(|token| token.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> (usize, LexiconProblem) {
        parse(text).unwrap_err()
    }

    #[test]
    fn an_entry_is_a_line() {
        let text = "\u{feff}# Occitan\n\nvache, vaca ,saoc # cows\r\n PV  =>  proce\u{300}s-verbal\nC#, see sharp\n\tR&D,recherche  et développement";
        let entries = parse(text).unwrap();
        let first: Vec<&[String]> = entries.iter().map(|entry| entry.expressions.as_slice()).collect();
        assert_eq!(first[0], ["vache", "vaca", "saoc"]);
        assert_eq!(first[1], ["PV"]);
        assert_eq!(entries[1].only.as_deref(), Some(&["procès-verbal".to_owned()][..]));
        assert_eq!(first[2], ["C#", "see sharp"]);
        assert_eq!(first[3], ["R&D", "recherche et développement"]);
        assert_eq!(entries.len(), 4);
    }

    #[test]
    fn alternatives_go_both_ways_or_one() {
        let entries = parse("a, b, c\nd, e => f, g").unwrap();
        let of = |entry: usize, expression| entries[entry].alternatives(expression).cloned().collect::<Vec<_>>();
        assert_eq!(of(0, 1), ["a", "c"]);
        assert_eq!(of(1, 0), ["f", "g"], "not e");
    }

    #[test]
    fn an_error_names_its_line() {
        assert_eq!(problem("a, b\n# comment\nalone"), (3, LexiconProblem::Alone));
        assert_eq!(problem("Vache, vache"), (1, LexiconProblem::Alone), "the same twice");
        assert_eq!(problem("a, , b"), (1, LexiconProblem::Empty));
        assert_eq!(problem("a =>"), (1, LexiconProblem::Empty));
        assert_eq!(problem("a, b\n\n=> b"), (3, LexiconProblem::Empty));
        assert_eq!(problem("a => b => c"), (1, LexiconProblem::Arrows));
        assert_eq!(problem("a, --"), (1, LexiconProblem::NoWord));
        assert_eq!(problem("a, b\0"), (1, LexiconProblem::Control));
        let many = (0..17).map(|number| format!("w{number}")).collect::<Vec<_>>().join(", ");
        assert_eq!(problem(&many), (1, LexiconProblem::TooManyExpressions));
        assert_eq!(problem(&format!("a, {}", "x".repeat(101))), (1, LexiconProblem::ExpressionTooLong));
        assert_eq!(problem("a, one two three four five six seven eight nine"), (1, LexiconProblem::ExpressionTooLong));
        assert_eq!(problem(&"a, b\n".repeat(5_001)), (0, LexiconProblem::TooManyLines));
        assert_eq!(problem(&"#".repeat(300_000)), (0, LexiconProblem::TooLong));
    }

    #[test]
    fn bounds_can_be_reached() {
        let many = (0..16).map(|number| format!("w{number}")).collect::<Vec<_>>().join(", ");
        assert_eq!(parse(&many).unwrap()[0].expressions.len(), 16);
        assert_eq!(parse(&"a, b\n".repeat(5_000)).unwrap().len(), 5_000);
        assert!(parse(&format!("a, {}", "x".repeat(100))).is_ok());
    }
}
