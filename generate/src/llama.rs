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
pub(crate) use self::cache::Cache;
use self::layer::Layer;
use self::projection::Hands;
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

/// New tokens of one sequence, and what is remembered of the ones before.
pub(crate) struct Sequence<'a> {
    pub(crate) tokens: &'a [u32],
    pub(crate) cache: &'a mut Cache,
    pub(crate) adapter: Option<Arc<Adapter>>,
    /// Logits are computed for so many of the last new tokens: the output matrix is a fifth of a small
    /// model's work.
    pub(crate) wanted: usize,
}

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

/// Pages that so many tokens fill.
pub(crate) fn pages_of(tokens: usize) -> usize {
    tokens.div_ceil(PAGE_TOKENS)
}
