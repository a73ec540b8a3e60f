//! A matrix in signed bytes, 32 to a scale: a quarter of the memory of floats, which is what the speed of
//! writing depends on. Inputs and sums are 32-bit floats.
//!
//! The outputs go by panels of [`WIDTH`]: what one input contributes to a panel is contiguous.

use rayon::prelude::*;

use super::product::{OneRow, Product};

/// Outputs of a panel: two registers of the widest kind.
pub(super) const WIDTH: usize = 32;
/// Inputs that share a scale.
pub(super) const BLOCK: usize = 32;
/// Below this many weights a product is done before another core has woken.
const SHARED_WEIGHTS: usize = 1 << 17;
/// Panels that a core takes at once for one row.
const SHARE_PANELS: usize = 4;
/// Fewer rows than this are not worth another core: each unpacks the whole matrix.
const SHARE_ROWS: usize = 12;

pub(super) struct EightBit {
    inputs: usize,
    outputs: usize,
    panels: Vec<Panel>,
}

/// Some outputs' weights, the inputs one after the other; padded with zeros.
pub(super) struct Panel {
    /// `(inputs, WIDTH)`.
    pub(super) weights: Vec<[i8; WIDTH]>,
    /// `(inputs / BLOCK, WIDTH)`.
    pub(super) scales: Vec<[f32; WIDTH]>,
}

