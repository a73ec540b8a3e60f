//! `config.json` of the architectures that candle-transformers computes. Its own configurations take
//! silently what they do not implement, so each file is read here, and what would come out wrong refused.

use std::collections::BTreeMap;

use candle_transformers::models::{modernbert, nomic_bert};
use serde::Deserialize;

use super::architecture::sizes_hold;

#[derive(Debug)]
pub(super) enum PaddedConfig {
    ModernBert(modernbert::Config),
    NomicBert(nomic_bert::Config),
}

impl PaddedConfig {
    /// `None` for an architecture that is not among these.
    pub(super) fn from_json(model_type: &str, json: &[u8]) -> Option<Result<Self, String>> {
        let invalid = |error: serde_json::Error| error.to_string();
        match model_type {
            "modernbert" => {
                let file = serde_json::from_slice::<ModernBertFile>(json).map_err(invalid);
                Some(file.and_then(|file| file.config().map(Self::ModernBert)))
            }
            "nomic_bert" => {
                let file = serde_json::from_slice::<NomicBertFile>(json).map_err(invalid);
                Some(file.and_then(|file| file.config().map(Self::NomicBert)))
            }
            _ => None,
        }
    }

    pub(super) fn vocabulary(&self) -> usize {
        match self {
            Self::ModernBert(config) => config.vocab_size,
            Self::NomicBert(config) => config.vocab_size,
        }
    }

    pub(super) fn positions(&self) -> usize {
        match self {
            Self::ModernBert(config) => config.max_position_embeddings,
            Self::NomicBert(config) => config.n_positions,
        }
    }
}

/// A part of `rope_parameters`, where newer versions of transformers keep the rotary embedding.
#[derive(Debug, Default, Deserialize)]
struct Rope {
    rope_theta: Option<f64>,
    rope_type: Option<String>,
}

impl Rope {
    fn base(&self) -> Result<Option<f64>, String> {
        match self.rope_type.as_deref() {
            None | Some("default") => Ok(self.rope_theta),
            Some(other) => Err(format!("rotary embeddings of type `{other}` are not supported, only `default`")),
        }
    }
}

/// ModernBERT (Warner et al. 2024, arXiv:2412.13663).
#[derive(Debug, Deserialize)]
struct ModernBertFile {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    norm_eps: Option<f64>,
    hidden_activation: Option<String>,
    #[serde(default)]
    norm_bias: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    local_attention: Option<usize>,
    global_attn_every_n_layers: Option<usize>,
    layer_types: Option<Vec<String>>,
    global_rope_theta: Option<f64>,
    local_rope_theta: Option<f64>,
    #[serde(default)]
    rope_parameters: Option<BTreeMap<String, Rope>>,
}

impl ModernBertFile {
    /// What the file leaves out is what transformers takes for it.
    fn config(&self) -> Result<modernbert::Config, String> {
        let (layers, hidden, heads) = (self.num_hidden_layers, self.hidden_size, self.num_attention_heads);
        let local_attention = self.local_attention.unwrap_or(128);
        let sizes = [self.vocab_size, self.intermediate_size, self.max_position_embeddings, local_attention];
        sizes_hold(&sizes, layers, hidden, heads)?;
        rotary_heads_hold(hidden, heads)?;
        if self.norm_bias || self.attention_bias || self.mlp_bias {
            return Err("a ModernBERT with biases is not supported".to_owned());
        }
        let activation = self.hidden_activation.as_deref().unwrap_or("gelu");
        if activation != "gelu" {
            return Err(format!("activation `{activation}` is not supported, only `gelu`"));
        }
        let rope = |kind: &str, older: Option<f64>, default: f64| {
            let newer = self.rope_parameters.as_ref().and_then(|parameters| parameters.get(kind));
            let newer = newer.map_or(Ok(None), Rope::base)?;
            Ok::<_, String>(newer.or(older).unwrap_or(default))
        };
        Ok(modernbert::Config {
            vocab_size: self.vocab_size,
            hidden_size: hidden,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: self.intermediate_size,
            max_position_embeddings: self.max_position_embeddings,
            layer_norm_eps: self.norm_eps.unwrap_or(1e-5),
            // Padding is masked, whichever token it is.
            pad_token_id: 0,
            global_attn_every_n_layers: self.layers_between_global()?,
            global_rope_theta: rope("full_attention", self.global_rope_theta, 160_000.0)?,
            local_attention,
            local_rope_theta: rope("sliding_attention", self.local_rope_theta, 10_000.0)?,
            classifier_config: None,
        })
    }

