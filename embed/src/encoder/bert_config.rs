//! BERT and the models of the same layers: what they call their settings and tensors, and how they count
//! positions.

use serde::Deserialize;

use super::architecture::sizes_hold;

/// `config.json` of the checkpoint; DistilBERT's words for the same things as aliases.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BertConfig {
    pub(super) model_type: String,
    pub(super) vocab_size: usize,
    #[serde(alias = "dim")]
    pub(super) hidden_size: usize,
    #[serde(alias = "n_layers")]
    pub(super) num_hidden_layers: usize,
    #[serde(alias = "n_heads")]
    pub(super) num_attention_heads: usize,
    #[serde(alias = "hidden_dim")]
    pub(super) intermediate_size: usize,
    #[serde(alias = "activation")]
    pub(super) hidden_act: String,
    pub(super) max_position_embeddings: usize,
    /// DistilBERT has none.
    #[serde(default)]
    pub(super) type_vocab_size: usize,
    /// DistilBERT does not state it.
    #[serde(default = "default_epsilon")]
    pub(super) layer_norm_eps: f64,
    position_embedding_type: Option<String>,
    pad_token_id: Option<u32>,
}

/// Tensor names, each below the prefix or the layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    /// Of the whole network, in checkpoints of a network with a head; others go without.
    pub(super) prefix: &'static str,
    pub(super) layers: &'static str,
    /// Query, key and value.
    pub(super) qkv: [&'static str; 3],
    pub(super) attention_output: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) intermediate: &'static str,
    pub(super) output: &'static str,
    pub(super) output_norm: &'static str,
}

const BERT: Names = Names {
    prefix: "bert",
    layers: "encoder.layer",
    qkv: ["attention.self.query", "attention.self.key", "attention.self.value"],
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    intermediate: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};

const DISTILBERT: Names = Names {
    prefix: "distilbert",
    layers: "transformer.layer",
    qkv: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    intermediate: "ffn.lin1",
    output: "ffn.lin2",
    output_norm: "output_layer_norm",
};

fn default_epsilon() -> f64 {
    1e-12
}

impl BertConfig {
    /// Whether `model_type` is one of BERT's family.
    pub(super) fn describes(model_type: &str) -> bool {
        matches!(model_type, "bert" | "distilbert" | "roberta" | "xlm-roberta" | "camembert")
    }

    /// What this forward pass does not compute, in words.
    pub(super) fn unsupported(&self) -> Result<(), String> {
        sizes_hold(
            &[self.vocab_size, self.intermediate_size, self.max_position_embeddings],
            self.num_hidden_layers,
            self.hidden_size,
            self.num_attention_heads,
        )?;
        if self.hidden_act != "gelu" {
            return Err(format!("activation `{}` is not supported, only `gelu`", self.hidden_act));
        }
        let positions = self.position_embedding_type.as_deref().unwrap_or("absolute");
        if positions != "absolute" {
            return Err(format!("position embeddings of type `{positions}` are not supported, only `absolute`"));
        }
        if self.positions() == 0 {
            let first = self.first_position();
            return Err(format!("{} positions, but the first one used is {first}", self.max_position_embeddings));
        }
        Ok(())
    }

    pub(super) fn names(&self) -> Names {
        match self.model_type.as_str() {
            "distilbert" => DISTILBERT,
            "bert" => BERT,
            _ => Names { prefix: "roberta", ..BERT },
        }
    }

    /// The token that has a position of its own, from which RoBERTa and its kin count on (a habit of
    /// fairseq that the weights were trained with).
    pub(super) fn padding_id(&self) -> Option<u32> {
        let counts_from_padding = matches!(self.model_type.as_str(), "roberta" | "xlm-roberta" | "camembert");
        counts_from_padding.then(|| self.pad_token_id.unwrap_or(1))
    }

    /// Tokens that have a position.
    pub(super) fn positions(&self) -> usize {
        self.max_position_embeddings.saturating_sub(self.first_position())
    }

    fn first_position(&self) -> usize {
        self.padding_id().map_or(0, |id| id as usize + 1)
    }
}
