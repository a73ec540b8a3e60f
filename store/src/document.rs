//! Documents: what callers add, list and remove.

use serde::Serialize;

use crate::ids::{DocumentId, RevisionId};
use crate::language::Language;

/// Something to ingest. Its bytes are in the blobs already.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// Name of the collection.
    pub collection: String,
    /// Where it comes from: the same address in the same collection is the same document.
    pub source_uri: String,
    /// Id of the source that it comes from; nothing for uploads. Sources take turns.
    pub source: Option<String>,
    pub file_name: String,
    pub sha256: String,
    pub bytes: u64,
    /// Jobs of a higher priority are taken first.
    pub priority: i64,
}

/// What became of a [`NewDocument`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enqueued {
    Queued {
        document: DocumentId,
        job: i64,
    },
    /// The same bytes are in the collection, or on their way into it.
    Duplicate {
        document: DocumentId,
    },
}

impl Enqueued {
    pub fn document(&self) -> DocumentId {
        match self {
            Self::Queued { document, .. } | Self::Duplicate { document } => *document,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Queued,
    Processing,
    Ready,
    Failed,
    /// Called off by a person before it could be found.
    Cancelled,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Queued, Self::Processing, Self::Ready, Self::Failed, Self::Cancelled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// How far the work on a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Parsing,
    Recognising,
    Chunking,
    Embedding,
    Indexing,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parsing => "parsing",
            Self::Recognising => "recognising",
            Self::Chunking => "chunking",
            Self::Embedding => "embedding",
            Self::Indexing => "indexing",
        }
    }
}

/// Who wrote a document and when, as it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bibliography {
    /// In order.
    pub authors: Vec<String>,
    pub year: Option<i32>,
    /// Without `https://doi.org/`.
    pub doi: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Document {
    pub id: DocumentId,
    /// Name of its collection.
    pub collection: String,
    pub source_uri: String,
    /// Id of the source that it comes from; nothing for uploads.
    pub source: Option<String>,
    pub file_name: String,
    pub title: Option<String>,
    pub bibliography: Bibliography,
    pub media_type: Option<String>,
    pub bytes: u64,
    /// Of the newest bytes that were added.
    pub sha256: String,
    pub status: Status,
    pub stage: Option<String>,
    /// Done, of how many.
    pub progress: Option<(u64, u64)>,
    pub current_revision: Option<RevisionId>,
    pub page_count: Option<u32>,
    pub chunk_count: u32,
    pub language: Option<Language>,
    /// Code, message, hint.
    pub error: Option<(String, String, String)>,
    /// JSON array, as the parser gave it.
    pub warnings: String,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// Which documents to list; everything left out matches everything.
#[derive(Debug, Clone, Default)]
pub struct DocumentFilter {
    /// Name of a collection.
    pub collection: Option<String>,
    pub status: Option<Status>,
    /// Part of the title or the file name, in any case.
    pub contains: Option<String>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    pub limit: u32,
}

/// Part of a list, newest first.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Out of a list that was asked for one item more than `limit`, so that it shows whether there are more.
    pub(crate) fn of(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items.last().filter(|_| more).map(cursor);
        Self { items, next_cursor }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub ready: u64,
    /// Queued ones included.
    pub processing: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub chunks: u64,
}
