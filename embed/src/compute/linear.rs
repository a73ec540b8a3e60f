//! A linear layer whose weights are repacked once, when they are loaded.

use pulp::Arch;
use serde::Deserialize;

#[cfg(target_arch = "x86_64")]
use super::halves::{self, PairPanels};
use super::matmul::{Finish, Matmul, Rows, RowsMut};
use super::panels::{Panels, WIDTH};

/// In what products are computed; sums are in 32 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 16-bit floats where the machine multiplies them faster, 32-bit ones elsewhere.
    #[default]
    Fast,
    /// 32-bit floats: the same vectors, but for rounding in the last places, on every machine.
    Full,
}

/// `x · weightᵀ + bias`: `(tokens, inputs)` → `(tokens, outputs)`.
#[derive(Debug)]
pub(crate) struct Linear {
    weights: Weights,
    /// Padded as the panels are.
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

#[derive(Debug)]
enum Weights {
    Floats(Panels),
    #[cfg(target_arch = "x86_64")]
    Halves(PairPanels),
}

impl Weights {
    fn new(weight: &[f32], outputs: usize, inputs: usize, precision: Precision) -> Self {
        #[cfg(target_arch = "x86_64")]
        if precision == Precision::Fast
            && let Some(panels) = PairPanels::from_weight(weight, outputs, inputs)
        {
            return Self::Halves(panels);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = precision;
        Self::Floats(Panels::from_weight(weight, outputs, inputs))
    }
}

impl Linear {
    /// `weight` is `(outputs, inputs)`, row-major; `bias` tells how many outputs there are.
    pub(crate) fn new(weight: &[f32], mut bias: Vec<f32>, inputs: usize, precision: Precision) -> Self {
        let outputs = bias.len();
        let weights = Weights::new(weight, outputs, inputs, precision);
        bias.resize(outputs.next_multiple_of(WIDTH), 0.0);
        Self { weights, bias, inputs, outputs }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Of the whole rows that `input` holds.
    pub(crate) fn apply(&self, input: &[f32], finish: Finish, out: &mut [f32]) {
        let (bias, out) = (&self.bias, RowsMut { data: out, stride: self.outputs });
        match &self.weights {
            Weights::Floats(panels) => {
                let rows = Rows { data: input, stride: self.inputs, count: input.len() / self.inputs };
                Arch::new().dispatch(Matmul { rows, panels, bias, finish, out });
            }
            #[cfg(target_arch = "x86_64")]
            Weights::Halves(panels) => halves::multiply(input, panels, bias, finish, out),
        }
    }
}
