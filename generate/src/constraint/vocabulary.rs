//! What constraints know of a model's tokens: a trie of their bytes, made once per model.

use std::sync::Arc;

use llguidance::ParserFactory;
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};

use super::TokenSet;
use crate::error::{GenerateError, Result};
use crate::tokens::Tokens;

/// Text that tokenizers tear apart in different ways: where its tokens do not add up to its bytes (some
/// put a space before every text), they cannot stand for bytes in the middle of a text.
const PROBE: &str = "{\"a\": [1.5, null]}";

/// Symbols in a grammar, which bound its memory. The schemas of large standards have some 200 000.
const MAX_GRAMMAR_SYMBOLS: usize = 200_000;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Vocabulary {
    factory: Arc<ParserFactory>,
}

impl Vocabulary {
    /// Takes some ten milliseconds.
    pub(crate) fn new(tokens: Arc<Tokens>) -> Result<Self> {
        let count = tokens.size();
        let bytes = (0..count as u32).map(|token| tokens.bytes(token).to_vec()).collect::<Vec<_>>();
        let ends = (0..count as u32).filter(|token| tokens.is_end(*token)).collect::<Vec<_>>();
        let Some(end) = ends.first() else {
            return Err(unusable("the model has no token that ends a text"));
        };
        let trie = TokTrie::from(&TokRxInfo::new(count as u32, *end), &bytes).with_eos_tokens(&ends);
        let canonical = tokens
            .encode(PROBE, false)
            .is_ok_and(|probe| probe.iter().flat_map(|token| tokens.bytes(*token)).eq(PROBE.as_bytes()));
        let environment: TokEnv = Arc::new(Environment { trie, tokens, canonical });
        let capabilities = InferenceCapabilities { ff_tokens: canonical, ..InferenceCapabilities::default() };
        let factory = ParserFactory::new(&environment, capabilities, &SlicedBiasComputer::json_slices());
        let mut factory = factory.map_err(unusable)?;
        // What is written and asked for belongs neither to the log nor to an error.
        factory.quiet().limits_mut().verbose_errors = false;
        factory.limits_mut().max_grammar_size = MAX_GRAMMAR_SYMBOLS;
        Ok(Self { factory: Arc::new(factory) })
    }

    pub(super) fn factory(&self) -> &ParserFactory {
        &self.factory
    }

    pub(super) fn trie(&self) -> &TokTrie {
        self.factory.tok_env().tok_trie()
    }

    /// The tokens that end a text.
    pub(super) fn ends(&self) -> TokenSet {
        self.trie().eos_token_set()
    }
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.debug_struct("Vocabulary").field("tokens", &self.trie().vocab_size()).finish_non_exhaustive()
    }
}

fn unusable(reason: impl std::fmt::Display) -> GenerateError {
    GenerateError::Inference { reason: format!("texts cannot be constrained with this model's tokens: {reason}") }
}

struct Environment {
    trie: TokTrie,
    tokens: Arc<Tokens>,
    canonical: bool,
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            // What looks like a control token is none here.
            if self.canonical && !text.contains("<|") {
                self.tokens.encode(text, false).unwrap_or_else(|_| self.trie.greedy_tokenize(text.as_bytes()))
            } else {
                self.trie.greedy_tokenize(text.as_bytes())
            }
        })
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.canonical
    }
}
