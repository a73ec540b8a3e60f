//! The store against a model of itself in memory: random additions, replacements, removals, crashes and
//! reopenings, on `SQLite` and on Postgres, with the embedded Qdrant and with a server. After every step,
//! what is found is what the model says.

mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use terroir_store::{
    DocumentId, Enqueued, ErrorRecord, Job, Language, Mode, NewChunk, NewDocument, NewRevision, Principal,
    SearchRequest, SetId, Status, Store, StoreError,
};

use crate::bench::{DIMENSIONS, LEASE, Random, Setting, postgres};
use crate::qdrant;

/// Every pair of a database and a dense index, each of them empty.
fn settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    for with_server in [false, true] {
        let qdrant = || with_server.then(qdrant::server);
        settings.push(Setting { database_url: None, qdrant: qdrant() });
        if let Some(url) = postgres() {
            settings.push(Setting { database_url: Some(url), qdrant: qdrant() });
        }
    }
    settings
}

async fn open(folder: &Path, setting: &Setting) -> Store {
    Store::open(setting.options(folder, DIMENSIONS)).await.unwrap()
}

fn unit(seed: u64) -> Vec<f32> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let raw: Vec<f32> = (0..DIMENSIONS).map(|_| random.next(2000) as f32 - 1000.0).collect();
    let length = raw.iter().map(|value| value * value).sum::<f32>().sqrt().max(1.0);
    raw.into_iter().map(|value| value / length).collect()
}

/// A revision of `chunks` chunks, each with a word of its own.
fn revision(word: &str, chunks: u32) -> NewRevision {
    let texts: Vec<String> = (0..chunks).map(|ordinal| format!("parcel {word}x{ordinal}")).collect();
    let mut char_start = 0;
    let made = texts.iter().zip(0..).map(|(text, ordinal)| {
        let chunk = NewChunk {
            ordinal,
            text: text.clone(),
            heading_path: vec!["Land".into()],
            page: None,
            char_start,
            char_end: char_start + text.len() as u32,
            language: Language::English,
            token_count: 4,
            embedding: unit(u64::from(ordinal) + word.len() as u64),
        };
        char_start += text.len() as u32 + 2;
        chunk
    });
    NewRevision {
        set: SetId::FIRST,
        chunks: made.collect(),
        text: texts.join("\n\n"),
        structure: vec![1, 2, 3],
        media_type: "text/plain".into(),
        title: Some("Register".into()),
        bibliography: terroir_store::Bibliography::default(),
        page_count: None,
        warnings: "[]".into(),
    }
}

async fn enqueue(store: &Store, source: &str, content: &str) -> Enqueued {
    let blob = store.blobs().add(content.as_bytes()).unwrap();
    let new = NewDocument {
        collection: "default".into(),
        source_uri: source.into(),
        source: None,
        file_name: source.into(),
        sha256: blob.sha256,
        bytes: blob.bytes,
        priority: 0,
    };
    store.enqueue(&new).await.unwrap()
}

async fn claim(store: &Store) -> Option<Job> {
    store.claim_job("worker", LEASE, None).await.unwrap()
}

async fn finds(store: &Store, word: &str, mode: Mode) -> usize {
    let scope = store.scope(&Principal::Operator, None).await.unwrap();
    let request = SearchRequest { query: word.into(), query_embedding: Some(unit(1)), scope, mode, top_k: 50 };
    let response = store.search(&request).await.unwrap();
    response.hits.iter().filter(|hit| hit.text.contains(word)).count()
}

/// What should be: the content of each source, as word and number of chunks.
type Expected = BTreeMap<String, (String, u32)>;

async fn check(store: &Store, expected: &Expected, seed: u64) {
    let report = store.doctor(false).await.unwrap();
    let chunks: u64 = expected.values().map(|(_, chunks)| u64::from(*chunks)).sum();
    assert!(report.healthy, "seed {seed}: {report:?}");
    assert_eq!(
        (report.documents, report.chunks_sql, report.chunks_lexical, report.chunks_dense),
        (expected.len() as u64, chunks, chunks, chunks),
        "seed {seed}"
    );
}

