//! What a worker keeps of a job on the way, so that a failure at its end, a pause or the death of its process does
//! not send it back to the start. Only what took long is worth keeping.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use sha2::{Digest as _, Sha256};
use terroir_store::{Job, Store, StoreError};

use super::failure::Failure;
use crate::chunk::Chunk;
use crate::document::ParsedDocument;
use crate::recognition::RecognisedPage;

/// A parse that took longer is kept.
const WORTH_KEEPING: Duration = Duration::from_secs(2);
/// Vectors that are kept together: some seconds of work of a small machine.
const CHUNKS_PER_PART: usize = 256;
/// Longer parses are done again rather than kept in the database.
const MAX_PARSED_BYTES: usize = 64 << 20;
/// Another version may parse and recognise otherwise.
const PARSED: &str = concat!("parsed ", env!("CARGO_PKG_VERSION"));
const RECOGNISED: &str = concat!("recognised ", env!("CARGO_PKG_VERSION"), " ");

/// The document, if an earlier worker parsed it.
pub(super) async fn parsed(store: &Store, job: &Job) -> Result<Option<ParsedDocument>, StoreError> {
    let Some(body) = store.checkpoint(job, PARSED).await? else { return Ok(None) };
    let read = tokio::task::spawn_blocking(move || {
        let mut json = Vec::new();
        ZlibDecoder::new(body.as_slice()).read_to_end(&mut json).ok()?;
        serde_json::from_slice(&json).ok()
    });
    // What cannot be read is parsed again.
    Ok(read.await.ok().flatten())
}

/// Keeps a document whose parse took `elapsed`, if that was long, and gives it back.
pub(super) async fn keep_parsed(
    store: &Store,
    job: &Job,
    document: ParsedDocument,
    elapsed: Duration,
) -> Result<ParsedDocument, Failure> {
    if elapsed < WORTH_KEEPING {
        return Ok(document);
    }
    let packing = tokio::task::spawn_blocking(move || {
        let body = packed(&document);
        (document, body)
    });
    let (document, body) = packing.await.map_err(|error| Failure::panicked(&error))?;
    match body {
        Ok(body) if body.len() <= MAX_PARSED_BYTES => store.keep_checkpoint(job, PARSED, body).await?,
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, job.id, "a parsed document was not kept"),
    }
    Ok(document)
}

/// The pages that text recognition has read for an earlier worker.
pub(super) async fn recognised(store: &Store, job: &Job) -> Result<BTreeMap<u32, RecognisedPage>, StoreError> {
    let mut pages = BTreeMap::new();
    for name in store.checkpoint_names(job).await? {
        if !name.starts_with(RECOGNISED) {
            continue;
        }
        let body = store.checkpoint(job, &name).await?.unwrap_or_default();
        // What cannot be read is recognised again.
        if let Ok(page) = serde_json::from_slice::<RecognisedPage>(&body) {
            pages.insert(page.number, page);
        }
    }
    if !pages.is_empty() {
        tracing::info!(job.id, document.id = %job.document, pages = pages.len(), "a document is taken up where it was left");
    }
    Ok(pages)
}

pub(super) async fn keep_recognised(store: &Store, job: &Job, page: &RecognisedPage) -> Result<(), StoreError> {
    let body = serde_json::to_vec(page).map_err(std::io::Error::from)?;
    store.keep_checkpoint(job, &format!("{RECOGNISED}{:06}", page.number), body).await
}

fn packed(document: &ParsedDocument) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&serde_json::to_vec(document)?)?;
    encoder.finish()
}

/// The vectors of a document's chunks, as far as they are made.
pub(super) struct EmbeddedChunks {
    pub(super) vectors: Vec<Vec<f32>>,
    kept: usize,
    total: usize,
    /// Of the chunks that the vectors are of, and the model that made them: others are not used.
    digest: String,
}

impl EmbeddedChunks {
    pub(super) async fn resume(
        store: &Store,
        job: &Job,
        model_sha256: &str,
        chunks: &[Chunk],
    ) -> Result<Self, StoreError> {
        let digest = digest(model_sha256, chunks);
        let mut embedded = Self { vectors: Vec::with_capacity(chunks.len()), kept: 0, total: chunks.len(), digest };
        while embedded.kept < embedded.total {
            let Some(body) = store.checkpoint(job, &embedded.name()).await? else { break };
            let Some(vectors) = from_bytes(&body) else { break };
            embedded.vectors.extend(vectors);
            embedded.kept = embedded.vectors.len();
        }
        if embedded.kept > 0 {
            tracing::info!(job.id, document.id = %job.document, chunks = embedded.kept, "a document is taken up where it was left");
        }
        Ok(embedded)
    }

    pub(super) async fn add(&mut self, store: &Store, job: &Job, vectors: Vec<Vec<f32>>) -> Result<(), StoreError> {
        self.vectors.extend(vectors);
        let new = &self.vectors[self.kept..];
        // The last part is not kept: storing the revision comes next.
        if new.len() >= CHUNKS_PER_PART && self.vectors.len() < self.total {
            store.keep_checkpoint(job, &self.name(), to_bytes(new)).await?;
            self.kept = self.vectors.len();
        }
        Ok(())
    }

    /// Of the part that begins where the last one ended.
    fn name(&self) -> String {
        format!("embedded {} {:08}", self.digest, self.kept)
    }
}

fn digest(model_sha256: &str, chunks: &[Chunk]) -> String {
    let mut hash = Sha256::new_with_prefix(model_sha256);
    for chunk in chunks {
        hash.update(chunk.text.as_bytes());
        hash.update([0]);
    }
    format!("{:x}", hash.finalize())
}

/// Length of a vector, then the vectors one after the other, all little-endian.
fn to_bytes(vectors: &[Vec<f32>]) -> Vec<u8> {
    let length = vectors.first().map_or(0, Vec::len) as u32;
    let numbers = vectors.iter().flatten().flat_map(|number| number.to_le_bytes());
    length.to_le_bytes().into_iter().chain(numbers).collect()
}

fn from_bytes(bytes: &[u8]) -> Option<Vec<Vec<f32>>> {
    let (length, numbers) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let numbers: Vec<f32> =
        numbers.chunks_exact(4).map(|part| f32::from_le_bytes([part[0], part[1], part[2], part[3]])).collect();
    let whole = length > 0 && !numbers.is_empty() && numbers.len().is_multiple_of(length);
    whole.then(|| numbers.chunks(length).map(<[f32]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_back_as_they_were() {
        let vectors = vec![vec![0.5, -1.25e-30, f32::MAX], vec![0.0, 3.0, -0.0]];
        assert_eq!(from_bytes(&to_bytes(&vectors)), Some(vectors));
        for damaged in [&[][..], &[1, 0, 0], &[0, 0, 0, 0], &[3, 0, 0, 0, 1, 2, 3, 4]] {
            assert_eq!(from_bytes(damaged), None);
        }
    }

    #[test]
    fn other_chunks_have_another_digest() {
        let chunk = |text: &str| Chunk {
            ordinal: 0,
            char_start: 0,
            char_end: 0,
            text: text.into(),
            heading_path: Vec::new(),
            page: None,
            token_count: 0,
        };
        assert_ne!(digest("m", &[chunk("ab"), chunk("c")]), digest("m", &[chunk("a"), chunk("bc")]));
        assert_eq!(digest("m", &[chunk("ab")]), digest("m", &[chunk("ab")]));
        assert_ne!(digest("m", &[chunk("ab")]), digest("n", &[chunk("ab")]));
    }
}
