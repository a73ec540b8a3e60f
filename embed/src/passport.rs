//! What is known about a model's files, for every answer and vector made with them.

use serde::{Deserialize, Serialize};

/// Licence, source and content hash of a model. Comes from the catalogue, or says "unknown".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passport {
    pub name: String,
    /// `embed` or `generate`.
    pub role: String,
    /// `bert`, `llama`, …: which forward pass reads the weights.
    pub architecture: String,
    /// SPDX expression, or `unknown` for weights that the operator accepted.
    pub licence: String,
    pub source: String,
    /// Of the weights file, lowercase hexadecimal.
    pub sha256: String,
    /// Of the weights file.
    pub bytes: u64,
    /// `Q4_1` and the like; absent for full-precision weights.
    pub quantisation: Option<String>,
}
