//! The shapes of the API: what callers send and get, in JSON. The `OpenAPI` description is made of these.

mod answer;
mod document;
mod filter;
mod index_set;
mod passage;
mod queue;
mod receipt;
mod source;
mod time;

pub use answer::{Answer, AskRequest, Citation, Delta, QuotePlace, Sources, Style, Timings, Usage};
pub use document::{
    BlockView, BoxesView, ContentText, DocumentError, DocumentView, PageSizeView, Progress, UploadedItem, WarningView,
};
pub use filter::{FacetsView, FilterShape, filter};
pub use index_set::{
    ConfirmQuestion, EvaluationQuestionView, IndexSetView, NewEvaluationQuestion, NewIndexSet, ProposeQuestions,
    Proposed, UseIndexSet,
};
pub use passage::{HitView, LocatorView, Passage, SearchMode, SearchRequest, SearchView, SimilarView};
pub use queue::QueueView;
pub use receipt::ReceiptView;
pub use source::{
    CheckedView, FailureView, NewSource, RemovedSource, SourceChange, SourceDocuments, SourceView, SyncRequest,
    SyncView,
};
pub use time::rfc3339;

use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// A rectangle on a page, in points from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct PageBox {
    pub page: u32,
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

impl From<terroir_ingest::layout::PageBox> for PageBox {
    fn from(from: terroir_ingest::layout::PageBox) -> Self {
        Self { page: from.page, x: from.x, y: from.y, width: from.width, height: from.height }
    }
}