impl EightBit {
    /// From `(outputs, inputs)`. None where a row is no whole number of blocks.
    pub(super) fn from_floats(floats: &[f32], inputs: usize) -> Option<Self> {
        if inputs == 0 || !inputs.is_multiple_of(BLOCK) || !floats.len().is_multiple_of(inputs) {
            return None;
        }
        let panels = floats.par_chunks(inputs * WIDTH);
        Some(Self {
            inputs,
            outputs: floats.len() / inputs,
            panels: panels.map(|rows| Panel::from_rows(rows, inputs)).collect(),
        })
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// `(count, inputs)` to `(count, outputs)`, on the cores of the caller's pool.
    pub(super) fn multiply(&self, rows: &[f32]) -> Vec<f32> {
        let count = rows.len() / self.inputs;
        let mut products = vec![0.0; count * self.outputs];
        if count == 1 {
            self.multiply_one(rows, &mut products);
            return products;
        }
        let share = count.div_ceil(rayon::current_num_threads());
        let share = share.next_multiple_of(SHARE_ROWS);
        let arch = pulp::Arch::new();
        let work = products.par_chunks_mut(share * self.outputs);
        work.zip(rows.par_chunks(share * self.inputs)).for_each(|(products, rows)| {
            let mut floats = vec![[0.0; WIDTH]; self.inputs];
            for (index, panel) in self.panels.iter().enumerate() {
                arch.dispatch(Product {
                    panel,
                    floats: &mut floats,
                    rows,
                    outputs: self.outputs,
                    first: index * WIDTH,
                    products,
                });
            }
        });
        products
    }

    fn multiply_one(&self, row: &[f32], products: &mut [f32]) {
        let share = if self.inputs * self.outputs < SHARED_WEIGHTS { self.panels.len() } else { SHARE_PANELS };
        let arch = pulp::Arch::new();
        let work = products.par_chunks_mut(share * WIDTH);
        work.zip(self.panels.par_chunks(share)).for_each(|(products, panels)| {
            for (panel, products) in panels.iter().zip(products.chunks_mut(WIDTH)) {
                let all = arch.dispatch(OneRow { panel, row });
                products.copy_from_slice(&all[..products.len()]);
            }
        });
    }
}

impl Panel {
    /// From up to `WIDTH` rows of `(outputs, inputs)`.
    fn from_rows(rows: &[f32], inputs: usize) -> Self {
        let mut panel = Self { weights: vec![[0; WIDTH]; inputs], scales: vec![[0.0; WIDTH]; inputs / BLOCK] };
        for (output, row) in rows.chunks_exact(inputs).enumerate() {
            for (block, floats) in row.chunks_exact(BLOCK).enumerate() {
                let furthest = floats.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                let scale = furthest / 127.0;
                let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
                panel.scales[block][output] = scale;
                for (at, value) in floats.iter().enumerate() {
                    panel.weights[block * BLOCK + at][output] = (value * inverse).round_ties_even() as i8;
                }
            }
        }
        panel
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    /// `(outputs, inputs)`, as the panels hold it.
    fn unpacked(matrix: &EightBit) -> Vec<Vec<f64>> {
        let row = |output: usize| {
            let (panel, column) = (&matrix.panels[output / WIDTH], output % WIDTH);
            let weights = panel.weights.iter().enumerate();
            let weights = weights
                .map(|(input, weights)| f64::from(weights[column]) * f64::from(panel.scales[input / BLOCK][column]));
            weights.collect()
        };
        (0..matrix.outputs()).map(row).collect()
    }

    #[test]
    fn products_are_those_of_nearly_the_same_floats() {
        let mut random = StdRng::seed_from_u64(1);
        let mut noise = |count: usize| {
            let noise = (0..count).map(|_| random.random_range(-1.0..1.0));
            noise.collect::<Vec<f32>>()
        };
        for (outputs, inputs) in [(1, 32), (3, 64), (40, 32), (192, 576), (1000, 288)] {
            let floats = noise(outputs * inputs);
            let matrix = EightBit::from_floats(&floats, inputs).unwrap();
            let kept = unpacked(&matrix);
            for (float, kept) in floats.iter().zip(kept.iter().flatten()) {
                assert!((f64::from(*float) - kept).abs() <= 0.5 / 127.0 + 1e-6);
            }
            for count in [1, 2, 5, 12, 13, 31] {
                let rows = noise(count * inputs);
                let products = matrix.multiply(&rows);
                assert_eq!(products.len(), count * outputs);
                for (row, products) in rows.chunks(inputs).zip(products.chunks(outputs)) {
                    for (product, weights) in products.iter().zip(&kept) {
                        let exact = weights.iter().zip(row).map(|(a, b)| a * f64::from(*b));
                        let off = (f64::from(*product) - exact.sum::<f64>()).abs();
                        assert!(off < 1e-4, "{outputs} {inputs} {count}: {off}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_s_products_do_not_depend_on_the_rows_beside_it() {
        let mut random = StdRng::seed_from_u64(2);
        let floats = (0..100 * 64).map(|_| random.random_range(-1.0..1.0));
        let matrix = EightBit::from_floats(&floats.collect::<Vec<f32>>(), 64).unwrap();
        let rows = (0..40 * 64).map(|_| random.random_range(-1.0..1.0));
        let rows = rows.collect::<Vec<f32>>();
        let all = matrix.multiply(&rows);
        for start in [0, 1, 7, 20] {
            let some = matrix.multiply(&rows[start * 64..(start + 13) * 64]);
            assert_eq!(some, all[start * 100..(start + 13) * 100]);
        }
    }

    #[test]
    fn eight_bit_floats_are_kept_exactly() {
        let blocks = [[3.968_75_f32; 1].as_slice(); 4].concat();
        let floats = blocks
            .iter()
            .flat_map(|first| std::iter::once(*first).chain((1..32).map(|weight| weight as f32 * -0.031_25)));
        let floats = floats.collect::<Vec<_>>();
        let kept = unpacked(&EightBit::from_floats(&floats, 64).unwrap());
        for (float, kept) in floats.iter().zip(kept.iter().flatten()) {
            assert!((f64::from(*float) - kept).abs() < 1e-7);
        }
    }

    #[test]
    fn rows_that_are_no_whole_blocks_are_left_alone() {
        assert!(EightBit::from_floats(&[0.0; 60], 20).is_none());
        assert!(EightBit::from_floats(&[0.0; 33], 32).is_none());
    }
}
