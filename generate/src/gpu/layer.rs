//! One layer of a Llama on a device.

use candle_core::{DType, Device, Tensor};

use super::adapter::{Adapted, Group};
use super::kernels::{Attend, Gate, NormHeads, Remember, Rotate};
use super::projection::{Projection, tensor};
use super::step::Step;
use crate::compute::Heads;
use crate::error::Result;
use crate::weights::{Shape, Weights};

pub(super) struct Layer {
    index: usize,
    attention_norm: Tensor,
    queries_keys_values: Projection,
    /// Qwen 3: `(queries | keys, size)`, in 32-bit floats.
    head_norms: Option<Tensor>,
    attention_output: Projection,
    feed_forward_norm: Tensor,
    gate_up: Projection,
    down: Projection,
    /// See [`super::kernels`].
    pages: Tensor,
}

/// What is the same in every layer.
pub(super) struct Shared<'a> {
    pub(super) shape: &'a Shape,
    pub(super) heads: Heads,
    pub(super) turns: &'a Tensor,
    pub(super) step: &'a Step,
    pub(super) multiple: usize,
    pub(super) adapted: &'a [Adapted],
}

impl Layer {
    pub(super) fn load(
        weights: &mut Weights,
        index: usize,
        compute: DType,
        pages: Tensor,
        device: &Device,
    ) -> Result<Self> {
        let name = |part: &str| format!("blk.{index}.{part}");
        let mut projection = |parts: &[&str]| -> Result<Projection> {
            let parts = parts.iter().map(|part| {
                let bias = name(&format!("{part}.bias"));
                let bias = weights.has(&bias).then(|| weights.read(&bias)).transpose()?;
                Ok((weights.read(&name(&format!("{part}.weight")))?, bias))
            });
            Ok(Projection::new(parts.collect::<Result<_>>()?, compute, device)?)
        };
        let queries_keys_values = projection(&["attn_q", "attn_k", "attn_v"])?;
        let attention_output = projection(&["attn_output"])?;
        let (gate_up, down) = (projection(&["ffn_gate", "ffn_up"])?, projection(&["ffn_down"])?);
        let mut norm =
            |part: &str, compute| Ok::<_, crate::GenerateError>(tensor(&weights.read(&name(part))?, compute, device)?);
        let attention_norm = norm("attn_norm.weight", compute)?;
        let feed_forward_norm = norm("ffn_norm.weight", compute)?;
        let head_norms = if weights.has(&name("attn_q_norm.weight")) {
            let mut norm =
                |part: &str| -> Result<Tensor> { Ok(tensor(&weights.read(&name(part))?, DType::F32, device)?) };
            Some(Tensor::stack(&[norm("attn_q_norm.weight")?, norm("attn_k_norm.weight")?], 0)?)
        } else {
            None
        };
        Ok(Self {
            index,
            attention_norm,
            queries_keys_values,
            head_norms,
            attention_output,
            feed_forward_norm,
            gate_up,
            down,
            pages,
        })
    }

    pub(super) fn pages(&self) -> &Tensor {
        &self.pages
    }

    /// `(rows, hidden)` of the layer's input to those of its output.
    pub(super) fn forward(&self, shared: &Shared, hidden: &Tensor) -> candle_core::Result<Tensor> {
        let Shared { shape, heads, turns, step, multiple, adapted } = *shared;
        let (epsilon, places) = (shape.epsilon as f32, step.places);
        let deltas = |group| adapted.iter().filter_map(|adapted| adapted.delta(self.index, group)).collect::<Vec<_>>();
        let project =
            |projection: &Projection, rows: &Tensor, group| projection.multiply(rows, multiple, &deltas(group));

        let normed = candle_nn::ops::rms_norm(hidden, &self.attention_norm, epsilon)?;
        let qkv = project(&self.queries_keys_values, &normed, Group::QueriesKeysValues)?;
        if let Some(weights) = &self.head_norms {
            qkv.inplace_op2(weights, &NormHeads { heads, epsilon })?;
        }
        qkv.inplace_op3(turns, &step.meta, &Rotate { heads, pairing: shape.rope.pairing, places })?;
        self.pages.inplace_op3(&qkv, &step.meta, &Remember { heads, places })?;
        let attend = Attend { heads, window_tokens: shape.window_tokens, places };
        let attended = qkv.apply_op3_no_bwd(&self.pages, &step.meta, &attend)?;
        let hidden = (hidden + project(&self.attention_output, &attended, Group::AttentionOutput)?)?;

        let normed = candle_nn::ops::rms_norm(&hidden, &self.feed_forward_norm, epsilon)?;
        let gated = project(&self.gate_up, &normed, Group::GateUp)?.apply_op1_no_bwd(&Gate)?;
        hidden + project(&self.down, &gated, Group::Down)?
    }
}
