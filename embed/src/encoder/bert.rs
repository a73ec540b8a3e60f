//! The BERT encoder (Devlin et al. 2018, arXiv:1810.04805) for inference: sequences of a batch laid end
//! to end, so that short texts cost no padding and long ones no mask. RoBERTa, XLM-RoBERTa and DistilBERT
//! have the same layers.

use std::ops::Range;

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::bert_config::{BertConfig, Names};
use super::layers::{Linear, SelfAttention, load_norm};
use super::pooling::Pooling;
use crate::compute::activation::Activation;
use crate::compute::norm::LayerNorm;

#[derive(Debug)]
pub(super) struct Bert {
    /// `(vocabulary, hidden)`.
    words: Vec<f32>,
    /// `(positions, hidden)`, the embedding of token type 0 added: a text is one segment.
    positions: Vec<f32>,
    /// Has the position of its id; others are counted on from there.
    padding_id: Option<u32>,
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

impl Bert {
    /// Reads and repacks the weights; `weights` may have the architecture's prefix or none.
    pub(super) fn load(weights: &VarBuilder, config: &BertConfig, pooling: Pooling) -> Result<Self> {
        let names = config.names();
        let prefixed = weights.pp(names.prefix).contains_tensor("embeddings.word_embeddings.weight");
        let weights = if prefixed { weights.pp(names.prefix) } else { weights.clone() };
        let embeddings = weights.pp("embeddings");
        let hidden = config.hidden_size;
        let table = |name: &str, rows: usize| embeddings.pp(name).get((rows, hidden), "weight");
        let mut positions = table("position_embeddings", config.max_position_embeddings)?;
        if config.type_vocab_size > 0 {
            let types = table("token_type_embeddings", config.type_vocab_size)?;
            positions = positions.broadcast_add(&types.narrow(0, 0, 1)?)?;
        }
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::load(&weights.pp(names.layers).pp(index), config, &names))
            .collect::<Result<_>>()?;
        Ok(Self {
            words: table("word_embeddings", config.vocab_size)?.flatten_all()?.to_vec1()?,
            positions: positions.flatten_all()?.to_vec1()?,
            padding_id: config.padding_id(),
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
            let mut next = self.padding_id.map_or(0, |id| id + 1);
            for &id in ids {
                let own = self.padding_id == Some(id);
                let position = if own { id } else { next };
                next += u32::from(!own);
                let Some(word) = row(&self.words, self.hidden, id) else {
                    candle_core::bail!("token {id} is not in the model's vocabulary");
                };
                let Some(position) = row(&self.positions, self.hidden, position) else {
                    candle_core::bail!("a sequence is longer than the model's positions");
                };
                values.extend(word.iter().zip(position).map(|(word, position)| word + position));
            }
        }
        self.norm.apply(&mut values, &[]);
        Tensor::from_vec(values, (tokens, self.hidden), &Device::Cpu)
    }
}

impl Layer {
    fn load(weights: &VarBuilder, config: &BertConfig, names: &Names) -> Result<Self> {
        let (hidden, inner, epsilon) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let linear =
            |name: &str, inputs, outputs, activation| Linear::load(&[weights.pp(name)], inputs, outputs, activation);
        let norm = |name: &str| load_norm(&weights.pp(name), hidden, epsilon);
        Ok(Self {
            qkv: Linear::load(&names.qkv.map(|name| weights.pp(name)), hidden, hidden, Activation::None)?,
            attention_output: linear(names.attention_output, hidden, hidden, Activation::None)?,
            attention_norm: norm(names.attention_norm)?,
            intermediate: linear(names.intermediate, hidden, inner, Activation::Gelu)?,
            output: linear(names.output, inner, hidden, Activation::None)?,
            output_norm: norm(names.output_norm)?,
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

fn row(table: &[f32], hidden: usize, index: u32) -> Option<&[f32]> {
    let start = index as usize * hidden;
    table.get(start..start + hidden)
}
