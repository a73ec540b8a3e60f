//! A folder with a low-rank adapter, as the PEFT library writes it: `adapter_config.json` and
//! `adapter_model.safetensors`.

use std::path::{Path, PathBuf};

use fs_err::File;
use serde_json::{Map, Value};

use super::names::translate;
use super::safetensors::{places, read_json};
use super::stored::Stored;
use super::tensors::{Tensors, damaged};
use crate::error::{GenerateError, Result};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// Far above any adapter.
const MOST_RANK: usize = 4096;

pub(crate) struct AdapterFile {
    directory: PathBuf,
    config: Map<String, Value>,
    tensors: Tensors,
}

/// Of one matrix.
pub(crate) struct Factors {
    /// `(rank, inputs)`.
    pub(crate) down: Stored,
    /// `(outputs, rank)`.
    pub(crate) up: Stored,
    pub(crate) scale: f32,
}

impl AdapterFile {
    /// Reads the configuration and where the tensors are.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let config = read_json(&directory.join(CONFIG))?;
        let path = directory.join(WEIGHTS);
        let mut file = File::open(&path)?;
        let places = places(&path, &mut file, |name| Some(factor_name(name)))?;
        let mut tensors = Tensors::default();
        tensors.add(&path, file, places)?;
        let adapter = Self { directory: directory.to_owned(), config, tensors };
        adapter.refuse_unread()?;
        Ok(adapter)
    }

    /// Variants that would be computed wrongly.
    fn refuse_unread(&self) -> Result<()> {
        let kind = self.config.get("peft_type").and_then(Value::as_str).unwrap_or_default();
        if kind != "LORA" {
            return Err(self.unreadable("peft_type", format!("is {kind:?}; only \"LORA\" can be read")));
        }
        for key in ["use_dora", "fan_in_fan_out", "lora_bias", "use_bdlora", "use_qalora"] {
            if self.config.get(key).is_some_and(|value| value == true) {
                return Err(self.unreadable(key, "cannot be read"));
            }
        }
        let filled =
            |value: &Value| !value.is_null() && *value != serde_json::json!([]) && *value != serde_json::json!({});
        for key in ["modules_to_save", "layer_replication", "alora_invocation_tokens", "trainable_token_indices"] {
            if self.config.get(key).is_some_and(filled) {
                return Err(self.unreadable(key, "cannot be read"));
            }
        }
        // All names that are known end in a factor.
        let unknown = self.tensors.names().find(|name| !name.starts_with("blk.") || !is_factor(name));
        unknown.map_or(Ok(()), |name| Err(self.unreadable(name, "no matrix of the model takes it")))
    }

    pub(crate) fn unreadable(&self, part: &str, reason: impl Into<String>) -> GenerateError {
        GenerateError::Unreadable { file: self.directory.clone(), part: part.to_owned(), reason: reason.into() }
    }

    /// The names `blk.N.PART` that it adds to.
    pub(crate) fn names(&self) -> Vec<String> {
        self.tensors.names().filter_map(|name| name.strip_suffix(".down")).map(str::to_owned).collect()
    }

    /// Checked against the matrix `(outputs, inputs)` that it adds to.
    pub(crate) fn read(&mut self, name: &str, outputs: usize, inputs: usize) -> Result<Factors> {
        let (down, up) = (format!("{name}.down"), format!("{name}.up"));
        let rank = self.tensors.shape(&down)?.first().copied().unwrap_or(0);
        if rank == 0 || rank > MOST_RANK {
            return Err(damaged(&self.directory, &down, format!("the rank {rank} is out of range")));
        }
        self.tensors.check(&down, &[rank, inputs])?;
        self.tensors.check(&up, &[outputs, rank])?;
        let scale = self.scale(name, rank)?;
        Ok(Factors { down: self.tensors.read(&down)?, up: self.tensors.read(&up)?, scale })
    }

    /// `lora_alpha / rank`, or `lora_alpha / √rank` (rank-stabilised, <https://arxiv.org/abs/2312.03732>).
    fn scale(&self, name: &str, rank: usize) -> Result<f32> {
        let patterns = self.config.get("alpha_pattern").and_then(Value::as_object);
        if patterns.is_some_and(|patterns| !patterns.is_empty()) {
            return Err(self.unreadable("alpha_pattern", "cannot be read"));
        }
        let alpha = self.config.get("lora_alpha").and_then(Value::as_f64).filter(|alpha| alpha.is_finite());
        let alpha = alpha.ok_or_else(|| damaged(&self.directory, "lora_alpha", format!("is no number ({name})")))?;
        let stabilised = self.config.get("use_rslora").is_some_and(|value| value == true);
        let rank = rank as f64;
        Ok((alpha / if stabilised { rank.sqrt() } else { rank }) as f32)
    }
}

/// `base_model.model.model.layers.3.mlp.up_proj.lora_A.weight` to `blk.3.ffn_up.down`. Unknown names stay.
fn factor_name(name: &str) -> String {
    let known = || {
        let path = name.strip_prefix("base_model.model.")?;
        let (path, end) = match path.split_once(".lora_A.") {
            Some((path, _)) => (path, "down"),
            None => (path.split_once(".lora_B.")?.0, "up"),
        };
        let ours = translate(&format!("{path}.weight"))?;
        Some(format!("{}.{end}", ours.strip_suffix(".weight")?))
    };
    known().unwrap_or_else(|| name.to_owned())
}

fn is_factor(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, factor)| matches!(factor, "down" | "up"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_matrices() {
        for (theirs, ours) in [
            ("base_model.model.model.layers.3.mlp.up_proj.lora_A.weight", "blk.3.ffn_up.down"),
            ("base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight", "blk.0.attn_q.up"),
            ("base_model.model.lm_head.lora_A.weight", "output.down"),
            (
                "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
                "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
            ),
        ] {
            assert_eq!(factor_name(theirs), ours);
        }
    }
}
