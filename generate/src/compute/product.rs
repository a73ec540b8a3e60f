//! The product of rows of bytes and panels of quantised weights. Sums over a block are whole numbers and
//! exact; blocks are added in their order. So a row's product is the same to the last bit whatever rows are
//! beside it, whichever thread computes it and whichever instructions it uses.

#![expect(
    clippy::inline_always,
    reason = "code for a wider instruction set exists only where it is inlined into the dispatch"
)]

use std::ops::Range;

use super::blocks::{Blocks, Least};
use super::inputs::{BLOCK, Sums, TILE_ROWS, Tile};
use super::integers::{Instructions, Integers, LANES, Weights, WithIntegers};

/// Into `products`, `(rows, outputs of the panels)`.
pub(super) struct Product<'a> {
    pub(super) blocks: &'a Blocks,
    pub(super) tiles: &'a [Tile],
    pub(super) panels: Range<usize>,
    pub(super) products: &'a mut [f32],
}

impl Product<'_> {
    pub(super) fn run(self, instructions: Instructions) {
        instructions.run(self);
    }
}

/// One panel's parts.
#[derive(Clone, Copy)]
struct Panel<'a> {
    weights: &'a [Weights],
    scales: &'a [[u16; LANES]],
    /// Empty where one zero serves all.
    least: &'a [[u16; LANES]],
    zero: i32,
}

impl WithIntegers for Product<'_> {
    #[inline(always)]
    fn run<I: Integers>(self, integers: I) {
        match (self.blocks.nibbles, self.blocks.full, self.blocks.block) {
            (true, _, BLOCK) => self.all::<I, 8, true, false>(integers),
            (true, ..) => self.all::<I, 4, true, false>(integers),
            (false, true, BLOCK) => self.all::<I, 8, false, true>(integers),
            (false, true, _) => self.all::<I, 4, false, true>(integers),
            (false, false, BLOCK) => self.all::<I, 8, false, false>(integers),
            (false, false, _) => self.all::<I, 4, false, false>(integers),
        }
    }
}

impl Product<'_> {
    /// `GROUPS` of four inputs in a block, in four bits or eight.
    #[inline(always)]
    fn all<I: Integers, const GROUPS: usize, const NIBBLES: bool, const FULL: bool>(self, integers: I) {
        let blocks = self.blocks;
        let (per_panel, panel_blocks) = (blocks.weights_per_panel(), blocks.blocks_per_panel());
        let first = self.panels.start * LANES;
        let stride = (self.panels.end * LANES).min(blocks.outputs) - first;
        for panel in self.panels {
            let range = panel * panel_blocks..(panel + 1) * panel_blocks;
            let (least, zero) = match &blocks.least {
                Least::Each(least) => (&least[range.clone()], 0),
                Least::Zero(zero) => (&[][..], *zero),
            };
            let parts = Panel {
                weights: &blocks.weights[panel * per_panel..(panel + 1) * per_panel],
                scales: &blocks.scales[range],
                least,
                zero,
            };
            let column = panel * LANES - first;
            let width = LANES.min(stride - column);
            for tile in self.tiles {
                let out = &mut Out { products: &mut self.products[tile.first * stride + column..], stride, width };
                match tile.rows {
                    TILE_ROWS => multiply::<I, TILE_ROWS, GROUPS, NIBBLES, FULL>(integers, parts, tile, out),
                    4 => multiply::<I, 4, GROUPS, NIBBLES, FULL>(integers, parts, tile, out),
                    2 => multiply::<I, 2, GROUPS, NIBBLES, FULL>(integers, parts, tile, out),
                    _ => multiply::<I, 1, GROUPS, NIBBLES, FULL>(integers, parts, tile, out),
                }
            }
        }
    }
}

/// Where a tile's products with a panel go.
struct Out<'a> {
    products: &'a mut [f32],
    stride: usize,
    width: usize,
}

/// One panel and all rows of a tile.
#[inline(always)]
fn multiply<I: Integers, const ROWS: usize, const GROUPS: usize, const NIBBLES: bool, const FULL: bool>(
    integers: I,
    panel: Panel,
    tile: &Tile,
    out: &mut Out,
) {
    let mut totals = [integers.splat(0.0); ROWS];
    let per_block = if NIBBLES { GROUPS / 2 } else { GROUPS };
    let sums = if GROUPS == 8 { &tile.whole } else { &tile.halves };
    let groups = tile.groups.as_chunks::<ROWS>().0;
    let (bytes, floats, scales) = rows::<ROWS>(sums, tile);
    let weights = panel.weights.chunks_exact(per_block).zip(groups.chunks_exact(GROUPS));
    for (block, (weights, groups)) in weights.enumerate() {
        let mut sums = [integers.same(0); ROWS];
        for (sum, bytes) in sums.iter_mut().zip(&bytes[block]) {
            *sum = integers.same(-panel.zero * bytes);
        }
        if NIBBLES {
            let pairs = groups.as_chunks::<2>().0;
            for (weights, [even, odd]) in weights.iter().zip(pairs) {
                let weights = integers.load(weights);
                let (low, high) = (integers.low(weights), integers.high(weights));
                for row in 0..ROWS {
                    sums[row] = integers.dot::<FULL>(sums[row], low, even[row]);
                }
                for row in 0..ROWS {
                    sums[row] = integers.dot::<FULL>(sums[row], high, odd[row]);
                }
            }
        } else {
            for (weights, group) in weights.iter().zip(groups) {
                let weights = integers.load(weights);
                for row in 0..ROWS {
                    sums[row] = integers.dot::<FULL>(sums[row], weights, group[row]);
                }
            }
        }
        let scale = integers.halves(&panel.scales[block]);
        // Two blocks of 16 share the scale of 32 inputs.
        let input_scales = &scales[block * GROUPS / 8];
        for row in 0..ROWS {
            let step = integers.multiply(scale, integers.splat(input_scales[row]));
            totals[row] = integers.multiply_add(integers.floats(sums[row]), step, totals[row]);
        }
        if let Some(least) = panel.least.get(block) {
            let least = integers.halves(least);
            for row in 0..ROWS {
                totals[row] = integers.multiply_add(least, integers.splat(floats[block][row]), totals[row]);
            }
        }
    }
    for (row, total) in totals.iter().enumerate() {
        let values = integers.store(*total);
        let start = row * out.stride;
        out.products[start..start + out.width].copy_from_slice(&values[..out.width]);
    }
}

type BlockRows<'a, T, const ROWS: usize> = &'a [[T; ROWS]];

#[inline(always)]
fn rows<'a, const ROWS: usize>(
    sums: &'a Sums,
    tile: &'a Tile,
) -> (BlockRows<'a, i32, ROWS>, BlockRows<'a, f32, ROWS>, BlockRows<'a, f32, ROWS>) {
    (sums.bytes.as_chunks().0, sums.floats.as_chunks().0, tile.scales.as_chunks().0)
}
