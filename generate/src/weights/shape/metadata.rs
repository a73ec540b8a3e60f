//! The sizes of a model from the metadata of its GGUF file. Keys and defaults: llama.cpp's `llama-model.cpp`.

use super::{Family, MOST, Shape, Sizes};
use crate::error::{GenerateError, Result};
use crate::weights::gguf::Gguf;
use crate::weights::rope::{Pairing, Rope, Scaling, Yarn};

/// Keys of variants whose forward pass would differ, with the one value that changes nothing.
const NEUTRAL: [(&str, f64); 11] = [
    ("expert_count", 0.0),
    ("logit_scale", 1.0),
    ("embedding_scale", 1.0),
    ("residual_scale", 1.0),
    ("attention.scale", 0.0),
    ("attention.clamp_kqv", 0.0),
    ("attn_logit_softcapping", 0.0),
    ("final_logit_softcapping", 0.0),
    ("rope.scaling.yarn_log_multiplier", 0.0),
    ("rope.scaling.yarn_ext_factor", 1.0),
    ("attention.temperature_length", 0.0),
];

pub(crate) fn of_gguf(file: &mut Gguf) -> Result<Shape> {
    let name = file.text("general.architecture")?.to_owned();
    let Some(family) = Family::of(&name) else {
        return Err(GenerateError::Architecture { file: file.path().to_owned(), architecture: name });
    };
    let keys = Keys { file, name: &name };
    let sizes = keys.sizes()?;
    keys.refuse_variants(&sizes)?;
    let pairing = match family {
        Family::Llama | Family::Mistral => Pairing::Interleaved,
        Family::Qwen2 | Family::Qwen3 => Pairing::Halves,
    };
    let scaling = keys.scaling(&sizes)?;
    let window_tokens = keys.optional("attention.sliding_window", |key| file.count(key))?.filter(|tokens| *tokens > 0);
    sizes.check(family, &file.tensors)?;
    let mut rope = Rope::new(pairing, sizes.rope_base, sizes.head_size, scaling);
    let factors = "rope_freqs.weight";
    if file.has_tensor(factors) {
        let divisors = file.tensors.read(factors)?.floats();
        if divisors.iter().any(|divisor| !divisor.is_finite() || *divisor <= 0.0) {
            return Err(file.damaged(factors, "holds what is no positive number"));
        }
        rope.divide(&divisors);
    }
    Ok(sizes.shape(rope, window_tokens))
}

/// The keys of one architecture.
struct Keys<'a> {
    file: &'a Gguf,
    name: &'a str,
}

impl Keys<'_> {
    fn key(&self, end: &str) -> String {
        format!("{}.{end}", self.name)
    }

    fn optional<T>(&self, end: &str, read: impl Fn(&str) -> Result<T>) -> Result<Option<T>> {
        let key = self.key(end);
        self.file.has(&key).then(|| read(&key)).transpose()
    }

    fn count(&self, end: &str) -> Result<usize> {
        let key = self.key(end);
        match self.file.count(&key)? {
            count @ 1..=MOST => Ok(count),
            count => Err(self.file.damaged(&key, format!("{count} is out of range"))),
        }
    }

    fn number(&self, end: &str, otherwise: f64) -> Result<f64> {
        Ok(self.optional(end, |key| self.file.number(key))?.unwrap_or(otherwise))
    }

    fn positive(&self, end: &str, otherwise: f64) -> Result<f64> {
        let number = self.number(end, otherwise)?;
        if number > 0.0 { Ok(number) } else { Err(self.file.damaged(&self.key(end), "is not positive")) }
    }

    fn sizes(&self) -> Result<Sizes> {
        let heads = self.count("attention.head_count")?;
        let hidden = self.count("embedding_length")?;
        let or = |end: &str, otherwise: usize| {
            if self.file.has(&self.key(end)) { self.count(end) } else { Ok(otherwise) }
        };
        let even = if hidden.is_multiple_of(heads) { hidden / heads } else { 0 };
        let sizes = Sizes {
            layers: self.count("block_count")?,
            hidden,
            feed_forward: self.count("feed_forward_length")?,
            heads,
            key_heads: or("attention.head_count_kv", heads)?,
            head_size: or("attention.key_length", even)?,
            vocabulary: self.file.texts("tokenizer.ggml.tokens")?.len(),
            context_tokens: self.count("context_length")?,
            epsilon: self.file.number(&self.key("attention.layer_norm_rms_epsilon"))?,
            rope_base: self.number("rope.freq_base", 10_000.0)?,
        };
        let keys = [
            "attention.head_count",
            "attention.head_count_kv",
            "attention.key_length",
            "attention.layer_norm_rms_epsilon",
            "rope.freq_base",
        ];
        match sizes.contradiction(keys) {
            Some((key, reason)) => Err(self.file.damaged(&self.key(key), reason)),
            None => Ok(sizes),
        }
    }

    fn refuse_variants(&self, sizes: &Sizes) -> Result<()> {
        let refuse = |end: &str, reason: String| Err(self.file.unreadable(&self.key(end), reason));
        for end in ["rope.dimension_count", "attention.value_length"] {
            let size = self.optional(end, |key| self.file.count(key))?;
            if let Some(size) = size.filter(|size| *size != sizes.head_size) {
                return refuse(end, format!("is {size}; only {} (the head size) can be read", sizes.head_size));
            }
        }
        for (end, neutral) in NEUTRAL {
            let number = self.number(end, neutral)?;
            if (number - neutral).abs() > f64::EPSILON {
                return refuse(end, format!("is {number}; only models without it can be read"));
            }
        }
        if self.optional("attention.causal", |key| self.file.truth(key))? == Some(false) {
            return refuse("attention.causal", "is false; only models that read from left to right can".into());
        }
        Ok(())
    }

    fn scaling(&self, sizes: &Sizes) -> Result<Scaling> {
        let key = "rope.scaling.type";
        // Before there were types, there was one factor.
        let linear = self.positive("rope.scale_linear", 1.0)?;
        let kind = self.optional(key, |key| self.file.text(key).map(str::to_owned))?;
        match kind.as_deref() {
            None | Some("none") if (linear - 1.0).abs() < f64::EPSILON => Ok(Scaling::None),
            None => Ok(Scaling::Linear { factor: linear }),
            Some("none") => Ok(Scaling::None),
            Some("linear") => Ok(Scaling::Linear { factor: self.positive("rope.scaling.factor", 1.0)? }),
            Some("yarn") => {
                let factor = self.positive("rope.scaling.factor", 1.0)?;
                let weight = self.positive("rope.scaling.attn_factor", 1.0)?;
                Ok(Scaling::Yarn(Yarn {
                    factor,
                    original_tokens: self
                        .positive("rope.scaling.original_context_length", sizes.context_tokens as f64)?,
                    beta_fast: self.positive("rope.scaling.yarn_beta_fast", 32.0)?,
                    beta_slow: self.positive("rope.scaling.yarn_beta_slow", 1.0)?,
                    whole_bounds: true,
                    magnitude: weight * Yarn::recommended_magnitude(factor, 1.0),
                }))
            }
            Some(other) => {
                let reason = format!("is `{other}`; `none`, `linear` and `yarn` can be read");
                Err(self.file.unreadable(&self.key(key), reason))
            }
        }
    }
}
