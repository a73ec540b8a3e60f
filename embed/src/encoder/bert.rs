//! The BERT encoder (Devlin et al. 2018, arXiv:1810.04805) for inference: sequences of a batch laid end
//! to end, so that short texts cost no padding and long ones no mask. RoBERTa, XLM-RoBERTa and DistilBERT
//! have the same layers.

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::bert_config::{BertConfig, Names};
use super::layers::{load_heads, load_linear, load_norm};
use super::pooling::Pooling;
use super::tokens::PairIds;
use crate::compute::layer::{Buffers, Layer};
use crate::compute::linear::Precision;
use crate::compute::norm::LayerNorm;

#[derive(Debug)]
pub(super) struct Bert {
    /// `(vocabulary, hidden)`.
    words: Vec<f32>,
    /// By token type, `(positions, hidden)`, the type's embedding added: a text is of type 0, the second of a pair
    /// of type 1. One where there are no types.
    positions: Vec<Vec<f32>>,
    /// Has the position of its id; others are counted on from there.
    padding_id: Option<u32>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    pooling: Pooling,
    hidden: usize,
}

impl Bert {
    /// Reads and repacks the weights; `weights` may have the architecture's prefix or none.
    pub(super) fn load(
        weights: &VarBuilder,
        config: &BertConfig,
        pooling: Pooling,
        precision: Precision,
    ) -> Result<Self> {
        let names = config.names();
        let prefixed = weights.pp(names.prefix).contains_tensor("embeddings.word_embeddings.weight");
        let weights = if prefixed { weights.pp(names.prefix) } else { weights.clone() };
        let embeddings = weights.pp("embeddings");
        let hidden = config.hidden_size;
        let table = |name: &str, rows: usize| embeddings.pp(name).get((rows, hidden), "weight");
        let positions = table("position_embeddings", config.max_position_embeddings)?;
        let types = match config.type_vocab_size {
            0 => Tensor::zeros((1, hidden), DType::F32, &Device::Cpu)?,
            count => table("token_type_embeddings", count)?.narrow(0, 0, count.min(2))?,
        };
        let positions = (0..types.dim(0)?)
            .map(|kind| positions.broadcast_add(&types.narrow(0, kind, 1)?)?.flatten_all()?.to_vec1::<f32>());
        let positions = positions.collect::<Result<Vec<_>>>()?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| load_layer(&weights.pp(names.layers).pp(index), config, &names, precision))
            .collect::<Result<_>>()?;
        Ok(Self {
            words: table("word_embeddings", config.vocab_size)?.flatten_all()?.to_vec1()?,
            positions,
            padding_id: config.padding_id(),
            norm: load_norm(&embeddings.pp("LayerNorm"), hidden, config.layer_norm_eps)?,
            layers,
            pooling,
            hidden,
        })
    }

    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// One L2-normalised vector per sequence of token ids. A vector is the same, bit for bit, whatever
    /// else is in the batch.
    pub(super) fn forward(&self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>> {
        let (values, sequences) = self.states(batch.iter().map(|ids| (ids.as_slice(), ids.len())))?;
        Ok(self.pooling.pool(&values, self.hidden, &sequences))
    }

    /// The state of each pair's first token: `(pairs, hidden)`.
    pub(super) fn first_states(&self, pairs: &[PairIds]) -> Result<Vec<f32>> {
        let (values, sequences) = self.states(pairs.iter().map(|pair| (pair.ids.as_slice(), pair.second)))?;
        let first = sequences.iter().flat_map(|tokens| &values[tokens.start * self.hidden..][..self.hidden]);
        Ok(first.copied().collect())
    }

    /// Of sequences of token ids, each with its first token of type 1: what the last layer gives, `(tokens, hidden)`,
    /// and where each sequence is.
    fn states<'a>(&self, batch: impl Iterator<Item = (&'a [u32], usize)>) -> Result<(Vec<f32>, Vec<Range<usize>>)> {
        let (mut values, mut sequences) = (Vec::new(), Vec::new());
        for (ids, second) in batch {
            let start = values.len() / self.hidden;
            self.embed(ids, second, &mut values)?;
            sequences.push(start..start + ids.len());
        }
        self.norm.apply(&mut values);
        let mut buffers = Buffers::default();
        for layer in &self.layers {
            layer.forward(&mut values, &sequences, &mut buffers);
        }
        Ok((values, sequences))
    }

    /// Appends the sum of word, position and type embedding of each token.
    fn embed(&self, ids: &[u32], second: usize, values: &mut Vec<f32>) -> Result<()> {
        let mut next = self.padding_id.map_or(0, |id| id + 1);
        for (index, &id) in ids.iter().enumerate() {
            let own = self.padding_id == Some(id);
            let position = if own { id } else { next };
            next += u32::from(!own);
            let Some(word) = row(&self.words, self.hidden, id) else {
                candle_core::bail!("token {id} is not in the model's vocabulary");
            };
            let kind = usize::from(index >= second).min(self.positions.len() - 1);
            let Some(position) = row(&self.positions[kind], self.hidden, position) else {
                candle_core::bail!("a sequence is longer than the model's positions");
            };
            values.extend(word.iter().zip(position).map(|(word, position)| word + position));
        }
        Ok(())
    }
}

fn load_layer(weights: &VarBuilder, config: &BertConfig, names: &Names, precision: Precision) -> Result<Layer> {
    let (hidden, inner, epsilon) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
    Ok(Layer {
        heads: load_heads(&names.qkv.map(|name| weights.pp(name)), hidden, config.num_attention_heads, precision)?,
        attention_output: load_linear(&weights.pp(names.attention_output), hidden, hidden, precision)?,
        attention_norm: load_norm(&weights.pp(names.attention_norm), hidden, epsilon)?,
        intermediate: load_linear(&weights.pp(names.intermediate), hidden, inner, precision)?,
        output: load_linear(&weights.pp(names.output), inner, hidden, precision)?,
        output_norm: load_norm(&weights.pp(names.output_norm), hidden, epsilon)?,
    })
}

fn row(table: &[f32], hidden: usize, index: u32) -> Option<&[f32]> {
    let start = index as usize * hidden;
    table.get(start..start + hidden)
}
