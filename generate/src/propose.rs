//! A passage → a question that one of its sentences answers, for a person to confirm. A small model often misses:
//! what is not a question about that sentence is not proposed.

use crate::engine::{Generator, Piece};
use crate::error::GenerateError;
use crate::sampling::Sampling;
use crate::sentence::{sentences, text_of};
use crate::words::content_words;
use crate::write::{Message, Prompt, WriteRequest};
use crate::{Format, ToolChoice};

/// Sentences that say something of their own: neither headings nor paragraphs in disguise.
const QUOTE_CHARS: std::ops::RangeInclusive<usize> = 50..=350;
const MIN_QUOTE_WORDS: usize = 5;
/// Sentences of a passage that are tried.
const SENTENCES: usize = 2;
/// A question in so many tokens is one that a person would type.
const MAX_TOKENS: usize = 48;
const QUESTION_WORDS: std::ops::RangeInclusive<usize> = 4..=30;
/// Words that ask about a text instead of about what it says.
const ABOUT_TEXT: [&str; 12] = [
    "sentence",
    "passage",
    "text",
    "paragraph",
    "phrase",
    "texte",
    "paragraphe",
    "satz",
    "absatz",
    "author",
    "auteur",
    "autor",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedQuestion {
    pub question: String,
    /// Verbatim out of the passage.
    pub quote: String,
}

impl Generator {
    /// None if the passage has no sentence to ask about, or the model does not ask about it. `language`: the passage's,
    /// as in `fr`. `owner`: who waits for it.
    pub async fn propose_question(
        &self,
        passage: &str,
        language: &str,
        owner: &str,
    ) -> Result<Option<ProposedQuestion>, GenerateError> {
        for quote in askable(passage) {
            let written = self.ask_about(&quote, language, owner).await?;
            if let Some(question) = question(&written, &quote) {
                return Ok(Some(ProposedQuestion { question, quote }));
            }
        }
        Ok(None)
    }

    async fn ask_about(&self, quote: &str, language: &str, owner: &str) -> Result<String, GenerateError> {
        let message = Message { role: "user".into(), content: instruction(quote, language), ..Message::default() };
        let request = WriteRequest {
            prompt: Prompt::Conversation { messages: vec![message], tools: Vec::new(), choice: ToolChoice::None },
            sampling: Sampling {
                temperature: 0.0,
                max_tokens: MAX_TOKENS,
                stop: vec!["\n".into()],
                ..Sampling::default()
            },
            format: Format::Text,
            texts: 1,
            owner: owner.to_owned(),
            voice: None,
        };
        let mut written = String::new();
        for mut pieces in self.write(request).await? {
            while let Some(piece) = pieces.recv().await {
                if let Piece::Text { text, .. } = piece? {
                    written.push_str(&text);
                }
            }
        }
        Ok(written)
    }
}

fn instruction(quote: &str, language: &str) -> String {
    match language {
        "fr" => format!(
            "Écris une seule question courte à laquelle cette phrase répond. N'écris que la question.\n\nPhrase : {quote}\n\nQuestion :"
        ),
        "de" => format!(
            "Schreibe eine einzige kurze Frage, die dieser Satz beantwortet. Schreibe nur die Frage.\n\nSatz: {quote}\n\nFrage:"
        ),
        _ => format!(
            "Write a single short question that this sentence answers, in the language of the sentence. Write only the question.\n\nSentence: {quote}\n\nQuestion:"
        ),
    }
}

/// The sentences that say most, the best first.
fn askable(passage: &str) -> Vec<String> {
    let candidates = sentences(passage).into_iter().map(|span| text_of(passage, span));
    let mut candidates: Vec<(usize, String)> = candidates
        .filter(|sentence| {
            QUOTE_CHARS.contains(&sentence.chars().count()) && sentence.ends_with(['.', '!', '»', '”', '"'])
        })
        .map(|sentence| (content_words(&sentence).len(), sentence))
        .filter(|(words, _)| *words >= MIN_QUOTE_WORDS)
        .collect();
    candidates.sort_by_key(|(words, _)| std::cmp::Reverse(*words));
    candidates.into_iter().take(SENTENCES).map(|(_, sentence)| sentence).collect()
}

/// What was written, if it is a question about the quote and not the quote itself.
fn question(written: &str, quote: &str) -> Option<String> {
    let line = written.trim().lines().next()?;
    let line = line.split_once(": ").filter(|(label, _)| label.split(' ').count() < 3).map_or(line, |(_, rest)| rest);
    let end = line.find('?')? + 1;
    let asked = line[..end].trim().trim_start_matches(['"', '«', '“', '„', '*', '-', ' ']).to_owned();
    let words = asked.to_lowercase();
    let words: Vec<&str> = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_about_text = words.iter().any(|word| ABOUT_TEXT.contains(word));
    let said = content_words(quote);
    let shared = content_words(&asked).iter().filter(|word| said.contains(word)).count();
    // Every word of the sentence with a question mark behind it would be found by anything.
    let is_sound = QUESTION_WORDS.contains(&words.len()) && !is_about_text && shared > 0 && shared < said.len();
    is_sound.then_some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTE: &str = "The cellar keeps quinces at four degrees until the end of March.";

    #[test]
    fn the_sentence_that_says_most_is_asked_about() {
        let passage = format!("Storage\n\nIt is so. {QUOTE} Nobody knows why they are kept there for that long.");
        assert_eq!(askable(&passage).first().map(String::as_str), Some(QUOTE));
        assert!(askable("Name | Age\nAnna | 7").is_empty() && askable("").is_empty());
    }

    #[test]
    fn only_questions_about_the_sentence_are_proposed() {
        let kept = "How cold is the cellar in which quinces are kept?";
        assert_eq!(question(&format!(" \"{kept}\"\nAnswer: four degrees"), QUOTE).as_deref(), Some(kept));
        assert_eq!(question(&format!("Question: {kept}"), QUOTE).as_deref(), Some(kept));
        for written in [
            "",
            "The cellar keeps quinces.",
            "What is the main idea of this sentence?",
            "Where do herons live in winter?",
            "Why quinces?",
            "The cellar keeps quinces at four degrees until the end of March?",
        ] {
            assert_eq!(question(written, QUOTE), None, "{written}");
        }
    }
}
