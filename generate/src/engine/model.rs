//! The model as its thread owns it: weights, tokens and the threads that compute.

use std::path::Path;
use std::sync::Arc;

use super::GeneratorOptions;
use crate::compute::{PAGE_TOKENS, Team};
use crate::error::{GenerateError, Result};
use crate::llama::{Llama, pages_of};
use crate::template::ChatTemplate;
use crate::tokens::Tokens;
use crate::weights::Weights;

pub(super) struct Model {
    pub(super) llama: Llama,
    pub(super) team: Team,
    pub(super) tokens: Arc<Tokens>,
    pub(super) template: ChatTemplate,
    pub(super) context_tokens: usize,
    /// Pages that all texts together may fill.
    pub(super) pages: usize,
}

impl Model {
    pub(super) fn open(path: &Path, options: GeneratorOptions) -> Result<Self> {
        let mut weights = Weights::open(path)?;
        let tokens = Tokens::load(&weights)?;
        let template = ChatTemplate::load(&weights, &tokens)?;
        let llama = Llama::load(&mut weights)?;
        let pages = options.cache_bytes / llama.page_bytes();
        let context_tokens = options.context_tokens.min(llama.shape().context_tokens);
        // A text and the copy of its last page.
        let context_tokens = context_tokens.min(pages.saturating_sub(1) * PAGE_TOKENS);
        if context_tokens == 0 {
            let least_bytes = (pages_of(1) + 1) * llama.page_bytes();
            return Err(GenerateError::Memory { bytes: options.cache_bytes, least_bytes });
        }
        Ok(Self { team: Team::new(options.threads)?, tokens: Arc::new(tokens), template, context_tokens, pages, llama })
    }
}
