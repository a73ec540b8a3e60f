//! The Llama family's forward pass over candle: tokens of several sequences become logits.
//!
//! ```text
//! tokens of all sequences, one after the other (rows) ─▶ embedding
//!   └▶ layers: norm ─▶ q, k, v ─▶ attention within each sequence ─▶ norm ─▶ gated feed-forward
//! rows that are asked for ─▶ norm ─▶ output (rows, vocabulary)
//! ```
//! Sequences are not padded: the matrix products run over all rows, only attention goes by sequence.

mod cache;
mod eight_bit;
mod layer;
mod linear;
mod product;
mod shape;

use candle_core::{Device, IndexOp as _, Tensor};
use candle_nn::ops::rms_norm;

pub(crate) use self::cache::Cache;
use self::layer::{Layer, Positions};
use self::linear::Linear;
pub(crate) use self::shape::Shape;
use crate::error::Result;
use crate::weights::Gguf;

pub(crate) struct Llama {
    shape: Shape,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    output: Linear,
}

/// New tokens of one sequence, and what is remembered of the ones before.
pub(crate) struct Sequence<'a> {
    pub(crate) tokens: &'a [u32],
    pub(crate) cache: &'a mut Cache,
}

/// For which tokens logits are computed: the output matrix is a fifth of a small model's work.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// The last new token of every sequence.
    Last,
    /// The last so many new tokens of every sequence; all where there are fewer.
    Tail(usize),
}

impl Llama {
    /// Everything is checked against the file before the first weight is read.
    pub(crate) fn load(file: &mut Gguf) -> Result<Self> {
        let shape = Shape::read(file)?;
        shape.check_tensors(file)?;
        let embedding = file.floats("token_embd.weight")?;
        let output = if file.has_tensor("output.weight") {
            Linear::load(file, "output.weight")?
        } else {
            Linear::from_weight(&embedding, file.is_exact("token_embd.weight"))?
        };
        let layers = (0..shape.layers).map(|index| Layer::load(file, index));
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            norm: file.floats("output_norm.weight")?,
            embedding,
            output,
            shape,
        })
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Nothing remembered.
    pub(crate) fn cache(&self) -> Cache {
        Cache::new(self.shape.layers)
    }

    /// Logits `(rows, vocabulary)`: the wanted rows of the first sequence, then of the next. The tokens
    /// must be in the vocabulary; every sequence has at least one.
    pub(crate) fn forward(&self, sequences: &mut [Sequence], wanted: Wanted) -> Result<Tensor> {
        let tokens = sequences.iter().flat_map(|sequence| sequence.tokens.iter().copied());
        let tokens = Tensor::from_iter(tokens, &Device::Cpu)?;
        let positions = Positions::of(&self.shape, sequences)?;
        let mut hidden = self.embedding.index_select(&tokens, 0)?;
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(&self.shape, index, &hidden, &positions, sequences)?;
        }
        let rows = wanted_rows(sequences, wanted)?;
        let hidden = hidden.index_select(&rows, 0)?;
        let hidden = rms_norm(&hidden, &self.norm, self.shape.epsilon as f32)?;
        self.output.forward(&hidden)
    }

    /// Logits after the last token of one sequence.
    pub(crate) fn next(&self, tokens: &[u32], cache: &mut Cache) -> Result<Vec<f32>> {
        let logits = self.forward(&mut [Sequence { tokens, cache }], Wanted::Last)?;
        Ok(logits.i(0)?.to_vec1()?)
    }
}

fn wanted_rows(sequences: &[Sequence], wanted: Wanted) -> Result<Tensor> {
    let mut rows = Vec::new();
    let mut end = 0;
    for sequence in sequences {
        let count = match wanted {
            Wanted::Last => 1,
            Wanted::Tail(count) => count,
        };
        end += sequence.tokens.len();
        rows.extend(end - count.min(sequence.tokens.len())..end);
    }
    Ok(Tensor::from_iter(rows.into_iter().map(|row| row as u32), &Device::Cpu)?)
}
