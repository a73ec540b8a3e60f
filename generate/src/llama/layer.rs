//! One layer: what comes before attention, and what comes after it.

use std::ops::Range;

use super::adapter::{Adapter, Part};
use super::projection::{Hands, Projection, project};
use crate::compute::{self, Inputs, Matrix, Rotations, rms_norm};
use crate::error::Result;
use crate::weights::{Shape, Weights};

pub(super) struct Layer {
    index: usize,
    epsilon: f32,
    attention_norm: Vec<f32>,
    query: Projection,
    key: Projection,
    value: Projection,
    /// Qwen 3: over each head, before it is turned.
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
    attention_output: Projection,
    feed_forward_norm: Vec<f32>,
    gate: Projection,
    up: Projection,
    down: Projection,
}

/// Each `(rows, heads × size)`.
#[derive(Clone, Default)]
pub(super) struct Projected {
    pub(super) queries: Vec<f32>,
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
}

/// Adapters of some rows.
pub(super) type Adapted<'a> = &'a [(Range<usize>, &'a Adapter)];

impl Layer {
    pub(super) fn load(weights: &mut Weights, index: usize) -> Result<Self> {
        let name = |part: &str| format!("blk.{index}.{part}");
        let mut projection = |part: &str| Projection::load(weights, &name(part));
        let (query, key, value) = (projection("attn_q")?, projection("attn_k")?, projection("attn_v")?);
        let (attention_output, gate) = (projection("attn_output")?, projection("ffn_gate")?);
        let (up, down) = (projection("ffn_up")?, projection("ffn_down")?);
        let mut norm = |part: &str| -> Result<Vec<f32>> { Ok(weights.read(&name(part))?.floats()) };
        let (attention_norm, feed_forward_norm) = (norm("attn_norm.weight")?, norm("ffn_norm.weight")?);
        let mut optional = |part: &str| -> Result<Option<Vec<f32>>> {
            let name = name(part);
            weights.has(&name).then(|| Ok(weights.read(&name)?.floats())).transpose()
        };
        let (query_norm, key_norm) = (optional("attn_q_norm.weight")?, optional("attn_k_norm.weight")?);
        let epsilon = weights.shape().epsilon as f32;
        Ok(Self {
            index,
            epsilon,
            attention_norm,
            query,
            key,
            value,
            query_norm,
            key_norm,
            attention_output,
            feed_forward_norm,
            gate,
            up,
            down,
        })
    }

    pub(super) fn matrix(&self, part: Part) -> &Matrix {
        let projection = match part {
            Part::Query => &self.query,
            Part::Key => &self.key,
            Part::Value => &self.value,
            Part::AttentionOutput => &self.attention_output,
            Part::Gate => &self.gate,
            Part::Up => &self.up,
            Part::Down => &self.down,
        };
        &projection.matrix
    }

    /// Of memory.
    pub(super) fn bytes(&self) -> usize {
        Part::ALL.iter().map(|part| self.matrix(*part).bytes()).sum()
    }

    /// Queries, keys and values of `hidden`, `(rows, hidden)`, turned to their positions.
    pub(super) fn before_attention(
        &self,
        shape: &Shape,
        hands: Hands,
        hidden: &[f32],
        rotations: &Rotations,
        adapted: Adapted,
    ) -> Projected {
        let normed = rms_norm(hidden, &self.attention_norm, self.epsilon);
        let parts = [(&self.query, Part::Query), (&self.key, Part::Key), (&self.value, Part::Value)];
        let mut projected = self.project(hands, &parts, normed, adapted).into_iter();
        let mut next = || projected.next().unwrap_or_default();
        let (mut queries, mut keys, values) = (next(), next(), next());
        for (rows, norm) in [(&mut queries, &self.query_norm), (&mut keys, &self.key_norm)] {
            if let Some(norm) = norm {
                *rows = rms_norm(rows, norm, self.epsilon);
            }
        }
        rotations.turn(&mut queries, shape.heads, shape.head_size);
        rotations.turn(&mut keys, shape.key_heads, shape.head_size);
        Projected { queries, keys, values }
    }

    /// `hidden` of the layer's output; `attended` is `(rows, heads × size)`.
    pub(super) fn after_attention(
        &self,
        hands: Hands,
        mut hidden: Vec<f32>,
        attended: Vec<f32>,
        adapted: Adapted,
    ) -> Vec<f32> {
        let one = |part: (&Projection, Part), inputs: Vec<f32>| {
            self.project(hands, &[part], inputs, adapted).pop().unwrap_or_default()
        };
        compute::add(&mut hidden, &one((&self.attention_output, Part::AttentionOutput), attended));
        let normed = rms_norm(&hidden, &self.feed_forward_norm, self.epsilon);
        let parts = [(&self.gate, Part::Gate), (&self.up, Part::Up)];
        let mut inner = self.project(hands, &parts, normed, adapted);
        let up = inner.pop().unwrap_or_default();
        let mut gate = inner.pop().unwrap_or_default();
        compute::gated(&mut gate, &up);
        compute::add(&mut hidden, &one((&self.down, Part::Down), gate));
        hidden
    }

    fn project(&self, hands: Hands, parts: &[(&Projection, Part)], rows: Vec<f32>, adapted: Adapted) -> Vec<Vec<f32>> {
        let width = parts.first().map_or(1, |(projection, _)| projection.matrix.inputs());
        let bytes = parts.iter().any(|(projection, _)| projection.matrix.takes_bytes());
        project(hands, self.index, parts, &Inputs::new(rows, width, bytes), adapted)
    }
}
