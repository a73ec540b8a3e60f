//! Documents, as callers see them.

use serde::Serialize;
use utoipa::ToSchema;

use super::{PageBox, rfc3339};

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DocumentView {
    pub id: String,
    /// Name of its collection.
    pub collection: String,
    pub title: Option<String>,
    pub file_name: String,
    pub source_uri: String,
    /// Source that it comes from; null for uploads.
    pub source: Option<String>,
    /// As the document names them, in order.
    pub authors: Vec<String>,
    /// Of publication, or when it was made.
    pub year: Option<i32>,
    /// Without `https://doi.org/`.
    pub doi: Option<String>,
    pub media_type: Option<String>,
    pub bytes: u64,
    pub sha256: String,
    /// `queued`, `processing`, `ready`, `failed` or `cancelled`.
    pub status: String,
    /// `queued`, `paused`, `parsing`, `recognising`, `chunking`, `embedding` or `indexing`; null when nothing is under way.
    pub stage: Option<String>,
    pub progress: Option<Progress>,
    pub revision: Option<String>,
    pub pages: Option<u32>,
    pub chunks: u32,
    pub language: Option<String>,
    pub error: Option<DocumentError>,
    pub warnings: Vec<WarningView>,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}

/// Why a document failed, and what to do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DocumentError {
    pub code: String,
    pub message: String,
    pub hint: String,
}

#[derive(Debug, Clone, Serialize, serde::Deserialize, ToSchema)]
pub struct WarningView {
    pub code: String,
    pub message: String,
    pub page: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UploadedItem {
    /// Name of the file as it was sent.
    pub path: String,
    pub document: String,
    pub job: Option<String>,
    /// `queued`, or `duplicate` if the same bytes are there already.
    pub status: &'static str,
}

/// The text of a revision, with its structure.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentText {
    pub revision: String,
    pub title: Option<String>,
    pub media_type: String,
    pub text: String,
    pub blocks: Vec<BlockView>,
    pub pages: Vec<PageSizeView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BlockView {
    /// `heading`, `paragraph`, `list_item`, `table`, `code`, `caption` or `quote`.
    pub kind: String,
    /// Level of a heading, 1 for the outermost.
    pub level: Option<u8>,
    pub char_start: u32,
    pub char_end: u32,
    pub page: Option<u32>,
    pub heading_path: Vec<String>,
}

/// In points.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct PageSizeView {
    pub width: f32,
    pub height: f32,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BoxesView {
    /// Page of the range's first character.
    pub page: Option<u32>,
    pub boxes: Vec<PageBox>,
    pub pages: Vec<PageSizeView>,
}

impl From<terroir_store::Document> for DocumentView {
    fn from(from: terroir_store::Document) -> Self {
        Self {
            id: from.id.to_string(),
            collection: from.collection,
            title: from.title,
            file_name: from.file_name,
            source_uri: from.source_uri,
            source: from.source,
            authors: from.bibliography.authors,
            year: from.bibliography.year,
            doi: from.bibliography.doi,
            media_type: from.media_type,
            bytes: from.bytes,
            sha256: from.sha256,
            status: from.status.as_str().to_owned(),
            stage: from.stage,
            progress: from.progress.map(|(done, total)| Progress { done, total }),
            revision: from.current_revision.map(|revision| revision.to_string()),
            pages: from.page_count,
            chunks: from.chunk_count,
            language: from.language.map(|language| language.as_str().to_owned()),
            error: from.error.map(|(code, message, hint)| DocumentError { code, message, hint }),
            warnings: serde_json::from_str(&from.warnings).unwrap_or_default(),
            created_at: rfc3339(from.created_at_ms),
            updated_at: rfc3339(from.updated_at_ms),
        }
    }
}
