//! What the embedded engine leaves in its folder and does not read again. It goes when the index is opened, since then
//! nothing has it open.

use std::path::Path;

use crate::Result;

/// Segments that were being written when the process died.
const UNFINISHED: &str = "temp_segments";
/// Every operation since the index was made. The segments are written out before the index says how far it has come, and
/// what it lacks is followed from the database: nothing is ever read from here, but the number of the last operation.
const LOG: &str = "wal";
/// Files of the log that are full, by the number of their first operation.
const FULL: &str = "closed-";

pub fn remove(shard_folder: &Path) -> Result<()> {
    remove_if_there(&shard_folder.join(UNFINISHED))?;
    let log = shard_folder.join(LOG);
    if !log.exists() {
        return Ok(());
    }
    let mut full = Vec::new();
    for entry in fs_err::read_dir(&log)? {
        let entry = entry?;
        let first = entry.file_name().to_str().and_then(|name| name.strip_prefix(FULL)?.parse::<u64>().ok());
        full.extend(first.map(|first| (first, entry.path())));
    }
    full.sort_unstable();
    // Operations are numbered on from the last.
    full.pop();
    for (_, path) in full {
        fs_err::remove_file(path)?;
    }
    Ok(())
}

fn remove_if_there(folder: &Path) -> Result<()> {
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EdgeIndex, Quantisation};
    use super::*;
    use crate::access::{Grant, Listing};
    use crate::ids::{ChunkId, CollectionId, DocumentId, RevisionId};
    use crate::language::Language;
    use crate::search::Scope;
    use crate::sql::chunks::{IndexedChunk, IndexedRevision};

    const DIMENSIONS: usize = 2_048;

    fn full_logs(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = fs_err::read_dir(folder.join("shard").join(LOG)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(FULL)).collect()
    }

    fn chunk(number: u64, revision: RevisionId, axis: usize) -> IndexedChunk {
        let mut embedding = vec![0.0; DIMENSIONS];
        embedding[axis] = 1.0;
        IndexedChunk {
            id: ChunkId(uuid::Uuid::from_u128(number.into())),
            revision,
            document: DocumentId(uuid::Uuid::from_u128(7)),
            collection: CollectionId(uuid::Uuid::from_u128(8)),
            title: None,
            heading_path: Vec::new(),
            text: String::new(),
            language: Language::English,
            embedding,
        }
    }

    fn revision(number: u64, chunks: u64, axis: usize) -> (RevisionId, IndexedRevision) {
        let id = RevisionId(uuid::Uuid::from_u128(u128::from(number) << 64));
        let chunks = (0..chunks).map(|chunk_number| chunk((number << 32) + chunk_number, id, axis)).collect();
        (id, IndexedRevision { listing: Listing::of(id, None), properties: None, chunks })
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_log_of_operations_does_not_grow_from_start_to_start() {
        let folder = tempfile::tempdir().unwrap();
        let index = EdgeIndex::open(folder.path(), DIMENSIONS, Quantisation::None).unwrap();
        let mut sequence = 0;
        while full_logs(folder.path()).len() < 3 {
            sequence += 1;
            assert!(sequence < 500, "the log is not split");
            let (id, added) = revision(sequence, 200, sequence as usize);
            index.apply(vec![id], vec![added], sequence as i64).await.unwrap();
        }
        index.close().await.unwrap();
        drop(index);
        let unfinished = folder.path().join("shard").join(UNFINISHED).join("half");
        fs_err::create_dir_all(&unfinished).unwrap();

        let index = EdgeIndex::open(folder.path(), DIMENSIONS, Quantisation::None).unwrap();
        assert_eq!(full_logs(folder.path()).len(), 1);
        assert!(!unfinished.exists());
        assert_eq!(index.opened_at, sequence as i64);
        assert_eq!(index.count(None).await.unwrap(), sequence * 200);

        // An operation is newer than all that the segments have seen, or it would be passed over.
        let collections = vec![CollectionId(uuid::Uuid::from_u128(8))];
        let scope = Scope { collections, grant: Grant::Everything, ..Scope::default() };
        let (gone, _) = revision(1, 0, 1);
        let (changed, added) = revision(2, 200, 2_000);
        index.apply(vec![gone, changed], vec![added], sequence as i64 + 1).await.unwrap();
        assert_eq!(index.count(None).await.unwrap(), (sequence - 1) * 200);
        let mut query = vec![0.0; DIMENSIONS];
        query[2_000] = 1.0;
        let found = index.search(query, scope, 200).await.unwrap();
        assert_eq!(found.iter().filter(|(_, cosine)| *cosine > 0.99).count(), 200);
    }
}
