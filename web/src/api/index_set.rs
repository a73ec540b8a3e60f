//! Index sets and evaluation questions, as callers see them.

use serde::{Deserialize, Serialize};
use terroir_store::SetReport;
use terroir_store::evaluation::EvaluationQuestion;
use utoipa::ToSchema;

use super::rfc3339;

/// What vectors were made by, how long chunks are, and how many documents are in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct IndexSetView {
    pub id: String,
    /// `in_use`; `beside`: being filled, or full; `kept`: to go back to.
    pub state: String,
    /// Name of the embedding model.
    pub model: String,
    pub model_sha256: String,
    pub dimensions: usize,
    /// Longest chunk, in tokens of the model.
    pub chunk_tokens: usize,
    /// Documents that are in it, of so many that can be searched.
    pub built: u64,
    pub documents: u64,
    pub chunks: u64,
    /// Why a document could not be put into it, the last time one could not.
    pub problem: Option<String>,
    pub created_at: String,
    /// When it was last put in use.
    pub used_at: Option<String>,
}

impl From<SetReport> for IndexSetView {
    fn from(report: SetReport) -> Self {
        let SetReport { set, built, documents, chunks, problem } = report;
        Self {
            id: set.id.to_string(),
            state: set.state.as_str().to_owned(),
            model: set.model,
            model_sha256: set.model_sha256,
            dimensions: set.dimensions,
            chunk_tokens: set.chunk_tokens,
            built,
            documents,
            chunks,
            problem,
            created_at: rfc3339(set.created_at_ms),
            used_at: set.used_at_ms.map(rfc3339),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIndexSet {
    /// Name of an embedding model that is installed; that of the set in use if left out.
    pub model: Option<String>,
    /// Longest chunk, in tokens of that model; that of the set in use if left out.
    pub chunk_tokens: Option<usize>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UseIndexSet {
    /// Also if it finds less, or was not measured.
    #[serde(default)]
    pub force: bool,
}

/// A question about one's own documents, with the words that answer it.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvaluationQuestionView {
    pub id: String,
    pub collection: String,
    pub document: String,
    pub title: String,
    pub question: String,
    /// Verbatim out of the document.
    pub quote: String,
    /// Of the quote.
    pub language: String,
    /// `proposed` or `confirmed`.
    pub state: String,
    pub created_at: String,
}

impl From<EvaluationQuestion> for EvaluationQuestionView {
    fn from(question: EvaluationQuestion) -> Self {
        Self {
            id: question.id,
            collection: question.collection,
            document: question.document.to_string(),
            title: question.title,
            question: question.question,
            quote: question.quote,
            language: question.language.as_str().to_owned(),
            state: if question.is_confirmed { "confirmed" } else { "proposed" }.to_owned(),
            created_at: rfc3339(question.created_at_ms),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvaluationQuestion {
    pub document: String,
    pub question: String,
    /// Verbatim out of the document as it is now.
    pub quote: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeQuestions {
    /// Name of a collection; all of them if left out.
    pub collection: Option<String>,
    /// 1 to 100; 10 if left out.
    pub count: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Proposed {
    /// How many questions were found, which are proposed now.
    pub proposed: usize,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmQuestion {
    /// In better words; as it is if left out.
    pub question: Option<String>,
}
