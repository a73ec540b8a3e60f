//! Which pages of the device's memory a text has. The pages themselves are one tensor per layer, with the same
//! numbers in every layer.

use std::sync::{Arc, Mutex, PoisonError};

use crate::backend::Past;
use crate::compute::PAGE_TOKENS;

/// Numbers of the pages that nobody has.
pub(super) struct Pool {
    free: Mutex<Vec<u32>>,
}

/// A page, given back when the last text that has it lets it go. What is computed goes on in order, so a page can
/// be taken again while the device still reads it.
struct Page {
    number: u32,
    pool: Arc<Pool>,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}

impl Pool {
    pub(super) fn new(pages: usize) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new((0..pages as u32).rev().collect()) })
    }

    fn take(self: &Arc<Self>) -> Option<Arc<Page>> {
        let number = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Arc::new(Page { number, pool: Arc::clone(self) }))
    }
}

/// What a text remembers. Cloned to give the same past another future: pages are shared until one of the two
/// writes to them.
#[derive(Clone)]
pub(crate) struct Cache {
    pool: Arc<Pool>,
    pages: Vec<Arc<Page>>,
    tokens: usize,
}

/// All of them are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoPage;

/// A page whose numbers another one begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Cache {
    pub(super) fn new(pool: &Arc<Pool>) -> Self {
        Self { pool: Arc::clone(pool), pages: Vec::new(), tokens: 0 }
    }

    pub(super) fn page_numbers(&self) -> impl Iterator<Item = u32> {
        self.pages.iter().map(|page| page.number)
    }

    /// Pages for so many tokens more, the first of which may be a copy of one that others have too. Where there are
    /// not enough, the text is as it was.
    pub(super) fn grow(&mut self, tokens: usize) -> Result<Option<Copied>, NoPage> {
        let needed = (self.tokens + tokens).div_ceil(PAGE_TOKENS);
        let mut fresh = Vec::new();
        for _ in self.pages.len()..needed {
            fresh.push(self.pool.take().ok_or(NoPage)?);
        }
        let mut copied = None;
        if !self.tokens.is_multiple_of(PAGE_TOKENS)
            && let Some(last) = self.pages.get_mut(self.tokens / PAGE_TOKENS)
            && Arc::strong_count(last) > 1
        {
            let own = self.pool.take().ok_or(NoPage)?;
            copied = Some(Copied { from: last.number, to: own.number });
            *last = own;
        }
        self.pages.extend(fresh);
        Ok(copied)
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

    fn truncate(&mut self, tokens: usize) {
        self.tokens = self.tokens.min(tokens);
        self.pages.truncate(self.tokens.div_ceil(PAGE_TOKENS));
    }

    #[cfg(test)]
    fn pages(&self) -> Vec<usize> {
        self.page_numbers().map(|number| number as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(cache: &Cache) -> Vec<u32> {
        cache.page_numbers().collect()
    }

    #[test]
    fn a_clone_shares_full_pages_and_copies_the_one_it_writes_to() {
        let pool = Pool::new(4);
        let mut first = Cache::new(&pool);
        assert_eq!(first.grow(40), Ok(None));
        first.remember(40);
        let mut second = first.clone();
        assert_eq!(second.grow(1), Ok(Some(Copied { from: 1, to: 2 })));
        second.remember(1);
        assert_eq!((numbers(&first), numbers(&second)), (vec![0, 1], vec![0, 2]));
        // Nobody else has the pages any more.
        drop(first);
        assert_eq!(second.grow(1), Ok(None));
        assert_eq!(second.grow(32), Ok(None));
        assert_eq!(second.grow(96), Err(NoPage));
        assert_eq!((second.tokens(), numbers(&second).len()), (41, 3));
        second.truncate(32);
        assert_eq!(numbers(&second), [0]);
        assert_eq!(pool.free.lock().expect("nobody panicked").len(), 3);
    }
}
