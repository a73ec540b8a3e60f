//! What stands between model files and the compute engine: one set of names, shapes and formats, whether the
//! file is GGUF or a folder with safetensors.
//!
//! ```text
//! GGUF header, or config.json + safetensors headers ─▶ Tensors (where the bytes are) + Shape (all checked)
//! read(name) ─▶ Stored (as in the file) ─▶ floats
//! ```
//! Files are not to be trusted: every number is bounded, every tensor held against the length of its file
//! before the first one is read. One tensor is in memory at a time; nothing is mapped.

mod adapter;
mod blocks;
mod gguf;
mod names;
mod rope;
mod safetensors;
mod shape;
mod stored;
mod tensors;
#[cfg(test)]
mod tests;

use std::path::Path;

pub(crate) use self::adapter::AdapterFile;
pub(crate) use self::gguf::Gguf;
pub(crate) use self::rope::{Pairing, Rope};
pub(crate) use self::safetensors::{Folder, read_json, read_json_if_there};
pub(crate) use self::shape::Shape;
pub(crate) use self::stored::{Kind, Stored};
use self::tensors::Tensors;
use crate::error::Result;

pub(crate) struct Weights {
    source: Source,
    shape: Shape,
}

/// For what is not weights: tokens and chat template.
pub(crate) enum Source {
    Gguf(Gguf),
    Folder(Folder),
}

impl Weights {
    /// `path` is a GGUF file (of a split model the first), a `.safetensors` file with its `config.json` beside
    /// it, or a folder with both. Everything is checked; no weight is read.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let is = |ending: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending));
        if path.is_dir() || is("safetensors") {
            let mut folder = Folder::open(path)?;
            let shape = shape::of_folder(&mut folder)?;
            return Ok(Self { source: Source::Folder(folder), shape });
        }
        let mut gguf = Gguf::open(path)?;
        let shape = shape::of_gguf(&mut gguf)?;
        Ok(Self { source: Source::Gguf(gguf), shape })
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Names are GGUF's: `token_embd.weight`, `output_norm.weight`, `output.weight` (absent where the embedding
    /// is used), `blk.N.PART.weight` and `.bias`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors().has(name)
    }

    /// How a tensor is stored.
    #[cfg(any(test, feature = "cuda"))]
    pub(crate) fn kind(&self, name: &str) -> Result<Kind> {
        self.tensors().kind(name)
    }

    /// Of all tensors together, as they are stored.
    pub(crate) fn bytes(&self) -> u64 {
        self.tensors().bytes()
    }

    /// The tensor as it is stored.
    pub(crate) fn read(&mut self, name: &str) -> Result<Stored> {
        self.tensors_mut().read(name)
    }

    fn tensors(&self) -> &Tensors {
        let (Source::Gguf(Gguf { tensors, .. }) | Source::Folder(Folder { tensors, .. })) = &self.source;
        tensors
    }

    fn tensors_mut(&mut self) -> &mut Tensors {
        let (Source::Gguf(Gguf { tensors, .. }) | Source::Folder(Folder { tensors, .. })) = &mut self.source;
        tensors
    }
}
