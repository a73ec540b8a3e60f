//! A model's folder → tokenizer, prompts and network, in the layout of sentence-transformers.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use fs_err as fs;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokenizers::Tokenizer;

use super::architecture::{Architecture, CrossEncoder, Network};
use super::input::{PromptConfig, Prompts};
use super::pooling::Pooling;
use super::tokens::Tokens;
use crate::compute::linear::Precision;
use crate::{EmbedError, ModelFiles};

pub(super) struct Checkpoint {
    name: String,
    directory: PathBuf,
    weights: PathBuf,
    architecture: Architecture,
}

/// `sentence_bert_config.json`.
#[derive(Debug, Default, Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

/// `tokenizer_config.json`. Without a limit writers put 10^30 there.
#[derive(Debug, Default, Deserialize)]
struct TokenizerConfig {
    model_max_length: Option<f64>,
}

/// One step of `modules.json`.
#[derive(Debug, Deserialize)]
struct Module {
    /// The path of a Python class, which has moved over the years: its last part counts.
    #[serde(rename = "type")]
    class: String,
}

impl Checkpoint {
    /// Refuses what the encoder would compute wrongly.
    pub(super) fn open(files: &ModelFiles, role: &str) -> Result<Self, EmbedError> {
        let name = files.passport.name.clone();
        let refuse =
            |file: &Path, reason: String| EmbedError::Model { name: name.clone(), file: file.to_owned(), reason };
        if files.passport.role != role {
            return Err(refuse(&files.weights, format!("its role is `{}`, not `{role}`", files.passport.role)));
        }
        let path = files.directory.join("config.json");
        let architecture = Architecture::from_json(&fs::read(&path)?).map_err(|reason| refuse(&path, reason))?;
        let checkpoint =
            Self { name, directory: files.directory.clone(), weights: files.weights.clone(), architecture };
        checkpoint.check_modules()?;
        Ok(checkpoint)
    }

    /// At most `max_tokens` of them, if the model does not read fewer.
    pub(super) fn tokens(&self, max_tokens: usize) -> Result<Tokens, EmbedError> {
        let path = self.directory.join("tokenizer.json");
        let unreadable = |error: tokenizers::Error| self.error(&path, error.to_string());
        let tokenizer = Tokenizer::from_bytes(fs::read(&path)?).map_err(unreadable)?;
        let (words, known) = (tokenizer.get_vocab_size(true), self.architecture.vocabulary());
        if words > known {
            return Err(self.error(&path, format!("{words} tokens, but the weights know {known}")));
        }
        let limit = self.trained_tokens()?.min(self.architecture.positions()).min(max_tokens);
        Tokens::new(tokenizer, limit).map_err(unreadable)
    }

    pub(super) fn prompts(&self) -> Result<Prompts, EmbedError> {
        let config = self.read_json::<PromptConfig>("config_sentence_transformers.json")?;
        Ok(Prompts::from(config.unwrap_or_default()))
    }

    pub(super) fn network(&self, max_tokens: usize, precision: Precision) -> Result<Network, EmbedError> {
        let network = self.architecture.load(&self.weights()?, self.pooling()?, max_tokens, precision);
        network.map_err(|error| self.unreadable(&error))
    }

    pub(super) fn cross_encoder(&self, precision: Precision) -> Result<CrossEncoder, EmbedError> {
        let network = self.architecture.load_cross_encoder(&self.weights()?, precision);
        network.map_err(|error| self.unreadable(&error))
    }

    fn weights(&self) -> Result<VarBuilder<'static>, EmbedError> {
        let bytes = fs::read(&self.weights)?;
        let weights = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu);
        weights.map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &candle_core::Error) -> EmbedError {
        self.error(&self.weights, error.to_string())
    }

    /// Tokens that the model was made for.
    fn trained_tokens(&self) -> Result<usize, EmbedError> {
        const FILE: &str = "sentence_bert_config.json";
        let config = self.read_json::<SentenceConfig>(FILE)?.unwrap_or_default();
        if config.do_lower_case {
            return Err(self.error(&self.directory.join(FILE), "lower case is not supported here".to_owned()));
        }
        if let Some(limit) = config.max_seq_length {
            return Ok(limit);
        }
        let config = self.read_json::<TokenizerConfig>("tokenizer_config.json")?.unwrap_or_default();
        Ok(config.model_max_length.map_or(usize::MAX, |limit| limit as usize))
    }

    /// A transformer and pooling; every vector is normalised anyway.
    fn check_modules(&self) -> Result<(), EmbedError> {
        const FILE: &str = "modules.json";
        for Module { class } in self.read_json::<Vec<Module>>(FILE)?.unwrap_or_default() {
            let class = class.rsplit('.').next().unwrap_or_default();
            if !matches!(class, "Transformer" | "Pooling" | "Normalize") {
                let reason = format!("the module `{class}` is not supported, only transformer and pooling");
                return Err(self.error(&self.directory.join(FILE), reason));
            }
        }
        Ok(())
    }

    fn pooling(&self) -> Result<Pooling, EmbedError> {
        const FILE: &str = "1_Pooling/config.json";
        let Some(config) = self.read_json::<serde_json::Value>(FILE)? else {
            return Ok(Pooling::Mean);
        };
        let error = |reason: &str| self.error(&self.directory.join(FILE), reason.to_owned());
        if config.get("include_prompt") == Some(&false.into()) && !self.prompts()?.are_empty() {
            return Err(error("pooling without the prompt is not supported"));
        }
        Pooling::from_config(&config).ok_or_else(|| error("only pooling by mean or by first token is supported"))
    }

    /// `None` where there is no such file.
    fn read_json<T: DeserializeOwned>(&self, file: &str) -> Result<Option<T>, EmbedError> {
        let path = self.directory.join(file);
        if !path.is_file() {
            return Ok(None);
        }
        let value = serde_json::from_slice(&fs::read(&path)?);
        value.map(Some).map_err(|error| self.error(&path, error.to_string()))
    }

    fn error(&self, file: &Path, reason: String) -> EmbedError {
        EmbedError::Model { name: self.name.clone(), file: file.to_owned(), reason }
    }
}
