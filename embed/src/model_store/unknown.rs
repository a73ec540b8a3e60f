//! Weights that the catalogue does not know: which files belong to them, and what they are for.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Record;
use super::import::{beside, is_plain_path};
use super::origin::{Entry, Origin, extension};
use super::verified::sha256_of;
use crate::catalogue::CatalogueFile;
use crate::{EmbedError, Passport};

/// Names the files of weights that are in more than one.
pub(super) const INDEX: &str = "model.safetensors.index.json";

const MOST_JSON_BYTES: u64 = 1 << 26;

/// Kept with safetensors weights when they stand beside them.
const SIDE_FILES: [&str; 9] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "chat_template.jinja",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
];

/// Architectures that write text, for configurations that do not say what they are for.
const GENERATORS: [&str; 4] = ["llama", "mistral", "qwen2", "qwen3"];

pub(super) struct Unknown<'a> {
    /// Within the origin.
    folder: &'a str,
    /// The file that a model is opened by: the only one, the first, or the index. It comes first.
    files: Vec<&'a Entry>,
}

#[derive(Deserialize)]
struct Config {
    model_type: String,
    architectures: Option<Vec<String>>,
}

impl<'a> Unknown<'a> {
    /// All files of the weights that `found` is one of.
    pub(super) fn find(origin: &'a Origin, found: &'a Entry) -> Result<Self, EmbedError> {
        let (folder, name) = found.name.rsplit_once('/').unwrap_or(("", &found.name));
        let parts = if extension(Path::new(name)) == "gguf" {
            split_names(name)
        } else if let Some(index) = beside(origin, folder, INDEX) {
            shard_names(origin, index)?
        } else {
            // Some repositories hold the same weights twice; this is the name that is known everywhere.
            let named = beside(origin, folder, "model.safetensors").filter(|_| origin.only_weights.is_none());
            return Ok(Self { folder, files: vec![named.unwrap_or(found)] });
        };
        let files = parts.into_iter().map(|part| {
            let incomplete = || EmbedError::Incomplete { weights: found.name.clone(), file: part.clone() };
            beside(origin, folder, &part).ok_or_else(incomplete)
        });
        Ok(Self { folder, files: files.collect::<Result<_, _>>()? })
    }

    pub(super) fn weights(&self) -> &'a Entry {
        self.files[0]
    }

    pub(super) fn weights_sha256(&self, origin: &Origin) -> Result<(String, String), EmbedError> {
        let weights = self.weights();
        Ok((weights.name.clone(), origin.read(weights, |reader| Ok(sha256_of(reader)?))?))
    }

    /// Hashes every file. The licence is the operator's care.
    pub(super) fn record(&self, origin: &Origin, name: String) -> Result<Record, EmbedError> {
        let weights = self.weights();
        let is_gguf = extension(Path::new(&weights.name)) == "gguf";
        let side_files = SIDE_FILES.iter().filter(|_| !is_gguf).filter_map(|name| beside(origin, self.folder, name));
        let mut files = Vec::new();
        for entry in self.files.iter().copied().chain(side_files) {
            let within = entry.name.strip_prefix(self.folder).unwrap_or(&entry.name).trim_start_matches('/');
            let sha256 = origin.read(entry, |reader| Ok(sha256_of(reader)?))?;
            files.push(CatalogueFile { name: within.to_owned(), bytes: entry.bytes, sha256 });
        }
        let (role, architecture) = if is_gguf {
            ("generate", origin.read(weights, |reader| Ok(gguf_architecture(reader)))?)
        } else {
            self.role_and_architecture(origin)?
        };
        let index = self.files.iter().filter(|entry| entry.name.ends_with(INDEX)).map(|entry| entry.bytes).sum::<u64>();
        let passport = Passport {
            name,
            role: role.to_owned(),
            architecture,
            licence: "unknown".to_owned(),
            source: "unknown, accepted by the operator".to_owned(),
            sha256: files[0].sha256.clone(),
            bytes: self.files.iter().map(|entry| entry.bytes).sum::<u64>() - index,
            quantisation: None,
        };
        Ok(Record { passport, weights: files[0].name.clone(), files })
    }

    fn role_and_architecture(&self, origin: &Origin) -> Result<(&'static str, String), EmbedError> {
        let needed = |file: &str| {
            let weights = self.weights().name.clone();
            beside(origin, self.folder, file).ok_or(EmbedError::Incomplete { weights, file: file.to_owned() })
        };
        let entry = needed("config.json")?;
        let config = serde_json::from_value::<Config>(Value::Object(json(origin, entry)?));
        let config = config.map_err(|error| unreadable(entry, &error))?;
        let of_class = |ending: &str| {
            config.architectures.as_ref().is_some_and(|classes| classes.iter().any(|class| class.ends_with(ending)))
        };
        if of_class("ForSequenceClassification") {
            needed("tokenizer.json")?;
            return Ok(("rerank", config.model_type));
        }
        let writes = match &config.architectures {
            Some(_) => of_class("ForCausalLM"),
            None => GENERATORS.contains(&config.model_type.as_str()),
        };
        // An encoder may be made of a generator; its modules say so.
        if !writes || beside(origin, self.folder, "modules.json").is_some() {
            return Ok(("embed", config.model_type));
        }
        needed("tokenizer.json")?;
        Ok(("generate", config.model_type))
    }
}

