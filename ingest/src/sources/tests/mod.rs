//! Sources against what the tests make themselves: folders, a web server on the loopback address, repositories, an
//! object store in memory. A worker of the tests' own makes documents searchable without models.
#![expect(clippy::needless_pass_by_value, reason = "what a test adds to settings is made where it is called")]

mod bucket;
mod folder;
mod git;
mod site;
mod site_server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};
use terroir_store::{
    Background, DocumentFilter, Ended, Language, NewChunk, NewRevision, NewSet, NewSource, Principal, Report, SetId,
    Source, Store, StoreOptions, SyncState,
};

use super::sync::{Outcome, Work, remove_source, sync};
use super::{Item, Listed, Listing, Origin, Room, SourceError};

const LEASE: Duration = Duration::from_secs(30);

/// A store with one source, and a worker.
pub(super) struct Bench {
    pub(super) store: Store,
    pub(super) source: Source,
    /// Bytes of the largest item.
    pub(super) max_bytes: u64,
    worker: tokio::task::JoinHandle<()>,
    _folder: TempDir,
}

impl Bench {
    pub(super) async fn new(kind: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let first_set = NewSet {
            model: "m".into(),
            model_sha256: "m".repeat(64),
            dimensions: 4,
            chunk_tokens: 256,
            background: Background::default(),
        };
        let store = Store::open(StoreOptions {
            originals_dir: folder.path().join("blobs"),
            ..StoreOptions::embedded(&folder.path().join("data"), first_set)
        })
        .await
        .unwrap();
        let source = another_source(&store, kind, kind).await;
        let worker = tokio::spawn(index(store.clone()));
        Self { store, source, max_bytes: 1 << 20, worker, _folder: folder }
    }

    /// One look at the whole, to whatever end it comes.
    pub(super) async fn sync<O: Origin>(&self, origin: &O) -> (Result<Outcome, SourceError>, Report) {
        self.sync_within(origin, None).await
    }

    pub(super) async fn sync_within<O: Origin>(
        &self,
        origin: &O,
        within: Option<&[&str]>,
    ) -> (Result<Outcome, SourceError>, Report) {
        self.sync_of(&self.source, origin, within).await
    }

    pub(super) async fn sync_of<O: Origin>(
        &self,
        source: &Source,
        origin: &O,
        within: Option<&[&str]>,
    ) -> (Result<Outcome, SourceError>, Report) {
        let sources = self.store.sources();
        let mut claim = sources.claim_part(source.id, "test", LEASE).await.unwrap().expect("nobody else holds it");
        claim.empty_is_meant = source.failures == 99;
        let work = Work {
            store: self.store.clone(),
            claim: claim.clone(),
            within: within.map(|places| places.iter().map(|place| (*place).to_owned()).collect()),
            room: Room { folder: self.store.blobs().incoming(), max_bytes: self.max_bytes },
            report: Arc::default(),
        };
        let result = sync(&work, origin).await;
        let report = work.counts();
        let ended = Ended {
            state: if result.is_ok() { SyncState::Done } else { SyncState::Failed },
            report: report.clone(),
            error: None,
            landmark: result.as_ref().ok().and_then(|outcome| outcome.landmark.clone()),
            next_sync_at_ms: None,
            whole: within.is_none(),
        };
        sources.finish(&claim, &ended).await.unwrap();
        (result, report)
    }

    /// A sync that comes to its end, as [added, changed, removed, unchanged, failed].
    pub(super) async fn counts<O: Origin>(&self, origin: &O) -> [u64; 5] {
        let (result, report) = self.sync(origin).await;
        result.unwrap();
        counts(&report)
    }

    /// A source that somebody wants empty.
    pub(super) fn meant_to_be_empty(&self) -> Source {
        Source { failures: 99, ..self.source.clone() }
    }

