//! The Llama family's forward pass on the CPU: tokens of several sequences become logits.
//!
//! ```text
//! tokens of all sequences, one after the other (rows) ─▶ embedding
//!   └▶ layers: norm ─▶ q, k, v ─▶ attention within each sequence ─▶ norm ─▶ gated feed-forward
//! rows that are asked for ─▶ norm ─▶ output (rows, vocabulary)
//! ```
//! Sequences are not padded: the matrix products run over all rows, only attention goes by sequence. Few rows
//! share each matrix between the threads; many are cut into blocks, each of which goes through a layer alone.

mod adapter;
mod cache;
mod forward;
mod layer;
mod projection;

use std::sync::Arc;

pub(crate) use self::adapter::Adapter;
#[cfg(any(test, feature = "cuda"))]
pub(crate) use self::adapter::{Factors, Part, read_factors};
pub(crate) use self::cache::Cache;
use self::layer::Layer;
use self::projection::Hands;
use crate::backend::Backend;
use crate::compute::{Heads, Inputs, Matrix, PAGE_TOKENS, Team, multiply_all, rms_norm};
use crate::error::Result;
use crate::weights::{Shape, Weights};

pub(crate) struct Llama {
    shape: Arc<Shape>,
    embedding: Matrix,
    layers: Vec<Arc<Layer>>,
    norm: Vec<f32>,
    output: Matrix,
}

pub(crate) type Sequence<'a> = crate::backend::Sequence<'a, Cache, Adapter>;

impl Llama {
    /// Everything was checked against the file before: see [`Weights::open`].
    pub(crate) fn load(weights: &mut Weights) -> Result<Self> {
        let shape = Arc::new(weights.shape().clone());
        let embedding = Matrix::pack(&weights.read("token_embd.weight")?);
        let output = if weights.has("output.weight") {
            Matrix::pack(&weights.read("output.weight")?)
        } else {
            embedding.clone()
        };
        let layers = (0..shape.layers).map(|index| Ok(Arc::new(Layer::load(weights, index)?)));
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            norm: weights.read("output_norm.weight")?.floats(),
            embedding,
            output,
            shape,
        })
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    fn heads(&self) -> Heads {
        Heads { queries: self.shape.heads, keys: self.shape.key_heads, size: self.shape.head_size }
    }

    /// Nothing remembered.
    pub(crate) fn cache(&self) -> Cache {
        Cache::new(self.heads(), self.shape.layers)
    }

    /// Memory of the weights.
    pub(crate) fn bytes(&self) -> usize {
        let layers = self.layers.iter().map(|layer| layer.bytes()).sum::<usize>();
        let embedding = if self.embedding.is(&self.output) { 0 } else { self.embedding.bytes() };
        embedding + self.output.bytes() + layers
    }

    /// Memory that [`PAGE_TOKENS`] remembered tokens take.
    pub(crate) fn page_bytes(&self) -> usize {
        self.heads().page_bytes() * self.shape.layers
    }

    /// Logits `(wanted rows, vocabulary)`: those of the first sequence, then of the next. The tokens must be in
    /// the vocabulary.
    pub(crate) fn forward(&self, team: &Team, sequences: &mut [Sequence]) -> Vec<f32> {
        let tokens = sequences.iter().flat_map(|sequence| sequence.tokens);
        let hidden = tokens.flat_map(|token| self.embedding.row(*token as usize)).collect::<Vec<_>>();
        let hidden = forward::layers(self, team, sequences, hidden);
        let width = self.shape.hidden;
        let mut wanted = Vec::new();
        let mut end = 0;
        for sequence in sequences.iter() {
            end += sequence.tokens.len();
            let count = sequence.wanted.min(sequence.tokens.len());
            wanted.extend_from_slice(&hidden[(end - count) * width..end * width]);
        }
        if wanted.is_empty() {
            return Vec::new();
        }
        let normed = rms_norm(&wanted, &self.norm, self.shape.epsilon as f32);
        let inputs = Inputs::new(normed, width, self.output.takes_bytes());
        multiply_all(team, &[&self.output], &inputs).pop().unwrap_or_default()
    }
}

/// A model and the threads that compute it.
pub(crate) struct OnCpu {
    pub(crate) llama: Llama,
    pub(crate) team: Team,
}

impl Backend for OnCpu {
    type Adapter = Adapter;
    type Cache = Cache;

    const GUESS_ROWS: usize = 24;
    const MIXED_ROWS: usize = 128;
    const READING_ROWS: usize = 512;

    fn shape(&self) -> &Shape {
        self.llama.shape()
    }

    fn bytes(&self) -> u64 {
        self.llama.bytes() as u64
    }

    fn page_bytes(&self) -> usize {
        self.llama.page_bytes()
    }

    fn cache(&self) -> Cache {
        self.llama.cache()
    }

    fn forward(&self, sequences: &mut [Sequence]) -> Result<Vec<f32>> {
        Ok(self.llama.forward(&self.team, sequences))
    }
}

/// Pages that so many tokens fill.
pub(crate) fn pages_of(tokens: usize) -> usize {
    tokens.div_ceil(PAGE_TOKENS)
}
