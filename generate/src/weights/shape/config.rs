//! The sizes of a model from the `config.json` of its folder. Keys and defaults: the configuration classes of
//! the transformers library, in the formats of its versions 4 and 5.

use super::{Family, MOST, Shape, Sizes};
use crate::error::{GenerateError, Result};
use crate::weights::rope::{Pairing, Rope, Scaling, Yarn};
use crate::weights::safetensors::{Config, Folder};

pub(crate) fn of_folder(folder: &mut Folder) -> Result<Shape> {
    let config = folder.config.clone();
    let architecture = config.text("model_type")?.ok_or_else(|| config.damaged("model_type", "the key is missing"))?;
    let Some(family) = Family::of(architecture) else {
        let (file, architecture) = (config.path().to_owned(), architecture.to_owned());
        return Err(GenerateError::Architecture { file, architecture });
    };
    refuse_variants(&config)?;
    let sizes = sizes(&config, family)?;
    let scaling = scaling(&config, &sizes)?;
    let window_tokens = window(&config, family)?;
    tie(folder, &config)?;
    sizes.check(family, &folder.tensors)?;
    Ok(sizes.shape(Rope::new(Pairing::Halves, sizes.rope_base, sizes.head_size, scaling), window_tokens))
}

fn sizes(config: &Config, family: Family) -> Result<Sizes> {
    let optional = |key: &str| match config.count(key)? {
        Some(count @ 1..=MOST) => Ok(Some(count)),
        Some(count) => Err(config.damaged(key, format!("{count} is out of range"))),
        None => Ok(None),
    };
    let count = |key: &str| optional(key)?.ok_or_else(|| config.damaged(key, "the key is missing"));
    let (hidden, heads) = (count("hidden_size")?, count("num_attention_heads")?);
    let even = match family {
        Family::Qwen3 => 128,
        _ if hidden.is_multiple_of(heads) => hidden / heads,
        _ => 0,
    };
    let rope = rope(config)?;
    let sizes = Sizes {
        layers: count("num_hidden_layers")?,
        hidden,
        feed_forward: count("intermediate_size")?,
        heads,
        key_heads: optional("num_key_value_heads")?.unwrap_or(heads),
        head_size: optional("head_dim")?.unwrap_or(even),
        vocabulary: count("vocab_size")?,
        context_tokens: count("max_position_embeddings")?,
        epsilon: config.number("rms_norm_eps")?.unwrap_or(1e-6),
        rope_base: match rope.number("rope_theta")? {
            Some(base) => base,
            None => config.number("rope_theta")?.unwrap_or(10_000.0),
        },
    };
    let keys = ["num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps", "rope_theta"];
    match sizes.contradiction(keys) {
        Some((key, reason)) => Err(config.damaged(key, reason)),
        None => Ok(sizes),
    }
}

/// Version 5 of the library calls it `rope_parameters`; without either, the positions are plain.
fn rope(config: &Config) -> Result<Config> {
    for key in ["rope_parameters", "rope_scaling"] {
        if let Some(rope) = config.inner(key)? {
            return Ok(rope);
        }
    }
    Ok(config.without_values())
}

