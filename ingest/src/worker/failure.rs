//! Why a job failed: what is recorded for people, and whether trying again may help.

use terroir_embed::EmbedError;
use terroir_store::{ErrorRecord, StoreError};

use crate::error::ParseError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("what is kept of this document is damaged: {0}")]
    Kept(String),
    #[error("the work on this document broke off: {0}")]
    Panicked(String),
}

impl Failure {
    pub(crate) fn panicked(error: &tokio::task::JoinError) -> Self {
        Self::Panicked(error.to_string())
    }

    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Parse(error) => matches!(error, ParseError::Io { .. }),
            Self::Embed(error) => matches!(error, EmbedError::Busy | EmbedError::Crashed { .. } | EmbedError::Io(_)),
            Self::Store(error) => error.is_transient(),
            Self::Io(_) => true,
            Self::Panicked(_) | Self::Kept(_) => false,
        }
    }

    pub(super) fn record(&self) -> ErrorRecord {
        let (code, hint) = match self {
            Self::Parse(error) => (error.code(), error.hint()),
            Self::Embed(_) => ("embedding_failed", "look at the service's log, then add the file again"),
            Self::Store(_) | Self::Io(_) => ("storage_failed", "check disk and database, then add the file again"),
            Self::Kept(_) => ("storage_failed", "add the file again"),
            Self::Panicked(_) => ("internal", "report this file to Terroir's developers if you may; the others go on"),
        };
        ErrorRecord { code: code.to_owned(), message: self.to_string(), hint: hint.to_owned() }
    }
}
