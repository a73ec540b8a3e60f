//! Self-attention over a batch of sequences laid end to end: no padding, so no mask.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::activation::{Activation, exp_of_negative};
use super::lanes::{LANES, reduce};
use super::matmul::{Matmul, Rows, RowsMut};
use super::panels::{Panels, WIDTH};

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
    /// `(length, length)`, each row padded to full panels.
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

        let padded = length.next_multiple_of(WIDTH);
        scratch.keys.reshape(size, padded);
        scratch.values.reshape(length, size);
        for token in 0..length {
            let key = first + token * stride + self.hidden;
            let value = key + self.hidden;
            scratch.keys.set_column(token, &self.qkv[key..key + size]);
            scratch.values.set_row(token, &self.qkv[value..value + size]);
        }
        scratch.scores.resize(length * padded, 0.0);

        let queries = Rows { data: &self.qkv[first..], stride, count: length };
        Matmul {
            rows: queries,
            panels: &scratch.keys,
            bias: &[],
            activation: Activation::None,
            out: RowsMut { data: &mut scratch.scores, stride: padded },
        }
        .with_simd(simd);

        let scale = 1.0 / (size as f32).sqrt();
        for row in scratch.scores.chunks_exact_mut(padded) {
            row[length..].fill(f32::NEG_INFINITY);
            softmax(row, scale);
        }

        Matmul {
            rows: Rows { data: &scratch.scores, stride: padded, count: length },
            panels: &scratch.values,
            bias: &[],
            activation: Activation::None,
            out: RowsMut { data: &mut self.out[sequence.start * self.hidden + column..], stride: self.hidden },
        }
        .with_simd(simd);
    }
}

/// `softmax(scale · row)` in place; `scale` is positive, the row's length a multiple of [`LANES`].
#[inline(always)]
fn softmax(row: &mut [f32], scale: f32) {
    let (blocks, _) = row.as_chunks_mut::<LANES>();
    let mut maxima = [f32::NEG_INFINITY; LANES];
    for block in &*blocks {
        for (lane, value) in maxima.iter_mut().zip(block) {
            *lane = larger(*lane, *value);
        }
    }
    let maximum = reduce(maxima, larger);
    let mut sums = [0.0; LANES];
    for block in &mut *blocks {
        for (lane, value) in sums.iter_mut().zip(block) {
            *value = exp_of_negative((*value - maximum) * scale);
            *lane += *value;
        }
    }
    let inverse = 1.0 / reduce(sums, |a, b| a + b);
    for value in blocks.as_flattened_mut() {
        *value *= inverse;
    }
}

/// `f32::max` without its treatment of NaN, which costs a comparison more.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}