    pub(super) async fn remove(&self) {
        let sources = self.store.sources();
        let claim = sources.claim_part(self.source.id, "test", LEASE).await.unwrap().unwrap();
        let room = Room { folder: self.store.blobs().incoming(), max_bytes: self.max_bytes };
        let work = Work { store: self.store.clone(), claim, within: None, room, report: Arc::default() };
        remove_source(&work).await.unwrap();
    }

    /// Names of the files behind the documents, with their texts, once all of them can be found.
    pub(super) async fn documents(&self) -> BTreeMap<String, String> {
        loop {
            let filter = DocumentFilter { limit: 1000, ..DocumentFilter::default() };
            let page = self.store.documents(&Principal::Operator, &filter).await.unwrap();
            if page.items.iter().all(|document| document.status == terroir_store::Status::Ready) {
                let mut all = BTreeMap::new();
                for document in page.items {
                    let revision = self.store.revision(document.current_revision.unwrap()).await.unwrap().unwrap();
                    let before = all.insert(document.source_uri, revision.text);
                    assert_eq!(before, None, "an address has one document");
                }
                return all;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The last parts of their addresses.
    pub(super) async fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.documents().await.into_keys().map(|uri| uri.rsplit('/').next().unwrap_or(&uri).to_owned()).collect();
        names.sort_unstable();
        names
    }
}

impl Drop for Bench {
    /// Nobody may hold the folder when it goes.
    fn drop(&mut self) {
        self.worker.abort();
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let _ = (&mut self.worker).await;
                self.store.close().await;
            });
        });
    }
}

pub(super) fn counts(report: &Report) -> [u64; 5] {
    [report.added, report.changed, report.removed, report.unchanged, report.failed]
}

pub(super) async fn another_source(store: &Store, kind: &str, name: &str) -> Source {
    let new = NewSource {
        collection: "default".into(),
        kind: kind.into(),
        name: name.into(),
        settings: json!({}).to_string(),
        place: None,
        trusted: true,
        interval_s: 0,
    };
    store.sources().create(&new).await.unwrap()
}

pub(super) fn settings<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Makes every document one chunk.
async fn index(store: Store) {
    loop {
        let Ok(Some(job)) = store.claim_job("worker", LEASE, None).await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let text = std::fs::read_to_string(store.blobs().path(&job.sha256)).unwrap_or_default();
        let chunk = NewChunk {
            ordinal: 0,
            char_end: text.chars().count() as u32,
            text: text.clone(),
            heading_path: Vec::new(),
            page: None,
            char_start: 0,
            language: Language::English,
            token_count: 1,
            embedding: vec![0.5; 4],
        };
        let revision = NewRevision {
            text,
            structure: Vec::new(),
            media_type: "text/plain".into(),
            title: None,
            bibliography: terroir_store::Bibliography::default(),
            page_count: None,
            warnings: "[]".into(),
            set: SetId::FIRST,
            chunks: vec![chunk],
        };
        // Lost jobs are part of life.
        let _ = store.write_revision(&job, &revision).await;
    }
}

/// Counts how often bytes are asked for.
pub(super) struct Counting<O> {
    pub(super) origin: O,
    fetched: AtomicUsize,
}

impl<O> Counting<O> {
    pub(super) fn new(origin: O) -> Self {
        Self { origin, fetched: AtomicUsize::new(0) }
    }

    /// Since it was asked last.
    pub(super) fn fetched(&self) -> usize {
        self.fetched.swap(0, Ordering::Relaxed)
    }
}

impl<O: Origin> Origin for Counting<O> {
    const PARALLEL: usize = O::PARALLEL;

    async fn list(&self, listing: &Listing) -> Result<Listed, SourceError> {
        self.origin.list(listing).await
    }

    async fn fetch(&self, item: &Item, room: &Room) -> Result<NamedTempFile, SourceError> {
        self.fetched.fetch_add(1, Ordering::Relaxed);
        self.origin.fetch(item, room).await
    }
}
