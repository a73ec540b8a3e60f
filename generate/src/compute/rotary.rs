//! Rotary positions (Su et al. 2021): pairs of a head's numbers turn by an angle that grows with the position.

use crate::weights::{Pairing, Rope};

/// Cosines and sines of the rows of a batch.
#[derive(Clone)]
pub(crate) struct Rotations {
    pairing: Pairing,
    pairs: usize,
    /// `(rows, pairs)`: cosine, sine.
    turns: Vec<(f32, f32)>,
}

impl Rotations {
    /// `positions` are the rows' tokens counted from the beginning of their sequence.
    pub(crate) fn new(rope: &Rope, positions: impl Iterator<Item = usize>) -> Self {
        let turns = positions.flat_map(|position| rope.turns(position));
        Self { pairing: rope.pairing, pairs: rope.frequencies.len(), turns: turns.collect() }
    }

    /// Those of some of the rows.
    pub(crate) fn rows(&self, rows: std::ops::Range<usize>) -> Self {
        let turns = self.turns[rows.start * self.pairs..rows.end * self.pairs].to_vec();
        Self { turns, ..*self }
    }

    /// Turns `(rows, heads × size)` in place; what a head has beyond the pairs is left as it is.
    pub(crate) fn turn(&self, rows: &mut [f32], heads: usize, size: usize) {
        for (row, turns) in rows.chunks_exact_mut(heads * size).zip(self.turns.chunks_exact(self.pairs)) {
            for head in row.chunks_exact_mut(size) {
                match self.pairing {
                    Pairing::Interleaved => {
                        for (pair, (cosine, sine)) in head.as_chunks_mut::<2>().0.iter_mut().zip(turns) {
                            let [a, b] = *pair;
                            *pair = [a * cosine - b * sine, a * sine + b * cosine];
                        }
                    }
                    Pairing::Halves => {
                        let (first, second) = head.split_at_mut(self.pairs);
                        for ((a, b), (cosine, sine)) in first.iter_mut().zip(second).zip(turns) {
                            (*a, *b) = (*a * cosine - *b * sine, *a * sine + *b * cosine);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pairings_turn_the_same_pairs() {
        let rope = |pairing| Rope { pairing, frequencies: vec![1.0, 0.25], magnitude: 1.0 };
        let mut interleaved = [1.0, 2.0, 3.0, 4.0];
        let mut halves = [1.0, 3.0, 2.0, 4.0];
        Rotations::new(&rope(Pairing::Interleaved), [0, 3].into_iter()).rows(1..2).turn(&mut interleaved, 1, 4);
        Rotations::new(&rope(Pairing::Halves), [3].into_iter()).turn(&mut halves, 1, 4);
        let same = [halves[0], halves[2], halves[1], halves[3]];
        assert_eq!(interleaved.map(f32::to_bits), same.map(f32::to_bits));
        assert!((interleaved[0] - (3.0_f32.cos() - 2.0 * 3.0_f32.sin())).abs() < 1e-6);
    }
}
