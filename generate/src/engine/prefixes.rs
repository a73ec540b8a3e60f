//! Beginnings of prompts that were read before: instructions and passages repeat from question to question.

use std::sync::Arc;

use crate::backend::{Backend, Past as _};
use crate::llama::pages_of;

/// Texts remembered; the one not used for longest goes first.
const MOST: usize = 32;
/// Shorter beginnings are read again in less time than it takes to look for them.
const LEAST_TOKENS: usize = 8;

pub(super) struct Prefixes<B: Backend> {
    /// The last used at the end.
    entries: Vec<Entry<B>>,
}

/// The same tokens are remembered differently under another adapter.
pub(super) struct Entry<B: Backend> {
    pub(super) tokens: Vec<u32>,
    pub(super) cache: B::Cache,
    pub(super) adapter: Option<Arc<B::Adapter>>,
}

impl<B: Backend> Entry<B> {
    fn is_of(&self, adapter: Option<&Arc<B::Adapter>>) -> bool {
        self.adapter.as_ref().map(Arc::as_ptr) == adapter.map(Arc::as_ptr)
    }

    fn begins(&self, longer: &Self) -> bool {
        self.is_of(longer.adapter.as_ref()) && longer.tokens.starts_with(&self.tokens)
    }
}

impl<B: Backend> Default for Prefixes<B> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<B: Backend> Prefixes<B> {
    /// The cache of the longest known beginning of `prompt`, without its last token: something must be read to
    /// know what comes next.
    pub(super) fn longest(&mut self, prompt: &[u32], adapter: Option<&Arc<B::Adapter>>) -> Option<B::Cache> {
        let most = prompt.len().saturating_sub(1);
        let common = |entry: &Entry<B>| entry.tokens.iter().zip(&prompt[..most]).take_while(|(a, b)| a == b).count();
        let entries = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_of(adapter));
        let (index, tokens) = entries.map(|(index, entry)| (index, common(entry))).max_by_key(|(_, tokens)| *tokens)?;
        if tokens < LEAST_TOKENS {
            return None;
        }
        let entry = self.entries.remove(index);
        let mut cache = entry.cache.clone();
        self.entries.push(entry);
        cache.truncate(tokens);
        Some(cache)
    }

    /// What the new text begins with needs no entry of its own.
    pub(super) fn remember(&mut self, new: Entry<B>) {
        if new.tokens.len() < LEAST_TOKENS || self.entries.iter().any(|entry| new.begins(entry)) {
            return;
        }
        self.entries.retain(|entry| !entry.begins(&new));
        self.entries.push(new);
        if self.entries.len() > MOST {
            self.forget_oldest();
        }
    }

    /// False where there is none.
    pub(super) fn forget_oldest(&mut self) -> bool {
        let any = !self.entries.is_empty();
        if any {
            self.entries.remove(0);
        }
        any
    }

    #[cfg(test)]
    pub(super) fn caches(&self) -> impl Iterator<Item = &B::Cache> {
        self.entries.iter().map(|entry| &entry.cache)
    }

    /// An upper bound: shared ones count for each.
    pub(super) fn pages(&self) -> usize {
        self.entries.iter().map(|entry| pages_of(entry.tokens.len())).sum()
    }
}
