//! Search requests, hits and passages.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use terroir_store::Hit;
use utoipa::ToSchema;

use super::{FacetsView, FilterShape};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    pub query: String,
    /// Name of a collection; all of them if left out.
    pub collection: Option<String>,
    /// Only these documents.
    pub documents: Option<Vec<String>>,
    #[serde(default)]
    pub mode: SearchMode,
    pub top_k: Option<usize>,
    #[schema(value_type = Option<FilterShape>)]
    pub filter: Option<Value>,
    /// Whether documents are counted by their properties as well: those that have a word of the query, and those that
    /// the dense leg proposed.
    #[serde(default)]
    pub facets: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SearchMode {
    #[default]
    Hybrid,
    Lexical,
    Dense,
}

/// Where a passage stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LocatorView {
    /// First page, counted from 1; null for formats without pages.
    pub page: Option<u32>,
    pub heading_path: Vec<String>,
    /// Characters (Unicode scalar values) in the revision's text.
    pub char_start: u32,
    pub char_end: u32,
}

/// A passage found, with the score and rank that each leg of the search gave it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HitView {
    pub chunk: String,
    pub document: String,
    pub revision: String,
    pub title: String,
    pub file_name: String,
    pub text: String,
    pub score: f32,
    pub lexical_rank: Option<u32>,
    pub dense_rank: Option<u32>,
    pub lexical_score: Option<f32>,
    pub dense_score: Option<f32>,
    /// What the reranker made of it and the query together, from 0 to 1; null where none is configured.
    pub rerank_score: Option<f32>,
    pub language: String,
    pub media_type: String,
    pub locator: LocatorView,
    /// Character ranges in `text` that match words of the query.
    pub highlights: Vec<(u32, u32)>,
    /// Passages that say the same in nearly the same words; they are not listed by themselves.
    pub copies: Vec<CopyView>,
}

/// A passage that says what a better one says.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CopyView {
    pub chunk: String,
    pub document: String,
    pub title: String,
    pub file_name: String,
    pub locator: LocatorView,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SearchView {
    pub hits: Vec<HitView>,
    pub took_ms: u64,
    pub query_language: String,
    /// The words as they were looked for, if one of them is in no passage and another spelling of it is.
    pub corrected: Option<String>,
    /// What lexicons have beside the query's words: it was looked for as well.
    pub expanded: Vec<String>,
    /// Where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facets: Option<FacetsView>,
}

/// The best passage of each similar document, best first. A score is the mean of two cosines: with the document as a
/// whole, and with its nearest chunk.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimilarView {
    pub hits: Vec<HitView>,
}

/// A passage that an answer may draw on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Passage {
    /// Number of the passage among those considered.
    pub marker: u32,
    pub chunk: String,
    pub document: String,
    pub revision: String,
    pub title: String,
    pub file_name: String,
    pub media_type: String,
    pub text: String,
    pub score: f32,
    pub locator: LocatorView,
}

impl From<&Hit> for LocatorView {
    fn from(hit: &Hit) -> Self {
        Self {
            page: hit.page,
            heading_path: hit.heading_path.clone(),
            char_start: hit.char_start,
            char_end: hit.char_end,
        }
    }
}

impl From<Hit> for HitView {
    fn from(hit: Hit) -> Self {
        Self {
            locator: LocatorView::from(&hit),
            chunk: hit.chunk.to_string(),
            document: hit.document.to_string(),
            revision: hit.revision.to_string(),
            title: hit.title,
            file_name: hit.file_name,
            text: hit.text,
            score: hit.score,
            lexical_rank: hit.lexical_rank,
            dense_rank: hit.dense_rank,
            lexical_score: hit.lexical_score,
            dense_score: hit.dense_score,
            rerank_score: hit.rerank_score,
            language: hit.language.as_str().to_owned(),
            media_type: hit.media_type,
            highlights: hit.highlights,
            copies: hit.copies.into_iter().map(CopyView::from).collect(),
        }
    }
}

impl From<terroir_store::Copy> for CopyView {
    fn from(copy: terroir_store::Copy) -> Self {
        Self {
            chunk: copy.chunk.to_string(),
            document: copy.document.to_string(),
            title: copy.title,
            file_name: copy.file_name,
            locator: LocatorView {
                page: copy.page,
                heading_path: copy.heading_path,
                char_start: copy.char_start,
                char_end: copy.char_end,
            },
        }
    }
}

impl Passage {
    pub fn new(marker: u32, hit: &Hit) -> Self {
        Self {
            marker,
            chunk: hit.chunk.to_string(),
            document: hit.document.to_string(),
            revision: hit.revision.to_string(),
            title: hit.title.clone(),
            file_name: hit.file_name.clone(),
            media_type: hit.media_type.clone(),
            text: hit.text.clone(),
            score: hit.score,
            locator: LocatorView::from(hit),
        }
    }
}
