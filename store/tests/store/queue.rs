//! The queue of ingestion work: whose turn it is, what people do to it in every state, and what is kept of a job that
//! is taken up again. On `SQLite` and on Postgres.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use terroir_store::{
    Bibliography, DocumentId, Enqueued, ErrorRecord, Job, Language, NewChunk, NewDocument, NewRevision, Principal,
    SetId, Stage, Status, Store, StoreError, StoreOptions,
};

use crate::bench::{LEASE, databases, first_set};

async fn open(folder: &Path, database: Option<&str>) -> Store {
    let options =
        StoreOptions { database_url: database.map(str::to_owned), ..StoreOptions::embedded(folder, first_set(2)) };
    Store::open(options).await.unwrap()
}

fn document(store: &Store, name: &str, content: &str) -> NewDocument {
    let blob = store.blobs().add(content.as_bytes()).unwrap();
    NewDocument {
        collection: "default".into(),
        source_uri: name.into(),
        source: None,
        file_name: name.into(),
        sha256: blob.sha256,
        bytes: blob.bytes,
        priority: 0,
    }
}

async fn add(store: &Store, name: &str, content: &str) -> DocumentId {
    match store.enqueue(&document(store, name, content)).await.unwrap() {
        Enqueued::Queued { document, .. } => document,
        other @ Enqueued::Duplicate { .. } => panic!("{name}: {other:?}"),
    }
}

async fn claim(store: &Store) -> Option<Job> {
    store.claim_job("worker", LEASE, None).await.unwrap()
}

fn revision(text: &str) -> NewRevision {
    NewRevision {
        set: SetId::FIRST,
        text: text.into(),
        structure: Vec::new(),
        media_type: "text/plain".into(),
        title: None,
        bibliography: Bibliography {
            authors: vec!["Ada Field".into(), "B. Hill".into()],
            year: Some(1998),
            doi: Some("10.1/x".into()),
        },
        page_count: None,
        warnings: "[]".into(),
        chunks: vec![NewChunk {
            ordinal: 0,
            text: text.into(),
            heading_path: Vec::new(),
            page: None,
            char_start: 0,
            char_end: text.len() as u32,
            language: Language::English,
            token_count: 1,
            embedding: vec![1.0, 0.0],
        }],
    }
}

async fn status(store: &Store, id: DocumentId) -> (Status, Option<String>) {
    let document = store.document(&Principal::Operator, id).await.unwrap();
    (document.status, document.stage)
}

