//! One layer of a BERT encoder: attention, then two linear layers, each with its residual and its norm.

use std::ops::Range;

use pulp::Arch;

use super::attention::{Attention, Scratch};
use super::linear::Linear;
use super::matmul::{Finish, RowsMut};
use super::norm::LayerNorm;

/// Tokens that pass all that follows attention before the next ones do: with 384 values each and 1,536
/// between the linear layers, they and a panel of weights stay in a 1 MB second-level cache.
const BLOCK_TOKENS: usize = 96;

/// Short sequences go through attention together until there are so many tokens, so that a head's weights
/// are not fetched for a few.
const LEAST_TOKENS: usize = 128;

#[derive(Debug)]
pub(crate) struct Layer {
    /// Per head: query, key and value side by side. What a head needs is computed right before it is used,
    /// and never leaves the second-level cache.
    pub(crate) heads: Vec<Linear>,
    pub(crate) attention_output: Linear,
    pub(crate) attention_norm: LayerNorm,
    pub(crate) intermediate: Linear,
    pub(crate) output: Linear,
    pub(crate) output_norm: LayerNorm,
}

/// Memory between the steps of a layer, kept between layers.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// `(tokens, 3·size)`, of one head.
    qkv: Vec<f32>,
    scratch: Scratch,
    /// `(tokens, hidden)`.
    attended: Vec<f32>,
    /// `(BLOCK_TOKENS, inner)`.
    inner: Vec<f32>,
}

impl Layer {
    /// `values` is `(tokens, hidden)` before and after; `sequences` are token ranges, end to end.
    pub(crate) fn forward(&self, values: &mut [f32], sequences: &[Range<usize>], buffers: &mut Buffers) {
        self.attend(values, sequences, buffers);
        let (hidden, inner) = (self.attention_norm.weight.len(), self.intermediate.outputs());
        buffers.inner.resize(BLOCK_TOKENS * inner, 0.0);
        let blocks = buffers.attended.chunks(BLOCK_TOKENS * hidden);
        for (values, attended) in values.chunks_mut(BLOCK_TOKENS * hidden).zip(blocks) {
            self.attention_output.apply(attended, Finish::Add, values);
            self.attention_norm.apply(values);
            let inner = &mut buffers.inner[..values.len() / hidden * inner];
            self.intermediate.apply(values, Finish::Gelu, inner);
            self.output.apply(inner, Finish::Add, values);
            self.output_norm.apply(values);
        }
    }

    fn attend(&self, values: &[f32], sequences: &[Range<usize>], buffers: &mut Buffers) {
        let hidden = self.attention_norm.weight.len();
        let size = hidden / self.heads.len();
        let Buffers { qkv, scratch, attended, .. } = buffers;
        attended.resize(values.len(), 0.0);
        let mut rest = sequences;
        while let Some(first) = rest.first() {
            let enough = rest.iter().position(|sequence| sequence.end - first.start >= LEAST_TOKENS);
            let (group, later) = rest.split_at(enough.map_or(rest.len(), |index| index + 1));
            rest = later;
            let tokens = first.start..group.last().map_or(first.end, |last| last.end);
            let values = &values[tokens.start * hidden..tokens.end * hidden];
            qkv.resize(tokens.len() * 3 * size, 0.0);
            for (index, head) in self.heads.iter().enumerate() {
                head.apply(values, Finish::Store, qkv);
                Arch::new().dispatch(Attention {
                    qkv,
                    size,
                    sequences: group,
                    out: RowsMut { data: &mut attended[tokens.start * hidden + index * size..], stride: hidden },
                    scratch,
                });
            }
        }
    }
}
