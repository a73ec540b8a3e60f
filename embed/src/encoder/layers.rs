//! The kernels' layers from a checkpoint's tensors.

use candle_core::Result;
use candle_nn::VarBuilder;

use crate::compute::linear::{Linear, Precision};
use crate::compute::norm::LayerNorm;

pub(super) fn load_linear(weights: &VarBuilder, inputs: usize, outputs: usize, precision: Precision) -> Result<Linear> {
    let weight = weights.get((outputs, inputs), "weight")?.flatten_all()?.to_vec1::<f32>()?;
    Ok(Linear::new(&weight, weights.get(outputs, "bias")?.to_vec1()?, inputs, precision))
}

/// Of query, key and value, each `(hidden, hidden)`: per head the rows of all three.
pub(super) fn load_heads(
    parts: &[VarBuilder; 3],
    hidden: usize,
    heads: usize,
    precision: Precision,
) -> Result<Vec<Linear>> {
    let size = hidden / heads;
    let mut loaded = Vec::with_capacity(parts.len());
    for part in parts {
        let weight = part.get((hidden, hidden), "weight")?.flatten_all()?.to_vec1::<f32>()?;
        loaded.push((weight, part.get(hidden, "bias")?.to_vec1::<f32>()?));
    }
    let head = |index: usize| {
        let rows = index * size..(index + 1) * size;
        let weight = loaded.iter().flat_map(|(weight, _)| &weight[rows.start * hidden..rows.end * hidden]);
        let bias = loaded.iter().flat_map(|(_, bias)| &bias[rows.clone()]);
        Linear::new(&weight.copied().collect::<Vec<_>>(), bias.copied().collect(), hidden, precision)
    };
    Ok((0..heads).map(head).collect())
}

pub(super) fn load_norm(weights: &VarBuilder, hidden: usize, epsilon: f64) -> Result<LayerNorm> {
    Ok(LayerNorm {
        weight: weights.get(hidden, "weight")?.to_vec1()?,
        bias: weights.get(hidden, "bias")?.to_vec1()?,
        epsilon: epsilon as f32,
    })
}
