//! The sizes of a model, checked against each other and against the tensors before anything is allocated.

mod config;
mod metadata;

use std::collections::HashSet;

pub(super) use self::config::of_folder;
pub(super) use self::metadata::of_gguf;
use super::rope::Rope;
use super::tensors::Tensors;
use crate::error::{GenerateError, Result};

/// Sizes far above any model: a damaged number is refused instead of multiplied.
const MOST: usize = 1 << 24;
const MOST_ROPE_BASE: f64 = 1e15;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) feed_forward: usize,
    pub(crate) heads: usize,
    /// Key and value heads; each serves `heads / key_heads` query heads.
    pub(crate) key_heads: usize,
    /// Even. `heads * head_size` need not be `hidden`.
    pub(crate) head_size: usize,
    pub(crate) vocabulary: usize,
    pub(crate) context_tokens: usize,
    pub(crate) epsilon: f64,
    pub(crate) rope: Rope,
    /// A token sees the last so many tokens, itself among them; all where there is none.
    pub(crate) window_tokens: Option<usize>,
}

/// The architectures whose forward pass there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Also Mistral, which is called `llama` in GGUF files.
    Llama,
    Mistral,
    /// Queries, keys and values have biases.
    Qwen2,
    /// The heads of queries and keys are normed.
    Qwen3,
}

impl Family {
    fn of(name: &str) -> Option<Self> {
        match name {
            "llama" => Some(Self::Llama),
            "mistral" => Some(Self::Mistral),
            "qwen2" => Some(Self::Qwen2),
            "qwen3" => Some(Self::Qwen3),
            _ => None,
        }
    }
}

/// Everything but the rotary positions, which follow from them.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    layers: usize,
    hidden: usize,
    feed_forward: usize,
    heads: usize,
    key_heads: usize,
    head_size: usize,
    vocabulary: usize,
    context_tokens: usize,
    epsilon: f64,
    rope_base: f64,
}

impl Sizes {
    /// What is wrong with them together, and which of `keys` to name: those of heads, key heads, head size,
    /// epsilon and rotary base.
    fn contradiction<'a>(&self, keys: [&'a str; 5]) -> Option<(&'a str, String)> {
        let Self { hidden, heads, key_heads, head_size, epsilon, rope_base, .. } = *self;
        let [heads_key, key_heads_key, head_size_key, epsilon_key, base_key] = keys;
        if head_size == 0 || head_size % 2 == 1 {
            return Some((heads_key, format!("{heads} heads do not divide {hidden} into even parts")));
        }
        if heads % key_heads != 0 {
            return Some((key_heads_key, format!("{key_heads} does not divide {heads} heads")));
        }
        if heads * head_size > MOST {
            return Some((head_size_key, format!("{heads} heads of {head_size} are out of range")));
        }
        if !(epsilon > 0.0 && epsilon < 1.0) {
            return Some((epsilon_key, format!("{epsilon} is out of range")));
        }
        if !(rope_base > 1.0 && rope_base <= MOST_ROPE_BASE) {
            return Some((base_key, format!("{rope_base} is out of range")));
        }
        None
    }

    fn shape(&self, rope: Rope, window_tokens: Option<usize>) -> Shape {
        Shape {
            layers: self.layers,
            hidden: self.hidden,
            feed_forward: self.feed_forward,
            heads: self.heads,
            key_heads: self.key_heads,
            head_size: self.head_size,
            vocabulary: self.vocabulary,
            context_tokens: self.context_tokens,
            epsilon: self.epsilon,
            rope,
            window_tokens,
        }
    }

    /// Every tensor that the family needs is there with its shape, those that it may have are right, and there
    /// is no other: a tensor that nobody reads means a variant that would be computed wrongly.
    fn check(&self, family: Family, tensors: &Tensors) -> Result<()> {
        let mut known = HashSet::new();
        let mut check = |name: String, shape: &[usize], needed: bool| {
            if needed || tensors.has(&name) {
                tensors.check(&name, shape)?;
                known.insert(name);
            }
            Ok::<(), GenerateError>(())
        };
        check("token_embd.weight".into(), &[self.vocabulary, self.hidden], true)?;
        check("output_norm.weight".into(), &[self.hidden], true)?;
        check("output.weight".into(), &[self.vocabulary, self.hidden], false)?;
        check("rope_freqs.weight".into(), &[self.head_size / 2], false)?;
        let queries = self.heads * self.head_size;
        let keys = self.key_heads * self.head_size;
        for layer in 0..self.layers {
            let is_qwen2 = family == Family::Qwen2;
            for (part, rows, columns, needs_bias) in [
                ("attn_q", queries, self.hidden, is_qwen2),
                ("attn_k", keys, self.hidden, is_qwen2),
                ("attn_v", keys, self.hidden, is_qwen2),
                ("attn_output", self.hidden, queries, false),
                ("ffn_gate", self.feed_forward, self.hidden, false),
                ("ffn_up", self.feed_forward, self.hidden, false),
                ("ffn_down", self.hidden, self.feed_forward, false),
            ] {
                check(format!("blk.{layer}.{part}.weight"), &[rows, columns], true)?;
                check(format!("blk.{layer}.{part}.bias"), &[rows], needs_bias)?;
            }
            check(format!("blk.{layer}.attn_norm.weight"), &[self.hidden], true)?;
            check(format!("blk.{layer}.ffn_norm.weight"), &[self.hidden], true)?;
            if family == Family::Qwen3 {
                check(format!("blk.{layer}.attn_q_norm.weight"), &[self.head_size], true)?;
                check(format!("blk.{layer}.attn_k_norm.weight"), &[self.head_size], true)?;
            }
        }
        match tensors.names().find(|name| !known.contains(*name)) {
            None => Ok(()),
            Some(name) => Err(GenerateError::Unreadable {
                file: tensors.path_of(name).to_owned(),
                part: name.to_owned(),
                reason: format!("a {family:?} model of {} layers has no such tensor", self.layers),
            }),
        }
    }
}
