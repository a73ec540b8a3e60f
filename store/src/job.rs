//! Jobs: units of ingestion work, each held by one worker for as long as its lease lasts.

use crate::ids::DocumentId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: i64,
    pub document: DocumentId,
    /// Which content of the document this job is about.
    pub generation: i64,
    pub sha256: String,
    pub file_name: String,
    /// 1 for the first.
    pub attempt: u32,
    pub worker: String,
}

/// Why a document failed, and what its owner can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorRecord {
    pub code: String,
    pub message: String,
    pub hint: String,
}
