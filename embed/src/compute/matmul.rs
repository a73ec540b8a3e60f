//! `rows × panels + bias`, with what comes after it done while the result is still in registers.
//!
//! A tile of `ROWS × VECTORS` registers accumulates over the whole depth, so every element is one chain
//! of fused multiply-adds in the same order, whichever row of whichever batch it belongs to.

use pulp::{Simd, WithSimd};

use super::activation::gelu;
use super::panels::{Panels, WIDTH};

/// Depth steps between two bounds checks.
const STEP: usize = 8;

/// Rows that pass all panels before the next ones do: with a depth of 1,536 they take half of a 2 MB
/// second-level cache.
const BLOCK_ROWS: usize = 144;

/// Rows of a larger matrix: row `i` is `data[i * stride..][..depth]`.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

/// Where results go: row `i` is `data[i * stride..][..columns]`.
pub(crate) struct RowsMut<'a> {
    pub(crate) data: &'a mut [f32],
    pub(crate) stride: usize,
}

/// What becomes of `rows × panels + bias`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Store,
    /// Goes through the activation first.
    Gelu,
    /// Is added to what `out` holds: a residual.
    Add,
}

/// `out = rows × panels + bias`, or as [`Finish`] says. `bias` covers all panels, or is empty.
pub(crate) struct Matmul<'a> {
    pub(crate) rows: Rows<'a>,
    pub(crate) panels: &'a Panels,
    pub(crate) bias: &'a [f32],
    pub(crate) finish: Finish,
    pub(crate) out: RowsMut<'a>,
}

impl WithSimd for Matmul<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, panels, bias, finish, out } = self;
        let product = Product { factors: Floats { rows, panels }, bias, finish, out };
        // Accumulators, one row of weights and one broadcast fill the register file.
        match (S::F32_LANES, S::REGISTER_COUNT) {
            (16, _) => product.all::<S, 12, 2>(simd),
            (8, _) => product.all::<S, 6, 2>(simd),
            (4, 32) => product.all::<S, 8, 2>(simd),
            _ => product.all::<S, 4, 2>(simd),
        }
    }
}

/// What is multiplied, in whatever form.
pub(super) trait Factors<S: Simd> {
    fn rows(&self) -> usize;

    fn columns(&self) -> usize;

    /// `rows × panel + bias` for `VECTORS` registers of columns from `column` on, `ROWS` rows from `row` on.
    fn tile<const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        row: usize,
        panel: usize,
        column: usize,
        bias: Option<&[f32]>,
    ) -> [[S::f32s; VECTORS]; ROWS];
}

struct Floats<'a> {
    rows: Rows<'a>,
    panels: &'a Panels,
}

impl<S: Simd> Factors<S> for Floats<'_> {
    #[inline(always)]
    fn rows(&self) -> usize {
        self.rows.count
    }

    #[inline(always)]
    fn columns(&self) -> usize {
        self.panels.columns()
    }

    #[inline(always)]
    fn tile<const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        row: usize,
        panel: usize,
        column: usize,
        bias: Option<&[f32]>,
    ) -> [[S::f32s; VECTORS]; ROWS] {
        let Rows { data, stride, .. } = self.rows;
        tile::<S, ROWS, VECTORS>(simd, &data[row * stride..], stride, self.panels.panel(panel), column, bias)
    }
}

/// `factors + bias`, and what becomes of it.
pub(super) struct Product<'a, F> {
    pub(super) factors: F,
    /// Covers all panels, or is empty.
    pub(super) bias: &'a [f32],
    pub(super) finish: Finish,
    pub(super) out: RowsMut<'a>,
}

