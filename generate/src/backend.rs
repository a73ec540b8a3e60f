//! What the engine needs of a model, wherever it is computed: [`crate::llama`] on the CPU, `gpu` on a GPU.

use std::sync::Arc;

use crate::error::Result;
use crate::weights::Shape;

/// New tokens of one text, and what is remembered of the ones before.
pub(crate) struct Sequence<'a, Cache, Adapter> {
    pub(crate) tokens: &'a [u32],
    pub(crate) cache: &'a mut Cache,
    pub(crate) adapter: Option<Arc<Adapter>>,
    /// Logits are computed for so many of the last new tokens: the output matrix is a fifth of a small
    /// model's work.
    pub(crate) wanted: usize,
}

/// A model and where it is computed.
pub(crate) trait Backend {
    type Cache: Past;
    type Adapter;
    /// Rows of a step that only reads.
    const READING_ROWS: usize;
    /// Rows of a step in which somebody waits for the next token.
    const MIXED_ROWS: usize;
    /// Guessed tokens of all texts in a step: beyond these a row costs as much as it saves.
    const GUESS_ROWS: usize;

    fn shape(&self) -> &Shape;

    /// Memory of the weights.
    fn bytes(&self) -> u64;

    /// Memory that a page of remembered tokens takes.
    fn page_bytes(&self) -> usize;

    /// Nothing remembered.
    fn cache(&self) -> Self::Cache;

    /// Logits `(wanted rows, vocabulary)`: those of the first sequence, then of the next. The tokens must be in
    /// the vocabulary.
    fn forward(&self, sequences: &mut [Sequence<Self::Cache, Self::Adapter>]) -> Result<Vec<f32>>;
}

/// What a text remembers. Cloned to give the same past another future.
pub(crate) trait Past: Clone {
    /// Tokens remembered.
    fn tokens(&self) -> usize;

    /// Forgets what comes after so many tokens.
    fn truncate(&mut self, tokens: usize);

    /// What tells its pages from others.
    #[cfg(test)]
    fn pages(&self) -> Vec<usize>;
}
