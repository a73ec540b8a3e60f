//! The ingestion worker. [`index_document`] is the path of a document, step by step.

mod checkpoint;
mod failure;
mod lease;

use std::sync::Arc;
use std::time::{Duration, Instant};

use terroir_embed::{EmbedError, Encoder, Input, Priority};
use terroir_store::{Bibliography, IndexSet, Job, NewChunk, NewRevision, SetId, Stage, Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use self::checkpoint::EmbeddedChunks;
pub(crate) use self::failure::Failure;
use self::lease::Lease;
use crate::chunk::{Chunk, chunk};
use crate::document::ParsedDocument;
use crate::language;
use crate::reader::Reader;
use crate::recognition::PageDone;
use crate::sets::Encoders;
use crate::structure::Structure;
use crate::task::{AbortOnDrop, pause, stopped};

/// How long a job stays this worker's without a sign of life.
const LEASE: Duration = Duration::from_mins(1);
/// How often an idle worker looks for jobs.
const IDLE: Duration = Duration::from_millis(200);
/// Chunks embedded between two signs of progress.
pub(crate) const CHUNKS_PER_BATCH: usize = 32;
/// How long to wait when the encoder has no room.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// Documents that may wait for the indexes while others are read: they share a commit, which takes as long for one
/// as for many.
const COMMITTING: usize = 32;
/// Files of at most this length may be read beside those that have the turns, one at a time: a person with a small file
/// does not wait for hundreds of pages of others.
const EXPRESS_BYTES: u64 = 256 << 10;
/// Recognised pages that wait to be recorded.
const RECOGNISED_WAITING: usize = 16;
/// Tries of a job whose failure may pass.
const MAX_ATTEMPTS: u32 = 4;

#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Documents read and embedded at the same time.
    pub concurrency: usize,
}

/// Works on jobs until it is stopped.
#[derive(Debug)]
pub struct Worker {
    stop: watch::Sender<bool>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

/// What every task of a worker works with.
#[derive(Debug, Clone)]
struct Bench {
    store: Store,
    encoders: Encoders,
    reader: Reader,
    /// Documents that may be read and embedded at the same time.
    reading: Arc<Semaphore>,
    /// Small ones beside them.
    express: Arc<Semaphore>,
    name: String,
}

impl Worker {
    /// Starts the tasks; call it inside a tokio runtime.
    pub fn start(store: Store, encoders: Encoders, reader: Reader, options: &WorkerOptions) -> Self {
        let (stop, stopping) = watch::channel(false);
        let concurrency = options.concurrency.max(1);
        let (reading, express) = (Arc::new(Semaphore::new(concurrency)), Arc::new(Semaphore::new(1)));
        // Not the process's number: two machines may have the same.
        let name = Uuid::new_v4().simple().to_string();
        let bench = Bench { store, encoders, reader, reading, express, name };
        let tasks = (0..concurrency + COMMITTING).map(|number| {
            let mut bench = bench.clone();
            bench.name = format!("{}-{number}", bench.name);
            tokio::spawn(work(bench, stopping.clone()))
        });
        Self { stop, tasks: std::sync::Mutex::new(tasks.collect()) }
    }

    /// Lets go of the jobs under way, which the next worker takes up again, and waits for the tasks.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let tasks = self.tasks.lock().map(|mut tasks| std::mem::take(&mut *tasks)).unwrap_or_default();
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "an ingestion task broke off");
            }
        }
    }
}

async fn work(bench: Bench, mut stopping: watch::Receiver<bool>) {
    while !*stopping.borrow() {
        // Before a job is claimed: what waits for its turn waits in the queue, where others may go first.
        let Some((turn, max_bytes)) = next_turn(&bench).await else { return };
        let claimed = bench.store.claim_job(&bench.name, LEASE, max_bytes).await;
        let job = match claimed {
            Ok(Some(job)) => job,
            Ok(None) => {
                pause(&mut stopping, IDLE).await;
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "no job could be claimed; trying again");
                pause(&mut stopping, IDLE * 5).await;
                continue;
            }
        };
        tokio::select! {
            () = run(&bench, &job, turn) => {}
            () = stopped(&mut stopping) => {
                // The step under way may be repeated: the job goes back as it was.
                if let Err(error) = bench.store.release_job(&job).await {
                    tracing::debug!(%error, job.id, "the job was not given back; its lease will end");
                }
            }
        }
    }
}

/// A turn to read, and the longest file that it is for.
async fn next_turn(bench: &Bench) -> Option<(OwnedSemaphorePermit, Option<u64>)> {
    tokio::select! {
        biased;
        turn = Arc::clone(&bench.reading).acquire_owned() => Some((turn.ok()?, None)),
        turn = Arc::clone(&bench.express).acquire_owned() => Some((turn.ok()?, Some(EXPRESS_BYTES))),
    }
}

