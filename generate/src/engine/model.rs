//! The model as its thread owns it: weights, tokens and the threads that compute.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::GeneratorOptions;
use crate::compute::{PAGE_TOKENS, Team};
use crate::error::{GenerateError, Result};
use crate::llama::{Adapter, Llama, pages_of};
use crate::template::ChatTemplate;
use crate::tokens::Tokens;
use crate::weights::Weights;

pub(super) struct Model {
    pub(super) llama: Llama,
    pub(super) team: Team,
    pub(super) tokens: Arc<Tokens>,
    pub(super) template: ChatTemplate,
    pub(super) adapters: BTreeMap<String, Arc<Adapter>>,
    pub(super) context_tokens: usize,
    /// Pages that all texts together may fill.
    pub(super) pages: usize,
}

impl Model {
    pub(super) fn open(path: &Path, options: GeneratorOptions, voices: &BTreeMap<String, PathBuf>) -> Result<Self> {
        let mut weights = Weights::open(path)?;
        let tokens = Tokens::load(&weights)?;
        let template = ChatTemplate::load(&weights, &tokens)?;
        let llama = Llama::load(&mut weights)?;
        let adapters = voices.iter().map(|(name, folder)| Ok((name.clone(), Arc::new(Adapter::load(folder, &llama)?))));
        let adapters = adapters.collect::<Result<_>>()?;
        let pages = options.cache_bytes / llama.page_bytes();
        let context_tokens = options.context_tokens.min(llama.shape().context_tokens);
        // A text and the copy of its last page.
        let context_tokens = context_tokens.min(pages.saturating_sub(1) * PAGE_TOKENS);
        if context_tokens == 0 {
            let least_bytes = (pages_of(1) + 1) * llama.page_bytes();
            return Err(GenerateError::Memory { bytes: options.cache_bytes, least_bytes });
        }
        tracing::info!(
            weights_bytes = llama.bytes(),
            cache_bytes = pages * llama.page_bytes(),
            context_tokens,
            "the generating model is loaded"
        );
        Ok(Self {
            team: Team::new(options.threads)?,
            tokens: Arc::new(tokens),
            template,
            adapters,
            context_tokens,
            pages,
            llama,
        })
    }
}
