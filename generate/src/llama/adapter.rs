//! Low-rank adapters (Hu et al. 2021): what a collection's voice adds to the base model's matrices, chosen per
//! text while the base stays loaded once.

use std::collections::HashMap;
use std::path::Path;

use super::Llama;
use crate::compute::{Inputs, Matrix};
use crate::error::Result;
use crate::weights::{AdapterFile, Pairing};

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

/// What one adapter adds, by layer and part.
pub(crate) struct Adapter {
    deltas: HashMap<(usize, Part), Delta>,
}

/// `scale · B A x`.
pub(super) struct Delta {
    /// A: `(rank, inputs)`.
    down: Matrix,
    /// B, times the scale: `(outputs, rank)`.
    up: Matrix,
}

impl Adapter {
    /// Every tensor is checked against the matrix of `llama` that it adds to.
    pub(crate) fn load(directory: &Path, llama: &Llama) -> Result<Self> {
        let mut file = AdapterFile::open(directory)?;
        let shape = llama.shape();
        let mut deltas = HashMap::new();
        for name in file.names() {
            let place = place(&name).filter(|(layer, _)| *layer < shape.layers);
            let (layer, part) = place.ok_or_else(|| file.unreadable(&name, "no matrix of the model takes it"))?;
            let matrix = llama.layers[layer].matrix(part);
            let factors = file.read(&name, matrix.outputs(), matrix.inputs())?;
            let rank = factors.down.shape.first().copied().unwrap_or(0);
            let mut up = factors.up.floats();
            for value in &mut up {
                *value *= factors.scale;
            }
            // Adapters are trained with the two halves of a head turning together.
            if shape.rope.pairing == Pairing::Interleaved && matches!(part, Part::Query | Part::Key) {
                up = interleaved(&up, rank, shape.head_size);
            }
            let up = Matrix::from_floats(&up, matrix.outputs(), rank);
            deltas.insert((layer, part), Delta { down: Matrix::pack(&factors.down), up });
        }
        Ok(Self { deltas })
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