/// One job, with its lease kept alive, to whatever end it comes.
async fn run(bench: &Bench, job: &Job, turn: OwnedSemaphorePermit) {
    let lease = Lease::keep(bench.store.clone(), job.clone(), LEASE);
    let task = tokio::spawn({
        let (bench, job) = (bench.clone(), job.clone());
        async move { index_document(&bench, &job, turn).await }
    });
    let aborted = AbortOnDrop(task.abort_handle());
    let result = tokio::select! {
        result = task => result.unwrap_or_else(|error| Err(Failure::panicked(&error))),
        () = lease.lost() => Err(StoreError::JobLost.into()),
    };
    drop(aborted);
    let Err(failure) = result else { return };
    if let Failure::Store(StoreError::JobLost) = failure {
        tracing::debug!(job.id, "nobody wants this job's result any more");
        return;
    }
    let ended = if failure.is_transient() && job.attempt < MAX_ATTEMPTS {
        bench.store.retry_job(job, Duration::from_secs(1 << job.attempt)).await
    } else {
        bench.store.fail_job(job, &failure.record()).await
    };
    tracing::info!(job.id, document.id = %job.document, attempt = job.attempt, code = failure.record().code, "a document failed");
    if let Err(error) = ended {
        tracing::warn!(%error, job.id, "the end of the job could not be recorded; its lease will end");
    }
}

/// The path of a document: bytes → blocks → chunks → vectors → stored, found, current. Every step may be
/// repeated, and a search finds the older revision until the last one is done. What took long is kept on the way, for
/// a worker that has to take it up again. The turn to read ends before it is stored.
async fn index_document(bench: &Bench, job: &Job, turn: OwnedSemaphorePermit) -> Result<(), Failure> {
    let document = parsed(bench, job).await?;

    bench.store.set_stage(job, Stage::Chunking, None).await?;
    let (set, encoder) = bench.encoders.in_use().await?;
    let (document, chunks) = chunked(document, &set, encoder.clone()).await?;
    let vectors = embed(bench, job, &encoder, &document, &chunks).await?;

    let total = chunks.len() as u64;
    bench.store.set_stage(job, Stage::Indexing, Some((0, total))).await?;
    let revision = tokio::task::spawn_blocking(move || new_revision(&document, set.id, chunks, vectors))
        .await
        .map_err(|error| Failure::panicked(&error))?;
    drop(turn);
    bench.store.write_revision(job, &revision).await?;
    Ok(())
}

async fn parsed(bench: &Bench, job: &Job) -> Result<ParsedDocument, Failure> {
    bench.store.set_stage(job, Stage::Parsing, None).await?;
    if let Some(document) = checkpoint::parsed(&bench.store, job).await? {
        return Ok(document);
    }
    let began = Instant::now();
    let path = bench.store.blobs().path(&job.sha256);
    let bytes =
        tokio::task::spawn_blocking(move || fs_err::read(path)).await.map_err(|error| Failure::panicked(&error))??;
    let (done, pages) = mpsc::channel(RECOGNISED_WAITING);
    let known = checkpoint::recognised(&bench.store, job).await?;
    let reading = async {
        let read = bench.reader.read(bytes, Some(&job.file_name), known, done).await;
        read.map_err(Failure::from)
    };
    // Whichever fails first ends the other: a document that was called off is not recognised to its last page.
    let (document, ()) = tokio::try_join!(reading, keep_recognised(bench, job, pages))?;
    checkpoint::keep_parsed(&bench.store, job, document, began.elapsed()).await
}

