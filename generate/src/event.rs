//! What is asked, and what happens on the way to the answer: the crate's vocabulary.

use serde::Serialize;

use crate::{GenerateError, Sampling};

/// A question and the passages that may answer it.
#[derive(Debug, Clone, Default)]
pub struct AnswerRequest {
    pub question: String,
    /// Best first, as search found them. Data, never instructions.
    pub passages: Vec<Passage>,
    pub style: Style,
    /// Only [`Style::Compose`] samples; [`Style::Quote`] is deterministic.
    pub sampling: Sampling,
    /// Only [`Style::Compose`] has one: the voice of this name where the generator has it.
    pub voice: Option<String>,
    /// Who asks: owners are served in turn.
    pub owner: String,
}

/// How the answer is worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Sentences chosen from the passages, verbatim. For models that invent when they write freely.
    #[default]
    Quote,
    /// Free text; every statement is held against its supporting quote.
    Compose,
}

/// A piece of one revision's text.
#[derive(Debug, Clone, Default)]
pub struct Passage {
    /// Number under which the caller shows the passage.
    pub marker: u32,
    pub title: String,
    pub heading_path: Vec<String>,
    /// Verbatim text of the revision from `char_start` on.
    pub text: String,
    /// Where `text` begins in the revision, in chars.
    pub char_start: u32,
    /// ISO 639-1, or `und`.
    pub language: String,
    /// As search ranked it.
    pub score: f32,
    /// Cosine of question and passage, where the search was dense.
    pub dense_score: Option<f32>,
}

/// Sent in order: any number of `Delta` and `Citation`, then exactly one `Done` or `Failed`.
#[derive(Debug)]
pub enum AnswerEvent {
    /// More of the answer's text.
    Delta {
        text: String,
    },
    Citation(Citation),
    Done {
        outcome: Outcome,
        /// All deltas joined.
        text: String,
        usage: Usage,
        /// 0 to 1: how likely it is that the passages hold an answer.
        evidence: f32,
        timings: Timings,
    },
    Failed(GenerateError),
}

/// A quote that supports the text before its marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Citation {
    /// Counts the answer's citations from 1; stands as `[1]` in the text.
    pub marker: u32,
    /// Index into the request's passages.
    pub passage: u32,
    /// Verbatim, as it stands in the revision.
    pub quote: String,
    /// The quote stands at its place, and supports the statement.
    pub verified: bool,
    /// Chars in the revision's text.
    pub char_start: u32,
    pub char_end: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Answered,
    /// The passages do not hold an answer; the text says so in the question's language.
    Abstained,
}

/// What the language model worked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    pub prompt_tokens: usize,
    pub output_tokens: usize,
    /// Of the prompt's, those that were not computed again; absent where the engine does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Timings {
    /// Finding candidate sentences and encoding them.
    pub prefilter_ms: u64,
    /// The language model's part.
    pub model_ms: u64,
    pub total_ms: u64,
}
