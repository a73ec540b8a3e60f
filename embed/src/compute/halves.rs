//! Products of 16-bit floats (bfloat16: the upper half of a 32-bit one) with sums in 32 bits, where the machine
//! multiplies two of them per lane and instruction (`AVX512_BF16`): twice the products of 32-bit floats.
//!
//! Rows and weights are rounded to the nearest; vectors keep a cosine above 0.9999 with those of 32 bits.

#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::{__m512, __m512bh, __m512i, _mm512_dpbf16_ps};

use half::bf16;
use pulp::x86::V4;
use pulp::{NullaryFnOnce, Simd};

use super::matmul::{Factors, Finish, Product, RowsMut};
use super::panels::WIDTH;

/// Two numbers that follow each other in depth.
type Pair = [bf16; 2];

pulp::simd_type! {
    struct Bf16 {
        sse: "sse",
        sse2: "sse2",
        avx: "avx",
        avx2: "avx2",
        fma: "fma",
        avx512f: "avx512f",
        avx512bw: "avx512bw",
        avx512cd: "avx512cd",
        avx512dq: "avx512dq",
        avx512vl: "avx512vl",
        avx512bf16: "avx512bf16",
    }
}

/// Pairs between two bounds checks.
const STEP: usize = 8;

/// A matrix `(depth, columns)`, the columns padded with zeros to a multiple of [`WIDTH`], the depth to whole steps.
#[derive(Debug)]
pub(crate) struct PairPanels {
    /// Panel after panel, each `(steps, STEP, WIDTH)`.
    data: Vec<[[u32; WIDTH]; STEP]>,
    depth: usize,
    columns: usize,
    /// That the machine has the instructions.
    bf16: Bf16,
    simd: V4,
}

impl PairPanels {
    /// From a linear layer's weight `(columns, depth)`, row-major as checkpoints store it. None where the machine
    /// has no code for it.
    pub(crate) fn from_weight(weight: &[f32], columns: usize, depth: usize) -> Option<Self> {
        let (bf16, simd) = (Bf16::try_new()?, V4::try_new()?);
        let steps = depth.div_ceil(2 * STEP);
        let mut data = vec![[[0; WIDTH]; STEP]; columns.div_ceil(WIDTH) * steps];
        for (column, values) in weight.chunks_exact(depth).enumerate() {
            let panel = &mut data[column / WIDTH * steps..][..steps];
            for (row, pair) in panel.as_flattened_mut().iter_mut().zip(values.chunks(2)) {
                let number = |index: usize| bf16::from_f32(pair.get(index).copied().unwrap_or(0.0));
                row[column % WIDTH] = word([number(0), number(1)]);
            }
        }
        Some(Self { data, depth, columns, bf16, simd })
    }
}

/// `out = rows × panels + bias`, or as [`Finish`] says; `rows` is `(count, depth)`.
pub(crate) fn multiply(rows: &[f32], panels: &PairPanels, bias: &[f32], finish: Finish, out: RowsMut) {
    panels.bf16.vectorize(Multiply { rows, panels, bias, finish, out });
}

struct Multiply<'a> {
    rows: &'a [f32],
    panels: &'a PairPanels,
    bias: &'a [f32],
    finish: Finish,
    out: RowsMut<'a>,
}

impl NullaryFnOnce for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { rows, panels, bias, finish, out } = self;
        let steps = panels.depth.div_ceil(2 * STEP);
        let mut narrow = vec![[[bf16::ZERO; 2]; STEP]; rows.len() / panels.depth * steps];
        for (narrow, row) in narrow.chunks_exact_mut(steps).zip(rows.chunks_exact(panels.depth)) {
            for (number, value) in narrow.as_flattened_mut().as_flattened_mut().iter_mut().zip(row) {
                *number = nearest(*value);
            }
        }
        let factors = Pairs { rows: &narrow, steps, panels };
        Product { factors, bias, finish, out }.all::<V4, 12, 2>(panels.simd);
    }
}

/// To even where two are as near. Of numbers only: a sum that is not one stays none, or becomes infinite.
#[inline(always)]
fn nearest(value: f32) -> bf16 {
    let bits = value.to_bits();
    bf16::from_bits((bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16)
}

struct Pairs<'a> {
    rows: &'a [[Pair; STEP]],
    /// Of a row.
    steps: usize,
    panels: &'a PairPanels,
}

impl Factors<V4> for Pairs<'_> {
    #[inline(always)]
    fn rows(&self) -> usize {
        self.rows.len() / self.steps
    }

    #[inline(always)]
    fn columns(&self) -> usize {
        self.panels.columns
    }

    #[inline(always)]
    fn tile<const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: V4,
        row: usize,
        panel: usize,
        column: usize,
        bias: Option<&[f32]>,
    ) -> [[<V4 as Simd>::f32s; VECTORS]; ROWS] {
        let panel = &self.panels.data[panel * self.steps..][..self.steps];
        // As plain registers: sums of a wrapping type are kept in memory, which takes more than twice the time.
        let mut start = [pulp::cast::<_, __m512>(simd.splat_f32s(0.0)); VECTORS];
        if let Some(bias) = bias {
            for (start, bias) in start.iter_mut().zip(V4::as_simd_f32s(bias).0) {
                *start = pulp::cast(*bias);
            }
        }
        let mut sums = [start; ROWS];
        let mut lines = [&self.rows[row * self.steps..][..self.steps]; ROWS];
        for (index, line) in lines.iter_mut().enumerate() {
            *line = &self.rows[(row + index) * self.steps..][..self.steps];
        }
        for (step, weights) in panel.iter().enumerate() {
            let mut pairs = [&lines[0][step]; ROWS];
            for index in 1..ROWS {
                pairs[index] = &lines[index][step];
            }
            for (k, weights) in weights.iter().enumerate() {
                let columns = &weights.as_chunks::<LANES>().0[column / LANES..];
                let mut weights = [pulp::cast(columns[0]); VECTORS];
                for vector in 1..VECTORS {
                    weights[vector] = pulp::cast(columns[vector]);
                }
                for row in 0..ROWS {
                    let pair = self.panels.bf16.splat(pairs[row][k]);
                    for vector in 0..VECTORS {
                        sums[row][vector] = self.panels.bf16.dot(sums[row][vector], pair, weights[vector]);
                    }
                }
            }
        }
        let mut out = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        for (out, sums) in out.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
            *out = pulp::cast(*sums);
        }
        out
    }
}

const LANES: usize = 16;

/// The first number is the lower half.
#[inline(always)]
fn word([first, second]: Pair) -> u32 {
    u32::from(first.to_bits()) | u32::from(second.to_bits()) << 16
}

impl Bf16 {
    #[inline(always)]
    fn splat(self, pair: Pair) -> __m512i {
        self.avx512f._mm512_set1_epi32(word(pair).cast_signed())
    }

    /// Adds the products of each lane's two pairs.
    #[inline(always)]
    #[expect(unsafe_code, reason = "the one instruction that pulp does not wrap")]
    #[expect(clippy::unused_self, reason = "the proof that the machine has the instruction")]
    fn dot(self, sums: __m512, a: __m512i, b: __m512i) -> __m512 {
        // SAFETY: `self` exists only where the machine has AVX512F and AVX512_BF16. Both types are a register, of
        // which every pattern of bits is valid.
        unsafe {
            let (a, b) = (std::mem::transmute::<__m512i, __m512bh>(a), std::mem::transmute::<__m512i, __m512bh>(b));
            _mm512_dpbf16_ps(sums, a, b)
        }
    }
}