    /// Every how many layers one attends to the whole text; `layer_types` may only say the same.
    fn layers_between_global(&self) -> Result<usize, String> {
        let is_global = |kind: &String| kind == "full_attention";
        let Some(types) = &self.layer_types else {
            let every = self.global_attn_every_n_layers.unwrap_or(3);
            return if every == 0 { Err("global attention every 0 layers".to_owned()) } else { Ok(every) };
        };
        let every = types.iter().skip(1).position(is_global).map_or(types.len().max(1), |index| index + 1);
        let regular = types.iter().enumerate().all(|(index, kind)| is_global(kind) == (index % every == 0));
        if types.len() != self.num_hidden_layers || !regular {
            return Err("global attention in irregular layers is not supported".to_owned());
        }
        Ok(every)
    }
}

/// Nomic's BERT (Nussbaum et al. 2024, arXiv:2402.01613), in its authors' words and in those of transformers.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the file's own switches")]
struct NomicBertFile {
    vocab_size: usize,
    #[serde(alias = "n_embd")]
    hidden_size: usize,
    #[serde(alias = "n_layer")]
    num_hidden_layers: usize,
    #[serde(alias = "n_head")]
    num_attention_heads: usize,
    #[serde(alias = "n_inner")]
    intermediate_size: usize,
    #[serde(alias = "n_positions")]
    max_position_embeddings: usize,
    /// Beyond these, the rotary embedding is stretched.
    max_trained_positions: Option<usize>,
    #[serde(alias = "layer_norm_epsilon")]
    layer_norm_eps: f64,
    type_vocab_size: usize,
    #[serde(alias = "activation_function")]
    hidden_act: String,
    rotary_emb_base: Option<f64>,
    rotary_emb_fraction: Option<f64>,
    #[serde(default)]
    rotary_emb_interleaved: bool,
    rope_parameters: Option<Rope>,
    head_dim: Option<usize>,
    #[serde(default)]
    qkv_proj_bias: bool,
    #[serde(default)]
    mlp_fc1_bias: bool,
    #[serde(default)]
    mlp_fc2_bias: bool,
    #[serde(flatten)]
    variant: NomicVariant,
}

/// Variants of the network that are not computed; each is a no or a nothing in the models that are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NomicVariant {
    prenorm: bool,
    use_rms_norm: Option<bool>,
    causal: bool,
    parallel_block: bool,
    num_experts: Option<usize>,
}

impl NomicBertFile {
    fn config(&self) -> Result<nomic_bert::Config, String> {
        let (layers, hidden, heads) = (self.num_hidden_layers, self.hidden_size, self.num_attention_heads);
        sizes_hold(&[self.vocab_size, self.intermediate_size, self.max_position_embeddings], layers, hidden, heads)?;
        rotary_heads_hold(hidden, heads)?;
        let variant = &self.variant;
        let experts = variant.num_experts.unwrap_or(0) > 0;
        let rms_norm = variant.use_rms_norm.unwrap_or(false);
        for (is_so, what) in [
            (variant.prenorm, "with normalisation first"),
            (rms_norm, "with RMS norm"),
            (variant.causal, "with causal attention"),
            (variant.parallel_block, "with parallel blocks"),
            (experts, "of experts"),
            (self.rotary_emb_fraction.is_some_and(|fraction| fraction < 1.0), "with partly rotated heads"),
            (self.head_dim.is_some_and(|size| size != hidden / heads), "with heads of a size of their own"),
            (!matches!(self.hidden_act.as_str(), "swiglu" | "silu"), "with an activation other than `swiglu`"),
        ] {
            if is_so {
                return Err(format!("a Nomic BERT {what} is not supported"));
            }
        }
        let rope = self.rope_parameters.as_ref().map_or(Ok(None), Rope::base)?;
        let trained = self.max_trained_positions.unwrap_or(usize::MAX).max(1);
        Ok(nomic_bert::Config {
            vocab_size: self.vocab_size,
            n_embd: hidden,
            n_head: heads,
            n_layer: layers,
            n_inner: self.intermediate_size,
            n_positions: self.max_position_embeddings.min(trained),
            type_vocab_size: self.type_vocab_size,
            layer_norm_epsilon: self.layer_norm_eps,
            rotary_emb_fraction: 1.0,
            rotary_emb_base: rope.or(self.rotary_emb_base).unwrap_or(1000.0),
            rotary_emb_interleaved: self.rotary_emb_interleaved,
            qkv_proj_bias: self.qkv_proj_bias,
            mlp_fc1_bias: self.mlp_fc1_bias,
            mlp_fc2_bias: self.mlp_fc2_bias,
            activation_function: "swiglu".to_owned(),
            prenorm: false,
            model_type: Some("nomic_bert".to_owned()),
        })
    }
}

/// A rotary embedding turns pairs.
fn rotary_heads_hold(hidden: usize, heads: usize) -> Result<(), String> {
    let size = hidden / heads;
    if size.is_multiple_of(2) { Ok(()) } else { Err(format!("heads of odd size {size} are not supported")) }
}