async fn random_steps(folder: &Path, setting: &Setting, seed: u64, steps: u32) {
    let mut random = Random(seed);
    let mut expected = Expected::new();
    let mut store = open(folder, setting).await;
    for step in 0..steps {
        let source = format!("source-{}", random.next(8));
        match random.next(10) {
            0..=4 => {
                let word = format!("w{seed}s{step}");
                let chunks = 1 + random.next(4) as u32;
                let Enqueued::Queued { .. } = enqueue(&store, &source, &word).await else { panic!("new bytes") };
                let job = claim(&store).await.unwrap();
                store.write_revision(&job, &revision(&word, chunks)).await.unwrap();
                assert_eq!(finds(&store, &format!("{word}x0"), Mode::Lexical).await, 1, "seed {seed} step {step}");
                let dense = finds(&store, &format!("{word}x"), Mode::Dense).await;
                assert_eq!(dense, chunks as usize, "seed {seed} step {step}");
                if let Some((old, _)) = expected.insert(source, (word, chunks)) {
                    assert_eq!(finds(&store, &format!("{old}x0"), Mode::Hybrid).await, 0, "seed {seed} step {step}");
                }
            }
            5..=6 => {
                let id = store
                    .document_by_source(&Principal::Operator, "default", &source)
                    .await
                    .map(|document| document.id);
                match (id, expected.remove(&source)) {
                    (Ok(id), Some((word, chunks))) => {
                        let removed = store.remove_document(id).await.unwrap().removed();
                        assert_eq!(removed.chunks, u64::from(chunks));
                        assert!(removed.blob, "seed {seed} step {step}");
                        assert_eq!(finds(&store, &format!("{word}x0"), Mode::Dense).await, 0);
                    }
                    (Err(StoreError::NoSuchDocument(_)), None) => {}
                    other => panic!("seed {seed} step {step}: {other:?}"),
                }
            }
            7 => {
                // The same bytes once more; after newer ones that failed, they mend the document.
                if let Some((word, chunks)) = expected.get(&source) {
                    let known = store.document_by_source(&Principal::Operator, "default", &source).await.unwrap();
                    let added = enqueue(&store, &source, word).await;
                    if known.status == Status::Failed {
                        assert!(matches!(added, Enqueued::Queued { .. }), "seed {seed} step {step}");
                        let job = claim(&store).await.unwrap();
                        store.write_revision(&job, &revision(word, *chunks)).await.unwrap();
                    } else {
                        assert!(matches!(added, Enqueued::Duplicate { .. }), "seed {seed} step {step}");
                    }
                }
            }
            8 => {
                // A worker that fails: what was there before stays.
                if expected.contains_key(&source) {
                    enqueue(&store, &source, &format!("bad{step}")).await;
                    let job = claim(&store).await.unwrap();
                    let error = ErrorRecord { code: "damaged_file".into(), message: "m".into(), hint: "h".into() };
                    store.fail_job(&job, &error).await.unwrap();
                    assert_eq!(
                        store.document(&Principal::Operator, job.document).await.unwrap().status,
                        Status::Failed
                    );
                }
            }
            _ => {
                // A crash: nothing is closed in order.
                drop(store);
                store = open_again(folder, setting).await;
                check(&store, &expected, seed).await;
            }
        }
    }
    check(&store, &expected, seed).await;
    let built = store.reindex().await.unwrap();
    assert_eq!(built.documents, expected.len() as u64);
    check(&store, &expected, seed).await;
    store.close().await;
}

