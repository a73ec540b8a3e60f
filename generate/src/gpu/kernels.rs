//! What is between the matrix products of a layer, over a batch of rows of several texts: on a GPU by
//! `kernels/kernels.cu`, elsewhere by the plain loops here, which say what the former must give.
//!
//! A row of `qkv` is `(heads + 2 × key heads, size)`: queries, keys, values. Pages are
//! `(pages, keys | values, key heads, PAGE_TOKENS, size)`.

#[cfg(feature = "cuda")]
mod cuda;
mod plain;

use candle_core::{CpuStorage, CustomOp1, CustomOp3, InplaceOp2, InplaceOp3, Layout, Result, Shape};

use self::plain::{Numbers, map, set, write};
use super::step::{NONE, Tile};
use crate::compute::{Heads, PAGE_TOKENS};
use crate::weights::Pairing;

/// Queries that are attended to together.
pub(super) const TILE_QUERIES: usize = 8;

/// Where the parts of [`Step::meta`](super::step::Step) begin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Places {
    pub(super) rows: usize,
    pub(super) slots: usize,
    pub(super) tiles: usize,
    pub(super) tile_count: usize,
    pub(super) page_numbers: usize,
    /// Tokens of the longest text, with its new ones.
    pub(super) longest: usize,
}

/// In place on `qkv`: each head of queries and keys divided by its root mean square, times `weights`
/// `(queries | keys, size)` (Qwen 3).
pub(super) struct NormHeads {
    pub(super) heads: Heads,
    pub(super) epsilon: f32,
}

/// In place on `qkv`: queries and keys turned by `turns` `(positions, pairs, cosine | sine)`.
pub(super) struct Rotate {
    pub(super) heads: Heads,
    pub(super) pairing: Pairing,
    pub(super) places: Places,
}

/// In place on pages: keys and values of `qkv` into the slots of their rows.
pub(super) struct Remember {
    pub(super) heads: Heads,
    pub(super) places: Places,
}

/// Queries against the pages of their texts: `(rows, heads × size)`. Rows of padding give zeros.
pub(super) struct Attend {
    pub(super) heads: Heads,
    pub(super) window_tokens: Option<usize>,
    pub(super) places: Places,
}

/// `(rows, gate | up)` to `(rows, width)`: `silu(gate) × up`.
pub(super) struct Gate;

impl NormHeads {
    fn row(&self, row: &mut [f32], weights: &[f32]) {
        let size = self.heads.size;
        let heads = row.chunks_exact_mut(size).take(self.heads.queries + self.heads.keys);
        for (index, head) in heads.enumerate() {
            let weights = &weights[usize::from(index >= self.heads.queries) * size..];
            let mean = head.iter().map(|value| value * value).sum::<f32>() / size as f32;
            let inverse = 1.0 / (mean + self.epsilon).sqrt();
            for (value, weight) in head.iter_mut().zip(weights) {
                *value *= inverse * weight;
            }
        }
    }
}

impl InplaceOp2 for NormHeads {
    fn name(&self) -> &'static str {
        "norm-heads"
    }

    fn cpu_fwd(&self, qkv: &mut CpuStorage, layout: &Layout, weights: &CpuStorage, own: &Layout) -> Result<()> {
        let weights = map(weights, own)?;
        set(qkv, layout, |rows| {
            rows.chunks_exact_mut(width(self.heads)).for_each(|row| self.row(row, &weights));
        })
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        qkv: &mut candle_core::CudaStorage,
        layout: &Layout,
        weights: &candle_core::CudaStorage,
        _: &Layout,
    ) -> Result<()> {
        cuda::norm_heads(self, qkv, layout, weights)
    }
}

impl InplaceOp3 for Rotate {
    fn name(&self) -> &'static str {
        "rotate"
    }

    fn cpu_fwd(
        &self,
        qkv: &mut CpuStorage,
        layout: &Layout,
        turns: &CpuStorage,
        turns_layout: &Layout,
        meta: &CpuStorage,
        _: &Layout,
    ) -> Result<()> {
        let (turns, positions) = (map(turns, turns_layout)?, &meta.as_slice::<u32>()?[..self.places.rows]);
        let Heads { queries, keys, size } = self.heads;
        set(qkv, layout, |rows| {
            for (row, position) in rows.chunks_exact_mut(width(self.heads)).zip(positions) {
                let turns = turns[*position as usize * size..][..size].as_chunks::<2>().0;
                for head in row.chunks_exact_mut(size).take(queries + keys) {
                    for (pair, [cosine, sine]) in turns.iter().enumerate() {
                        let (first, second) = match self.pairing {
                            Pairing::Interleaved => (2 * pair, 2 * pair + 1),
                            Pairing::Halves => (pair, pair + size / 2),
                        };
                        let (a, b) = (head[first], head[second]);
                        head[first] = a * cosine - b * sine;
                        head[second] = a * sine + b * cosine;
                    }
                }
            }
        })
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        qkv: &mut candle_core::CudaStorage,
        layout: &Layout,
        turns: &candle_core::CudaStorage,
        _: &Layout,
        meta: &candle_core::CudaStorage,
        _: &Layout,
    ) -> Result<()> {
        cuda::rotate(self, qkv, layout, turns, meta)
    }
}

