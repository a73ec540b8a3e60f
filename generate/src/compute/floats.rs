//! The product of rows of floats and a panel of floats, `(depth, WIDTH)`: for weights that are floats, and for
//! attention. Every sum runs over the depth in its order, whatever rows are beside it.

#![expect(
    clippy::inline_always,
    reason = "code for a wider instruction set exists only where it is inlined into the dispatch"
)]

use pulp::Simd;

/// Columns of a panel: two registers of the widest kind.
pub(super) const WIDTH: usize = 32;
/// Steps in depth without a check of bounds.
const STEP: usize = 16;

/// Rows that stand `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
    pub(super) count: usize,
}

/// Where the products go: the first `width` columns.
pub(super) struct RowsMut<'a> {
    pub(super) data: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) width: usize,
    /// Adds to what is there instead of setting it.
    pub(super) add: bool,
}

/// A number of a panel, as wide as it is stored.
pub(super) trait Number: Copy {
    fn widen(self) -> f32;
}

impl Number for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

/// `rows · panel`.
#[inline(always)]
pub(super) fn multiply<S: Simd, N: Number>(simd: S, rows: Rows, panel: &[[N; WIDTH]], out: RowsMut) {
    match (S::F32_LANES, S::REGISTER_COUNT) {
        (16, _) | (4, 32) => strips::<S, N, 8, 2>(simd, rows, panel, out),
        _ => strips::<S, N, 4, 2>(simd, rows, panel, out),
    }
}

#[inline(always)]
fn strips<S: Simd, N: Number, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    rows: Rows,
    panel: &[[N; WIDTH]],
    mut out: RowsMut,
) {
    let mut row = 0;
    while row + ROWS <= rows.count {
        strip::<S, N, ROWS, VECTORS>(simd, rows, row, panel, &mut out);
        row += ROWS;
    }
    while row + 3 <= rows.count {
        strip::<S, N, 3, VECTORS>(simd, rows, row, panel, &mut out);
        row += 3;
    }
    while row < rows.count {
        strip::<S, N, 1, VECTORS>(simd, rows, row, panel, &mut out);
        row += 1;
    }
}

/// `ROWS` rows from `first` on.
#[inline(always)]
fn strip<S: Simd, N: Number, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    rows: Rows,
    first: usize,
    panel: &[[N; WIDTH]],
    out: &mut RowsMut,
) {
    let columns = VECTORS * S::F32_LANES;
    let data = &rows.data[first * rows.stride..];
    for column in (0..out.width).step_by(columns) {
        let sums = tile::<S, N, ROWS, VECTORS>(simd, data, rows.stride, panel, column);
        let width = columns.min(out.width - column);
        for (index, sums) in sums.iter().enumerate() {
            let mut values = [0.0; WIDTH];
            let (vectors, _) = S::as_mut_simd_f32s(&mut values);
            vectors[..VECTORS].copy_from_slice(sums);
            let start = (first + index) * out.stride + column;
            let out_row = &mut out.data[start..start + width];
            if out.add {
                for (out, value) in out_row.iter_mut().zip(values) {
                    *out += value;
                }
            } else {
                out_row.copy_from_slice(&values[..width]);
            }
        }
    }
}

/// `VECTORS` registers of columns from `column` on.
#[inline(always)]
fn tile<S: Simd, N: Number, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    rows: &[f32],
    stride: usize,
    panel: &[[N; WIDTH]],
    column: usize,
) -> [[S::f32s; VECTORS]; ROWS] {
    let depth = panel.len();
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    // Loops instead of `array::from_fn`: that is not inlined into code for a wider instruction set.
    let mut lines = [&rows[..depth]; ROWS];
    for (index, line) in lines.iter_mut().enumerate() {
        *line = &rows[index * stride..index * stride + depth];
    }
    let (steps, rest) = panel.as_chunks::<STEP>();
    for (step, weights) in steps.iter().enumerate() {
        let within = step * STEP..(step + 1) * STEP;
        let mut inputs = [&lines[0][within.clone()]; ROWS];
        for (inputs, line) in inputs.iter_mut().zip(&lines) {
            *inputs = &line[within.clone()];
        }
        for (at, weights) in weights.iter().enumerate() {
            accumulate::<S, N, ROWS, VECTORS>(simd, &inputs, at, weights, column, &mut sums);
        }
    }
    let done = steps.len() * STEP;
    for (at, weights) in rest.iter().enumerate() {
        accumulate::<S, N, ROWS, VECTORS>(simd, &lines, done + at, weights, column, &mut sums);
    }
    sums
}

#[inline(always)]
fn accumulate<S: Simd, N: Number, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    lines: &[&[f32]; ROWS],
    at: usize,
    weights: &[N; WIDTH],
    column: usize,
    sums: &mut [[S::f32s; VECTORS]; ROWS],
) {
    let mut wide = [0.0; WIDTH];
    let columns = VECTORS * S::F32_LANES;
    for (wide, weight) in wide[..columns].iter_mut().zip(&weights[column..column + columns]) {
        *wide = weight.widen();
    }
    let (weights, _) = S::as_simd_f32s(&wide[..columns]);
    for row in 0..ROWS {
        let value = simd.splat_f32s(lines[row][at]);
        for vector in 0..VECTORS {
            sums[row][vector] = simd.mul_add_e_f32s(value, weights[vector], sums[row][vector]);
        }
    }
}
