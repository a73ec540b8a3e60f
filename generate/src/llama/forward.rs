//! Rows through the layers, shared between threads in one of two ways.

use std::ops::Range;
use std::sync::Arc;

use super::adapter::Adapter;
use super::layer::{Layer, Projected};
use super::{Hands, Llama, Sequence};
use crate::backend::Past as _;
use crate::compute::{Attention, Heads, Page, Rotations, Team};
use crate::weights::Shape;

/// From so many rows on, blocks of rows go through a layer alone: few barriers, and a block's intermediate
/// results stay in a core's cache.
const MANY_ROWS: usize = 48;
/// Rows of a block.
const BLOCK_ROWS: usize = 64;
/// Products of queries and keys that are worth a second thread: some microseconds.
const SHARED_PRODUCTS: usize = 1 << 16;

/// `hidden` is `(rows, hidden)` of the layers' input, then of their output.
pub(super) fn layers(llama: &Llama, team: &Team, sequences: &mut [Sequence], hidden: Vec<f32>) -> Vec<f32> {
    let positions = sequences.iter().flat_map(|sequence| {
        let known = sequence.cache.tokens();
        known..known + sequence.tokens.len()
    });
    let rotations = Rotations::new(&llama.shape.rope, positions);
    let rows = sequences.iter().map(|sequence| sequence.tokens.len()).sum::<usize>();
    let hidden = if rows >= MANY_ROWS {
        by_block(llama, team, sequences, &hidden, &rotations)
    } else {
        by_matrix(llama, team, sequences, hidden, &rotations)
    };
    for sequence in sequences {
        sequence.cache.remember(sequence.tokens.len());
    }
    hidden
}

/// All rows through one matrix after the other, each shared between the threads.
fn by_matrix(
    llama: &Llama,
    team: &Team,
    sequences: &mut [Sequence],
    mut hidden: Vec<f32>,
    rotations: &Rotations,
) -> Vec<f32> {
    let (shape, hands) = (&llama.shape, Hands::Together(team));
    let (query_width, key_width) = (shape.heads * shape.head_size, shape.key_heads * shape.head_size);
    let adapters = sequences.iter().map(|sequence| sequence.adapter.clone()).collect::<Vec<_>>();
    let spans = spans(sequences);
    let adapted = spans.iter().zip(&adapters);
    let adapted = adapted.filter_map(|(span, adapter)| Some((span.clone(), adapter.as_deref()?)));
    let adapted = adapted.collect::<Vec<(Range<usize>, &Adapter)>>();
    for (index, layer) in llama.layers.iter().enumerate() {
        let projected = layer.before_attention(shape, hands, &hidden, rotations, &adapted);
        let mut attended = Vec::with_capacity(projected.queries.len());
        for (sequence, span) in sequences.iter_mut().zip(&spans) {
            let keys = span.start * key_width..span.end * key_width;
            sequence.cache.write(index, &projected.keys[keys.clone()], &projected.values[keys]);
            let queries = &projected.queries[span.start * query_width..span.end * query_width];
            attended.extend(attend_shared(llama, team, sequence, index, queries));
        }
        hidden = layer.after_attention(hands, hidden, attended, &adapted);
    }
    hidden
}

/// Rows of each sequence.
fn spans(sequences: &[Sequence]) -> Vec<Range<usize>> {
    let mut start = 0;
    let spans = sequences.iter().map(|sequence| {
        let span = start..start + sequence.tokens.len();
        start = span.end;
        span
    });
    spans.collect()
}

/// `(rows, heads × size)`, the key heads shared between the threads where that is worth it.
fn attend_shared(llama: &Llama, team: &Team, sequence: &Sequence, layer: usize, queries: &[f32]) -> Vec<f32> {
    let heads = llama.heads();
    let (pages, position) = (sequence.cache.layer_pages(layer), sequence.cache.tokens());
    let window_tokens = llama.shape.window_tokens;
    let rows = sequence.tokens.len();
    let products = rows * (position + rows) * heads.queries * heads.size;
    if team.threads() == 1 || heads.keys == 1 || products < SHARED_PRODUCTS {
        return Attention { heads, pages, queries, position, window_tokens }.attend(0..heads.keys);
    }
    let (pages, queries) = (pages.to_vec(), queries.to_vec());
    let parts = team.run(heads.keys, move |head| {
        let work = Attention { heads, pages: &pages, queries: &queries, position, window_tokens };
        work.attend(head..head + 1)
    });
    let width = heads.queries / heads.keys * heads.size;
    let mut attended = Vec::with_capacity(rows * heads.queries * heads.size);
    for row in 0..rows {
        for part in &parts {
            attended.extend_from_slice(&part[row * width..(row + 1) * width]);
        }
    }
    attended
}

/// Some rows, of one sequence or of several.
struct Block {
    rows: Range<usize>,
    spans: Vec<Span>,
    rotations: Rotations,
}

