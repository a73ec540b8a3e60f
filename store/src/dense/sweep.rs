//! What the embedded engine keeps of points that are deleted. They stay in its segments until these are written anew,
//! which it can be asked for; its log, which holds each point as it was put in, goes with the whole index, and most
//! of it at the next start ([`super::leftovers`]).

use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use memchr::memmem;
use qdrant_edge::{CountRequest, EdgeOptimizersConfig};

use super::EdgeIndex;
use super::edge::blocking;
use crate::Result;
use crate::error::StoreError;

/// Writing more than this anew would keep the next batch waiting for too long.
const MOST_POINTS: usize = 50_000;
/// Files of more than this take too long to read.
const MOST_BYTES: u64 = 2 << 30;
/// Read at once.
const PART_BYTES: usize = 1 << 20;

impl EdgeIndex {
    pub async fn sweep(&self) -> Result<()> {
        let (shard, writing) = (Arc::clone(&self.shard), Arc::clone(&self.writing));
        blocking(move || {
            let mut writing = writing.lock().unwrap_or_else(PoisonError::into_inner);
            if writing.is_closed {
                return Err(StoreError::Stopped);
            }
            let points = shard.count(CountRequest { filter: None, exact: false }).map_err(StoreError::dense)?;
            if points <= MOST_POINTS {
                // Usually a fifth of a segment has to be deleted before it is worth it.
                let eager = EdgeOptimizersConfig {
                    deleted_threshold: Some(0.0),
                    vacuum_min_vector_number: Some(0),
                    ..EdgeOptimizersConfig::default()
                };
                shard.set_optimizers_config(eager).map_err(StoreError::dense)?;
                let swept = shard.optimize();
                shard.set_optimizers_config(EdgeOptimizersConfig::default()).map_err(StoreError::dense)?;
                swept.map_err(StoreError::dense)?;
                shard.flush();
                writing.points_since_optimize = 0;
            }
            // Before the lock: whoever holds the shard last flushes it, and panics if its folder is gone.
            drop(shard);
            Ok(())
        })
        .await
    }

    /// None if the files are too large to read.
    pub async fn in_files(&self, text: String) -> Result<Option<u64>> {
        let writing = Arc::clone(&self.writing);
        blocking(move || {
            let folder = {
                let writing = writing.lock().unwrap_or_else(PoisonError::into_inner);
                writing.folder.join("shard")
            };
            let mut files = Vec::new();
            if list(&folder, &mut files)? > MOST_BYTES {
                return Ok(None);
            }
            let mut found = 0;
            for file in files {
                found += occurrences(&file, text.as_bytes())?;
            }
            Ok(Some(found))
        })
        .await
    }
}

/// The files below a folder, and how many bytes they have.
fn list(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            bytes += list(&entry.path(), files)?;
        } else {
            bytes += entry.metadata()?.len();
            files.push(entry.path());
        }
    }
    Ok(bytes)
}

fn occurrences(file: &Path, text: &[u8]) -> Result<u64> {
    let mut reader = match fs_err::File::open(file) {
        Ok(reader) => reader,
        // The engine took it away meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    if text.is_empty() {
        return Ok(0);
    }
    let finder = memmem::Finder::new(text);
    let mut buffer = vec![0; PART_BYTES + text.len()];
    let (mut found, mut kept) = (0, 0);
    loop {
        let read = reader.read(&mut buffer[kept..])?;
        if read == 0 {
            return Ok(found);
        }
        let filled = kept + read;
        found += finder.find_iter(&buffer[..filled]).count() as u64;
        // One may begin here and end in the next part; a whole one is not read twice.
        kept = filled.min(text.len() - 1);
        buffer.copy_within(filled - kept..filled, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_across_the_parts_that_a_file_is_read_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        for before in [0, 1, PART_BYTES - 2, PART_BYTES, PART_BYTES + 3] {
            let bytes = [vec![b'h'; before], b"heron heron".to_vec(), vec![b'x'; PART_BYTES]].concat();
            fs_err::write(&file, bytes).unwrap();
            assert_eq!(occurrences(&file, b"heron").unwrap(), 2, "{before}");
            assert_eq!(occurrences(&file, b"stork").unwrap(), 0);
        }
        let mut files = Vec::new();
        assert!(list(folder.path(), &mut files).unwrap() > PART_BYTES as u64);
        assert_eq!(files, [file]);
    }
}
