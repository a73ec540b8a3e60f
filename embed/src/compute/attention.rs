//! Self-attention over sequences laid end to end: no padding, so no mask.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::activation::exp2_of_negative;
use super::matmul::{Finish, Matmul, Rows, RowsMut};
use super::panels::{Panels, WIDTH};

/// Queries computed at once: their scores against 300 keys stay in the first-level cache until they have
/// become sums of values. A multiple of every tile's height.
const BLOCK_ROWS: usize = 24;

/// One head: `out[t] = softmax(q[t]·kᵀ / √size) · v` within each sequence.
pub(crate) struct Attention<'a> {
    /// `(tokens, 3·size)`: query, key and value side by side.
    pub(crate) qkv: &'a [f32],
    pub(crate) size: usize,
    /// Ranges of tokens; the first one's start is row 0 of `qkv` and of `out`.
    pub(crate) sequences: &'a [Range<usize>],
    /// `(tokens, size)`.
    pub(crate) out: RowsMut<'a>,
    pub(crate) scratch: &'a mut Scratch,
}

/// Memory of one head of one sequence, kept between heads.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    keys: Panels,
    values: Panels,
    /// `(BLOCK_ROWS, length)`, each row padded to full panels.
    scores: Vec<f32>,
}

impl WithSimd for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let first = self.sequences.first().map_or(0, |sequence| sequence.start);
        for sequence in self.sequences {
            self.sequence(simd, sequence.start - first, sequence.len());
        }
    }
}

impl Attention<'_> {
    #[inline(always)]
    fn sequence<S: Simd>(&mut self, simd: S, start: usize, length: usize) {
        let (size, stride) = (self.size, 3 * self.size);
        let qkv = &self.qkv[start * stride..][..length * stride];
        let Scratch { keys, values, scores } = &mut *self.scratch;
        let padded = length.next_multiple_of(WIDTH);
        keys.reshape(size, padded);
        values.reshape(length, size);
        for (token, qkv) in qkv.chunks_exact(stride).enumerate() {
            keys.set_column(token, &qkv[size..2 * size]);
            values.set_row(token, &qkv[2 * size..]);
        }
        scores.resize(BLOCK_ROWS * padded, 0.0);

        // Of e^x = 2^(x · log₂ e), too.
        let scale = std::f32::consts::LOG2_E / (size as f32).sqrt();
        for block in (0..length).step_by(BLOCK_ROWS) {
            let count = BLOCK_ROWS.min(length - block);
            Matmul {
                rows: Rows { data: &qkv[block * stride..], stride, count },
                panels: keys,
                bias: &[],
                finish: Finish::Store,
                out: RowsMut { data: scores, stride: padded },
            }
            .with_simd(simd);

            let mut inverses = [0.0; BLOCK_ROWS];
            for (row, inverse) in scores.chunks_exact_mut(padded).zip(&mut inverses).take(count) {
                row[length..].fill(f32::NEG_INFINITY);
                *inverse = 1.0 / exponentials(simd, row, scale);
            }

            let out = &mut self.out.data[(start + block) * self.out.stride..];
            Matmul {
                rows: Rows { data: scores, stride: padded, count },
                panels: values,
                bias: &[],
                finish: Finish::Store,
                out: RowsMut { data: out, stride: self.out.stride },
            }
            .with_simd(simd);
            // After the product: a row of values is shorter than one of scores.
            for (row, inverse) in out.chunks_mut(self.out.stride).zip(inverses).take(count) {
                for value in &mut row[..size] {
                    *value *= inverse;
                }
            }
        }
    }
}

/// `2^(scale · (row - maximum))` in place, and their sum. `scale` is positive, the row's length a multiple of
/// two registers.
#[inline(always)]
fn exponentials<S: Simd>(simd: S, row: &mut [f32], scale: f32) -> f32 {
    let (vectors, _) = S::as_mut_simd_f32s(row);
    let (pairs, _) = vectors.as_chunks_mut::<2>();
    let mut maxima = [simd.splat_f32s(f32::NEG_INFINITY); 2];
    for pair in &*pairs {
        for (maximum, value) in maxima.iter_mut().zip(pair) {
            *maximum = simd.max_f32s(*maximum, *value);
        }
    }
    let maximum = simd.reduce_max_f32s(simd.max_f32s(maxima[0], maxima[1]));
    let (offset, scale) = (simd.splat_f32s(-maximum * scale), simd.splat_f32s(scale));
    let mut sums = [simd.splat_f32s(0.0); 2];
    for pair in pairs {
        for (sum, value) in sums.iter_mut().zip(pair) {
            *value = exp2_of_negative(simd, simd.mul_add_e_f32s(*value, scale, offset));
            *sum = simd.add_f32s(*sum, *value);
        }
    }
    simd.reduce_sum_f32s(simd.add_f32s(sums[0], sums[1]))
}
