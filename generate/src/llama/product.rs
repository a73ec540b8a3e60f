//! Kernels of the matrix product: one panel of bytes times one row or many. The instruction set (AVX-512,
//! AVX2, NEON, plain) is chosen at run time by `pulp`.

#![expect(
    clippy::inline_always,
    reason = "code for a wider instruction set exists only where it is inlined into the dispatch"
)]

use pulp::{Simd, WithSimd};

use super::eight_bit::{BLOCK, Panel, WIDTH};

/// One row of inputs times a panel: its `WIDTH` outputs.
pub(super) struct OneRow<'a> {
    pub(super) panel: &'a Panel,
    pub(super) row: &'a [f32],
}

impl WithSimd for OneRow<'_> {
    type Output = [f32; WIDTH];

    /// Bound by the reading of the weights.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f32; WIDTH] {
        let mut sums = [0.0; WIDTH];
        let (blocks, _) = self.panel.weights.as_chunks::<BLOCK>();
        let (inputs, _) = self.row.as_chunks::<BLOCK>();
        for ((weights, scales), inputs) in blocks.iter().zip(&self.panel.scales).zip(inputs) {
            let mut even = [0.0; WIDTH];
            let mut odd = [0.0; WIDTH];
            let (pairs, _) = weights.as_chunks::<2>();
            let (input_pairs, _) = inputs.as_chunks::<2>();
            for (weights, inputs) in pairs.iter().zip(input_pairs) {
                add_bytes(simd, &mut even, &weights[0], inputs[0]);
                add_bytes(simd, &mut odd, &weights[1], inputs[1]);
            }
            let (sums, _) = S::as_mut_simd_f32s(&mut sums);
            let (scales, _) = S::as_simd_f32s(scales);
            let (even, _) = S::as_simd_f32s(&even);
            let (odd, _) = S::as_simd_f32s(&odd);
            for (((sum, scale), even), odd) in sums.iter_mut().zip(scales).zip(even).zip(odd) {
                *sum = simd.mul_add_e_f32s(simd.add_f32s(*even, *odd), *scale, *sum);
            }
        }
        sums
    }
}

#[inline(always)]
fn add_bytes<S: Simd>(simd: S, sums: &mut [f32; WIDTH], weights: &[i8; WIDTH], input: f32) {
    let mut floats = [0.0; WIDTH];
    for (float, weight) in floats.iter_mut().zip(weights) {
        *float = f32::from(*weight);
    }
    let input = simd.splat_f32s(input);
    let (floats, _) = S::as_simd_f32s(&floats);
    let (sums, _) = S::as_mut_simd_f32s(sums);
    for (sum, weight) in sums.iter_mut().zip(floats) {
        *sum = simd.mul_add_e_f32s(*weight, input, *sum);
    }
}

/// Rows of inputs times a panel, into columns `first..` of `products`, `(count, outputs)`.
pub(super) struct Product<'a> {
    pub(super) panel: &'a Panel,
    /// Room to unpack the panel in: `(inputs, WIDTH)`.
    pub(super) floats: &'a mut [[f32; WIDTH]],
    pub(super) rows: &'a [f32],
    pub(super) outputs: usize,
    pub(super) first: usize,
    pub(super) products: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    /// Accumulators, one row of weights and one broadcast fill the register file.
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        self.unpack();
        match (S::F32_LANES, S::REGISTER_COUNT) {
            (16, _) => self.all::<S, 12, 2>(simd),
            (8, _) => self.all::<S, 6, 2>(simd),
            (4, 32) => self.all::<S, 8, 2>(simd),
            _ => self.all::<S, 4, 2>(simd),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn unpack(&mut self) {
        let blocks = self.floats.chunks_mut(BLOCK);
        let weights = self.panel.weights.chunks(BLOCK);
        for ((floats, weights), scales) in blocks.zip(weights).zip(&self.panel.scales) {
            for (floats, weights) in floats.iter_mut().zip(weights) {
                for ((float, weight), scale) in floats.iter_mut().zip(weights).zip(scales) {
                    *float = f32::from(*weight) * scale;
                }
            }
        }
    }

    #[inline(always)]
    fn all<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S) {
        let count = self.rows.len() / self.floats.len();
        let mut row = 0;
        while row + ROWS <= count {
            self.strip::<S, ROWS, VECTORS>(simd, row);
            row += ROWS;
        }
        while row + 4 <= count {
            self.strip::<S, 4, VECTORS>(simd, row);
            row += 4;
        }
        while row < count {
            self.strip::<S, 1, VECTORS>(simd, row);
            row += 1;
        }
    }

    /// `ROWS` rows from `row` on.
    #[inline(always)]
    fn strip<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S, row: usize) {
        let inputs = self.floats.len();
        let rows = &self.rows[row * inputs..(row + ROWS) * inputs];
        let width = VECTORS * S::F32_LANES;
        for column in (0..WIDTH).step_by(width) {
            let sums = tile::<S, ROWS, VECTORS>(simd, rows, self.floats, column);
            for (index, sums) in sums.iter().enumerate() {
                let mut values = [0.0; WIDTH];
                let (vectors, _) = S::as_mut_simd_f32s(&mut values);
                vectors[..VECTORS].copy_from_slice(sums);
                let start = (row + index) * self.outputs;
                let first = (self.first + column).min(self.outputs);
                let end = (first + width).min(self.outputs);
                self.products[start + first..start + end].copy_from_slice(&values[..end - first]);
            }
        }
    }
}

/// `rows × panel` for `VECTORS` registers of columns from `column` on. Every sum runs over the inputs in
/// order, whatever rows are beside it.
#[inline(always)]
fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    rows: &[f32],
    panel: &[[f32; WIDTH]],
    column: usize,
) -> [[S::f32s; VECTORS]; ROWS] {
    let inputs = panel.len();
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    // Loops instead of `array::from_fn`: that is not inlined into code for a wider instruction set.
    let mut lines = [&rows[..inputs]; ROWS];
    for (index, line) in lines.iter_mut().enumerate() {
        *line = &rows[index * inputs..(index + 1) * inputs];
    }
    let (blocks, _) = panel.as_chunks::<BLOCK>();
    for (step, weights) in blocks.iter().enumerate() {
        let within = step * BLOCK..(step + 1) * BLOCK;
        let mut values = [&lines[0][within.clone()]; ROWS];
        for (values, line) in values.iter_mut().zip(&lines) {
            *values = &line[within.clone()];
        }
        for (input, weights) in weights.iter().enumerate() {
            let (weights, _) = S::as_simd_f32s(&weights[column..column + VECTORS * S::F32_LANES]);
            for row in 0..ROWS {
                let value = simd.splat_f32s(values[row][input]);
                for vector in 0..VECTORS {
                    sums[row][vector] = simd.mul_add_e_f32s(value, weights[vector], sums[row][vector]);
                }
            }
        }
    }
    sums
}
