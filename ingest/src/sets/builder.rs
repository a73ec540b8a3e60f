//! Fills the index set that stands beside the one in use: text and blocks of each current revision → chunks → vectors.
//! What was put in stays; broken off anywhere, it goes on where it was.

use std::time::Duration;

use terroir_embed::Encoder;
use terroir_store::{IndexSet, Language, RevisionId, SetState, Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::Encoders;
use crate::structure::Structure;
use crate::task::{pause, stopped};
use crate::worker::{CHUNKS_PER_BATCH, Failure, chunked, encoded, new_chunks};

/// How often it is looked whether there is something to fill.
const IDLE: Duration = Duration::from_secs(1);
/// When what could not be put into a set is tried again.
const AFTER_PROBLEMS: Duration = Duration::from_mins(1);
/// How long one process fills a set without a sign of life.
const LEASE: Duration = Duration::from_mins(1);
/// Revisions that are asked for at once.
const REVISIONS_PER_READ: u32 = 32;

/// Fills sets until it is stopped.
#[derive(Debug)]
pub struct Builder {
    stop: watch::Sender<bool>,
    task: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Builder {
    /// Starts the task; call it inside a tokio runtime.
    pub fn start(store: Store, encoders: Encoders) -> Self {
        let (stop, mut stopping) = watch::channel(false);
        let task = tokio::spawn(async move {
            let bench = Bench { store, encoders, name: Uuid::new_v4().simple().to_string() };
            while !*stopping.borrow() {
                let filled = tokio::select! {
                    filled = bench.fill() => filled,
                    () = stopped(&mut stopping) => return,
                };
                let idle = match filled {
                    Ok(Filled::Well) => IDLE,
                    Ok(Filled::WithProblems) => AFTER_PROBLEMS,
                    Err(error) => {
                        tracing::warn!(%error, "an index set could not be filled; trying again");
                        IDLE
                    }
                };
                pause(&mut stopping, idle).await;
            }
        });
        Self { stop, task: std::sync::Mutex::new(Some(task)) }
    }

    /// Breaks off what is under way, which goes on at the next start, and waits for the task.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().ok().and_then(|mut task| task.take());
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the filling of index sets broke off");
        }
    }
}

enum Filled {
    /// Or there was nothing to do.
    Well,
    WithProblems,
}

struct Bench {
    store: Store,
    encoders: Encoders,
    name: String,
}

impl Bench {
    /// Puts every document that is missing into the set beside, if there is one and nobody else does it.
    async fn fill(&self) -> Result<Filled, Failure> {
        let Some(set) = self.store.open_sets().into_iter().find(|set| set.state == SetState::Beside) else {
            return Ok(Filled::Well);
        };
        if !self.store.lease_set(set.id, &self.name, LEASE).await? {
            return Ok(Filled::Well);
        }
        let encoder = match self.encoders.of(&set).await {
            Ok(encoder) => encoder,
            Err(error) => {
                self.store.note_set_problem(set.id, Some(&error.to_string())).await?;
                return Ok(Filled::WithProblems);
            }
        };
        let mut after = None;
        let mut problem = None;
        loop {
            let missing = self.store.missing_in_set(set.id, after, REVISIONS_PER_READ).await?;
            let Some(last) = missing.last().copied() else { break };
            for revision in missing {
                match self.put(&set, &encoder, revision).await {
                    Ok(()) => {}
                    // Another set took its place, or it was dropped: nothing to fill any more.
                    Err(Failure::Store(StoreError::SetChanged | StoreError::NoSuchSet(_))) => return Ok(Filled::Well),
                    Err(failure) if failure.is_transient() => return Err(failure),
                    // One document does not keep the others out.
                    Err(failure) => problem = Some(format!("revision {revision}: {failure}")),
                }
            }
            after = Some(last);
        }
        self.store.note_set_problem(set.id, problem.as_deref()).await?;
        Ok(if problem.is_some() { Filled::WithProblems } else { Filled::Well })
    }

    async fn put(&self, set: &IndexSet, encoder: &Encoder, revision: RevisionId) -> Result<(), Failure> {
        // Gone meanwhile, or replaced: another one is missing then.
        let Some(stored) = self.store.revision(revision).await? else { return Ok(()) };
        let language = self.store.language_of(stored.document).await?;
        let structure = Structure::from_bytes(&stored.structure).map_err(|error| Failure::Kept(error.to_string()))?;
        let unlike = || Failure::Kept("its text and its structure are not of one document".into());
        let language = language.map(Language::as_str);
        let document = structure.document(&stored.text, stored.title, language).ok_or_else(unlike)?;
        let (document, chunks) = chunked(document, set, encoder.clone()).await?;
        let mut vectors = Vec::with_capacity(chunks.len());
        for part in chunks.chunks(CHUNKS_PER_BATCH) {
            vectors.extend(encoded(encoder, document.title.as_deref(), part).await?);
            if !self.store.lease_set(set.id, &self.name, LEASE).await? {
                return Err(StoreError::SetChanged.into());
            }
        }
        let chunks = tokio::task::spawn_blocking(move || new_chunks(&document, chunks, vectors))
            .await
            .map_err(|error| Failure::panicked(&error))?;
        Ok(self.store.write_to_set(set.id, revision, &chunks).await?)
    }
}
