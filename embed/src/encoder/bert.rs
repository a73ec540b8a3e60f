//! The BERT encoder (Devlin et al. 2018, arXiv:1810.04805) for inference: sequences of a batch laid end
//! to end, so that short texts cost no padding and long ones no mask.

use std::ops::Range;

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use serde::Deserialize;

use super::layers::{Linear, Pooling, SelfAttention, load_norm};
use crate::compute::activation::Activation;
use crate::compute::norm::LayerNorm;

/// `config.json` of the checkpoint.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BertConfig {
    pub(super) model_type: String,
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) hidden_act: String,
    pub(super) max_position_embeddings: usize,
    pub(super) type_vocab_size: usize,
    pub(super) layer_norm_eps: f64,
    pub(super) position_embedding_type: Option<String>,
}

#[derive(Debug)]
pub(super) struct Bert {
    /// `(vocabulary, hidden)`.
    words: Vec<f32>,
    /// `(positions, hidden)`, the embedding of token type 0 added: a text is one segment.
    positions: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    pooling: Pooling,
    hidden: usize,
    heads: usize,
}

#[derive(Debug)]
struct Layer {
    /// Query, key and value side by side.
    qkv: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

impl BertConfig {
    /// What this forward pass does not compute, in words.
    pub(super) fn unsupported(&self) -> Option<String> {
        let absolute = self.position_embedding_type.as_deref().unwrap_or("absolute") == "absolute";
        if self.model_type != "bert" {
            return Some(format!("architecture `{}` is not supported, only `bert`", self.model_type));
        }
        if self.hidden_act != "gelu" {
            return Some(format!("activation `{}` is not supported, only `gelu`", self.hidden_act));
        }
        if !absolute {
            return Some("relative position embeddings are not supported".to_owned());
        }
        let heads = self.num_attention_heads;
        if heads == 0 || self.hidden_size == 0 || !self.hidden_size.is_multiple_of(heads) {
            return Some(format!("hidden size {} does not divide into {heads} heads", self.hidden_size));
        }
        None
    }
}

impl Bert {
    /// Reads and repacks the weights; `weights` may have the prefix `bert.` or none.
    pub(super) fn load(weights: &VarBuilder, config: &BertConfig, pooling: Pooling) -> Result<Self> {
        let prefixed = weights.contains_tensor("bert.embeddings.word_embeddings.weight");
        let weights = if prefixed { weights.pp("bert") } else { weights.clone() };
        let embeddings = weights.pp("embeddings");
        let hidden = config.hidden_size;
        let table = |name: &str, rows: usize| embeddings.pp(name).get((rows, hidden), "weight");
        let types = table("token_type_embeddings", config.type_vocab_size)?;
        let positions = table("position_embeddings", config.max_position_embeddings)?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::load(&weights.pp("encoder.layer").pp(index), config))
            .collect::<Result<_>>()?;
        Ok(Self {
            words: table("word_embeddings", config.vocab_size)?.flatten_all()?.to_vec1()?,
            positions: positions.broadcast_add(&types.narrow(0, 0, 1)?)?.flatten_all()?.to_vec1()?,
            norm: load_norm(&embeddings.pp("LayerNorm"), hidden, config.layer_norm_eps)?,
            layers,
            pooling,
            hidden,
            heads: config.num_attention_heads,
        })
    }

    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// One L2-normalised vector per sequence of token ids. A vector is the same, bit for bit, whatever
    /// else is in the batch.
    pub(super) fn forward(&self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>> {
        let mut end = 0;
        let sequences = batch
            .iter()
            .map(|ids| {
                end += ids.len();
                end - ids.len()..end
            })
            .collect::<Vec<_>>();
        let mut values = self.embed(batch)?;
        for layer in &self.layers {
            values = layer.forward(&values, self.heads, self.hidden, &sequences)?;
        }
        let values = values.flatten_all()?.to_vec1::<f32>()?;
        Ok(self.pooling.pool(&values, self.hidden, &sequences))
    }

    /// Sum of word, position and type embedding, normalised: `(tokens, hidden)`.
    fn embed(&self, batch: &[Vec<u32>]) -> Result<Tensor> {
        let tokens = batch.iter().map(Vec::len).sum::<usize>();
        let mut values = Vec::with_capacity(tokens * self.hidden);
        for ids in batch {
            for (&id, position) in ids.iter().zip(self.positions.chunks_exact(self.hidden)) {
                let start = id as usize * self.hidden;
                let Some(word) = self.words.get(start..start + self.hidden) else {
                    candle_core::bail!("token {id} is not in the model's vocabulary");
                };
                values.extend(word.iter().zip(position).map(|(word, position)| word + position));
            }
        }
        if values.len() != tokens * self.hidden {
            candle_core::bail!("a sequence is longer than the model's positions");
        }
        self.norm.apply(&mut values, &[]);
        Tensor::from_vec(values, (tokens, self.hidden), &Device::Cpu)
    }
}

impl Layer {
    fn load(weights: &VarBuilder, config: &BertConfig) -> Result<Self> {
        let (hidden, inner, epsilon) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let attention = weights.pp("attention");
        let qkv = ["query", "key", "value"].map(|part| attention.pp("self").pp(part));
        let attention_output = attention.pp("output");
        let output = weights.pp("output");
        let linear = |weights: VarBuilder, inputs, outputs, activation| {
            Linear::load(&[weights.pp("dense")], inputs, outputs, activation)
        };
        Ok(Self {
            qkv: Linear::load(&qkv, hidden, hidden, Activation::None)?,
            attention_norm: load_norm(&attention_output.pp("LayerNorm"), hidden, epsilon)?,
            attention_output: linear(attention_output, hidden, hidden, Activation::None)?,
            intermediate: linear(weights.pp("intermediate"), hidden, inner, Activation::Gelu)?,
            output_norm: load_norm(&output.pp("LayerNorm"), hidden, epsilon)?,
            output: linear(output, inner, hidden, Activation::None)?,
        })
    }

    /// `(tokens, hidden)` → the same.
    fn forward(&self, values: &Tensor, heads: usize, hidden: usize, sequences: &[Range<usize>]) -> Result<Tensor> {
        let attended = values
            .apply_op1_no_bwd(&self.qkv)?
            .apply_op1_no_bwd(&SelfAttention { heads, hidden, sequences })?
            .apply_op1_no_bwd(&self.attention_output)?
            .apply_op2_no_bwd(values, &self.attention_norm)?;
        attended
            .apply_op1_no_bwd(&self.intermediate)?
            .apply_op1_no_bwd(&self.output)?
            .apply_op2_no_bwd(&attended, &self.output_norm)
    }
}