impl<F> Product<'_, F> {
    /// Within a block of rows panel by panel: a panel stays in the cache while the block's rows pass.
    #[inline(always)]
    pub(super) fn all<S: Simd, const ROWS: usize, const VECTORS: usize>(mut self, simd: S)
    where
        F: Factors<S>,
    {
        let rows = self.factors.rows();
        for block in (0..rows).step_by(BLOCK_ROWS) {
            let end = rows.min(block + BLOCK_ROWS);
            for panel in 0..self.factors.columns().div_ceil(WIDTH) {
                let mut row = block;
                while row + ROWS <= end {
                    self.strip::<S, ROWS, VECTORS>(simd, panel, row);
                    row += ROWS;
                }
                while row + 4 <= end {
                    self.strip::<S, 4, VECTORS>(simd, panel, row);
                    row += 4;
                }
                while row < end {
                    self.strip::<S, 1, VECTORS>(simd, panel, row);
                    row += 1;
                }
            }
        }
    }

    /// `ROWS` rows of one panel.
    #[inline(always)]
    fn strip<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S, panel: usize, row: usize)
    where
        F: Factors<S>,
    {
        let width = VECTORS * S::F32_LANES;
        for column in (0..WIDTH).step_by(width) {
            let first = panel * WIDTH + column;
            let Some(count) = self.factors.columns().checked_sub(first) else {
                return;
            };
            let bias = self.bias.get(first..first + width);
            let mut sums = self.factors.tile::<ROWS, VECTORS>(simd, row, panel, column, bias);
            if self.finish == Finish::Gelu {
                for sums in &mut sums {
                    for sum in sums {
                        *sum = gelu(simd, *sum);
                    }
                }
            }
            for (index, sums) in sums.iter().enumerate() {
                let start = (row + index) * self.out.stride + first;
                let out = &mut self.out.data[start..start + count.min(width)];
                if count >= width {
                    put(simd, self.finish, sums, out);
                } else {
                    let mut values = [0.0; WIDTH];
                    values[..count].copy_from_slice(out);
                    put(simd, self.finish, sums, &mut values[..width]);
                    out.copy_from_slice(&values[..count]);
                }
            }
        }
    }
}

/// One row of a tile to its place.
#[inline(always)]
fn put<S: Simd, const VECTORS: usize>(simd: S, finish: Finish, sums: &[S::f32s; VECTORS], out: &mut [f32]) {
    let (out, _) = S::as_mut_simd_f32s(out);
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = if finish == Finish::Add { simd.add_f32s(*out, *sum) } else { *sum };
    }
}

/// `rows × panel + bias` for `VECTORS` registers of columns from `column` on.
/// By value: sums behind a reference are kept in memory, which takes more than twice the time.
#[inline(always)]
fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    rows: &[f32],
    stride: usize,
    panel: &[[f32; WIDTH]],
    column: usize,
    bias: Option<&[f32]>,
) -> [[S::f32s; VECTORS]; ROWS] {
    let depth = panel.len();
    let mut start = [simd.splat_f32s(0.0); VECTORS];
    if let Some(bias) = bias {
        start.copy_from_slice(&S::as_simd_f32s(bias).0[..VECTORS]);
    }
    let mut sums = [start; ROWS];
    // Loops instead of `array::from_fn`: that is not inlined into code for a wider instruction set.
    let mut lines = [&rows[..depth]; ROWS];
    for row in 1..ROWS {
        lines[row] = &rows[row * stride..row * stride + depth];
    }
    let (steps, rest) = panel.as_chunks::<STEP>();
    for (step, weights) in steps.iter().enumerate() {
        let depths = step * STEP..(step + 1) * STEP;
        let mut lhs = [&lines[0][depths.clone()]; ROWS];
        for row in 1..ROWS {
            lhs[row] = &lines[row][depths.clone()];
        }
        for (k, weights) in weights.iter().enumerate() {
            accumulate::<S, ROWS, VECTORS>(simd, &lhs, k, weights, column, &mut sums);
        }
    }
    let done = steps.len() * STEP;
    for (k, weights) in rest.iter().enumerate() {
        accumulate::<S, ROWS, VECTORS>(simd, &lines, done + k, weights, column, &mut sums);
    }
    sums
}

/// One step in depth: the outer product of a column of the rows and a row of the panel.
#[inline(always)]
fn accumulate<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    lines: &[&[f32]; ROWS],
    k: usize,
    weights: &[f32; WIDTH],
    column: usize,
    sums: &mut [[S::f32s; VECTORS]; ROWS],
) {
    let (weights, _) = S::as_simd_f32s(&weights[column..column + VECTORS * S::F32_LANES]);
    for row in 0..ROWS {
        let value = simd.splat_f32s(lines[row][k]);
        for vector in 0..VECTORS {
            sums[row][vector] = simd.mul_add_e_f32s(value, weights[vector], sums[row][vector]);
        }
    }
}
