//! The kernels as candle operations: `(tokens, width)` tensors in, fresh tensors out, CPU only.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape};
use candle_nn::VarBuilder;
use pulp::Arch;

use crate::compute::activation::Activation;
use crate::compute::attention::Attention;
use crate::compute::matmul::{Matmul, Rows, RowsMut};
use crate::compute::norm::LayerNorm;
use crate::compute::panels::{Panels, WIDTH};

/// `activation(x · weightᵀ + bias)`: `(tokens, inputs)` → `(tokens, outputs)`.
#[derive(Debug)]
pub(super) struct Linear {
    panels: Panels,
    /// Padded as the panels are.
    bias: Vec<f32>,
    activation: Activation,
}

impl Linear {
    /// One layer of several with the same input, their outputs side by side.
    pub(super) fn load(parts: &[VarBuilder], inputs: usize, outputs: usize, activation: Activation) -> Result<Self> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for part in parts {
            weight.extend(part.get((outputs, inputs), "weight")?.flatten_all()?.to_vec1::<f32>()?);
            bias.extend(part.get(outputs, "bias")?.to_vec1::<f32>()?);
        }
        let columns = outputs * parts.len();
        bias.resize(columns.next_multiple_of(WIDTH), 0.0);
        Ok(Self { panels: Panels::from_weight(&weight, columns, inputs), bias, activation })
    }
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "packed-linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let values = contiguous(storage, layout)?;
        let (inputs, outputs) = (self.panels.depth(), self.panels.columns());
        let tokens = rows_of(layout, inputs)?;
        let mut out = vec![0.0; tokens * outputs];
        Arch::new().dispatch(Matmul {
            rows: Rows { data: values, stride: inputs, count: tokens },
            panels: &self.panels,
            bias: &self.bias,
            activation: self.activation,
            out: RowsMut { data: &mut out, stride: outputs },
        });
        Ok((CpuStorage::F32(out), (tokens, outputs).into()))
    }
}

/// `(tokens, 3·hidden)` → `(tokens, hidden)`.
#[derive(Debug)]
pub(super) struct SelfAttention<'a> {
    pub(super) heads: usize,
    pub(super) hidden: usize,
    /// Token ranges of the sequences, end to end.
    pub(super) sequences: &'a [Range<usize>],
}

impl CustomOp1 for SelfAttention<'_> {
    fn name(&self) -> &'static str {
        "self-attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let qkv = contiguous(storage, layout)?;
        let tokens = rows_of(layout, 3 * self.hidden)?;
        let mut out = vec![0.0; tokens * self.hidden];
        Arch::new().dispatch(Attention {
            qkv,
            heads: self.heads,
            hidden: self.hidden,
            sequences: self.sequences,
            out: &mut out,
        });
        Ok((CpuStorage::F32(out), (tokens, self.hidden).into()))
    }
}

/// `norm(x + residual)`, each `(tokens, hidden)`.
impl CustomOp2 for LayerNorm {
    fn name(&self) -> &'static str {
        "residual-layer-norm"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let hidden = self.weight.len();
        let tokens = rows_of(layout, hidden)?;
        if rows_of(residual_layout, hidden)? != tokens {
            candle_core::bail!("{} rows have no residual of their own", tokens);
        }
        let mut out = contiguous(storage, layout)?.to_vec();
        self.apply(&mut out, contiguous(residual, residual_layout)?);
        Ok((CpuStorage::F32(out), (tokens, hidden).into()))
    }
}

pub(super) fn load_norm(weights: &VarBuilder, hidden: usize, epsilon: f64) -> Result<LayerNorm> {
    Ok(LayerNorm {
        weight: weights.get(hidden, "weight")?.to_vec1()?,
        bias: weights.get(hidden, "bias")?.to_vec1()?,
        epsilon: epsilon as f32,
    })
}

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => candle_core::bail!("the encoder's layers need contiguous tensors"),
    }
}

fn rows_of(layout: &Layout, width: usize) -> Result<usize> {
    let (rows, columns) = layout.shape().dims2()?;
    if columns != width {
        candle_core::bail!("{columns} columns where the layer has {width}");
    }
    Ok(rows)
}