impl InplaceOp3 for Remember {
    fn name(&self) -> &'static str {
        "remember"
    }

    fn cpu_fwd(
        &self,
        pages: &mut CpuStorage,
        layout: &Layout,
        qkv: &CpuStorage,
        qkv_layout: &Layout,
        meta: &CpuStorage,
        _: &Layout,
    ) -> Result<()> {
        let (qkv, meta) = (map(qkv, qkv_layout)?, meta.as_slice::<u32>()?);
        let Heads { queries, keys, size } = self.heads;
        let slots = &meta[self.places.slots..][..self.places.rows];
        for (row, slot) in qkv.chunks_exact(width(self.heads)).zip(slots).filter(|(_, slot)| **slot != NONE) {
            let (page, token) = (*slot as usize / PAGE_TOKENS, *slot as usize % PAGE_TOKENS);
            for (head, numbers) in row[queries * size..].chunks_exact(size).enumerate() {
                let at = ((page * 2 * keys + head) * PAGE_TOKENS + token) * size;
                write(pages, layout.start_offset() + at, numbers)?;
            }
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        pages: &mut candle_core::CudaStorage,
        _: &Layout,
        qkv: &candle_core::CudaStorage,
        layout: &Layout,
        meta: &candle_core::CudaStorage,
        _: &Layout,
    ) -> Result<()> {
        cuda::remember(self, pages, qkv, layout, meta)
    }
}

impl Attend {
    fn tile(&self, tile: &Tile, qkv: &[f32], pages: &Numbers, numbers: &[u32], out: &mut [f32]) {
        let Heads { queries, keys, size } = self.heads;
        for row in 0..tile.rows as usize {
            let end = tile.position as usize + row + 1;
            let begin = self.window_tokens.map_or(0, |window| end.saturating_sub(window));
            let row = tile.first_row as usize + row;
            for head in 0..queries {
                let query = &qkv[row * width(self.heads) + head * size..][..size];
                let key_head = head / (queries / keys);
                let place = |token: usize, part: usize| {
                    let page = numbers[tile.page_numbers as usize + token / PAGE_TOKENS] as usize;
                    (((page * 2 + part) * keys + key_head) * PAGE_TOKENS + token % PAGE_TOKENS) * size
                };
                let scores = (begin..end).map(|token| {
                    let at = place(token, 0);
                    let products = query.iter().enumerate().map(|(index, query)| query * pages.get(at + index));
                    products.sum::<f32>() / (size as f32).sqrt()
                });
                let scores = scores.collect::<Vec<_>>();
                let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let weights = scores.iter().map(|score| (score - greatest).exp()).collect::<Vec<_>>();
                let sum = weights.iter().sum::<f32>();
                let out = &mut out[(row * queries + head) * size..][..size];
                for (token, weight) in (begin..end).zip(weights) {
                    let at = place(token, 1);
                    for (index, out) in out.iter_mut().enumerate() {
                        *out += weight / sum * pages.get(at + index);
                    }
                }
            }
        }
    }
}

impl CustomOp3 for Attend {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        layout: &Layout,
        pages: &CpuStorage,
        _: &Layout,
        meta: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (floats, meta) = (map(qkv, layout)?, meta.as_slice::<u32>()?);
        let pages = Numbers::of(pages)?;
        let shape = (self.places.rows, self.heads.queries * self.heads.size);
        let mut out = vec![0.0; shape.0 * shape.1];
        let numbers = &meta[self.places.page_numbers..];
        let tiles = meta[self.places.tiles..].as_chunks().0.iter().take(self.places.tile_count);
        for tile in tiles {
            self.tile(&Tile::of(*tile), &floats, &pages, numbers, &mut out);
        }
        Ok((plain::like(qkv, out)?, shape.into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        qkv: &candle_core::CudaStorage,
        layout: &Layout,
        pages: &candle_core::CudaStorage,
        _: &Layout,
        meta: &candle_core::CudaStorage,
        _: &Layout,
    ) -> Result<(candle_core::CudaStorage, Shape)> {
        cuda::attend(self, qkv, layout, pages, meta)
    }
}

impl CustomOp1 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(&self, both: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let floats = map(both, layout)?;
        let gated = floats.chunks_exact(width).flat_map(|row| {
            let (gate, up) = row.split_at(width / 2);
            gate.iter().zip(up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up)
        });
        Ok((plain::like(both, gated.collect())?, (rows, width / 2).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, both: &candle_core::CudaStorage, layout: &Layout) -> Result<(candle_core::CudaStorage, Shape)> {
        cuda::gate(both, layout)
    }
}

/// Of a row of queries, keys and values.
pub(super) fn width(heads: Heads) -> usize {
    (heads.queries + 2 * heads.keys) * heads.size
}