fn unreadable(entry: &Entry, error: &serde_json::Error) -> EmbedError {
    let name = entry.name.clone();
    EmbedError::Model { file: name.clone().into(), name, reason: error.to_string() }
}

fn json(origin: &Origin, entry: &Entry) -> Result<Map<String, Value>, EmbedError> {
    origin.read(entry, |reader| {
        serde_json::from_reader(reader.take(MOST_JSON_BYTES)).map_err(|error| unreadable(entry, &error))
    })
}

/// The index, then the files that it names.
fn shard_names(origin: &Origin, index: &Entry) -> Result<Vec<String>, EmbedError> {
    let json = json(origin, index)?;
    let shards = json.get("weight_map").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let shards = shards.filter_map(Value::as_str).filter(|name| is_plain_path(name) && !name.contains('/'));
    let shards = shards.map(str::to_owned).collect::<BTreeSet<_>>();
    Ok([INDEX.to_owned()].into_iter().chain(shards).collect())
}

/// All parts of a split GGUF model (`…-00001-of-00003.gguf`) by one of their names; else that name.
fn split_names(name: &str) -> Vec<String> {
    let parts = || {
        let (rest, total) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let is_number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        let total_number = Some(total).filter(|total| is_number(total) && is_number(number))?.parse::<u32>().ok()?;
        let names = (1..=total_number.min(1_000)).map(|part| format!("{stem}-{part:05}-of-{total}.gguf"));
        Some(names.collect::<Vec<_>>()).filter(|names| !names.is_empty())
    };
    parts().unwrap_or_else(|| vec![name.to_owned()])
}

/// `general.architecture`, which writers put first; `unknown` where it does not stand there.
/// Layout: magic, version (u32), counts of tensors and of keys (u64), then the keys: length (u64), text,
/// type (u32, 8 is a string), length (u64), text. Source: ggml's `docs/gguf.md`.
fn gguf_architecture(reader: &mut dyn Read) -> String {
    const KEY: &[u8] = b"general.architecture";
    const STRING: u32 = 8;
    let mut head = Vec::new();
    let architecture = reader.take(512).read_to_end(&mut head).ok().and_then(|_| {
        let key = head.strip_prefix(b"GGUF")?.get(4 + 8 + 8..)?;
        let (length, key) = key.split_first_chunk::<8>()?;
        let value = key.strip_prefix(KEY).filter(|_| u64::from_le_bytes(*length) == KEY.len() as u64)?;
        let (kind, value) = value.split_first_chunk::<4>()?;
        let (length, value) = value.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let value = value.get(..length).filter(|_| u32::from_le_bytes(*kind) == STRING)?;
        String::from_utf8(value.to_vec()).ok()
    });
    architecture.unwrap_or_else(|| "unknown".to_owned())
}
