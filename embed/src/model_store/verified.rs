//! Remembers which file contents were hashed, so that 90 MB are not read at every start.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use fs_err as fs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::EmbedError;
use crate::catalogue::CatalogueFile;

const VERIFIED_FILE: &str = ".verified.json";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Trust the last hash when size and time of change are the same.
    WhenChanged,
    Always,
}

/// Size, time of change and hash of each file at its last check, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Verified {
    files: BTreeMap<String, Stamp>,
    #[serde(skip)]
    changed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    modified_ns: u128,
    sha256: String,
}

impl Verified {
    /// Empty when there is no readable memory: everything is hashed then.
    pub(super) fn load(directory: &Path) -> Self {
        fs::read(directory.join(VERIFIED_FILE))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// A models directory that cannot be written to costs a hash at every start, nothing more.
    pub(super) fn save(&self, directory: &Path) {
        if !self.changed {
            return;
        }
        let Ok(bytes) = serde_json::to_vec_pretty(self) else {
            return;
        };
        if let Err(error) = write_atomically(&directory.join(VERIFIED_FILE), &bytes) {
            tracing::debug!(%error, "verified model hashes were not remembered");
        }
    }

    /// `Damaged` unless `path` has the size and content that `expected` states.
    pub(super) fn check(&mut self, path: &Path, expected: &CatalogueFile, check: Check) -> Result<(), EmbedError> {
        let metadata = fs::metadata(path)?;
        if metadata.len() != expected.bytes {
            return Err(damaged(path, expected, format!("{} bytes", metadata.len())));
        }
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let stamp = Stamp { bytes: metadata.len(), modified_ns: modified.as_nanos(), sha256: expected.sha256.clone() };
        if check == Check::WhenChanged && self.files.get(&expected.name) == Some(&stamp) {
            return Ok(());
        }
        let sha256 = sha256_of(fs::File::open(path)?)?;
        if sha256 != expected.sha256 {
            return Err(damaged(path, expected, format!("sha256 {sha256}")));
        }
        self.changed |= self.files.insert(expected.name.clone(), stamp.clone()) != Some(stamp);
        Ok(())
    }
}

fn damaged(path: &Path, expected: &CatalogueFile, found: String) -> EmbedError {
    EmbedError::Damaged {
        file: path.display().to_string(),
        expected_bytes: expected.bytes,
        expected: expected.sha256.clone(),
        found,
    }
}

/// Lowercase hexadecimal SHA-256 of everything in `reader`.
pub(super) fn sha256_of(mut reader: impl Read) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    std::io::copy(&mut reader, &mut hasher)?;
    Ok(format!("{:x}", hasher.finalize()))
}

pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    std::io::Write::write_all(&mut file, bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
