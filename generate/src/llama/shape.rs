//! Metadata becomes the sizes of a model, checked against each other and against the tensors.

use crate::error::{GenerateError, Result};
use crate::weights::Gguf;

/// Sizes far above any model: a damaged number is refused instead of multiplied.
const MOST: usize = 1 << 24;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) feed_forward: usize,
    pub(crate) heads: usize,
    /// Key and value heads; each serves `heads / key_heads` query heads.
    pub(crate) key_heads: usize,
    pub(crate) head_size: usize,
    pub(crate) vocabulary: usize,
    pub(crate) context_tokens: usize,
    pub(crate) rope_base: f64,
    pub(crate) epsilon: f64,
}

impl Shape {
    pub(crate) fn read(file: &Gguf) -> Result<Self> {
        let architecture = file.text("general.architecture")?;
        if architecture != "llama" {
            return Err(GenerateError::Architecture {
                file: file.path().to_owned(),
                architecture: architecture.to_owned(),
            });
        }
        let count = |key: &str| {
            let value = file.count(key)?;
            match value {
                1..=MOST => Ok(value),
                _ => Err(file.damaged(key, format!("{value} is out of range"))),
            }
        };
        let heads = count("llama.attention.head_count")?;
        let key_heads =
            if file.has("llama.attention.head_count_kv") { count("llama.attention.head_count_kv")? } else { heads };
        let hidden = count("llama.embedding_length")?;
        if !hidden.is_multiple_of(heads) || !(hidden / heads).is_multiple_of(2) {
            let reason = format!("{heads} heads do not divide {hidden} into even parts");
            return Err(file.damaged("llama.attention.head_count", reason));
        }
        if !heads.is_multiple_of(key_heads) {
            let reason = format!("{key_heads} does not divide {heads} heads");
            return Err(file.damaged("llama.attention.head_count_kv", reason));
        }
        let rope_base = if file.has("llama.rope.freq_base") { file.number("llama.rope.freq_base")? } else { 10_000.0 };
        let shape = Self {
            layers: count("llama.block_count")?,
            hidden,
            feed_forward: count("llama.feed_forward_length")?,
            heads,
            key_heads,
            head_size: hidden / heads,
            vocabulary: file.texts("tokenizer.ggml.tokens")?.len(),
            context_tokens: count("llama.context_length")?,
            rope_base,
            epsilon: file.number("llama.attention.layer_norm_rms_epsilon")?,
        };
        shape.refuse_unread(file)?;
        Ok(shape)
    }

    /// Variants of the architecture that this forward pass would compute wrongly.
    fn refuse_unread(&self, file: &Gguf) -> Result<()> {
        let key = "llama.rope.dimension_count";
        if file.has(key) && file.count(key)? != self.head_size {
            return Err(file.damaged(key, format!("only {} (the head size) can be read", self.head_size)));
        }
        let key = "llama.rope.scaling.type";
        if file.has(key) && file.text(key)? != "none" {
            return Err(file.damaged(key, "scaled positions cannot be read"));
        }
        for name in ["rope_freqs.weight", "blk.0.attn_q.bias", "blk.0.ffn_gate_inp.weight"] {
            if file.has_tensor(name) {
                return Err(file.damaged(name, "this variant of the architecture cannot be read"));
            }
        }
        Ok(())
    }

    pub(crate) fn check_tensors(&self, file: &Gguf) -> Result<()> {
        let (hidden, keys) = (self.hidden, self.key_heads * self.head_size);
        file.check_tensor("token_embd.weight", &[self.vocabulary, hidden])?;
        file.check_tensor("output_norm.weight", &[hidden])?;
        if file.has_tensor("output.weight") {
            file.check_tensor("output.weight", &[self.vocabulary, hidden])?;
        }
        for layer in 0..self.layers {
            for (name, shape) in [
                ("attn_norm", &[hidden][..]),
                ("attn_q", &[hidden, hidden]),
                ("attn_k", &[keys, hidden]),
                ("attn_v", &[keys, hidden]),
                ("attn_output", &[hidden, hidden]),
                ("ffn_norm", &[hidden]),
                ("ffn_gate", &[self.feed_forward, hidden]),
                ("ffn_up", &[self.feed_forward, hidden]),
                ("ffn_down", &[hidden, self.feed_forward]),
            ] {
                file.check_tensor(&format!("blk.{layer}.{name}.weight"), shape)?;
            }
        }
        Ok(())
    }
}
