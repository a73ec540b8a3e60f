//! Which rows a step computes: uploaded once, read by every layer.

use candle_core::{Device, Result, Tensor};

use super::Sequence;
use super::kernels::{Places, TILE_QUERIES};
use crate::backend::Past as _;
use crate::compute::{Heads, PAGE_TOKENS};

/// Slot of a row of padding.
pub(super) const NONE: u32 = u32::MAX;

/// Rows of one text that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    /// Where the text's page numbers begin.
    pub(super) page_numbers: u32,
    pub(super) first_row: u32,
    pub(super) rows: u32,
    /// Of the first row.
    pub(super) position: u32,
}

impl Tile {
    fn numbers(self) -> [u32; 4] {
        [self.page_numbers, self.first_row, self.rows, self.position]
    }

    pub(super) fn of([page_numbers, first_row, rows, position]: [u32; 4]) -> Self {
        Self { page_numbers, first_row, rows, position }
    }
}

pub(super) struct Step {
    /// `(rows)`, padding included.
    pub(super) tokens: Tensor,
    /// Positions `(rows)`, slots `(rows)`, tiles `(tiles, 4)`, page numbers of each text.
    pub(super) meta: Tensor,
    pub(super) places: Places,
    /// Rows whose logits are wanted; none where nobody wants any.
    pub(super) wanted: Vec<u32>,
}

impl Step {
    /// The texts' pages are there already; rows are filled up to a multiple of `multiple`.
    pub(super) fn new(sequences: &[Sequence], heads: Heads, multiple: usize, device: &Device) -> Result<Self> {
        let (mut tokens, mut positions, mut slots) = (Vec::new(), Vec::new(), Vec::new());
        let (mut tiles, mut page_numbers, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
        let mut longest = 0;
        let tile_rows = TILE_QUERIES / (heads.queries / heads.keys).min(TILE_QUERIES);
        for sequence in sequences {
            let (first, known) = (tokens.len(), sequence.cache.tokens());
            let begin = page_numbers.len();
            page_numbers.extend(sequence.cache.page_numbers());
            for (position, token) in (known..).zip(sequence.tokens) {
                tokens.push(*token);
                positions.push(position as u32);
                slots.push(page_numbers[begin + position / PAGE_TOKENS] * PAGE_TOKENS as u32 + slot(position));
            }
            let count = sequence.tokens.len();
            tiles.extend((0..count).step_by(tile_rows).map(|row| Tile {
                page_numbers: begin as u32,
                first_row: (first + row) as u32,
                rows: tile_rows.min(count - row) as u32,
                position: (known + row) as u32,
            }));
            wanted.extend((first + count - sequence.wanted.min(count)..first + count).map(|row| row as u32));
            longest = longest.max(known + count);
        }
        let rows = tokens.len().next_multiple_of(multiple);
        tokens.resize(rows, 0);
        positions.resize(rows, 0);
        slots.resize(rows, NONE);
        let places = Places {
            rows,
            slots: rows,
            tiles: 2 * rows,
            tile_count: tiles.len(),
            page_numbers: 2 * rows + 4 * tiles.len(),
            longest,
        };
        let mut meta = positions;
        meta.extend(slots);
        meta.extend(tiles.into_iter().flat_map(Tile::numbers));
        meta.extend(page_numbers);
        Ok(Self { tokens: Tensor::new(tokens, device)?, meta: Tensor::new(meta, device)?, places, wanted })
    }
}

fn slot(position: usize) -> u32 {
    (position % PAGE_TOKENS) as u32
}
