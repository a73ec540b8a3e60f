//! A linear layer whose weights are repacked once, when they are loaded.

use pulp::Arch;

use super::matmul::{Finish, Matmul, Rows, RowsMut};
use super::panels::{Panels, WIDTH};

/// `x · weightᵀ + bias`: `(tokens, inputs)` → `(tokens, outputs)`.
#[derive(Debug)]
pub(crate) struct Linear {
    panels: Panels,
    /// Padded as the panels are.
    bias: Vec<f32>,
}

impl Linear {
    /// `weight` is `(outputs, inputs)`, row-major; `bias` tells how many outputs there are.
    pub(crate) fn new(weight: &[f32], mut bias: Vec<f32>, inputs: usize) -> Self {
        let panels = Panels::from_weight(weight, bias.len(), inputs);
        bias.resize(bias.len().next_multiple_of(WIDTH), 0.0);
        Self { panels, bias }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.panels.columns()
    }

    /// Of the whole rows that `input` holds.
    pub(crate) fn apply(&self, input: &[f32], finish: Finish, out: &mut [f32]) {
        let (inputs, outputs) = (self.panels.depth(), self.panels.columns());
        Arch::new().dispatch(Matmul {
            rows: Rows { data: input, stride: inputs, count: input.len() / inputs },
            panels: &self.panels,
            bias: &self.bias,
            finish,
            out: RowsMut { data: out, stride: outputs },
        });
    }
}
