//! Keys and values of 32 tokens in one layer, in 16-bit floats, as attention reads them.

use half::f16;

use super::floats::WIDTH;

/// Tokens of a page.
pub(crate) const PAGE_TOKENS: usize = WIDTH;

/// Heads of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) queries: usize,
    /// Key and value heads; each serves `queries / keys` query heads.
    pub(crate) keys: usize,
    pub(crate) size: usize,
}

/// By key head `(size, token)`, then by key head and 32 numbers of it `(token, number)`.
#[derive(Clone)]
pub(crate) struct Page {
    panels: Vec<[u16; WIDTH]>,
}

impl Heads {
    fn value_panels(self) -> usize {
        self.size.div_ceil(WIDTH)
    }

    /// Of memory.
    pub(crate) fn page_bytes(self) -> usize {
        self.panels() * size_of::<[u16; WIDTH]>()
    }

    fn panels(self) -> usize {
        self.keys * (self.size + self.value_panels() * PAGE_TOKENS)
    }
}

impl Page {
    pub(crate) fn new(heads: Heads) -> Self {
        Self { panels: vec![[0; WIDTH]; heads.panels()] }
    }

    /// Token `at` of the page; `keys` and `values` are `(key heads, size)`.
    pub(crate) fn set(&mut self, heads: Heads, at: usize, keys: &[f32], values: &[f32]) {
        let (key_panels, value_panels) = self.panels.split_at_mut(heads.keys * heads.size);
        for (panel, key) in key_panels.iter_mut().zip(keys) {
            panel[at] = f16::from_f32(*key).to_bits();
        }
        let values = values.chunks_exact(heads.size).flat_map(|head| head.chunks(WIDTH));
        for (panel, values) in value_panels.chunks_exact_mut(PAGE_TOKENS).zip(values) {
            for (number, value) in panel[at].iter_mut().zip(values) {
                *number = f16::from_f32(*value).to_bits();
            }
        }
    }

    /// `(size, token)` of a key head.
    pub(super) fn keys(&self, heads: Heads, head: usize) -> &[[u16; WIDTH]] {
        &self.panels[head * heads.size..(head + 1) * heads.size]
    }

    /// `(parts, token, number)` of a key head, a part being 32 numbers.
    pub(super) fn values(&self, heads: Heads, head: usize) -> &[[u16; WIDTH]] {
        let size = heads.value_panels() * PAGE_TOKENS;
        let start = heads.keys * heads.size + head * size;
        &self.panels[start..start + size]
    }
}
