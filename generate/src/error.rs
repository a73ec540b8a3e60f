//! What can go wrong between a question and its answer, and what to do about it.

use std::path::PathBuf;

use terroir_embed::EmbedError;

/// Transient: `Busy`. The caller's: `PromptTooLong`, `Prompt`, `Sampling`, `Format`. The operator's: `Damaged`,
/// `Architecture`, `Template`, `Io`. Ours: `Closed`, `Crashed`, `Inference`, `Constraint`.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error("the generating model's queue is full; try again in a moment")]
    Busy,
    #[error("the generating model was shut down before this request was answered")]
    Closed,
    #[error("the generating model crashed on this request: {reason}; other requests go on")]
    Crashed { reason: String },
    #[error("the generating model could not compute this request: {reason}")]
    Inference { reason: String },
    #[error("{} is damaged: {part}: {reason}; import the model again with `terroir models import PATH`", file.display())]
    Damaged {
        file: PathBuf,
        /// The tensor or metadata key.
        part: String,
        reason: String,
    },
    #[error("{} has the architecture `{architecture}`; only `llama` can be read: choose another model with `terroir models list`", file.display())]
    Architecture { file: PathBuf, architecture: String },
    #[error("the model's chat template cannot be used: {reason}; import a model with a valid one")]
    Template { reason: String },
    #[error("the prompt has {tokens} tokens, the model takes {limit_tokens}; ask with fewer or shorter passages")]
    PromptTooLong { tokens: usize, limit_tokens: usize },
    #[error("sampling parameter {parameter} is {value}; {expected}")]
    Sampling { parameter: &'static str, value: String, expected: &'static str },
    #[error("the prompt cannot be used: {reason}")]
    Prompt { reason: String },
    #[error("the format cannot be enforced: {reason}")]
    Format { reason: String },
    #[error("the text could not be held to its format: {reason}")]
    Constraint { reason: String },
    #[error(transparent)]
    Encoder(#[from] EmbedError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<candle_core::Error> for GenerateError {
    fn from(error: candle_core::Error) -> Self {
        Self::Inference { reason: error.to_string() }
    }
}

pub(crate) type Result<T> = std::result::Result<T, GenerateError>;
