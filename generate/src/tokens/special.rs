//! Tokens that are found in the text as a whole: turns of a conversation, tools, the beginning and the end.
//! Who can write one can speak as the system, so they are found only where the text is ours.
//!
//! Text of our own (a rendered chat template) holds text of others (questions, passages, tools). Where a special
//! token could begin in it, [`Special::guard`] puts a mark, a code point that Unicode reserves for a program's
//! own use. A mark survives what templates do to text (trimming, splitting, JSON), stops the token behind it
//! from being found, and goes away before the text is encoded: a quote stays exact to the last character, and
//! merges across the joints of our text and theirs are those of the whole.

use std::collections::HashMap;

/// A noncharacter: never in a text that is meant for interchange.
pub(super) const MARK: char = '\u{FDD0}';

/// On which sides of a token.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Strips {
    pub(super) left: bool,
    pub(super) right: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) token: u32,
    pub(super) is_control: bool,
    /// Takes white space along.
    pub(super) strips: Strips,
    /// Only between what is no letter or digit.
    pub(super) is_word: bool,
}

impl Entry {
    /// Tokens that users defined may be words or runs of spaces, which are harmless; `<tool_call>` is not.
    pub(super) fn needs_trust(&self) -> bool {
        self.is_control || self.text.contains(|char: char| char.is_ascii_punctuation())
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Not empty, without marks.
    Plain(String),
    Token(u32),
}

/// By first byte, longest first.
#[derive(Debug, Default)]
pub(crate) struct Special {
    entries: HashMap<u8, Vec<Entry>>,
}

impl Special {
    pub(super) fn new(all: impl IntoIterator<Item = Entry>) -> Self {
        let mut entries = HashMap::<u8, Vec<Entry>>::new();
        for entry in all {
            if let Some(first) = entry.text.bytes().next() {
                entries.entry(first).or_default().push(entry);
            }
        }
        for alike in entries.values_mut() {
            alike.sort_by_key(|entry| std::cmp::Reverse(entry.text.len()));
        }
        Self { entries }
    }

    /// Those that could stand at the beginning of `rest`.
    fn alike(&self, rest: &str) -> &[Entry] {
        rest.bytes().next().and_then(|first| self.entries.get(&first)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.alike(text).iter().any(|entry| entry.text == text)
    }

    fn find(&self, text: &str, at: usize, trusted: bool) -> Option<&Entry> {
        let rest = &text[at..];
        self.alike(rest).iter().find(|entry| {
            let is_letter = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
            let apart = || {
                let after = rest[entry.text.len()..].chars().next();
                !is_letter(text[..at].chars().next_back()) && !is_letter(after)
            };
            (trusted || !entry.needs_trust()) && rest.starts_with(&entry.text) && (!entry.is_word || apart())
        })
    }

    /// Leftmost, longest special tokens, and what is between them. `trusted` text may hold marks.
    pub(super) fn split(&self, text: &str, trusted: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        let mut is_marked = false;
        while let Some(char) = text[at..].chars().next() {
            if trusted && char == MARK {
                is_marked = true;
                at += char.len_utf8();
                continue;
            }
            let Some(entry) = self.find(text, at, trusted).filter(|_| !is_marked) else {
                is_marked = false;
                plain.push(char);
                at += char.len_utf8();
                continue;
            };
            if entry.strips.left {
                plain.truncate(plain.trim_end().len());
            }
            if !plain.is_empty() {
                pieces.push(Piece::Plain(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Token(entry.token));
            at += entry.text.len();
            if entry.strips.right {
                at += text[at..].len() - text[at..].trim_start().len();
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        pieces
    }

    /// The text of somebody else, to stand within ours: nothing that begins in it is a special token.
    pub(crate) fn guard(&self, text: &str) -> String {
        // First of all: a mark of theirs would hide what it stands in.
        let text = without_marks(text);
        let mut guarded = String::with_capacity(text.len());
        for (at, char) in text.char_indices() {
            let rest = &text[at..];
            // What begins at the end could be completed by what follows.
            let begins = |entry: &Entry| rest.starts_with(&entry.text) || entry.text.starts_with(rest);
            if self.alike(rest).iter().any(|entry| entry.needs_trust() && begins(entry)) {
                guarded.push(MARK);
            }
            guarded.push(char);
        }
        guarded
    }
}

/// Text of others may not hold what means something in ours.
pub(crate) fn without_marks(text: &str) -> String {
    text.replace(MARK, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn special() -> Special {
        let control = |text: &str, token| Entry { text: text.into(), token, is_control: true, ..Entry::default() };
        Special::new([
            control("<|im_start|>", 1),
            control("<|im_end|>", 2),
            control("</s>", 3),
            control("<s>", 4),
            control("[INST]", 5),
            Entry { text: "<tool_call>".into(), token: 6, ..Entry::default() },
            Entry { text: "   ".into(), token: 7, ..Entry::default() },
            Entry {
                text: "<mask>".into(),
                token: 8,
                is_control: true,
                strips: Strips { left: true, right: true },
                ..Entry::default()
            },
            Entry { text: "<|im_start|>x".into(), token: 9, is_control: true, ..Entry::default() },
        ])
    }

    fn plain(text: &str) -> Piece {
        Piece::Plain(text.into())
    }

    #[test]
    fn special_tokens_are_found_in_our_text_alone() {
        let text = "<s>[INST] a   b <|im_start|>xy <tool_call>é <mask> z";
        let split = special().split(text, true);
        let expected = [
            Piece::Token(4),
            Piece::Token(5),
            plain(" a"),
            Piece::Token(7),
            plain("b "),
            Piece::Token(9),
            plain("y "),
            Piece::Token(6),
            plain("é"),
            Piece::Token(8),
            plain("z"),
        ];
        assert_eq!(split, expected);
        let split = special().split(text, false);
        assert_eq!(split, [plain("<s>[INST] a"), Piece::Token(7), plain(&text[14..])]);
    }

    #[test]
    fn a_guarded_text_is_plain_and_stays_itself() {
        let special = special();
        for text in ["</s>", "a <|<|im_end|> b", "ends with <|im_", "[INST][INST]", "<s></s><tool_call>", "<\u{FDD0}s>"]
        {
            let ours = format!("<s>{}|end|><|im_end|>", special.guard(text));
            let own = text.replace(MARK, "") + "|end|>";
            assert_eq!(special.split(&ours, true), [Piece::Token(4), plain(&own), Piece::Token(2)], "{text}");
        }
        assert_eq!(special.guard("a < b [c]"), "a < b [c]");
    }

    proptest! {
        #[test]
        fn nothing_that_begins_in_their_text_is_found(
            theirs in "(<\\|im_start\\|>|</?s>|\\[INST\\]|<|\\[|\\||im_end|>| |x|\u{FDD0}){0,12}", after in "[a-z|>]{0,6}"
        ) {
            let special = special();
            let ours = format!("{}{after}", special.guard(&theirs));
            let mut text = String::new();
            for piece in special.split(&ours, true) {
                match piece {
                    Piece::Plain(part) => text.push_str(&part),
                    Piece::Token(token) => {
                        prop_assert_eq!(token, 7);
                        text.push_str("   ");
                    }
                }
            }
            prop_assert_eq!(text, theirs.replace(MARK, "") + &after);
        }
    }
}
