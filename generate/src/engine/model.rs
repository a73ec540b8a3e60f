//! The model as its thread owns it: weights and where they are computed, tokens, adapters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::GeneratorOptions;
use crate::backend::Backend;
use crate::compute::{PAGE_TOKENS, Team};
use crate::error::{GenerateError, Result};
use crate::llama::{Adapter, Llama, OnCpu, pages_of};
use crate::template::ChatTemplate;
use crate::tokens::Tokens;
use crate::weights::Weights;

/// Some four thousand tokens of a model of 8 billion weights.
const CPU_CACHE_BYTES: usize = 512 << 20;

pub(super) struct Model<B: Backend> {
    pub(super) backend: B,
    pub(super) tokens: Arc<Tokens>,
    pub(super) adapters: BTreeMap<String, Arc<B::Adapter>>,
    pub(super) context_tokens: usize,
    /// Pages that all texts together may fill.
    pub(super) pages: usize,
}

/// What stands in a model's files beside its weights.
pub(super) struct Opened {
    pub(super) weights: Weights,
    pub(super) tokens: Arc<Tokens>,
    pub(super) template: ChatTemplate,
}

impl Opened {
    pub(super) fn new(path: &Path) -> Result<Self> {
        let weights = Weights::open(path)?;
        let tokens = Tokens::load(&weights)?;
        let template = ChatTemplate::load(&weights, &tokens)?;
        Ok(Self { weights, tokens: Arc::new(tokens), template })
    }

    pub(super) fn on_cpu(
        &mut self,
        options: GeneratorOptions,
        voices: &BTreeMap<String, PathBuf>,
    ) -> Result<Model<OnCpu>> {
        let llama = Llama::load(&mut self.weights)?;
        let pages = options.cache_bytes.unwrap_or(CPU_CACHE_BYTES) / llama.page_bytes();
        let backend = OnCpu { llama, team: Team::new(options.threads)? };
        let adapters = adapters(voices, |folder| Adapter::load(folder, backend.shape()))?;
        self.model(backend, pages, adapters, options)
    }

    #[cfg(any(test, feature = "cuda"))]
    pub(super) fn on_device(
        &mut self,
        device: &candle_core::Device,
        options: GeneratorOptions,
        voices: &BTreeMap<String, PathBuf>,
    ) -> Result<Model<crate::gpu::Llama>> {
        let llama = crate::gpu::Llama::load(&mut self.weights, options.cache_bytes, options.context_tokens, device)?;
        let pages = llama.pages();
        let adapters = adapters(voices, |folder| llama.adapter(folder))?;
        self.model(llama, pages, adapters, options)
    }

    fn model<B: Backend>(
        &self,
        backend: B,
        pages: usize,
        adapters: BTreeMap<String, Arc<B::Adapter>>,
        options: GeneratorOptions,
    ) -> Result<Model<B>> {
        let context_tokens = options.context_tokens.min(backend.shape().context_tokens);
        // A text and the copy of its last page.
        let context_tokens = context_tokens.min(pages.saturating_sub(1) * PAGE_TOKENS);
        if context_tokens == 0 {
            let least_bytes = (pages_of(1) + 1) * backend.page_bytes();
            return Err(GenerateError::Memory { bytes: pages * backend.page_bytes(), least_bytes });
        }
        let (weights_bytes, cache_bytes) = (backend.bytes(), pages * backend.page_bytes());
        tracing::info!(weights_bytes, cache_bytes, context_tokens, "the generating model is loaded");
        Ok(Model { backend, tokens: Arc::clone(&self.tokens), adapters, context_tokens, pages })
    }
}

fn adapters<Adapter>(
    voices: &BTreeMap<String, PathBuf>,
    load: impl Fn(&Path) -> Result<Adapter>,
) -> Result<BTreeMap<String, Arc<Adapter>>> {
    voices.iter().map(|(name, folder)| Ok((name.clone(), Arc::new(load(folder)?)))).collect()
}