/// The old process's lock goes when its last task has noticed that it is gone.
async fn open_again(folder: &Path, setting: &Setting) -> Store {
    for _ in 0..1_500 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let probe = std::fs::File::open(folder.join("lock")).unwrap();
        if probe.try_lock().is_ok() {
            drop(probe);
            return open(folder, setting).await;
        }
    }
    panic!("the lock was never released");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_operations_agree_with_the_model() {
    for seed in [1, 20_260_101] {
        for setting in settings() {
            let folder = tempfile::tempdir().unwrap();
            random_steps(folder.path(), &setting, seed, 120).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_job_leaves_nothing_behind() {
    for setting in settings() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), &setting).await;
        let Enqueued::Queued { document, .. } = enqueue(&store, "a", "one").await else { panic!("new") };
        let job = claim(&store).await.unwrap();
        // New bytes while the old ones are being worked on.
        enqueue(&store, "a", "two").await;
        let written = store.write_revision(&job, &revision("one", 2)).await;
        assert!(matches!(written, Err(StoreError::JobLost)), "{written:?}");
        let job = claim(&store).await.unwrap();
        assert_eq!((job.document, job.generation), (document, 2));
        store.write_revision(&job, &revision("two", 3)).await.unwrap();
        assert!(claim(&store).await.is_none());
        check(&store, &Expected::from([("a".into(), ("two".into(), 3))]), 0).await;
        assert_eq!(finds(&store, "onex0", Mode::Lexical).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_claimed_twice() {
    for setting in settings() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), &setting).await;
        for number in 0..60 {
            enqueue(&store, &format!("{number}"), &format!("content {number}")).await;
        }
        let workers = (0..4).map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                while let Some(job) = store.claim_job(&format!("worker-{number}"), LEASE, None).await.unwrap() {
                    claimed.push(job.id);
                }
                claimed
            })
        });
        let mut all = Vec::new();
        for worker in workers.collect::<Vec<_>>() {
            all.extend(worker.await.unwrap());
        }
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!((count, all.len()), (60, 60));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_sees_its_scope_only() {
    for setting in settings() {
        search_within_scopes(&setting).await;
    }
}

async fn search_within_scopes(setting: &Setting) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), setting).await;
    store.create_collection("secret").await.unwrap();
    let mut ids: Vec<DocumentId> = Vec::new();
    for (collection, word) in [("default", "open"), ("secret", "hidden")] {
        let blob = store.blobs().add(word.as_bytes()).unwrap();
        let new = NewDocument {
            collection: collection.into(),
            source_uri: "s".into(),
            source: None,
            file_name: "s".into(),
            sha256: blob.sha256,
            bytes: blob.bytes,
            priority: 0,
        };
        store.enqueue(&new).await.unwrap();
        let job = claim(&store).await.unwrap();
        ids.push(job.document);
        store.write_revision(&job, &revision(word, 3)).await.unwrap();
    }
    for mode in [Mode::Hybrid, Mode::Lexical, Mode::Dense] {
        let search = |scope| {
            let request = SearchRequest {
                query: "parcel openx0 hiddenx0".into(),
                query_embedding: Some(unit(1)),
                scope,
                mode,
                top_k: 50,
            };
            let store = store.clone();
            async move { store.search(&request).await.unwrap().hits }
        };
        let open_only = search(store.scope(&Principal::Operator, Some("default")).await.unwrap()).await;
        assert!(!open_only.is_empty() && open_only.iter().all(|hit| hit.document == ids[0]), "{mode:?}");
        let mut one = store.scope(&Principal::Operator, None).await.unwrap();
        one.documents = Some(vec![ids[1]]);
        let hidden_only = search(one).await;
        assert!(!hidden_only.is_empty() && hidden_only.iter().all(|hit| hit.document == ids[1]), "{mode:?}");
        assert!(search(terroir_store::Scope::default()).await.is_empty(), "an empty scope finds nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_says_which_model_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let setting = Setting { database_url: None, qdrant: None };
    open(folder.path(), &setting).await.close().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut other = setting.options(folder.path(), DIMENSIONS + 1);
    other.first_set.model_sha256 = "o".repeat(64);
    let known = terroir_store::known_set_in_use(folder.path(), None).await.unwrap().unwrap();
    let store = Store::open(other).await.unwrap();
    assert_eq!(store.set_in_use(), known);
    assert_eq!((known.model_sha256, known.dimensions), ("m".repeat(64), DIMENSIONS));
}
