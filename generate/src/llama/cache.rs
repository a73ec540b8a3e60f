//! What a sequence remembers: the pages of its keys and values, layer by layer.

use std::sync::Arc;

use crate::backend::Past;
use crate::compute::{Heads, PAGE_TOKENS, Page};

/// Cloned to give the same past another future: pages are shared until one of the two writes to them.
#[derive(Clone)]
pub(crate) struct Cache {
    heads: Heads,
    layers: Vec<Vec<Arc<Page>>>,
    tokens: usize,
}

impl Cache {
    pub(super) fn new(heads: Heads, layers: usize) -> Self {
        Self { heads, layers: vec![Vec::new(); layers], tokens: 0 }
    }

    pub(super) fn layer_pages(&self, layer: usize) -> &[Arc<Page>] {
        &self.layers[layer]
    }

    /// Sets the keys and values `(rows, key heads × size)` of a layer, from the token after the last
    /// remembered one on.
    pub(super) fn write(&mut self, layer: usize, keys: &[f32], values: &[f32]) {
        self.write_at(layer, self.tokens, keys, values);
    }

    /// The same, from any token on.
    pub(super) fn write_at(&mut self, layer: usize, first: usize, keys: &[f32], values: &[f32]) {
        let width = self.heads.keys * self.heads.size;
        let pages = &mut self.layers[layer];
        let rows = keys.chunks_exact(width).zip(values.chunks_exact(width));
        for (token, (keys, values)) in (first..).zip(rows) {
            while pages.len() <= token / PAGE_TOKENS {
                pages.push(Arc::new(Page::new(self.heads)));
            }
            let page = Arc::make_mut(&mut pages[token / PAGE_TOKENS]);
            page.set(self.heads, token % PAGE_TOKENS, keys, values);
        }
    }

    /// The rows written to all layers are remembered.
    pub(super) fn remember(&mut self, tokens: usize) {
        self.tokens += tokens;
    }
}

impl Past for Cache {
    fn tokens(&self) -> usize {
        self.tokens
    }

    /// Numbers of forgotten tokens stay in the last page until they are written over; attention does not see
    /// them.
    fn truncate(&mut self, tokens: usize) {
        self.tokens = self.tokens.min(tokens);
        for pages in &mut self.layers {
            pages.truncate(self.tokens.div_ceil(PAGE_TOKENS));
        }
    }

    #[cfg(test)]
    fn pages(&self) -> Vec<usize> {
        self.layers[0].iter().map(|page| Arc::as_ptr(page).addr()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: Heads = Heads { queries: 2, keys: 1, size: 2 };

    #[test]
    fn a_clone_shares_full_pages_and_copies_the_one_it_writes_to() {
        let mut first = Cache::new(HEADS, 1);
        first.write(0, &[1.0; 2 * 40], &[2.0; 2 * 40]);
        first.remember(40);
        let mut second = first.clone();
        assert_eq!(first.pages(), second.pages());
        second.write(0, &[3.0; 2], &[4.0; 2]);
        second.remember(1);
        assert_eq!(first.pages()[0], second.pages()[0]);
        assert_ne!(first.pages()[1], second.pages()[1]);
        second.truncate(32);
        assert_eq!((first.tokens(), second.tokens(), second.pages().len()), (40, 32, 1));
    }
}