fn failure() -> ErrorRecord {
    ErrorRecord { code: "damaged_file".into(), message: "m".into(), hint: "h".into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_take_turns_and_people_who_wait_go_first() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        for number in 0..40 {
            let name = format!("bulk-{number}");
            let new = NewDocument { source: Some("archive".into()), ..document(&store, &name, &name) };
            store.enqueue(&new).await.unwrap();
        }
        let mut claimed = Vec::new();
        for _ in 0..5 {
            claimed.push(claim(&store).await.unwrap().file_name);
        }
        assert_eq!(claimed, ["bulk-0", "bulk-1", "bulk-2", "bulk-3", "bulk-4"]);
        // Another source comes later and with less: it does not wait for the first one's rest.
        for number in 0..3 {
            let name = format!("wiki-{number}");
            let new = NewDocument { source: Some("wiki".into()), ..document(&store, &name, &name) };
            store.enqueue(&new).await.unwrap();
        }
        let urgent = NewDocument { priority: 10, ..document(&store, "urgent", "urgent") };
        store.enqueue(&urgent).await.unwrap();
        assert_eq!(claim(&store).await.unwrap().file_name, "urgent");
        let mut next = Vec::new();
        for _ in 0..6 {
            next.push(claim(&store).await.unwrap().file_name);
        }
        let wiki = next.iter().filter(|name| name.starts_with("wiki")).count();
        assert_eq!(wiki, 3, "{next:?}");
        // The first source is not made to wait for what it got while it was alone.
        assert!(next.iter().take(2).any(|name| name.starts_with("bulk")), "{next:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_files_do_not_wait_for_the_large_ones_of_their_source() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        for number in 0..4 {
            let new = NewDocument { bytes: 40 << 20, ..document(&store, &format!("l{number}"), &format!("l{number}")) };
            store.enqueue(&new).await.unwrap();
        }
        for number in 0..20 {
            add(&store, &format!("s{number}"), &format!("s{number}")).await;
        }
        assert!(claim(&store).await.is_some());
        let mut order = Vec::new();
        while let Some(job) = claim(&store).await {
            order.push(job.file_name);
        }
        let last_small = order.iter().rposition(|name| name.starts_with('s')).unwrap();
        let large_before = order[..last_small].iter().filter(|name| name.starts_with('l')).count();
        assert!(large_before <= 1, "{order:?}");
        assert_eq!(order.len(), 23);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_may_ask_for_small_files_only() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        let large = NewDocument { bytes: 2 << 20, priority: 10, ..document(&store, "large", "large") };
        store.enqueue(&large).await.unwrap();
        assert!(store.claim_job("express", LEASE, Some(1 << 18)).await.unwrap().is_none());
        add(&store, "small", "small").await;
        let job = store.claim_job("express", LEASE, Some(1 << 18)).await.unwrap().unwrap();
        assert_eq!((job.file_name.as_str(), job.bytes), ("small", 5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_held_back_and_goes_on_where_it_was() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        let id = add(&store, "a", "one").await;
        let job = claim(&store).await.unwrap();
        store.set_stage(&job, Stage::Embedding, Some((3, 9))).await.unwrap();
        store.keep_checkpoint(&job, "parsed", vec![1, 2]).await.unwrap();
        assert!(store.pause_document(id).await.unwrap());
        assert_eq!(status(&store, id).await, (Status::Queued, Some("paused".into())));
        // Its worker learns it at whatever it does next.
        assert!(matches!(store.heartbeat(&job, LEASE).await, Err(StoreError::JobLost)));
        assert!(matches!(store.set_stage(&job, Stage::Indexing, None).await, Err(StoreError::JobLost)));
        assert!(matches!(store.keep_checkpoint(&job, "x", Vec::new()).await, Err(StoreError::JobLost)));
        assert!(matches!(store.write_revision(&job, &revision("one")).await, Err(StoreError::JobLost)));
        assert!(claim(&store).await.is_none());
        assert!(!store.pause_document(id).await.unwrap(), "it is held back already");
        assert!(store.resume_document(id).await.unwrap());
        let again = claim(&store).await.unwrap();
        assert_eq!(store.checkpoint(&again, "parsed").await.unwrap(), Some(vec![1, 2]));
        store.write_revision(&again, &revision("one")).await.unwrap();
        assert_eq!(status(&store, id).await, (Status::Ready, None));
        assert!(store.checkpoint(&again, "parsed").await.unwrap().is_none(), "what is done needs no checkpoint");
        for refused in
            [store.pause_document(id).await, store.resume_document(id).await, store.cancel_document(id).await]
        {
            assert!(!refused.unwrap());
        }
        let bibliography = store.document(&Principal::Operator, id).await.unwrap().bibliography;
        assert_eq!((bibliography.authors.len(), bibliography.year), (2, Some(1998)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_is_called_off_in_every_state() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        // Waiting, running and held back; never searchable before.
        for state in ["waiting", "running", "paused"] {
            let id = add(&store, state, state).await;
            let job = if state == "waiting" { None } else { claim(&store).await };
            if state == "paused" {
                assert!(store.pause_document(id).await.unwrap());
            }
            assert!(store.cancel_document(id).await.unwrap(), "{state}");
            assert_eq!(status(&store, id).await, (Status::Cancelled, None), "{state}");
            if let Some(job) = job {
                assert!(matches!(store.write_revision(&job, &revision(state)).await, Err(StoreError::JobLost)));
            }
            assert!(claim(&store).await.is_none(), "{state}");
            assert!(store.retry_document(id).await.unwrap(), "the bytes are still there");
            let job = claim(&store).await.unwrap();
            store.write_revision(&job, &revision(state)).await.unwrap();
        }
        // New bytes of a document that is searchable: it stays what it was.
        let id = add(&store, "known", "old").await;
        let job = claim(&store).await.unwrap();
        store.write_revision(&job, &revision("old")).await.unwrap();
        let before = store.document(&Principal::Operator, id).await.unwrap();
        add(&store, "known", "new").await;
        assert!(store.cancel_document(id).await.unwrap());
        let after = store.document(&Principal::Operator, id).await.unwrap();
        assert_eq!(
            (after.status, &after.sha256, after.current_revision),
            (Status::Ready, &before.sha256, before.current_revision)
        );
        let new = sha256("new");
        assert!(!store.blobs().path(&new).exists(), "nobody needs the bytes that were called off");
        let report = store.doctor(false).await.unwrap();
        assert!(report.healthy && report.documents == 4, "{report:?}");
        assert!(matches!(before.current_revision, Some(revision) if store.revision(revision).await.unwrap().is_some()));
    }
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    format!("{:x}", sha2::Sha256::digest(text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_document_is_tried_again_with_what_was_kept() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        let id = add(&store, "a", "one").await;
        for round in ["by a person", "by adding it again"] {
            let job = claim(&store).await.unwrap();
            store.keep_checkpoint(&job, round, vec![7]).await.unwrap();
            store.fail_job(&job, &failure()).await.unwrap();
            assert!(claim(&store).await.is_none());
            if round == "by a person" {
                assert!(store.retry_document(id).await.unwrap());
            } else {
                assert_eq!(add(&store, "a", "one").await, id);
            }
            let document = store.document(&Principal::Operator, id).await.unwrap();
            assert_eq!((document.status, document.error), (Status::Queued, None), "{round}");
        }
        let job = claim(&store).await.unwrap();
        assert_eq!(job.attempt, 1);
        assert_eq!(store.checkpoint_names(&job).await.unwrap(), ["by a person", "by adding it again"]);
        // Other bytes have nothing to do with what was kept.
        add(&store, "a", "two").await;
        let job = claim(&store).await.unwrap();
        assert!(store.checkpoint_names(&job).await.unwrap().is_empty());
        store.remove_document(id).await.unwrap();
        assert!(matches!(store.keep_checkpoint(&job, "x", Vec::new()).await, Err(StoreError::JobLost)));
        assert!(!store.retry_document(id).await.is_ok_and(|done| done));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_every_worker_is_given_up() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        let id = add(&store, "deadly", "deadly").await;
        let other = add(&store, "harmless", "harmless").await;
        let mut seen = BTreeSet::new();
        for round in 0..60 {
            // A lease that has ended when it begins: the worker died.
            let Some(job) = store.claim_job(&format!("w{round}"), Duration::ZERO, None).await.unwrap() else { break };
            if job.document == other {
                store.write_revision(&job, &revision("harmless")).await.unwrap();
            }
            seen.insert(job.document);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(seen, BTreeSet::from([id, other]));
        let document = store.document(&Principal::Operator, id).await.unwrap();
        assert_eq!(document.error.unwrap().0, "worker_lost");
        assert_eq!(status(&store, other).await.0, Status::Ready);
        // One that comes forward each time is not given up.
        let id = add(&store, "slow", "slow").await;
        for round in 0..40 {
            let job = store.claim_job(&format!("w{round}"), Duration::ZERO, None).await.unwrap().unwrap();
            store.keep_checkpoint(&job, &format!("{round}"), vec![0]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_ne!(status(&store, id).await.0, Status::Failed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_queue_is_paused_and_tells_how_long_it_is() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        assert_eq!(store.queue().await.unwrap().remaining, Some(Duration::ZERO));
        for number in 0..4 {
            add(&store, &format!("{number}"), &format!("{number}")).await;
        }
        assert_eq!(store.queue().await.unwrap().remaining, None, "there is no pace to judge by");
        let job = claim(&store).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        store.write_revision(&job, &revision("done")).await.unwrap();
        let job = claim(&store).await.unwrap();
        store.set_stage(&job, Stage::Parsing, None).await.unwrap();
        let queue = store.queue().await.unwrap();
        assert_eq!((queue.queued, queue.running, queue.finished_lately), (2, 1, 1));
        assert_eq!(queue.stages, [("parsing".to_owned(), 1)]);
        // Three are left, of the cost of the one that took 100 ms and more.
        let remaining = queue.remaining.unwrap();
        assert!(remaining >= Duration::from_millis(300) && remaining < Duration::from_mins(1), "{remaining:?}");
        store.pause_queue().await.unwrap();
        let paused = store.queue().await.unwrap();
        assert!(paused.paused && paused.queued == 3 && paused.running == 0, "{paused:?}");
        assert!(matches!(store.set_stage(&job, Stage::Chunking, None).await, Err(StoreError::JobLost)));
        assert!(claim(&store).await.is_none());
        // People may still add; and it is a setting of the database.
        add(&store, "meanwhile", "meanwhile").await;
        store.resume_queue().await.unwrap();
        let mut names = BTreeSet::new();
        while let Some(job) = claim(&store).await {
            names.insert(job.file_name);
        }
        assert_eq!(names.len(), 4);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_bytes_from_many_places_at_once_are_one_document() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        for round in 0..10 {
            let text = format!("the same in round {round}");
            let adding = (0..8).map(|place| {
                let (store, new) = (store.clone(), document(&store, &format!("{round}-{place}"), &text));
                tokio::spawn(async move { store.enqueue(&new).await.unwrap() })
            });
            let mut documents = Vec::new();
            for added in adding.collect::<Vec<_>>() {
                documents.push(added.await.unwrap().document());
            }
            documents.dedup();
            assert_eq!(documents.len(), 1, "round {round}");
        }
    }
}