/// Keeps each page that text recognition has read, and says how many they are, until it is through. Fails when nobody
/// wants its result any more.
async fn keep_recognised(bench: &Bench, job: &Job, mut pages: mpsc::Receiver<PageDone>) -> Result<(), Failure> {
    while let Some(PageDone { page, done, total }) = pages.recv().await {
        let shown = bench.store.set_stage(job, Stage::Recognising, Some((done, total))).await;
        let kept = checkpoint::keep_recognised(&bench.store, job, &page).await;
        match shown.and(kept) {
            Err(StoreError::JobLost) => return Err(StoreError::JobLost.into()),
            Err(error) => tracing::debug!(%error, job.id, "the progress of text recognition was not recorded"),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Chunks as a set has them.
pub(crate) async fn chunked(
    document: ParsedDocument,
    set: &IndexSet,
    encoder: Encoder,
) -> Result<(ParsedDocument, Vec<Chunk>), Failure> {
    let chunk_tokens = set.chunk_tokens;
    let chunking = tokio::task::spawn_blocking(move || {
        let max_tokens = encoder.max_tokens().min(chunk_tokens);
        let chunks = chunk(&document, max_tokens, &encoder);
        (document, chunks)
    });
    chunking.await.map_err(|error| Failure::panicked(&error))
}

async fn embed(
    bench: &Bench,
    job: &Job,
    encoder: &Encoder,
    document: &ParsedDocument,
    chunks: &[Chunk],
) -> Result<Vec<Vec<f32>>, Failure> {
    let total = chunks.len() as u64;
    let mut embedded = EmbeddedChunks::resume(&bench.store, job, &encoder.passport().sha256, chunks).await?;
    while embedded.vectors.len() < chunks.len() {
        let done = embedded.vectors.len();
        bench.store.set_stage(job, Stage::Embedding, Some((done as u64, total))).await?;
        let part = &chunks[done..chunks.len().min(done + CHUNKS_PER_BATCH)];
        let vectors = encoded(encoder, document.title.as_deref(), part).await?;
        embedded.add(&bench.store, job, vectors).await?;
    }
    Ok(embedded.vectors)
}

/// The vectors of some chunks. People who ask come first; this waits.
pub async fn encoded(encoder: &Encoder, title: Option<&str>, chunks: &[Chunk]) -> Result<Vec<Vec<f32>>, EmbedError> {
    let texts: Vec<String> = chunks.iter().map(|chunk| embedding_text(title, chunk)).collect();
    loop {
        match encoder.encode(texts.clone(), Input::Passage, Priority::Bulk).await {
            Err(EmbedError::Busy) => tokio::time::sleep(BUSY_PAUSE).await,
            encoded => return encoded,
        }
    }
}

/// What is embedded for a chunk: what it is part of, then its text. What is longer than the model reads is
/// cut at the end, by at most the length of title and headings.
pub fn embedding_text(title: Option<&str>, chunk: &Chunk) -> String {
    with_context(title, &chunk.heading_path, &chunk.text)
}

/// A passage with what it is part of before it: what a model reads of it.
pub fn with_context(title: Option<&str>, heading_path: &[String], passage: &str) -> String {
    let mut text = String::new();
    let headings = heading_path.iter().map(String::as_str);
    for part in title.into_iter().chain(headings) {
        // The passage may begin with its own heading, and the first heading is often the title.
        if !passage.starts_with(part) && !text.contains(part) {
            text.push_str(part);
            text.push('\n');
        }
    }
    text.push_str(passage);
    text
}

/// What the store keeps of chunks, each with its vector and its language.
pub(crate) fn new_chunks(document: &ParsedDocument, chunks: Vec<Chunk>, vectors: Vec<Vec<f32>>) -> Vec<NewChunk> {
    let languages = language::of_chunks(document, &chunks);
    let chunks = chunks.into_iter().zip(languages).zip(vectors).map(|((chunk, language), embedding)| NewChunk {
        language,
        ordinal: chunk.ordinal,
        text: chunk.text,
        heading_path: chunk.heading_path,
        page: chunk.page,
        char_start: chunk.char_start,
        char_end: chunk.char_end,
        token_count: chunk.token_count,
        embedding,
    });
    chunks.collect()
}

/// What the store keeps of a parsed, chunked and embedded document.
pub fn new_revision(document: &ParsedDocument, set: SetId, chunks: Vec<Chunk>, vectors: Vec<Vec<f32>>) -> NewRevision {
    NewRevision {
        set,
        chunks: new_chunks(document, chunks, vectors),
        text: document.text(),
        structure: Structure::of(document).to_bytes(),
        media_type: document.media_type.as_str().to_owned(),
        title: document.title.clone(),
        bibliography: Bibliography {
            authors: document.metadata.authors.clone(),
            year: document.metadata.year,
            doi: document.metadata.doi.clone(),
        },
        page_count: document.page_count,
        warnings: serde_json::to_string(&document.warnings).unwrap_or_else(|_| "[]".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_embedded_with_what_it_is_part_of_once() {
        let chunk = |text: &str, path: &[&str]| Chunk {
            ordinal: 0,
            char_start: 0,
            char_end: 0,
            text: text.into(),
            heading_path: path.iter().map(|heading| (*heading).to_owned()).collect(),
            page: None,
            token_count: 0,
        };
        let made = embedding_text(Some("Orchard"), &chunk("In October.", &["Orchard", "Harvest"]));
        assert_eq!(made, "Orchard\nHarvest\nIn October.");
        let made = embedding_text(None, &chunk("Harvest\n\nIn October.", &["Harvest"]));
        assert_eq!(made, "Harvest\n\nIn October.");
    }
}
