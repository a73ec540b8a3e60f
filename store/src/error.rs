//! What can go wrong in the store, and what to do about it.

use std::path::PathBuf;

use crate::lexicon::LexiconProblem;

/// Transient: `Database`, `Unreachable`, `SetChanged`. The caller's: `NoSuch…`, `Exists`, `Cursor`, `Name`,
/// `Vector`, `NotQuoted`, `Lexicon`, `SetBeside`, `SetInUse`, `SetIncomplete`. The
/// operator's: `InUse`, `OtherModel`, `Backup`, `NewerBackup`, `NotUnused`, `Io`, `Lexical`, `Dense`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("database schema: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("lexical index: {0}; `terroir reindex` builds it anew")]
    Lexical(#[from] tantivy::TantivyError),
    #[error("dense index: {reason}; `terroir reindex` builds it anew")]
    Dense { reason: String },
    #[error("qdrant server {url} cannot be used: {reason}; check QDRANT_URL and QDRANT_API_KEY")]
    Unreachable { url: String, reason: String },
    #[error("data folder {} is in use by process {process}; stop it, or let its service do the work", folder.display())]
    InUse { folder: PathBuf, process: String },
    #[error(
        "the vectors here were made by model {stored}, and the configured model is {configured}; start with the first, and `terroir sets build` makes an index set with the other"
    )]
    OtherModel { stored: String, configured: String },
    #[error("there is no evaluation question {0}")]
    NoSuchQuestion(String),
    #[error("an evaluation question needs words, and a quote that stands in its document as it is now")]
    NotQuoted,
    #[error("{}{problem}", if *line == 0 { String::new() } else { format!("line {line} of the lexicon: ") })]
    Lexicon {
        /// From 1; 0 is the lexicon as a whole.
        line: usize,
        problem: LexiconProblem,
    },
    #[error("there is no index set {0}")]
    NoSuchSet(String),
    #[error("an index set stands beside the one in use already; use it or drop it first")]
    SetBeside,
    #[error("the index set is in use; put another one in use first")]
    SetInUse,
    #[error("{missing} documents are not in the index set yet; wait until it has them all")]
    SetIncomplete { missing: u64 },
    #[error("another index set was put in use meanwhile; try again")]
    SetChanged,
    #[error("there is no collection {0}")]
    NoSuchCollection(String),
    #[error("there is no document {0}")]
    NoSuchDocument(String),
    #[error("the document has no chunk {0}")]
    NoSuchChunk(String),
    #[error("there is no source {0}")]
    NoSuchSource(String),
    #[error("there is no user {0}")]
    NoSuchUser(String),
    #[error("there is no receipt {0}")]
    NoSuchReceipt(String),
    #[error("there is no key {0}")]
    NoSuchKey(String),
    #[error("{0:?} is no reader; write public, user:NAME or group:NAME")]
    Reader(String),
    #[error("a source named {0} exists already")]
    SourceExists(String),
    #[error("the source was stopped, removed or given to another process")]
    SyncLost,
    #[error("the bytes {0} are not kept (any more); add them again")]
    NoSuchBlob(String),
    #[error(
        "a vector must have {expected} finite numbers, and this one does not; encode with the model that the store was opened for"
    )]
    Vector { expected: usize },
    #[error("a collection named {0} exists already")]
    Exists(String),
    #[error("a name has 1 to 100 characters, no control characters and no white space around it")]
    Name,
    #[error("the cursor is not one that was given out")]
    Cursor,
    #[error("the job was cancelled or given to another worker")]
    JobLost,
    #[error("an index thread ended; see the log")]
    Stopped,
    #[error("the backup cannot be read: {0}; nothing was restored; take another one")]
    Backup(String),
    #[error("the backup was made by Terroir {0}, which is newer than this program; install that version")]
    NewerBackup(String),
    #[error("there is something in the database already; restore into a new data folder, or into a new database")]
    NotUnused,
    #[error("stored value of {what} is damaged: {reason}")]
    Damaged { what: &'static str, reason: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl StoreError {
    /// Whether the same call may pass a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Database(_) | Self::Unreachable { .. } | Self::SetChanged)
    }

    pub(crate) fn dense(reason: impl std::fmt::Display) -> Self {
        Self::Dense { reason: reason.to_string() }
    }

    pub(crate) fn damaged(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { what, reason: reason.to_string() }
    }
}
