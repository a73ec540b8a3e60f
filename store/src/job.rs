//! Jobs: units of ingestion work, each held by one worker for as long as its lease lasts.

use std::time::Duration;

use crate::ids::DocumentId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: i64,
    pub document: DocumentId,
    /// Which content of the document this job is about.
    pub generation: i64,
    pub sha256: String,
    pub file_name: String,
    /// Where the document comes from; nothing for uploads.
    pub source: Option<String>,
    /// Length of the file.
    pub bytes: u64,
    /// 1 for the first; grows with failures that may pass.
    pub attempt: u32,
    pub worker: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    Queued,
    Running,
    /// Held back by a person, with what was done so far.
    Paused,
    Done,
    Failed,
}

impl JobState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// Why a document failed, and what its owner can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorRecord {
    pub code: String,
    pub message: String,
    pub hint: String,
}

/// The work that lies ahead.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Queue {
    /// Whether nothing is taken from it until a person lets it go on.
    pub paused: bool,
    pub queued: u64,
    pub running: u64,
    /// Documents that are held back one by one.
    pub held: u64,
    /// Documents under way by stage.
    pub stages: Vec<(String, u64)>,
    /// Jobs that ended within the last ten minutes.
    pub finished_lately: u64,
    /// An estimate by bytes, from the pace of the last ten minutes; none while there is no pace to judge by.
    pub remaining: Option<Duration>,
}
