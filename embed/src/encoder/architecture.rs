//! `config.json` → the network that computes it.
//!
//! BERT's family runs on the kernels of [`compute`](crate::compute); the others are candle-transformers'.

use candle_core::Result;
use candle_nn::VarBuilder;
use serde::Deserialize;

use super::bert::Bert;
use super::bert_config::BertConfig;
use super::classifier::Classifier;
use super::padded::Padded;
use super::padded_config::PaddedConfig;
use super::pooling::Pooling;
use super::tokens::PairIds;
use crate::compute::linear::Precision;

const SUPPORTED: &str = "`bert`, `roberta`, `xlm-roberta`, `camembert`, `distilbert`, `modernbert` and `nomic_bert`";

/// Sizes beyond these are no model's, and would only ask for memory that is not there.
const MAX_SIZE: usize = 1 << 24;
const MAX_LAYERS: usize = 1 << 10;

/// What a checkpoint says about itself, checked.
#[derive(Debug)]
pub(super) enum Architecture {
    Bert(BertConfig),
    Padded(PaddedConfig),
}

/// A loaded network: sequences of token ids → one L2-normalised vector each, whatever shares their batch.
#[derive(Debug)]
pub(super) enum Network {
    Bert(Bert),
    Padded(Padded),
}

/// A loaded network that judges pairs of texts.
#[derive(Debug)]
pub(super) struct CrossEncoder {
    encoder: Bert,
    classifier: Classifier,
}

impl Architecture {
    /// The error says in words what is wrong with the file or cannot be computed.
    pub(super) fn from_json(json: &[u8]) -> std::result::Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            model_type: String,
        }
        let invalid = |error: serde_json::Error| error.to_string();
        let Head { model_type } = serde_json::from_slice(json).map_err(invalid)?;
        if BertConfig::describes(&model_type) {
            let config = serde_json::from_slice::<BertConfig>(json).map_err(invalid)?;
            config.unsupported()?;
            return Ok(Self::Bert(config));
        }
        match PaddedConfig::from_json(&model_type, json) {
            Some(config) => Ok(Self::Padded(config?)),
            None => Err(format!("architecture `{model_type}` is not supported, only {SUPPORTED}")),
        }
    }

    /// Token ids that the weights know.
    pub(super) fn vocabulary(&self) -> usize {
        match self {
            Self::Bert(config) => config.vocab_size,
            Self::Padded(config) => config.vocabulary(),
        }
    }

    /// Longest sequence in tokens.
    pub(super) fn positions(&self) -> usize {
        match self {
            Self::Bert(config) => config.positions(),
            Self::Padded(config) => config.positions(),
        }
    }

    /// `max_tokens` is the longest sequence that will be asked for.
    pub(super) fn load(
        &self,
        weights: &VarBuilder<'static>,
        pooling: Pooling,
        max_tokens: usize,
        precision: Precision,
    ) -> Result<Network> {
        Ok(match self {
            Self::Bert(config) => Network::Bert(Bert::load(weights, config, pooling, precision)?),
            Self::Padded(config) => Network::Padded(Padded::load(weights, config, pooling, max_tokens)?),
        })
    }

    pub(super) fn load_cross_encoder(
        &self,
        weights: &VarBuilder<'static>,
        precision: Precision,
    ) -> Result<CrossEncoder> {
        let Self::Bert(config) = self else {
            candle_core::bail!("only BERT's family (also RoBERTa, XLM-RoBERTa, DistilBERT) can rerank");
        };
        Ok(CrossEncoder {
            classifier: Classifier::load(weights, &config.model_type, config.hidden_size, precision)?,
            encoder: Bert::load(weights, config, Pooling::First, precision)?,
        })
    }
}

impl CrossEncoder {
    pub(super) fn scores(&self, pairs: &[PairIds]) -> Result<Vec<f32>> {
        Ok(self.classifier.scores(&self.encoder.first_states(pairs)?))
    }
}

