//! Weights that are floats, in panels of [`WIDTH`] outputs, as wide as the file has them.

#![expect(
    clippy::inline_always,
    reason = "code for a wider instruction set exists only where it is inlined into the dispatch"
)]

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::floats::{Number, Rows, RowsMut, WIDTH, multiply};
use super::inputs::Inputs;
use super::integers::half_to_float;
use crate::weights::{Kind, Stored};

pub(super) struct FloatPanels {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    values: Values,
}

/// `(panels, inputs)`; padded with zeros.
enum Values {
    Single(Vec<[f32; WIDTH]>),
    /// The upper half of a single (bfloat16).
    Brain(Vec<[Brain; WIDTH]>),
    /// IEEE 754 binary16.
    Half(Vec<[Half; WIDTH]>),
}

#[derive(Clone, Copy, Default)]
struct Brain(u16);

#[derive(Clone, Copy, Default)]
struct Half(u16);

impl Number for Brain {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

impl Number for Half {
    #[inline(always)]
    fn widen(self) -> f32 {
        half_to_float(self.0)
    }
}

impl FloatPanels {
    pub(super) fn pack(stored: &Stored, outputs: usize, inputs: usize) -> Self {
        let values = match stored.kind {
            Kind::BF16 => Values::Brain(panels(pairs(&stored.bytes).map(Brain), outputs, inputs)),
            Kind::F16 => Values::Half(panels(pairs(&stored.bytes).map(Half), outputs, inputs)),
            _ => Values::Single(panels(stored.floats().into_iter(), outputs, inputs)),
        };
        Self { inputs, outputs, values }
    }

    /// `weight` is `(outputs, inputs)`.
    pub(super) fn from_floats(weight: &[f32], outputs: usize, inputs: usize) -> Self {
        Self { inputs, outputs, values: Values::Single(panels(weight.iter().copied(), outputs, inputs)) }
    }

    /// The weights of one output.
    pub(super) fn row(&self, output: usize) -> Vec<f32> {
        let (start, column) = (output / WIDTH * self.inputs, output % WIDTH);
        let range = start..start + self.inputs;
        match &self.values {
            Values::Single(values) => values[range].iter().map(|row| row[column]).collect(),
            Values::Brain(values) => values[range].iter().map(|row| row[column].widen()).collect(),
            Values::Half(values) => values[range].iter().map(|row| row[column].widen()).collect(),
        }
    }

    /// `(rows, outputs of the panels)`.
    pub(super) fn multiply(&self, inputs: &Inputs, panels: Range<usize>) -> Vec<f32> {
        let stride = (panels.end * WIDTH).min(self.outputs) - panels.start * WIDTH;
        let mut products = vec![0.0; inputs.rows() * stride];
        pulp::Arch::new().dispatch(Product { matrix: self, inputs, panels, products: &mut products, stride });
        products
    }

    pub(super) fn bytes(&self) -> usize {
        match &self.values {
            Values::Single(values) => size_of_val(values.as_slice()),
            Values::Brain(values) => size_of_val(values.as_slice()),
            Values::Half(values) => size_of_val(values.as_slice()),
        }
    }
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair))
}

fn panels<T: Copy + Default>(mut values: impl Iterator<Item = T>, outputs: usize, inputs: usize) -> Vec<[T; WIDTH]> {
    let mut panels = vec![[T::default(); WIDTH]; outputs.div_ceil(WIDTH) * inputs];
    for output in 0..outputs {
        let panel = &mut panels[output / WIDTH * inputs..(output / WIDTH + 1) * inputs];
        for (row, value) in panel.iter_mut().zip(values.by_ref()) {
            row[output % WIDTH] = value;
        }
    }
    panels
}

struct Product<'a> {
    matrix: &'a FloatPanels,
    inputs: &'a Inputs,
    panels: Range<usize>,
    products: &'a mut [f32],
    stride: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let depth = self.matrix.inputs;
        let rows = Rows { data: &self.inputs.floats, stride: depth, count: self.inputs.rows() };
        let first = self.panels.start * WIDTH;
        for panel in self.panels {
            let range = panel * depth..(panel + 1) * depth;
            let column = panel * WIDTH - first;
            let out = RowsMut {
                data: &mut self.products[column..],
                stride: self.stride,
                width: WIDTH.min(self.stride - column),
                add: false,
            };
            match &self.matrix.values {
                Values::Single(values) => multiply(simd, rows, &values[range], out),
                Values::Brain(values) => multiply(simd, rows, &values[range], out),
                Values::Half(values) => multiply(simd, rows, &values[range], out),
            }
        }
    }
}
