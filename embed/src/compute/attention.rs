//! Self-attention over a batch of sequences laid end to end: no padding, so no mask.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::activation::{Activation, exp_of_negative};
use super::matmul::{Matmul, Rows, RowsMut};
use super::panels::Panels;

const LANES: usize = 16;

/// `out[t] = softmax(q[t]·kᵀ / √d) · v` per head and sequence. `qkv` is `(tokens, 3·hidden)`, the three
/// parts one after another and the heads within each; `out` is `(tokens, hidden)`.
pub(crate) struct Attention<'a> {
    pub(crate) qkv: &'a [f32],
    pub(crate) heads: usize,
    pub(crate) hidden: usize,
    /// Token ranges of the sequences.
    pub(crate) sequences: &'a [Range<usize>],
    pub(crate) out: &'a mut [f32],
}

/// Buffers of one head of one sequence, kept between heads.
#[derive(Default)]
struct Scratch {
    keys: Panels,
    values: Panels,
    /// `(length, length)`.
    scores: Vec<f32>,
}

impl WithSimd for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut scratch = Scratch::default();
        for sequence in self.sequences {
            for head in 0..self.heads {
                self.head(simd, sequence.clone(), head, &mut scratch);
            }
        }
    }
}

impl Attention<'_> {
    #[inline(always)]
    fn head<S: Simd>(&mut self, simd: S, sequence: Range<usize>, head: usize, scratch: &mut Scratch) {
        let size = self.hidden / self.heads;
        let stride = 3 * self.hidden;
        let (length, column) = (sequence.len(), head * size);
        let first = sequence.start * stride + column;

        scratch.keys.reshape(size, length);
        scratch.values.reshape(length, size);
        for token in 0..length {
            let key = first + token * stride + self.hidden;
            let value = key + self.hidden;
            scratch.keys.set_column(token, &self.qkv[key..key + size]);
            scratch.values.set_row(token, &self.qkv[value..value + size]);
        }
        scratch.scores.resize(length * length, 0.0);

        let queries = Rows { data: &self.qkv[first..], stride, count: length };
        Matmul {
            rows: queries,
            panels: &scratch.keys,
            bias: &[],
            activation: Activation::None,
            out: RowsMut { data: &mut scratch.scores, stride: length },
        }
        .with_simd(simd);

        let scale = 1.0 / (size as f32).sqrt();
        for row in scratch.scores[..length * length].chunks_exact_mut(length) {
            softmax(row, scale);
        }

        Matmul {
            rows: Rows { data: &scratch.scores, stride: length, count: length },
            panels: &scratch.values,
            bias: &[],
            activation: Activation::None,
            out: RowsMut {
                data: &mut self.out[sequence.start * self.hidden + column..],
                stride: self.hidden,
            },
        }
        .with_simd(simd);
    }
}

/// `softmax(scale · row)` in place; `scale` is positive.
#[inline(always)]
pub(super) fn softmax(row: &mut [f32], scale: f32) {
    let mut maxima = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for (lane, value) in maxima.iter_mut().zip(block) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    let maximum = maxima.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| a.max(*b));

    let mut sums = [0.0; LANES];
    let (blocks, rest) = row.as_chunks_mut::<LANES>();
    for block in blocks {
        for (lane, value) in sums.iter_mut().zip(block) {
            *value = exp_of_negative((*value - maximum) * scale);
            *lane += *value;
        }
    }
    let mut total = 0.0;
    for value in rest {
        *value = exp_of_negative((*value - maximum) * scale);
        total += *value;
    }
    let inverse = 1.0 / (total + sums.iter().sum::<f32>());
    for value in row {
        *value *= inverse;
    }
}