impl Network {
    /// Length of a vector.
    pub(super) fn hidden(&self) -> usize {
        match self {
            Self::Bert(network) => network.hidden(),
            Self::Padded(network) => network.hidden(),
        }
    }

    pub(super) fn forward(&self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>> {
        match self {
            Self::Bert(network) => network.forward(batch),
            Self::Padded(network) => network.forward(batch),
        }
    }
}

/// Refuses sizes that no weights can have, before anything is computed with them.
pub(super) fn sizes_hold(
    sizes: &[usize],
    layers: usize,
    hidden: usize,
    heads: usize,
) -> std::result::Result<(), String> {
    if let Some(size) = sizes.iter().chain(&[hidden]).find(|size| !(1..=MAX_SIZE).contains(*size)) {
        return Err(format!("a size of {size} is not a model's"));
    }
    if layers > MAX_LAYERS {
        return Err(format!("{layers} layers are not a model's"));
    }
    if heads == 0 || !hidden.is_multiple_of(heads) {
        return Err(format!("hidden size {hidden} does not divide into {heads} heads"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    fn file(model_type: &str, changes: &Value) -> Vec<u8> {
        let mut config = json!({
            "model_type": model_type, "vocab_size": 30, "hidden_size": 24, "num_hidden_layers": 4,
            "num_attention_heads": 3, "intermediate_size": 40, "max_position_embeddings": 32, "type_vocab_size": 2,
            "layer_norm_eps": 1e-12, "hidden_act": if model_type == "nomic_bert" { "silu" } else { "gelu" }
        });
        config.as_object_mut().unwrap().extend(changes.as_object().cloned().unwrap_or_default());
        serde_json::to_vec(&config).unwrap()
    }

    #[test]
    fn each_supported_architecture_says_how_long_its_texts_may_be() {
        for model_type in SUPPORTED.split('`').skip(1).step_by(2) {
            let counts_from_padding = ["roberta", "xlm-roberta", "camembert"].contains(&model_type);
            let architecture = Architecture::from_json(&file(model_type, &Value::Object(Map::new()))).unwrap();
            let positions = if counts_from_padding { 30 } else { 32 };
            assert_eq!((architecture.positions(), architecture.vocabulary()), (positions, 30), "{model_type}");
        }
    }

    #[test]
    fn what_would_come_out_wrong_or_ask_for_the_impossible_is_refused() {
        for (model_type, changes, expected) in [
            ("t5", json!({}), "`t5` is not supported"),
            ("bert", json!({"position_embedding_type": "alibi"}), "`alibi`"),
            ("bert", json!({"hidden_act": "gelu_new"}), "`gelu_new`"),
            ("bert", json!({"intermediate_size": 0}), "a size of 0"),
            ("bert", json!({"num_hidden_layers": 1_u64 << 40}), "layers"),
            ("roberta", json!({"pad_token_id": u32::MAX}), "the first one used"),
            ("modernbert", json!({"num_attention_heads": 0}), "0 heads"),
            ("modernbert", json!({"hidden_size": 27}), "odd size"),
            ("modernbert", json!({"hidden_size": u64::MAX}), "a size of"),
            ("modernbert", json!({"mlp_bias": true}), "biases"),
            ("modernbert", json!({"hidden_activation": "silu"}), "`silu`"),
            ("modernbert", json!({"global_attn_every_n_layers": 0}), "every 0 layers"),
            ("modernbert", json!({"layer_types": ["full_attention"]}), "irregular"),
            ("modernbert", json!({"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}), "`yarn`"),
            ("nomic_bert", json!({"num_experts": 8}), "experts"),
            ("nomic_bert", json!({"rotary_emb_fraction": 0.5}), "partly rotated"),
            ("nomic_bert", json!({"hidden_act": "gelu"}), "activation"),
            ("nomic_bert", json!({"num_hidden_layers": "x"}), "invalid type"),
        ] {
            let error = Architecture::from_json(&file(model_type, &changes)).unwrap_err();
            assert!(error.contains(expected), "{model_type} {changes}: {error}");
        }
    }
}
