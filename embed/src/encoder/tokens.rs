//! Text → token ids, cut at the model's limit, from the checkpoint's `tokenizer.json`.

use tokenizers::{Tokenizer, TruncationParams};

use crate::EmbedError;

/// Bytes of text tokenized per wanted token before looking at more of it.
const BYTES_PER_TOKEN: usize = 16;

#[derive(Debug)]
pub(super) struct PairIds {
    pub(super) ids: Vec<u32>,
    /// The first token that counts as the second text's; the number of tokens where the model does not tell.
    pub(super) second: usize,
}

#[derive(Debug)]
pub(super) struct Tokens {
    /// Cuts at `max_tokens`, special tokens kept.
    cutting: Tokenizer,
    /// Cuts nothing.
    counting: Tokenizer,
    /// Tokens of the model, special tokens included.
    limit: usize,
}

impl Tokens {
    /// `max_tokens` counts special tokens too. The file's own truncation and padding are not used: they
    /// say how the model was trained, not how it is to be run.
    pub(super) fn new(mut tokenizer: Tokenizer, max_tokens: usize) -> Result<Self, tokenizers::Error> {
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None)?;
        let counting = tokenizer.clone();
        tokenizer.with_truncation(Some(TruncationParams { max_length: max_tokens, ..Default::default() }))?;
        Ok(Self { cutting: tokenizer, counting, limit: max_tokens })
    }

    pub(super) fn max_tokens(&self) -> usize {
        self.limit
    }

    /// At most `max_tokens` ids, special tokens included.
    pub(super) fn ids(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        let encode = |text: &str| {
            let encoding = self.cutting.encode_fast(text, true);
            encoding.map_err(|error| EmbedError::Inference { reason: error.to_string() })
        };
        let mut bytes = self.limit * BYTES_PER_TOKEN;
        while let Some(head) = head(text, bytes) {
            let encoding = encode(head)?;
            if !encoding.get_overflowing().is_empty() {
                return Ok(encoding.get_ids().to_vec());
            }
            bytes *= 4;
        }
        Ok(encode(text)?.get_ids().to_vec())
    }

    /// Two texts as the model reads them together: at most `max_tokens` ids, the longer text cut first.
    pub(super) fn pair(&self, first: &str, second: &str) -> Result<PairIds, EmbedError> {
        let mut bytes = self.limit * BYTES_PER_TOKEN;
        loop {
            let heads = (head(first, bytes).unwrap_or(first), head(second, bytes).unwrap_or(second));
            let whole = heads == (first, second);
            let encoding = self.cutting.encode_fast(heads, true);
            let encoding = encoding.map_err(|error| EmbedError::Inference { reason: error.to_string() })?;
            if whole || !encoding.get_overflowing().is_empty() {
                let ids = encoding.get_ids().to_vec();
                let second = encoding.get_type_ids().iter().position(|kind| *kind == 1).unwrap_or(ids.len());
                return Ok(PairIds { ids, second });
            }
            bytes *= 4;
        }
    }

    /// Tokens of the whole text, special tokens included; 0 for a text the tokenizer cannot read.
    pub(super) fn count(&self, text: &str) -> usize {
        self.counting.encode_fast(text, true).map_or(0, |encoding| encoding.len())
    }
}

/// About the first `bytes` of a longer text, ending before white space: words are tokenized one by one,
/// so the tokens of the head are the first tokens of the text.
fn head(text: &str, bytes: usize) -> Option<&str> {
    let after = text.as_bytes().get(bytes..)?.iter().position(u8::is_ascii_whitespace)?;
    text.get(..bytes + after)
}
