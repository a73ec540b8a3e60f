//! What can go wrong between a question and its answer, and what to do about it.

use std::path::PathBuf;

use terroir_embed::EmbedError;

/// Transient: `Busy`. The caller's: `PromptTooLong`, `Prompt`, `Sampling`, `Format`, `Conversation`. The operator's:
/// `Damaged`, `Architecture`, `Unreadable`, `Template`, `Memory`, `Device`, `Io`. Ours: `Closed`, `Crashed`, `Inference`,
/// `Constraint`.
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
    #[error("{} has the architecture `{architecture}`; only `llama`, `mistral`, `qwen2` and `qwen3` can be read: choose another model with `terroir models list`", file.display())]
    Architecture { file: PathBuf, architecture: String },
    #[error("{} is a model that would be computed wrongly: {part} {reason}; choose another one with `terroir models list`", file.display())]
    Unreadable {
        file: PathBuf,
        /// The tensor or metadata key.
        part: String,
        reason: String,
    },
    #[error("the model's chat template refuses these messages: {reason}; send them as the model expects them")]
    Conversation { reason: String },
    #[error("the model's chat template cannot be used: {reason}; import a model with a valid one")]
    Template { reason: String },
    #[error("the prompt has {tokens} tokens, the model takes {limit_tokens}; ask with fewer or shorter passages")]
    PromptTooLong { tokens: usize, limit_tokens: usize },
    #[error(
        "the generating model has {bytes} bytes for what it remembers, this needs {least_bytes}; raise `models.cache_bytes` in the settings, or ask for a shorter text"
    )]
    Memory { bytes: usize, least_bytes: usize },
    #[error("sampling parameter {parameter} is {value}; {expected}")]
    Sampling { parameter: &'static str, value: String, expected: &'static str },
    #[error("the prompt cannot be used: {reason}")]
    Prompt { reason: String },
    #[error("the format cannot be enforced: {reason}")]
    Format { reason: String },
    #[error("the text could not be held to its format: {reason}")]
    Constraint { reason: String },
    #[error("the GPU cannot be used: {reason}; look at `nvidia-smi`, or set `models.device` to \"cpu\"")]
    Device { reason: String },
    #[error(transparent)]
    Encoder(#[from] EmbedError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

pub(crate) type Result<T> = std::result::Result<T, GenerateError>;
