//! Questions and answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use terroir_embed::Passport;
use utoipa::ToSchema;

use super::{FilterShape, PageBox, Passage};

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskRequest {
    pub question: String,
    /// The questions before it in the conversation, oldest first: what it points back to is looked for as well.
    #[serde(default)]
    pub earlier: Vec<String>,
    /// Name of a collection; all of them if left out.
    pub collection: Option<String>,
    pub style: Option<Style>,
    /// Passages that the answer may draw on.
    pub top_k: Option<usize>,
    /// Server-sent events (the default) or one JSON object.
    pub stream: Option<bool>,
    /// Makes a composed answer repeatable.
    pub seed: Option<u64>,
    pub temperature: Option<f32>,
    pub max_tokens: Option<usize>,
    #[schema(value_type = Option<FilterShape>)]
    pub filter: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Sentences of the documents, verbatim.
    Quote,
    /// Free text, each statement checked against its quote.
    Compose,
}

/// First event of an answer: what it may draw on, and the model that makes it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sources {
    pub id: String,
    /// The question with what it points back to in the conversation, as it was looked for; null if it stands by itself.
    pub understood: Option<String>,
    pub passages: Vec<Passage>,
    #[schema(value_type = Object)]
    pub model: Passport,
}

/// Text to add to the answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Delta {
    pub text: String,
}

/// The link from a statement to a quote.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Citation {
    /// The number in brackets in the answer's text.
    pub marker: u32,
    pub quote: String,
    /// Whether the quote stands, character by character, at that place of the stored revision.
    pub verified: bool,
    pub document: String,
    pub revision: String,
    pub title: String,
    pub file_name: String,
    pub media_type: String,
    pub page: Option<u32>,
    pub char_start: u32,
    pub char_end: u32,
    pub boxes: Vec<PageBox>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Usage {
    pub prompt_tokens: usize,
    pub output_tokens: usize,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Timings {
    /// Until the passages were found.
    pub search: u64,
    /// Until the first text or citation.
    pub first_event: u64,
    pub total: u64,
}

/// A whole answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Answer {
    pub id: String,
    /// `answered` or `abstained`.
    pub outcome: String,
    /// The question with what it points back to in the conversation, as it was looked for; null if it stands by itself.
    pub understood: Option<String>,
    pub text: String,
    pub citations: Vec<Citation>,
    pub passages: Vec<Passage>,
    #[schema(value_type = Object)]
    pub model: Passport,
    pub usage: Usage,
    /// 0 to 1: how likely it is that the passages hold an answer.
    pub evidence: f32,
    pub timings_ms: Timings,
}

/// Where the database says that a quote stands.
#[derive(Debug, Clone, Default)]
pub struct QuotePlace {
    pub verified: bool,
    pub page: Option<u32>,
    pub boxes: Vec<PageBox>,
}

impl Citation {
    pub fn new(passage: &Passage, citation: &terroir_generate::Citation, place: QuotePlace) -> Self {
        Self {
            marker: citation.marker,
            quote: citation.quote.clone(),
            verified: citation.verified && place.verified,
            document: passage.document.clone(),
            revision: passage.revision.clone(),
            title: passage.title.clone(),
            file_name: passage.file_name.clone(),
            media_type: passage.media_type.clone(),
            page: place.page.or(passage.locator.page),
            char_start: citation.char_start,
            char_end: citation.char_end,
            boxes: place.boxes,
        }
    }
}
