//! A model's folder → tokenizer, configuration and weights, in the layout of sentence-transformers.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use fs_err as fs;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokenizers::Tokenizer;

use super::bert::{Bert, BertConfig};
use super::layers::Pooling;
use super::tokens::Tokens;
use crate::{EmbedError, ModelFiles};

pub(super) struct Checkpoint {
    name: String,
    directory: PathBuf,
    weights: PathBuf,
    config: BertConfig,
}

/// `sentence_bert_config.json`.
#[derive(Debug, Default, Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
}

/// `1_Pooling/config.json`. Without the file: the mean, as in all of the catalogue.
#[derive(Debug, Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

impl Checkpoint {
    /// Refuses what the encoder would compute wrongly.
    pub(super) fn open(files: &ModelFiles) -> Result<Self, EmbedError> {
        let path = files.directory.join("config.json");
        let name = files.passport.name.clone();
        if files.passport.role != "embed" {
            let reason = format!("its role is `{}`, not `embed`", files.passport.role);
            return Err(EmbedError::Model { name, file: files.weights.clone(), reason });
        }
        let config = read_json::<BertConfig>(&name, &path)?;
        if let Some(reason) = config.unsupported() {
            return Err(EmbedError::Model { name, file: path, reason });
        }
        Ok(Self { name, directory: files.directory.clone(), weights: files.weights.clone(), config })
    }

    pub(super) fn tokens(&self) -> Result<Tokens, EmbedError> {
        let path = self.directory.join("tokenizer.json");
        let unreadable = |error: tokenizers::Error| self.error(&path, error.to_string());
        let tokenizer = Tokenizer::from_bytes(fs::read(&path)?).map_err(unreadable)?;
        let words = tokenizer.get_vocab_size(true);
        if words > self.config.vocab_size {
            let reason = format!("{words} tokens, but the weights know {}", self.config.vocab_size);
            return Err(self.error(&path, reason));
        }
        let limits = self.directory.join("sentence_bert_config.json");
        let limits = if limits.is_file() {
            read_json::<SentenceConfig>(&self.name, &limits)?
        } else {
            SentenceConfig::default()
        };
        let positions = self.config.max_position_embeddings;
        let max_tokens = limits.max_seq_length.unwrap_or(positions).min(positions);
        Tokens::new(tokenizer, max_tokens).map_err(unreadable)
    }

    pub(super) fn bert(&self) -> Result<Bert, EmbedError> {
        let unreadable = |error: candle_core::Error| self.error(&self.weights, error.to_string());
        let bytes = fs::read(&self.weights)?;
        let weights = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu).map_err(unreadable)?;
        Bert::load(&weights, &self.config, self.pooling()?).map_err(unreadable)
    }

    fn pooling(&self) -> Result<Pooling, EmbedError> {
        let path = self.directory.join("1_Pooling/config.json");
        if !path.is_file() {
            return Ok(Pooling::Mean);
        }
        let config = read_json::<PoolingConfig>(&self.name, &path)?;
        match (config.pooling_mode_mean_tokens, config.pooling_mode_cls_token) {
            (true, false) => Ok(Pooling::Mean),
            (false, true) => Ok(Pooling::First),
            _ => Err(self.error(&path, "only pooling by mean or by first token is supported".to_owned())),
        }
    }

    fn error(&self, file: &Path, reason: String) -> EmbedError {
        EmbedError::Model { name: self.name.clone(), file: file.to_owned(), reason }
    }
}

fn read_json<T: DeserializeOwned>(name: &str, path: &Path) -> Result<T, EmbedError> {
    let bytes = fs::read(path)?;
    serde_json::from_slice(&bytes).map_err(|error| EmbedError::Model {
        name: name.to_owned(),
        file: path.to_owned(),
        reason: error.to_string(),
    })
}
