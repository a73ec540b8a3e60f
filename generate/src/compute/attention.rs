//! Attention over the pages of one sequence, with a softmax that goes page by page (Milakov and Gimelshein
//! 2018). A row's result is the same whatever rows are computed beside it.

#![expect(
    clippy::inline_always,
    reason = "code for a wider instruction set exists only where it is inlined into the dispatch"
)]

use std::ops::Range;
use std::sync::Arc;

use pulp::{Simd, WithSimd};

use super::elementwise::exp_of_negative;
use super::floats::{Rows, RowsMut, WIDTH, multiply};
use super::integers::{Instructions, Integers, LANES, WithIntegers};
use super::pages::{Heads, PAGE_TOKENS, Page};

/// New tokens of a sequence against all of it so far, their own pages included.
pub(crate) struct Attention<'a> {
    pub(crate) heads: Heads,
    pub(crate) pages: &'a [Arc<Page>],
    /// `(rows, query heads × size)`.
    pub(crate) queries: &'a [f32],
    /// Position of the first row.
    pub(crate) position: usize,
    /// A row sees so many tokens, itself included.
    pub(crate) window_tokens: Option<usize>,
}

impl Attention<'_> {
    /// `(rows, query heads of these key heads × size)`.
    pub(crate) fn attend(&self, key_heads: Range<usize>) -> Vec<f32> {
        let group = self.heads.queries / self.heads.keys;
        let width = key_heads.len() * group * self.heads.size;
        let mut out = vec![0.0; self.rows() * width];
        for (index, head) in key_heads.enumerate() {
            let attended = pulp::Arch::new().dispatch(Head { work: self, head });
            let stride = group * self.heads.size;
            for (out, attended) in out.chunks_exact_mut(width).zip(attended.chunks_exact(stride)) {
                out[index * stride..(index + 1) * stride].copy_from_slice(attended);
            }
        }
        out
    }

    fn rows(&self) -> usize {
        self.queries.len() / (self.heads.queries * self.heads.size)
    }

    /// Tokens of a page that a row sees.
    fn seen(&self, row: usize, page: usize) -> Range<usize> {
        let end = self.position + row + 1;
        let start = self.window_tokens.map_or(0, |window| end.saturating_sub(window));
        let within = |token: usize| token.saturating_sub(page * PAGE_TOKENS).min(PAGE_TOKENS);
        within(start)..within(end)
    }
}

/// One key head and its query heads.
struct Head<'a> {
    work: &'a Attention<'a>,
    head: usize,
}

/// Softmax so far of one query: greatest score, and sum of the weights relative to it.
#[derive(Clone, Copy)]
struct Softmax {
    greatest: f32,
    sum: f32,
}

impl WithSimd for Head<'_> {
    type Output = Vec<f32>;

    /// `(rows, group × size)`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let (work, heads) = (self.work, self.work.heads);
        let (group, size) = (heads.queries / heads.keys, heads.size);
        let queries = self.scaled_queries();
        let count = work.rows() * group;
        let mut attended = vec![0.0; count * size];
        let mut scores = vec![[0.0; WIDTH]; count];
        let mut state = vec![Softmax { greatest: f32::NEG_INFINITY, sum: 0.0 }; count];
        let mut panels = Vec::new();
        let first = work.window_tokens.map_or(0, |window| (work.position + 1).saturating_sub(window) / PAGE_TOKENS);
        let end = (work.position + work.rows()).div_ceil(PAGE_TOKENS).min(work.pages.len());
        for page in first..end {
            widen(work.pages[page].keys(heads, self.head), &mut panels);
            let rows = Rows { data: &queries, stride: size, count };
            let out = RowsMut { data: scores.as_flattened_mut(), stride: WIDTH, width: WIDTH, add: false };
            multiply(simd, rows, &panels, out);
            for (index, scores) in scores.iter_mut().enumerate() {
                let seen = work.seen(index / group, page);
                let attended = &mut attended[index * size..(index + 1) * size];
                weigh(scores, seen, &mut state[index], attended);
            }
            widen(work.pages[page].values(heads, self.head), &mut panels);
            for (part, panel) in panels.chunks_exact(PAGE_TOKENS).enumerate() {
                let column = part * WIDTH;
                let rows = Rows { data: scores.as_flattened(), stride: WIDTH, count };
                let width = WIDTH.min(size - column);
                multiply(simd, rows, panel, RowsMut { data: &mut attended[column..], stride: size, width, add: true });
            }
        }
        for (attended, state) in attended.chunks_exact_mut(size).zip(&state) {
            let inverse = 1.0 / state.sum;
            for value in attended {
                *value *= inverse;
            }
        }
        attended
    }
}

impl Head<'_> {
    /// `(rows × group, size)`, divided by the root of the size.
    #[inline(always)]
    fn scaled_queries(&self) -> Vec<f32> {
        let heads = self.work.heads;
        let stride = heads.queries / heads.keys * heads.size;
        let scale = 1.0 / (heads.size as f32).sqrt();
        let rows = self.work.queries.chunks_exact(heads.queries * heads.size);
        let own = rows.flat_map(|row| &row[self.head * stride..(self.head + 1) * stride]);
        own.map(|value| value * scale).collect()
    }
}

/// Scores become weights; what was summed so far is brought to the same scale.
#[inline(always)]
fn weigh(scores: &mut [f32; WIDTH], seen: Range<usize>, state: &mut Softmax, attended: &mut [f32]) {
    if seen.is_empty() {
        *scores = [0.0; WIDTH];
        return;
    }
    scores[..seen.start].fill(f32::NEG_INFINITY);
    scores[seen.end..].fill(f32::NEG_INFINITY);
    let mut lanes = [state.greatest; LANES];
    for part in scores.as_chunks::<LANES>().0 {
        for (lane, score) in lanes.iter_mut().zip(part) {
            *lane = if *score > *lane { *score } else { *lane };
        }
    }
    let greatest = lanes.iter().fold(state.greatest, |most, value| most.max(*value));
    if greatest > state.greatest {
        // Nothing yet: there is nothing to bring to scale.
        let correction = if state.sum > 0.0 { exp_of_negative(state.greatest - greatest) } else { 0.0 };
        state.sum *= correction;
        for value in attended {
            *value *= correction;
        }
        state.greatest = greatest;
    }
    let mut sums = [0.0; LANES];
    for part in scores.as_chunks_mut::<LANES>().0 {
        for score in part.iter_mut() {
            *score = exp_of_negative(*score - greatest);
        }
    }
    scores[..seen.start].fill(0.0);
    scores[seen.end..].fill(0.0);
    for part in scores.as_chunks::<LANES>().0 {
        for (sum, weight) in sums.iter_mut().zip(part) {
            *sum += weight;
        }
    }
    state.sum += sums.iter().sum::<f32>();
}

/// 16-bit floats to 32-bit ones.
fn widen(narrow: &[[u16; WIDTH]], wide: &mut Vec<[f32; WIDTH]>) {
    wide.resize(narrow.len(), [0.0; WIDTH]);
    Instructions::best().run(Widen { narrow: narrow.as_flattened(), wide: wide.as_flattened_mut() });
}

struct Widen<'a> {
    narrow: &'a [u16],
    wide: &'a mut [f32],
}

impl WithIntegers for Widen<'_> {
    #[inline(always)]
    fn run<I: Integers>(self, integers: I) {
        let narrow = self.narrow.as_chunks::<LANES>().0;
        for (wide, narrow) in self.wide.as_chunks_mut::<LANES>().0.iter_mut().zip(narrow) {
            *wide = integers.store(integers.halves(narrow));
        }
    }
}
