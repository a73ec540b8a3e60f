//! Quantised weights, repacked for the kernels: panels of sixteen outputs, four inputs of each side by side.
//!
//! Every format of a GGUF file is a whole number per weight and, for every block of 16 or 32 inputs, what one
//! step is worth and what zero stands for: `weight = scale · number + least`. Numbers up to 15 are kept in
//! four bits, larger ones in eight.

use half::f16;
use rayon::prelude::*;

use super::inputs::GROUP;
use super::integers::{LANES, Weights};
use super::pack::{self, Row};
use crate::weights::Stored;

pub(super) struct Blocks {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Inputs of a block.
    pub(super) block: usize,
    pub(super) nibbles: bool,
    /// Numbers above 127 occur.
    pub(super) full: bool,
    /// `(panels, groups)`; where in four bits `(panels, groups / 2)`: an even group in the lower ones, the next
    /// in the upper ones.
    pub(super) weights: Vec<Weights>,
    /// `(panels, blocks)`, 16-bit floats.
    pub(super) scales: Vec<[u16; LANES]>,
    pub(super) least: Least,
}

pub(super) enum Least {
    /// `(panels, blocks)`, 16-bit floats.
    Each(Vec<[u16; LANES]>),
    /// Zero is this number.
    Zero(i32),
}

impl Blocks {
    /// None for formats that are floats.
    pub(super) fn pack(stored: &Stored, outputs: usize, inputs: usize) -> Option<Self> {
        let layout = pack::layout(stored.kind)?;
        let row_bytes = inputs / stored.kind.block_elements() * stored.kind.block_bytes();
        let panels = outputs.div_ceil(LANES);
        let (groups, blocks) = (inputs / GROUP, inputs / layout.block);
        let nibbles = layout.most <= 15;
        let per_panel = if nibbles { groups / 2 } else { groups };
        let mut weights = vec![[0; 4 * LANES]; panels * per_panel];
        let mut scales = vec![[0; LANES]; panels * blocks];
        let mut least = vec![[0; LANES]; if layout.zero.is_none() { panels * blocks } else { 0 }];
        // Empty parts where one zero serves all.
        let mut least_parts = least.chunks_mut(blocks).collect::<Vec<_>>();
        least_parts.resize_with(panels, Default::default);
        weights
            .par_chunks_mut(per_panel)
            .zip(scales.par_chunks_mut(blocks))
            .zip(least_parts)
            .zip(stored.bytes.par_chunks(row_bytes * LANES))
            .for_each(|(((weights, scales), least), rows)| {
                let mut row = Row::new(inputs, blocks);
                for (lane, bytes) in rows.chunks_exact(row_bytes).enumerate() {
                    pack::unpack(stored.kind, bytes, &mut row);
                    put_numbers(weights, &row.numbers, lane, nibbles);
                    put_halves(scales, &row.scales, lane);
                    put_halves(least, &row.least, lane);
                }
            });
        Some(Self {
            inputs,
            outputs,
            block: layout.block,
            nibbles,
            full: layout.most > 127,
            weights,
            scales,
            least: layout.zero.map_or(Least::Each(least), Least::Zero),
        })
    }

    pub(super) fn weights_per_panel(&self) -> usize {
        if self.nibbles { self.inputs / (2 * GROUP) } else { self.inputs / GROUP }
    }

    pub(super) fn blocks_per_panel(&self) -> usize {
        self.inputs / self.block
    }

    /// The weights of one output.
    pub(super) fn row(&self, output: usize) -> Vec<f32> {
        let (panel, lane) = (output / LANES, output % LANES);
        let weights = &self.weights[panel * self.weights_per_panel()..];
        let first_block = panel * self.blocks_per_panel();
        let value = |input: usize| {
            let (group, within) = (input / GROUP, input % GROUP);
            let number = if self.nibbles {
                weights[group / 2][lane * GROUP + within] >> (4 * (group % 2)) & 15
            } else {
                weights[group][lane * GROUP + within]
            };
            let block = first_block + input / self.block;
            let scale = f16::from_bits(self.scales[block][lane]).to_f32();
            match &self.least {
                Least::Each(least) => {
                    let least = f16::from_bits(least[block][lane]).to_f32();
                    scale.mul_add(f32::from(number), least)
                }
                Least::Zero(zero) => scale * (i32::from(number) - zero) as f32,
            }
        };
        (0..self.inputs).map(value).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        let least = if let Least::Each(least) = &self.least { least.len() } else { 0 };
        size_of_val(self.weights.as_slice()) + (self.scales.len() + least) * size_of::<[u16; LANES]>()
    }
}

fn put_numbers(weights: &mut [Weights], numbers: &[u8], lane: usize, nibbles: bool) {
    for (group, numbers) in numbers.as_chunks::<GROUP>().0.iter().enumerate() {
        let (at, shift) = if nibbles { (group / 2, 4 * (group % 2)) } else { (group, 0) };
        for (weight, number) in weights[at][lane * GROUP..].iter_mut().zip(numbers) {
            *weight |= number << shift;
        }
    }
}

fn put_halves(halves: &mut [[u16; LANES]], values: &[f32], lane: usize) {
    for (halves, value) in halves.iter_mut().zip(values) {
        halves[lane] = f16::from_f32(*value).to_bits();
    }
}
