//! One layer: attention within each sequence, and the gated feed-forward over all rows.

use candle_core::{D, Device, Module as _, Tensor};
use candle_nn::ops::{rms_norm, softmax_last_dim};
use candle_nn::rotary_emb::rope_i;

use super::linear::Linear;
use super::{Sequence, Shape};
use crate::error::Result;
use crate::weights::Gguf;

/// Rotations and masks of a batch, shared by all layers.
pub(super) struct Positions {
    /// Each `(rows, head size / 2)`.
    cosines: Tensor,
    sines: Tensor,
    /// By sequence `(new, all)`, 0 or −∞; none where a single token sees everything.
    masks: Vec<Option<Tensor>>,
}

impl Positions {
    pub(super) fn of(shape: &Shape, sequences: &[Sequence]) -> Result<Self> {
        let pairs = shape.head_size / 2;
        let (mut cosines, mut sines, mut masks) = (Vec::new(), Vec::new(), Vec::new());
        for sequence in sequences {
            let (known, new) = (sequence.cache.tokens(), sequence.tokens.len());
            for position in known..known + new {
                for pair in 0..pairs {
                    let exponent = 2.0 * pair as f64 / shape.head_size as f64;
                    let angle = position as f64 / shape.rope_base.powf(exponent);
                    cosines.push(angle.cos() as f32);
                    sines.push(angle.sin() as f32);
                }
            }
            masks.push((new > 1).then(|| causal_mask(known, new)).transpose()?);
        }
        let rows = cosines.len() / pairs;
        Ok(Self {
            cosines: Tensor::from_vec(cosines, (rows, pairs), &Device::Cpu)?,
            sines: Tensor::from_vec(sines, (rows, pairs), &Device::Cpu)?,
            masks,
        })
    }
}

fn causal_mask(known: usize, new: usize) -> Result<Tensor> {
    let all = known + new;
    let mask = (0..new)
        .flat_map(|row| (0..all).map(move |column| if column <= known + row { 0.0_f32 } else { f32::NEG_INFINITY }));
    Ok(Tensor::from_vec(mask.collect::<Vec<_>>(), (new, all), &Device::Cpu)?)
}

pub(super) struct Layer {
    attention_norm: Tensor,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    feed_forward_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl Layer {
    pub(super) fn load(file: &mut Gguf, index: usize) -> Result<Self> {
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        Ok(Self {
            attention_norm: file.floats(&name("attn_norm"))?,
            query: Linear::load(file, &name("attn_q"))?,
            key: Linear::load(file, &name("attn_k"))?,
            value: Linear::load(file, &name("attn_v"))?,
            attention_output: Linear::load(file, &name("attn_output"))?,
            feed_forward_norm: file.floats(&name("ffn_norm"))?,
            gate: Linear::load(file, &name("ffn_gate"))?,
            up: Linear::load(file, &name("ffn_up"))?,
            down: Linear::load(file, &name("ffn_down"))?,
        })
    }

    /// `(rows, hidden)` to the same.
    pub(super) fn forward(
        &self,
        shape: &Shape,
        index: usize,
        hidden: &Tensor,
        positions: &Positions,
        sequences: &mut [Sequence],
    ) -> Result<Tensor> {
        let epsilon = shape.epsilon as f32;
        let normed = rms_norm(hidden, &self.attention_norm, epsilon)?;
        let attended = self.attend(shape, index, &normed, positions, sequences)?;
        let hidden = (hidden + self.attention_output.forward(&attended)?)?;
        let normed = rms_norm(&hidden, &self.feed_forward_norm, epsilon)?;
        let gate = candle_nn::Activation::Silu.forward(&self.gate.forward(&normed)?)?;
        let inner = (gate * self.up.forward(&normed)?)?;
        Ok((hidden + self.down.forward(&inner)?)?)
    }

    fn attend(
        &self,
        shape: &Shape,
        index: usize,
        rows: &Tensor,
        positions: &Positions,
        sequences: &mut [Sequence],
    ) -> Result<Tensor> {
        let queries = split_heads(&self.query.forward(rows)?, shape.heads)?;
        let keys = split_heads(&self.key.forward(rows)?, shape.key_heads)?;
        let values = split_heads(&self.value.forward(rows)?, shape.key_heads)?;
        // The file's queries and keys are permuted for rotation of neighbouring pairs.
        let rotate = |heads: &Tensor| -> Result<Tensor> {
            let rotated = rope_i(&heads.unsqueeze(0)?.contiguous()?, &positions.cosines, &positions.sines)?;
            Ok(rotated.squeeze(0)?)
        };
        let (queries, keys) = (rotate(&queries)?, rotate(&keys)?);
        let mut attended = Vec::with_capacity(sequences.len());
        let mut start = 0;
        for (sequence, mask) in sequences.iter_mut().zip(&positions.masks) {
            let new = sequence.tokens.len();
            let own = |heads: &Tensor| heads.narrow(1, start, new);
            let (keys, values) = sequence.cache.extend(index, &own(&keys)?, &own(&values)?)?;
            attended.push(attend_one(shape, &own(&queries)?, &keys, &values, mask.as_ref())?);
            start += new;
        }
        Ok(Tensor::cat(&attended, 0)?)
    }
}

/// `(rows, heads × size)` to `(heads, rows, size)`.
fn split_heads(rows: &Tensor, heads: usize) -> Result<Tensor> {
    let (count, width) = rows.dims2()?;
    Ok(rows.reshape((count, heads, width / heads))?.transpose(0, 1)?)
}

/// Queries `(heads, new, size)`, keys and values `(key heads, all, size)`, to `(new, heads × size)`.
fn attend_one(
    shape: &Shape,
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    mask: Option<&Tensor>,
) -> Result<Tensor> {
    let (heads, new, size) = queries.dims3()?;
    let (key_heads, all, group) = (shape.key_heads, keys.dim(1)?, heads / shape.key_heads);
    // The query heads that share a key head are one matrix, so keys are never repeated.
    let queries = queries.contiguous()?.reshape((key_heads, group * new, size))?;
    let scores = (queries.matmul(&keys.transpose(1, 2)?)? / (size as f64).sqrt())?;
    let scores = match mask {
        Some(mask) => {
            scores.reshape((key_heads, group, new, all))?.broadcast_add(mask)?.reshape((key_heads, group * new, all))?
        }
        None => scores,
    };
    let weights = softmax_last_dim(&scores)?;
    let attended = weights.matmul(values)?.reshape((heads, new, size))?;
    Ok(attended.transpose(0, 1)?.contiguous()?.flatten_from(D::Minus2)?)
}
