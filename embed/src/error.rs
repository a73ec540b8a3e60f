//! What can go wrong with local models, and what to do about it.

use std::path::PathBuf;

/// Transient: `Busy`. The caller's: `UnknownModel`, `NoModelFound`, `UnknownWeights`, `NameTaken`.
/// The operator's: `Missing`, `Damaged`, `OtherWeights`, `Model`, `Package`, `Io`. Ours: `Crashed`, `Inference`.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    #[error("the encoder's queue is full; try again in a moment")]
    Busy,
    #[error("the encoder was shut down before this request was computed")]
    Closed,
    #[error("the encoder crashed on this batch: {reason}; other requests go on")]
    Crashed { reason: String },
    #[error("the encoder could not compute this batch: {reason}")]
    Inference { reason: String },
    #[error("model {name} has no readable {}: {reason}; import it again with `terroir models import PATH`", file.display())]
    Model { name: String, file: PathBuf, reason: String },
    #[error("model {name} is not known; `terroir models list` shows those that are")]
    UnknownModel { name: String },
    #[error("model {name} is not installed ({} is missing); run `make models`, or `terroir models import PATH` with {hint}", file.display())]
    Missing { name: String, file: PathBuf, hint: String },
    #[error(
        "no model for the role `{role}` is installed; run `make models`, or `terroir models import PATH` with {hint}"
    )]
    NoneForRole { role: String, hint: String },
    #[error(
        "{file} is damaged: expected {expected_bytes} bytes with sha256 {expected}, found {found}; fetch it again and run `terroir models import PATH`"
    )]
    Damaged { file: String, expected_bytes: u64, expected: String, found: String },
    #[error("{} holds no model weights (.safetensors or .gguf)", path.display())]
    NoModelFound { path: PathBuf },
    #[error(
        "unknown weights: {file} (sha256 {sha256}) is not in the catalogue, so its licence and origin are not known; if you trust it, run `terroir models import --accept-unknown PATH`"
    )]
    UnknownWeights { file: String, sha256: String },
    #[error(
        "the model {name} has other weights than the vectors were made with (sha256 {found} instead of {expected}); import those under this name, or build an index set with a model that is installed"
    )]
    OtherWeights { name: String, expected: String, found: String },
    #[error("{file} is needed beside {weights} and was not found; import the model's whole folder or package")]
    Incomplete { weights: String, file: String },
    #[error(
        "the name {name} belongs to a model of the catalogue with other weights; rename the file or folder and import it again"
    )]
    NameTaken { name: String },
    #[error("{} is not a readable package (.whl or .zip): {reason}", path.display())]
    Package { path: PathBuf, reason: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
