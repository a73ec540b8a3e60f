//! What stands on an encoder that judges pairs of texts: the first token's state becomes one number.

use candle_core::Result;
use candle_nn::VarBuilder;

use super::layers::load_linear;
use crate::compute::linear::{Linear, Precision};
use crate::compute::matmul::Finish;

#[derive(Debug)]
pub(super) struct Classifier {
    dense: Linear,
    activation: Activation,
    output: Linear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activation {
    Tanh,
    Relu,
}

impl Classifier {
    /// `weights` are those of the whole checkpoint; names go by the family.
    pub(super) fn load(weights: &VarBuilder, model_type: &str, hidden: usize, precision: Precision) -> Result<Self> {
        let (dense, activation, output) = match model_type {
            "bert" => ("bert.pooler.dense", Activation::Tanh, "classifier"),
            "distilbert" => ("pre_classifier", Activation::Relu, "classifier"),
            _ => ("classifier.dense", Activation::Tanh, "classifier.out_proj"),
        };
        Ok(Self {
            dense: load_linear(&weights.pp(dense), hidden, hidden, precision)?,
            activation,
            output: load_linear(&weights.pp(output), hidden, 1, precision)?,
        })
    }

    /// Of the states `(texts, hidden)` of first tokens.
    pub(super) fn scores(&self, states: &[f32]) -> Vec<f32> {
        let mut inner = vec![0.0; states.len()];
        self.dense.apply(states, Finish::Store, &mut inner);
        for value in &mut inner {
            *value = match self.activation {
                Activation::Tanh => value.tanh(),
                Activation::Relu => value.max(0.0),
            };
        }
        let mut scores = vec![0.0; states.len() / self.dense.outputs()];
        self.output.apply(&inner, Finish::Store, &mut scores);
        scores
    }
}
