//! Low-rank adapters (Hu et al. 2021): what a collection's voice adds to the base model's matrices, chosen per
//! text while the base stays loaded once.

use std::collections::HashMap;
use std::path::Path;

use crate::compute::{Inputs, Matrix};
use crate::error::Result;
use crate::weights::{AdapterFile, Pairing, Shape, Stored};

/// A matrix of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Query,
    Key,
    Value,
    AttentionOutput,
    Gate,
    Up,
    Down,
}

impl Part {
    pub(super) const ALL: [Self; 7] =
        [Self::Query, Self::Key, Self::Value, Self::AttentionOutput, Self::Gate, Self::Up, Self::Down];
}

/// By their names in the file.
const PARTS: [(&str, Part); 7] = [
    ("attn_q", Part::Query),
    ("attn_k", Part::Key),
    ("attn_v", Part::Value),
    ("attn_output", Part::AttentionOutput),
    ("ffn_gate", Part::Gate),
    ("ffn_up", Part::Up),
    ("ffn_down", Part::Down),
];

impl Part {
    /// Outputs and inputs.
    pub(crate) fn sizes(self, shape: &Shape) -> (usize, usize) {
        let (queries, keys) = (shape.heads * shape.head_size, shape.key_heads * shape.head_size);
        match self {
            Self::Query => (queries, shape.hidden),
            Self::Key | Self::Value => (keys, shape.hidden),
            Self::AttentionOutput => (shape.hidden, queries),
            Self::Gate | Self::Up => (shape.feed_forward, shape.hidden),
            Self::Down => (shape.hidden, shape.feed_forward),
        }
    }
}

/// `up down x` is added to a matrix's product.
pub(crate) struct Factors {
    pub(crate) layer: usize,
    pub(crate) part: Part,
    pub(crate) rank: usize,
    /// `(rank, inputs)`.
    pub(crate) down: Stored,
    /// `(outputs, rank)`, times the adapter's scale, in the order of the model's file.
    pub(crate) up: Vec<f32>,
}

/// Every tensor is checked against the model's shape.
pub(crate) fn read_factors(directory: &Path, shape: &Shape) -> Result<Vec<Factors>> {
    let mut file = AdapterFile::open(directory)?;
    let factors = file.names().into_iter().map(|name| {
        let place = place(&name).filter(|(layer, _)| *layer < shape.layers);
        let (layer, part) = place.ok_or_else(|| file.unreadable(&name, "no matrix of the model takes it"))?;
        let (outputs, inputs) = part.sizes(shape);
        let stored = file.read(&name, outputs, inputs)?;
        let rank = stored.down.shape.first().copied().unwrap_or(0);
        let mut up = stored.up.floats();
        for value in &mut up {
            *value *= stored.scale;
        }
        // Adapters are trained with the two halves of a head turning together.
        if shape.rope.pairing == Pairing::Interleaved && matches!(part, Part::Query | Part::Key) {
            up = interleaved(&up, rank, shape.head_size);
        }
        Ok(Factors { layer, part, rank, down: stored.down, up })
    });
    factors.collect()
}

/// What one adapter adds, by layer and part.
pub(crate) struct Adapter {
    deltas: HashMap<(usize, Part), Delta>,
}

/// `up down x`.
pub(super) struct Delta {
    down: Matrix,
    up: Matrix,
}

impl Adapter {
    pub(crate) fn load(directory: &Path, shape: &Shape) -> Result<Self> {
        let deltas = read_factors(directory, shape)?.into_iter().map(|factors| {
            let (outputs, _) = factors.part.sizes(shape);
            let up = Matrix::from_floats(&factors.up, outputs, factors.rank);
            ((factors.layer, factors.part), Delta { down: Matrix::pack(&factors.down), up })
        });
        Ok(Self { deltas: deltas.collect() })
    }

    pub(super) fn delta(&self, layer: usize, part: Part) -> Option<&Delta> {
        self.deltas.get(&(layer, part))
    }
}

/// `blk.3.ffn_up`.
fn place(name: &str) -> Option<(usize, Part)> {
    let (layer, part) = name.strip_prefix("blk.")?.split_once('.')?;
    let (_, part) = PARTS.iter().find(|(known, _)| *known == part)?;
    Some((layer.parse().ok()?, *part))
}

/// Rows of each head in the order `0, size/2, 1, size/2 + 1, …`, in which GGUF files of the Llama family are.
fn interleaved(up: &[f32], rank: usize, head_size: usize) -> Vec<f32> {
    let heads = up.chunks_exact(head_size * rank);
    let rows = heads.flat_map(|head| {
        let row = |index: usize| &head[index * rank..(index + 1) * rank];
        (0..head_size).map(move |index| row(index / 2 + index % 2 * (head_size / 2)))
    });
    rows.flatten().copied().collect()
}

impl Delta {
    /// Rows of inputs to rows of outputs.
    pub(super) fn of(&self, rows: Vec<f32>) -> Vec<f32> {
        let inner = self.down.multiply(&Inputs::new(rows, self.down.inputs(), false));
        self.up.multiply(&Inputs::new(inner, self.up.inputs(), false))
    }
}

#[cfg(test)]
mod tests;
