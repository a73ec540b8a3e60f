//! Low-rank adapters (Hu et al. 2021): what a collection's voice adds to the base model's matrices, chosen per
//! sequence while the base stays loaded once.

use std::collections::HashMap;

use crate::compute::{Inputs, Matrix};

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

/// What one adapter adds, by layer and part.
#[derive(Default)]
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
    pub(super) fn delta(&self, layer: usize, part: Part) -> Option<&Delta> {
        self.deltas.get(&(layer, part))
    }
}

impl Delta {
    /// Rows of inputs to rows of outputs.
    pub(super) fn of(&self, rows: Vec<f32>) -> Vec<f32> {
        let inner = self.down.multiply(&Inputs::new(rows, self.down.inputs(), false));
        self.up.multiply(&Inputs::new(inner, self.up.inputs(), false))
    }
}
