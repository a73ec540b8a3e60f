//! A weight matrix with its bias, and what an adapter adds to it.

use super::adapter::Part;
use super::layer::Adapted;
use crate::compute::{self, Inputs, Matrix, Team, multiply_all};
use crate::error::Result;
use crate::weights::Weights;

pub(super) struct Projection {
    pub(super) matrix: Matrix,
    bias: Option<Vec<f32>>,
}

/// Who computes.
#[derive(Clone, Copy)]
pub(super) enum Hands<'a> {
    /// The thread that asks, which shares larger work already.
    Alone,
    Together(&'a Team),
}

impl Projection {
    pub(super) fn load(weights: &mut Weights, name: &str) -> Result<Self> {
        let bias = format!("{name}.bias");
        let bias = weights.has(&bias).then(|| weights.read(&bias)).transpose()?;
        Ok(Self {
            matrix: Matrix::pack(&weights.read(&format!("{name}.weight"))?),
            bias: bias.map(|bias| bias.floats()),
        })
    }
}

/// Each part's `(rows, outputs)`.
pub(super) fn project(
    hands: Hands,
    layer: usize,
    parts: &[(&Projection, Part)],
    inputs: &Inputs,
    adapted: Adapted,
) -> Vec<Vec<f32>> {
    let mut products = match hands {
        Hands::Alone => parts.iter().map(|(projection, _)| projection.matrix.multiply(inputs)).collect(),
        Hands::Together(team) => {
            let matrices = parts.iter().map(|(projection, _)| &projection.matrix).collect::<Vec<_>>();
            multiply_all(team, &matrices, inputs)
        }
    };
    for (products, (projection, part)) in products.iter_mut().zip(parts) {
        if let Some(bias) = &projection.bias {
            compute::add_bias(products, bias);
        }
        let outputs = projection.matrix.outputs();
        for (rows, adapter) in adapted {
            if let Some(delta) = adapter.delta(layer, *part) {
                let added = delta.of(inputs.row_floats(rows.clone()));
                compute::add(&mut products[rows.start * outputs..rows.end * outputs], &added);
            }
        }
    }
    products
}
