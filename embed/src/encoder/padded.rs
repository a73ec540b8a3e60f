//! Architectures that candle-transformers computes, on batches of sequences padded to the same length.

use std::fmt;

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::modernbert::{self, ModernBert};
use candle_transformers::models::nomic_bert::{self, NomicBertModel};

use super::padded_config::PaddedConfig;
use super::pooling::Pooling;

pub(super) struct Padded {
    network: Network,
    pooling: Pooling,
    hidden: usize,
}

enum Network {
    ModernBert(ModernBert),
    NomicBert(NomicBertModel),
}

impl fmt::Debug for Padded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.network {
            Network::ModernBert(_) => "modernbert",
            Network::NomicBert(_) => "nomic_bert",
        };
        formatter.debug_struct("Padded").field("network", &name).field("hidden", &self.hidden).finish_non_exhaustive()
    }
}

impl Padded {
    /// Tables for positions are made for `max_tokens`, not for as many as the file claims.
    pub(super) fn load(
        weights: &VarBuilder<'static>,
        config: &PaddedConfig,
        pooling: Pooling,
        max_tokens: usize,
    ) -> Result<Self> {
        let (network, hidden) = match config {
            PaddedConfig::ModernBert(config) => {
                let config = modernbert::Config { max_position_embeddings: max_tokens, ..config.clone() };
                (Network::ModernBert(load_modern_bert(weights, &config)?), config.hidden_size)
            }
            PaddedConfig::NomicBert(config) => {
                let config = nomic_bert::Config { n_positions: max_tokens, ..config.clone() };
                (Network::NomicBert(NomicBertModel::load(weights.clone(), &config)?), config.n_embd)
            }
        };
        Ok(Self { network, pooling, hidden })
    }

    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }

    /// One L2-normalised vector per sequence of token ids. Padding is masked: what shares the batch changes
    /// a vector by rounding only.
    pub(super) fn forward(&self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>> {
        let mut order = (0..batch.len()).collect::<Vec<_>>();
        order.sort_by_key(|&index| batch[index].len());
        let mut vectors = vec![Vec::new(); batch.len()];
        let mut rest = order.as_slice();
        while let Some(&shortest) = rest.first() {
            // One long text would make as much padding of many short ones.
            let longest = batch[shortest].len() * 5 / 4 + 1;
            let (group, later) = rest.split_at(rest.partition_point(|&index| batch[index].len() <= longest));
            rest = later;
            let sequences = group.iter().map(|&index| batch[index].as_slice()).collect::<Vec<_>>();
            for (&index, vector) in group.iter().zip(self.padded_forward(&sequences)?) {
                vectors[index] = vector;
            }
        }
        Ok(vectors)
    }

    fn padded_forward(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let length = sequences.iter().map(|ids| ids.len()).max().unwrap_or(0);
        let shape = (sequences.len(), length);
        let padded = |fill: &dyn Fn(u32) -> u32| {
            let rows = sequences.iter().flat_map(|ids| {
                let padding = std::iter::repeat_n(0, length - ids.len());
                ids.iter().map(|&id| fill(id)).chain(padding)
            });
            Tensor::from_vec(rows.collect::<Vec<u32>>(), shape, &Device::Cpu)
        };
        let (ids, mask) = (padded(&|id| id)?, padded(&|_| 1)?);
        let values = match &self.network {
            Network::ModernBert(network) => network.forward(&ids, &mask)?,
            Network::NomicBert(network) => network.forward(&ids, None, Some(&mask))?,
        };
        let values = values.flatten_all()?.to_vec1::<f32>()?;
        let ranges = sequences.iter().enumerate().map(|(row, ids)| row * length..row * length + ids.len());
        Ok(self.pooling.pool(&values, self.hidden, &ranges.collect::<Vec<_>>()))
    }
}

/// The weights of the bare network, or of one with a head, where every name begins with `model.`.
fn load_modern_bert(weights: &VarBuilder<'static>, config: &modernbert::Config) -> Result<ModernBert> {
    let prefixed = weights.contains_tensor("model.embeddings.tok_embeddings.weight");
    let weights = if prefixed {
        weights.clone()
    } else {
        weights.clone().rename_f(|name| name.strip_prefix("model.").unwrap_or(name).to_owned())
    };
    // Only the first layer has no norm before its attention; the loader would leave out any that is missing.
    for layer in 1..config.num_hidden_layers {
        let name = format!("model.layers.{layer}.attn_norm.weight");
        if !weights.contains_tensor(&name) {
            candle_core::bail!("cannot find tensor {name}");
        }
    }
    ModernBert::load(weights, config)
}
