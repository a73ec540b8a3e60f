//! What the tests of the store share: databases to run on, documents to put in.

use std::path::Path;
use std::time::Duration;

use terroir_store::{
    Background, Bibliography, DocumentId, Language, NewChunk, NewDocument, NewRevision, NewSet, Reader, SetId, Store,
    StoreError, StoreOptions,
};

use crate::qdrant;

pub const LEASE: Duration = Duration::from_secs(30);
/// Of a vector.
pub const DIMENSIONS: usize = 8;

/// A small generator (xorshift64*), so that a seed is all that a failure needs.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % below
    }

    /// Of length 1.
    pub fn vector(&mut self) -> Vec<f32> {
        let drawn: Vec<f32> = (0..DIMENSIONS).map(|_| self.next(2_001) as f32 / 1_000.0 - 1.0).collect();
        let length = drawn.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        drawn.into_iter().map(|value| value / length).collect()
    }
}

/// What a store runs on: `SQLite` if there is no address of a database, the embedded Qdrant if there is no
/// server.
#[derive(Default)]
pub struct Setting {
    pub database_url: Option<String>,
    pub qdrant: Option<qdrant::Server>,
}

impl Setting {
    pub fn options(&self, folder: &Path, dimensions: usize) -> StoreOptions {
        StoreOptions {
            database_url: self.database_url.clone(),
            qdrant_url: self.qdrant.as_ref().map(|server| server.url.clone()),
            qdrant_api_key: self.qdrant.as_ref().and_then(|server| server.api_key.clone()),
            ..StoreOptions::embedded(folder, first_set(dimensions))
        }
    }
}

/// Of a model that makes vectors of this length.
pub fn first_set(dimensions: usize) -> NewSet {
    let (model, model_sha256) = ("m".into(), "m".repeat(64));
    NewSet { model, model_sha256, dimensions, chunk_tokens: 256, background: Background::default() }
}

/// `SQLite` (none), and a new `PostgreSQL` database where there is a server.
pub fn databases() -> Vec<Option<String>> {
    std::iter::once(None).chain(postgres().map(Some)).collect()
}

/// A database of its own on the Postgres server that the environment names.
pub fn postgres() -> Option<String> {
    let server = std::env::var("TERROIR_TEST_POSTGRES_URL").ok();
    if server.is_none() {
        eprintln!("PostgreSQL NOT TESTED: set TERROIR_TEST_POSTGRES_URL or run `make test`");
    }
    server.as_deref().map(fresh_database)
}

fn fresh_database(server: &str) -> String {
    let name = format!("terroir_bench_{}", uuid::Uuid::new_v4().simple());
    let made = std::process::Command::new("psql").args([server, "-qc", &format!("create database {name}")]).status();
    assert!(made.unwrap().success());
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

pub async fn open(folder: &Path, database_url: Option<&str>) -> Store {
    let setting = Setting { database_url: database_url.map(str::to_owned), qdrant: None };
    open_patiently(setting.options(folder, DIMENSIONS)).await
}

/// The previous owner's tasks need a moment to notice that it has gone.
pub async fn open_patiently(options: StoreOptions) -> Store {
    for _ in 0..1_500 {
        match Store::open(options.clone()).await {
            Err(StoreError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            opened => return opened.unwrap(),
        }
    }
    panic!("the folder stays in use");
}

/// Queues a document and leaves it at that.
pub async fn enqueue(store: &Store, source: &str, text: &str, readers: Option<&[Reader]>) -> DocumentId {
    let blob = store.blobs().add(text.as_bytes()).unwrap();
    let new = NewDocument {
        collection: "default".into(),
        source_uri: source.into(),
        source: None,
        file_name: source.into(),
        sha256: blob.sha256,
        bytes: blob.bytes,
        priority: 0,
    };
    let enqueued = match readers {
        Some(readers) => store.enqueue_narrowed(&new, readers).await.unwrap(),
        None => store.enqueue(&new).await.unwrap(),
    };
    enqueued.document()
}

/// Adds a document of one chunk, or gives it new content, and waits until it can be searched.
pub async fn add(store: &Store, source: &str, text: &str, readers: Option<&[Reader]>, vector: Vec<f32>) -> DocumentId {
    enqueue(store, source, text, readers).await;
    let job = store.claim_job("worker", LEASE, None).await.unwrap().unwrap();
    store.write_revision(&job, &revision(text, vector)).await.unwrap();
    job.document
}

pub fn revision(text: &str, vector: Vec<f32>) -> NewRevision {
    NewRevision {
        set: SetId::FIRST,
        text: text.into(),
        structure: vec![0, 159, 146, 150],
        media_type: "text/plain".into(),
        title: Some("A title".into()),
        bibliography: Bibliography::default(),
        page_count: None,
        warnings: "[]".into(),
        chunks: vec![NewChunk {
            ordinal: 0,
            text: text.into(),
            heading_path: vec!["Heading".into()],
            page: Some(1),
            char_start: 0,
            char_end: text.chars().count() as u32,
            language: Language::English,
            token_count: 3,
            embedding: vector,
        }],
    }
}