/// A block's rows of one sequence.
struct Span {
    sequence: usize,
    /// Counted from the block's first.
    rows: Range<usize>,
    /// Of the first row.
    position: usize,
    adapter: Option<Arc<Adapter>>,
}

impl Block {
    fn adapted(&self) -> Vec<(Range<usize>, &Adapter)> {
        let spans = self.spans.iter();
        spans.filter_map(|span| Some((span.rows.clone(), span.adapter.as_deref()?))).collect()
    }
}

/// What a block is between two layers.
#[derive(Clone)]
struct Between {
    hidden: Vec<f32>,
    projected: Projected,
}

/// Each block through a layer alone. One barrier per layer: attention needs the keys of all blocks before.
fn by_block(llama: &Llama, team: &Team, sequences: &mut [Sequence], hidden: &[f32], rotations: &Rotations) -> Vec<f32> {
    let blocks = Arc::new(blocks(sequences, rotations, team.threads()));
    let width = llama.shape.hidden;
    let Some(first) = llama.layers.first() else {
        return hidden.to_vec();
    };
    let (layer, shape, shared) = (Arc::clone(first), Arc::clone(&llama.shape), Arc::clone(&blocks));
    let hidden: Arc<[f32]> = hidden.into();
    let mut between = team.run(blocks.len(), move |block| {
        let block = &shared[block];
        let hidden = hidden[block.rows.start * width..block.rows.end * width].to_vec();
        let projected = before(&layer, &shape, block, &hidden);
        Between { hidden, projected }
    });
    let key_width = llama.shape.key_heads * llama.shape.head_size;
    for index in 0..llama.layers.len() {
        for (block, between) in blocks.iter().zip(&between) {
            for span in &block.spans {
                let rows = span.rows.start * key_width..span.rows.end * key_width;
                let (keys, values) = (&between.projected.keys[rows.clone()], &between.projected.values[rows]);
                sequences[span.sequence].cache.write_at(index, span.position, keys, values);
            }
        }
        let pages = sequences
            .iter()
            .map(|sequence| sequence.cache.layer_pages(index).to_vec())
            .collect::<Vec<Vec<Arc<Page>>>>();
        let step = Step {
            layer: Arc::clone(&llama.layers[index]),
            next: llama.layers.get(index + 1).cloned(),
            shape: Arc::clone(&llama.shape),
            heads: llama.heads(),
            blocks: Arc::clone(&blocks),
            pages,
            between,
        };
        between = team.run(blocks.len(), move |block| step.run(block));
    }
    between.into_iter().flat_map(|between| between.hidden).collect()
}

fn blocks(sequences: &[Sequence], rotations: &Rotations, threads: usize) -> Vec<Block> {
    let count = sequences.iter().map(|sequence| sequence.tokens.len()).sum::<usize>();
    // Every thread gets some, in whole tiles.
    let size = count.div_ceil(2 * threads).next_multiple_of(8).min(BLOCK_ROWS);
    let all = spans(sequences);
    let block = |start: usize| {
        let rows = start..(start + size).min(count);
        let spans = sequences.iter().zip(&all).enumerate().filter_map(|(index, (sequence, span))| {
            let own = span.start.max(rows.start)..span.end.min(rows.end);
            (own.start < own.end).then(|| Span {
                sequence: index,
                position: sequence.cache.tokens() + own.start - span.start,
                rows: own.start - rows.start..own.end - rows.start,
                adapter: sequence.adapter.clone(),
            })
        });
        Block { spans: spans.collect(), rotations: rotations.rows(rows.clone()), rows }
    };
    (0..count).step_by(size).map(block).collect()
}

fn before(layer: &Layer, shape: &Shape, block: &Block, hidden: &[f32]) -> Projected {
    layer.before_attention(shape, Hands::Alone, hidden, &block.rotations, &block.adapted())
}

/// A layer from its attention to the next one's.
struct Step {
    layer: Arc<Layer>,
    next: Option<Arc<Layer>>,
    shape: Arc<Shape>,
    heads: Heads,
    blocks: Arc<Vec<Block>>,
    /// By sequence.
    pages: Vec<Vec<Arc<Page>>>,
    between: Vec<Between>,
}

impl Step {
    fn run(&self, index: usize) -> Between {
        let (block, between) = (&self.blocks[index], &self.between[index]);
        let width = self.heads.queries * self.heads.size;
        let attended = block.spans.iter().flat_map(|span| {
            let attention = Attention {
                heads: self.heads,
                pages: &self.pages[span.sequence],
                queries: &between.projected.queries[span.rows.start * width..span.rows.end * width],
                position: span.position,
                window_tokens: self.shape.window_tokens,
            };
            attention.attend(0..self.heads.keys)
        });
        let (hidden, attended) = (between.hidden.clone(), attended.collect());
        let hidden = self.layer.after_attention(Hands::Alone, hidden, attended, &block.adapted());
        let next = self.next.as_ref();
        let projected = next.map(|next| before(next, &self.shape, block, &hidden)).unwrap_or_default();
        Between { hidden, projected }
    }
}