fn scaling(config: &Config, sizes: &Sizes) -> Result<Scaling> {
    let rope = rope(config)?;
    let positive = |key: &str, otherwise: Option<f64>| match rope.number(key)?.or(otherwise) {
        Some(number) if number > 0.0 => Ok(number),
        Some(_) => Err(rope.damaged(key, "is not positive")),
        None => Err(rope.damaged(key, "the key is missing")),
    };
    let (key, kind) = match rope.text("rope_type")? {
        Some(kind) => ("rope_type", kind),
        None => ("type", rope.text("type")?.unwrap_or("default")),
    };
    let context = sizes.context_tokens as f64;
    let original = config.number("original_max_position_embeddings")?.unwrap_or(context);
    let original_tokens = || positive("original_max_position_embeddings", Some(original));
    match kind {
        "default" => Ok(Scaling::None),
        "linear" => Ok(Scaling::Linear { factor: positive("factor", None)? }),
        "llama3" => {
            let (low, high) = (positive("low_freq_factor", None)?, positive("high_freq_factor", None)?);
            if low >= high {
                return Err(rope.damaged("low_freq_factor", format!("{low} is not below high_freq_factor, {high}")));
            }
            Ok(Scaling::Llama3 {
                factor: positive("factor", None)?,
                low_frequency_factor: low,
                high_frequency_factor: high,
                original_tokens: original_tokens()?,
            })
        }
        "yarn" => {
            let factor = positive("factor", Some(context / original_tokens()?))?;
            let weights = (rope.number("mscale")?.unwrap_or(0.0), rope.number("mscale_all_dim")?.unwrap_or(0.0));
            let recommended = match weights {
                (weight, all) if weight > 0.0 && all > 0.0 => {
                    Yarn::recommended_magnitude(factor, weight) / Yarn::recommended_magnitude(factor, all)
                }
                _ => Yarn::recommended_magnitude(factor, 1.0),
            };
            Ok(Scaling::Yarn(Yarn {
                factor,
                original_tokens: original_tokens()?,
                beta_fast: positive("beta_fast", Some(32.0))?,
                beta_slow: positive("beta_slow", Some(1.0))?,
                whole_bounds: rope.truth("truncate")?.unwrap_or(true),
                magnitude: positive("attention_factor", Some(recommended))?,
            }))
        }
        other => {
            let reason = format!("is `{other}`; `default`, `linear`, `llama3` and `yarn` can be read");
            Err(rope.unreadable(key, reason))
        }
    }
}

fn refuse_variants(config: &Config) -> Result<()> {
    let activation = config.text("hidden_act")?.unwrap_or("silu");
    if !matches!(activation, "silu" | "swish") {
        return Err(config.unreadable("hidden_act", format!("is `{activation}`; only `silu` can be read")));
    }
    if config.value("quantization_config").is_some() {
        let reason = "the weights are quantised for another program; take the model in 16 bits or as GGUF";
        return Err(config.unreadable("quantization_config", reason));
    }
    let classes = config.texts("architectures")?.unwrap_or_default();
    if !classes.is_empty() && !classes.iter().any(|class| class.ends_with("ForCausalLM")) {
        let reason = format!("is {}; only models that write text (…ForCausalLM) can be read", classes.join(", "));
        return Err(config.unreadable("architectures", reason));
    }
    let key = "partial_rotary_factor";
    for place in [config, &rope(config)?] {
        let share = place.number(key)?.unwrap_or(1.0);
        if (share - 1.0).abs() > f64::EPSILON {
            return Err(place.unreadable(key, format!("is {share}; only 1 can be read")));
        }
    }
    Ok(())
}

/// Tokens that a token sees. Layers that differ in it cannot be read.
fn window(config: &Config, family: Family) -> Result<Option<usize>> {
    let tokens = config.count("sliding_window")?.filter(|tokens| *tokens > 0);
    let unreadable = |key: &str| Err(config.unreadable(key, "only layers that all see equally far can be read"));
    let layers = config.count("num_hidden_layers")?.unwrap_or(0);
    match family {
        Family::Llama => Ok(None),
        // The class has a window where the key is not even named.
        Family::Mistral if !config.names("sliding_window") => Ok(Some(4096)),
        Family::Mistral => Ok(tokens),
        Family::Qwen2 | Family::Qwen3 if config.truth("use_sliding_window")? != Some(true) => Ok(None),
        Family::Qwen2 | Family::Qwen3 => {
            let is_full = |kind: &&str| *kind == "full_attention";
            let (sliding, all, key) = if let Some(kinds) = config.texts("layer_types")? {
                (kinds.len() - kinds.iter().filter(|kind| is_full(kind)).count(), kinds.len(), "layer_types")
            } else {
                let full = config.count("max_window_layers")?.unwrap_or(28);
                (layers.saturating_sub(full), layers, "max_window_layers")
            };
            match sliding {
                0 => Ok(None),
                sliding if sliding == all => Ok(tokens),
                _ => unreadable(key),
            }
        }
    }
}

/// Tied models write with the embedding; a stored copy of it is not read. One that is not tied needs its own.
fn tie(folder: &mut Folder, config: &Config) -> Result<()> {
    match config.truth("tie_word_embeddings")? {
        Some(true) => folder.tensors.forget("output.weight"),
        Some(false) if !folder.tensors.has("output.weight") => {
            return Err(config.damaged("tie_word_embeddings", "is false, but there is no lm_head.weight"));
        }
        _ => {}
    }
    Ok(())
}
