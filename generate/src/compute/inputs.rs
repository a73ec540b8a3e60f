//! Rows of inputs as the products read them: floats, and signed bytes with a scale for every 32.

#![expect(
    clippy::inline_always,
    reason = "code for a wider instruction set exists only where it is inlined into the dispatch"
)]

use std::sync::Arc;

/// Inputs that share a scale.
pub(crate) const BLOCK: usize = 32;
/// Inputs of the smallest block of weights; sums are kept for each.
pub(crate) const HALF_BLOCK: usize = 16;
/// Inputs that one dot instruction takes.
pub(crate) const GROUP: usize = 4;

/// `(rows, width)`.
#[derive(Clone)]
pub(crate) struct Inputs {
    pub(super) floats: Arc<[f32]>,
    pub(super) width: usize,
    pub(super) tiles: Arc<[Tile]>,
}

/// Some rows' bytes, the same inputs of all rows side by side, so that a kernel reads straight on.
pub(super) struct Tile {
    pub(super) first: usize,
    pub(super) rows: usize,
    /// `(groups, rows)`: four bytes each.
    pub(super) groups: Vec<i32>,
    /// `(blocks, rows)`: the value of one step of a byte.
    pub(super) scales: Vec<f32>,
    pub(super) whole: Sums,
    pub(super) halves: Sums,
}

/// What a constant added to all weights of a block adds to its product, by block and row.
#[derive(Default)]
pub(super) struct Sums {
    /// Of the bytes.
    pub(super) bytes: Vec<i32>,
    /// Of what they stand for.
    pub(super) floats: Vec<f32>,
}

/// Rows of a tile: what the registers of every instruction set hold.
pub(super) const TILE_ROWS: usize = 8;

impl Inputs {
    /// Bytes are made only where `bytes`: their kernels need a width of whole blocks.
    pub(crate) fn new(floats: Vec<f32>, width: usize, bytes: bool) -> Self {
        let tiles = if bytes { pulp::Arch::new().dispatch(Tiling { floats: &floats, width }) } else { Vec::new() };
        Self { floats: floats.into(), width, tiles: tiles.into() }
    }

    pub(crate) fn rows(&self) -> usize {
        self.floats.len() / self.width.max(1)
    }

    /// Some rows.
    pub(crate) fn row_floats(&self, rows: std::ops::Range<usize>) -> Vec<f32> {
        self.floats[rows.start * self.width..rows.end * self.width].to_vec()
    }
}

struct Tiling<'a> {
    floats: &'a [f32],
    width: usize,
}

impl pulp::WithSimd for Tiling<'_> {
    type Output = Vec<Tile>;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Vec<Tile> {
        let count = self.floats.len() / self.width;
        let mut tiles = Vec::with_capacity(count.div_ceil(TILE_ROWS) + 2);
        let mut first = 0;
        while first < count {
            let rows = match count - first {
                TILE_ROWS.. => TILE_ROWS,
                4.. => 4,
                2.. => 2,
                _ => 1,
            };
            tiles.push(self.tile(first, rows));
            first += rows;
        }
        tiles
    }
}

impl Tiling<'_> {
    #[inline(always)]
    fn tile(&self, first: usize, rows: usize) -> Tile {
        let blocks = self.width / BLOCK;
        let sums = |blocks: usize| Sums { bytes: vec![0; blocks * rows], floats: vec![0.0; blocks * rows] };
        let mut tile = Tile {
            first,
            rows,
            groups: vec![0; self.width / GROUP * rows],
            scales: vec![0.0; blocks * rows],
            whole: sums(blocks),
            halves: sums(2 * blocks),
        };
        for row in 0..rows {
            let start = (first + row) * self.width;
            let (floats, _) = self.floats[start..start + self.width].as_chunks::<BLOCK>();
            for (block, floats) in floats.iter().enumerate() {
                tile.set(row, block, floats);
            }
        }
        tile
    }
}

impl Tile {
    /// As llama.cpp rounds (`quantize_row_q8_1`), but with the scale in full precision.
    #[inline(always)]
    fn set(&mut self, row: usize, block: usize, floats: &[f32; BLOCK]) {
        let mut furthest = [0.0_f32; 16];
        for half in floats.as_chunks::<16>().0 {
            for (most, value) in furthest.iter_mut().zip(half) {
                let value = value.abs();
                *most = if value > *most { value } else { *most };
            }
        }
        let furthest = furthest.iter().fold(0.0_f32, |most, value| most.max(*value));
        let scale = furthest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let mut ints = [0_i32; BLOCK];
        for (int, value) in ints.iter_mut().zip(floats) {
            *int = nearest(value * inverse);
        }
        let mut halves = [0; 2];
        for (half, (ints, sum)) in ints.as_chunks::<HALF_BLOCK>().0.iter().zip(&mut halves).enumerate() {
            *sum = ints.iter().sum::<i32>();
            let at = (2 * block + half) * self.rows + row;
            self.halves.bytes[at] = *sum;
            self.halves.floats[at] = *sum as f32 * scale;
        }
        for (group, ints) in ints.as_chunks::<GROUP>().0.iter().enumerate() {
            let bytes = [ints[0] as i8 as u8, ints[1] as i8 as u8, ints[2] as i8 as u8, ints[3] as i8 as u8];
            self.groups[(block * (BLOCK / GROUP) + group) * self.rows + row] = i32::from_le_bytes(bytes);
        }
        let at = block * self.rows + row;
        self.scales[at] = scale;
        self.whole.bytes[at] = halves[0] + halves[1];
        self.whole.floats[at] = (halves[0] + halves[1]) as f32 * scale;
    }
}

/// Ties to even, for values within ±127: adding 1.5·2²³ leaves the integer in the low bits.
#[inline(always)]
fn nearest(value: f32) -> i32 {
    const ROUND: f32 = 12_582_912.0;
    (value + ROUND).to_bits().wrapping_sub(ROUND.to_bits()).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_for_the_floats_and_sums_for_the_bytes() {
        let width = 96;
        for count in [1, 2, 3, 7, 8, 13, 27] {
            let floats = (0..count * width).map(|index| ((index * 37 % 101) as f32 - 50.0) * 0.03).collect::<Vec<_>>();
            let inputs = Inputs::new(floats.clone(), width, true);
            assert_eq!(inputs.rows(), count);
            assert_eq!(inputs.tiles.iter().map(|tile| tile.rows).sum::<usize>(), count);
            for tile in inputs.tiles.iter() {
                for row in 0..tile.rows {
                    for block in 0..width / BLOCK {
                        let scale = tile.scales[block * tile.rows + row];
                        let groups = (0..BLOCK / GROUP).map(|group| tile.groups[(block * 8 + group) * tile.rows + row]);
                        let bytes = groups.flat_map(i32::to_le_bytes).map(|byte| byte as i8).collect::<Vec<_>>();
                        let start = (tile.first + row) * width + block * BLOCK;
                        for (byte, float) in bytes.iter().zip(&floats[start..]) {
                            assert!((f32::from(*byte) * scale - float).abs() <= scale * 0.500_1);
                        }
                        let sum = bytes.iter().map(|byte| i32::from(*byte)).sum::<i32>();
                        assert_eq!(tile.whole.bytes[block * tile.rows + row], sum);
                        assert!((tile.whole.floats[block * tile.rows + row] - sum as f32 * scale).abs() < 1e-4);
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_but_zeros_stays_zero() {
        let inputs = Inputs::new(vec![0.0; 32], 32, true);
        assert!(inputs.tiles[0].groups.iter().all(|group| *group == 0));
    }
}
