//! The store with a Qdrant server that refuses, dies, forgets, or is shared with others.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use terroir_store::{Mode, NewDocument, Principal, SearchRequest, Store, StoreError, StoreOptions};

use super::qdrant::{self, StandIn};
use super::{
    DIMENSIONS, Expected, Random, Setting, check, claim, enqueue, finds, open, postgres, random_steps, revision, unit,
};

fn on(stand_in: &StandIn, folder: &Path) -> StoreOptions {
    StoreOptions { qdrant_url: Some(stand_in.url()), ..Setting::default().options(folder, DIMENSIONS) }
}

async fn add(store: &Store, source: &str, word: &str, chunks: u32) {
    enqueue(store, source, word).await;
    let job = claim(store).await.unwrap();
    store.write_revision(&job, &revision(word, chunks)).await.unwrap();
}

async fn try_find(store: &Store, word: &str, mode: Mode) -> Result<usize, StoreError> {
    let scope = store.scope(&Principal::Operator, None).await?;
    let request = SearchRequest { query: word.into(), query_embedding: Some(unit(1)), scope, mode, top_k: 50 };
    let response = store.search(&request).await?;
    Ok(response.hits.iter().filter(|hit| hit.text.contains(word)).count())
}

/// Until the task that follows has done its work.
async fn found_soon(store: &Store, word: &str, count: usize) {
    for _ in 0..200 {
        if matches!(try_find(store, word, Mode::Dense).await, Ok(found) if found == count) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{word} is not found {count} times: {:?}", try_find(store, word, Mode::Dense).await);
}

/// Of each collection.
fn points(server: &StandIn) -> Vec<usize> {
    server.collections().into_values().collect()
}

fn expect(documents: &[(&str, &str, u32)]) -> Expected {
    documents.iter().map(|(source, word, chunks)| ((*source).into(), ((*word).into(), *chunks))).collect()
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_in_bounded_time() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let url = "http://127.0.0.1:9".to_owned();
    let setting = Setting { database_url: None, qdrant: None };
    let opened =
        Store::open(StoreOptions { qdrant_url: Some(url), ..setting.options(folder.path(), DIMENSIONS) }).await;
    let Err(StoreError::Unreachable { .. }) = opened else { panic!("{opened:?}") };
    let message = opened.unwrap_err().to_string();
    assert!(message.contains("http://127.0.0.1:9") && message.contains("check QDRANT_URL"), "{message}");
    assert!(started.elapsed() < Duration::from_secs(40));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_refused_and_never_quoted() {
    let server = StandIn::start(Some("the-right-key"));
    let folder = tempfile::tempdir().unwrap();
    for key in [None, Some("wrong-key"), Some("wrong\nkey")] {
        let options = StoreOptions { qdrant_api_key: key.map(str::to_owned), ..on(&server, folder.path()) };
        let refused = Store::open(options).await;
        assert!(matches!(refused, Err(StoreError::Unreachable { .. })), "{refused:?}");
        let message = refused.unwrap_err().to_string();
        assert!(
            message.contains(&server.url()) && message.contains("check QDRANT_URL and QDRANT_API_KEY"),
            "{message}"
        );
        assert!(key.is_none_or(|key| !message.contains(key) && !message.contains("wrong")), "{message}");
    }
    let options = StoreOptions { qdrant_api_key: Some("the-right-key".into()), ..on(&server, folder.path()) };
    let store = Store::open(options).await.unwrap();
    add(&store, "a", "quince", 2).await;
    check(&store, &expect(&[("a", "quince", 2)]), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_and_comes_back_has_everything_once() {
    let mut server = StandIn::start(None);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(on(&server, folder.path())).await.unwrap();
    add(&store, "a", "quince", 3).await;
    server.stop();
    let searched = try_find(&store, "quince", Mode::Dense).await;
    assert!(matches!(searched, Err(StoreError::Unreachable { .. })), "{searched:?}");
    assert_eq!(try_find(&store, "quincex0", Mode::Lexical).await.unwrap(), 1);

    enqueue(&store, "b", "medlar").await;
    let job = claim(&store).await.unwrap();
    // Twice, as a worker tries again: both changes are followed at once later, and were followed double.
    for _ in 0..2 {
        let written = store.write_revision(&job, &revision("medlar", 4)).await;
        assert!(matches!(written, Err(StoreError::Unreachable { .. })), "{written:?}");
    }
    server.resume();
    store.write_revision(&job, &revision("medlar", 2)).await.unwrap();
    found_soon(&store, "medlarx", 2).await;
    check(&store, &expect(&[("a", "quince", 3), ("b", "medlar", 2)]), 0).await;

    // What nobody waits for is followed, too.
    server.stop();
    enqueue(&store, "a", "sorb").await;
    let job = claim(&store).await.unwrap();
    assert!(store.write_revision(&job, &revision("sorb", 5)).await.is_err());
    server.resume();
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if points(&server) == [3 + 2 + 5] {
            break;
        }
    }
    assert_eq!(points(&server), [3 + 2 + 5]);
    store.write_revision(&job, &revision("sorb", 5)).await.unwrap();
    check(&store, &expect(&[("a", "sorb", 5), ("b", "medlar", 2)]), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_lost_change_nothing() {
    for seed in [3, 4] {
        let server = StandIn::start(None);
        server.lose_answers(7);
        let folder = tempfile::tempdir().unwrap();
        let qdrant = Some(qdrant::Server::of(&server));
        random_steps(folder.path(), &Setting { database_url: None, qdrant }, seed, 60).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_lost_is_put_in_again() {
    let server = StandIn::start(None);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(on(&server, folder.path())).await.unwrap();
    add(&store, "a", "quince", 3).await;
    add(&store, "b", "medlar", 4).await;
    let everything = expect(&[("a", "quince", 3), ("b", "medlar", 4)]);

    // While it runs: the first search that meets it says so, and the next ones find everything.
    server.delete_collections();
    let searched = try_find(&store, "quince", Mode::Dense).await;
    assert!(matches!(searched, Err(StoreError::Unreachable { .. })), "{searched:?}");
    found_soon(&store, "quincex", 3).await;
    check(&store, &everything, 0).await;

    // Between two runs, as a whole or in part.
    for lose in [StandIn::delete_collections, StandIn::lose_every_second_point] {
        store.close().await;
        lose(&server);
        let other = tempfile::tempdir().unwrap();
        copy(folder.path(), other.path());
        let store = Store::open(on(&server, other.path())).await.unwrap();
        check(&store, &everything, 0).await;
        assert_eq!(points(&server), [7]);
    }
}

/// The data folder as it is, without the lock of the store that had it.
fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(copied.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_and_databases_never_share_points() {
    let server = qdrant::server();
    let setting = Setting { database_url: None, qdrant: Some(server) };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = open(folders[0].path(), &setting).await;
    let second = open(folders[1].path(), &setting).await;
    let mut other_model = setting.options(folders[2].path(), DIMENSIONS);
    other_model.first_set.model_sha256 = "n".repeat(64);
    let third = Store::open(other_model).await.unwrap();
    for (store, word, chunks) in [(&first, "quince", 3), (&second, "medlar", 2), (&third, "sorb", 4)] {
        add(store, "a", word, chunks).await;
    }
    // What is unknown to one database is known to another: neither of these may take it out.
    first.reindex().await.unwrap();
    first.doctor(true).await.unwrap();
    for (store, word, chunks) in [(&first, "quince", 3), (&second, "medlar", 2), (&third, "sorb", 4)] {
        check(store, &expect(&[("a", word, chunks)]), 0).await;
        assert_eq!(finds(store, &format!("{word}x"), Mode::Dense).await, chunks as usize);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_is_found_however_many_nearer_points_others_have() {
    let setting = Setting { database_url: None, qdrant: Some(qdrant::server()) };
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &setting).await;
    store.create_collection("secret").await.unwrap();
    // As many as several requests hold, all of them nearer than what is searched for.
    let mut crowd = revision("crowd", 700);
    for chunk in &mut crowd.chunks {
        chunk.embedding = unit(1);
    }
    enqueue(&store, "crowd", "crowd").await;
    let job = claim(&store).await.unwrap();
    store.write_revision(&job, &crowd).await.unwrap();
    let blob = store.blobs().add("hidden".as_bytes()).unwrap();
    let new = NewDocument {
        collection: "secret".into(),
        source_uri: "hidden".into(),
        source: None,
        file_name: "hidden".into(),
        sha256: blob.sha256,
        bytes: blob.bytes,
        priority: 0,
    };
    store.enqueue(&new).await.unwrap();
    let job = claim(&store).await.unwrap();
    store.write_revision(&job, &revision("hidden", 2)).await.unwrap();
    let scope = store.scope(&Principal::Operator, Some("secret")).await.unwrap();
    let request =
        SearchRequest { query: "x".into(), query_embedding: Some(unit(1)), scope, mode: Mode::Dense, top_k: 50 };
    let hits = store.search(&request).await.unwrap().hits;
    assert_eq!(hits.len(), 2);
    assert!(hits.iter().all(|hit| hit.document == job.document));
    // And a smaller content of the large document leaves nothing of it behind.
    add(&store, "crowd", "few", 1).await;
    store.doctor(false).await.unwrap();
    assert_eq!(store.doctor(false).await.unwrap().chunks_dense, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_find_everything_during_a_rebuild() {
    let setting = Setting { database_url: None, qdrant: Some(qdrant::server()) };
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &setting).await;
    for number in 0..6 {
        add(&store, &format!("{number}"), &format!("quince{number}"), 4).await;
    }
    let searching = keep_searching(&store, "quince", 24);
    for _ in 0..5 {
        store.reindex().await.unwrap();
    }
    searching.end().await;
}

/// Two processes, each with its folder, on one database and one server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_to_one_collection() {
    let Some(url) = postgres() else { return };
    let setting = Setting { database_url: Some(url), qdrant: Some(qdrant::server()) };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = open(folders[0].path(), &setting).await;
    add(&first, "stays", "quince", 5).await;
    let searching = keep_searching(&first, "quincex", 5);
    // One that comes later, follows the same changes, and is gone again.
    let second = open(folders[1].path(), &setting).await;
    let mut expected = expect(&[("stays", "quince", 5)]);
    let mut random = Random(7);
    for step in 0..40_u32 {
        let store = if random.next(2) == 0 { &first } else { &second };
        let source = format!("source-{}", random.next(4));
        if random.next(4) == 0 {
            if expected.remove(&source).is_some() {
                let document = store.document_by_source(&Principal::Operator, "default", &source).await.unwrap();
                store.remove_document(document.id).await.unwrap();
            }
        } else {
            let (word, chunks) = (format!("p{step}"), 1 + random.next(4) as u32);
            add(store, &source, &word, chunks).await;
            assert_eq!(finds(store, &format!("{word}x"), Mode::Dense).await, chunks as usize, "step {step}");
            expected.insert(source, (word, chunks));
        }
        if step % 16 == 15 {
            store.reindex().await.unwrap();
        }
    }
    // Until each has followed what the other did: a late write of one may show for that long.
    tokio::time::sleep(Duration::from_secs(2)).await;
    check(&first, &expected, 7).await;
    check(&second, &expected, 7).await;
    second.close().await;
    drop(second);
    let third = tempfile::tempdir().unwrap();
    check(&open(third.path(), &setting).await, &expected, 7).await;
    searching.end().await;
}

/// A caller that searches all the time; what it misses fails the test.
struct Searching {
    ends: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<u32>,
}

fn keep_searching(store: &Store, word: &'static str, count: usize) -> Searching {
    let ends = Arc::new(AtomicBool::new(false));
    let (store, ended) = (store.clone(), Arc::clone(&ends));
    let task = tokio::spawn(async move {
        let mut searches = 0;
        while !ended.load(Ordering::Relaxed) {
            assert_eq!(try_find(&store, word, Mode::Dense).await.unwrap(), count, "search {searches}");
            searches += 1;
        }
        searches
    });
    Searching { ends, task }
}

impl Searching {
    async fn end(self) {
        self.ends.store(true, Ordering::Relaxed);
        assert!(self.task.await.unwrap() > 10, "too few searches to say anything");
    }
}
