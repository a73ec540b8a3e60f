//! Everything into one file and back, into either database; one database into the other.

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::bench::{self, Random, add, databases, enqueue, open};
use terroir_store::{
    Contents, DocumentFilter, Mode, NewAnswer, Principal, Reader, Restore, SearchRequest, Store, StoreError, inspect,
    migrate, restore,
};
use tokio::runtime::Handle;

const WORDS: [&str; 8] = ["quinces", "pears", "cellar", "harvest", "council", "meadow", "minutes", "straw"];
const PLACE: &str = "here";
/// While a backup is made.
const CHANGES: u64 = 20;

fn text(random: &mut Random) -> String {
    (0..12).map(|_| WORDS[random.next(WORDS.len() as u64) as usize]).collect::<Vec<_>>().join(" ")
}

/// Documents in every state, users, lists, answers; things that came and went.
async fn fill(store: &Store, random: &mut Random) {
    let board = [Reader::Group("board".into())];
    store.set_user("anna", &["board".into()]).await.unwrap();
    store.set_user("bert", &[]).await.unwrap();
    store.set_collection_readers("default", &[Reader::Public]).await.unwrap();
    // Half of the searches are answered otherwise without it.
    store.set_lexicon("default", "quinces, pears\ncellar => straw").await.unwrap();
    for number in 0..60 {
        let readers = (number % 5 == 0).then_some(&board[..]);
        let text = text(random);
        add(store, &format!("{number}.txt"), &text, readers, random.vector()).await;
    }
    for number in 0..10 {
        // Replaced, and removed.
        let (text, vector) = (text(random), random.vector());
        add(store, &format!("{number}.txt"), &text, None, vector).await;
        let gone = add(store, "gone.txt", &format!("gone {number}"), None, random.vector()).await;
        store.remove_document(gone).await.unwrap();
    }
    enqueue(store, "queued.txt", "in the queue", None).await;
    let answer = NewAnswer {
        id: "an answer".into(),
        question: "when?".into(),
        collection: None,
        body: "{\"text\":\"in October – «octobre»\"}".into(),
        documents: Vec::new(),
        asked_by: Some("anna".into()),
    };
    store.keep_answer(&answer).await.unwrap();
    // Scores are made of what is in the index, and what was removed is there until segments are merged.
    store.reindex().await.unwrap();
}

/// What may be asked of a store, and what it answers: a hundred searches by three callers, lists and counts.
async fn answers(store: &Store) -> Vec<String> {
    let mut random = Random(11);
    let mut answers = Vec::new();
    let anna = store.principal("anna").await.unwrap();
    let bert = store.principal("bert").await.unwrap();
    for number in 0..100 {
        let principal = [&Principal::Operator, &anna, &bert][number % 3];
        let mode = [Mode::Hybrid, Mode::Lexical, Mode::Dense][random.next(3) as usize];
        let scope = store.scope(principal, None).await.unwrap();
        let query = format!("{} {}", WORDS[random.next(8) as usize], WORDS[random.next(8) as usize]);
        let request = SearchRequest { query, query_embedding: Some(random.vector()), scope, mode, top_k: 10 };
        let mut response = store.search(&request).await.unwrap();
        response.took_ms = 0;
        answers.push(format!("{response:?}"));
    }
    for principal in [&Principal::Operator, &anna, &bert] {
        answers.push(format!("{:?}", store.counts(principal).await.unwrap()));
        answers.push(format!("{:?}", store.documents(principal, &everything()).await.unwrap()));
        answers.push(format!("{:?}", store.collections(principal).await.unwrap()));
    }
    answers.push(format!("{:?}", store.users().await.unwrap()));
    answers.push(format!("{:?}", store.receipts(None, 100).await.unwrap()));
    answers
}

/// One answer that differs says more than all of them.
fn assert_same(after: &[String], before: &[String]) {
    assert_eq!(after.len(), before.len());
    for (after, before) in after.iter().zip(before) {
        assert_eq!(after, before);
    }
}

async fn backed_up(store: &Store) -> (Vec<u8>, Contents) {
    let mut file = Vec::new();
    let contents = store.back_up(PLACE, &mut file).await.unwrap();
    (file, contents)
}

async fn put_back(folder: &Path, database_url: Option<&str>, file: Vec<u8>) -> terroir_store::Result<Contents> {
    let to = Restore {
        data_dir: folder.to_owned(),
        originals_dir: folder.join("blobs"),
        database_url: database_url.map(str::to_owned),
        place: "there".into(),
    };
    let runtime = Handle::current();
    let restoring =
        tokio::task::spawn_blocking(move || restore(&runtime, &to, Cursor::new(file)).map(|(_, contents)| contents));
    restoring.await.unwrap()
}

fn everything() -> DocumentFilter {
    DocumentFilter { limit: 1_000, ..DocumentFilter::default() }
}

fn originals(folder: &Path) -> usize {
    let folders = std::fs::read_dir(folder.join("blobs")).into_iter().flatten();
    folders.map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap().count()).sum()
}

async fn is_whole(store: &Store, folder: &Path, contents: &Contents) {
    let report = store.doctor(false).await.unwrap();
    assert!(report.healthy, "{report:?}");
    assert_eq!(report.chunks_sql, contents.rows.get("chunks").copied().unwrap_or_default());
    assert_eq!(originals(folder) as u64, contents.blobs);
    let mut cursor = None;
    loop {
        let filter = DocumentFilter { cursor, ..everything() };
        let page = store.documents(&Principal::Operator, &filter).await.unwrap();
        for document in &page.items {
            assert!(store.blobs().path(&document.sha256).exists(), "{document:?}");
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_backed_up_answers_the_same_in_either_database() {
    for source in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), source.as_deref()).await;
        let mut random = Random(7);
        fill(&store, &mut random).await;
        let before = answers(&store).await;
        let (file, contents) = backed_up(&store).await;
        assert_eq!(contents.documents(), 61);
        assert_eq!(inspect(&file[..]).unwrap().1, contents);
        for target in databases() {
            let elsewhere = tempfile::tempdir().unwrap();
            assert_eq!(put_back(elsewhere.path(), target.as_deref(), file.clone()).await.unwrap(), contents);
            let restored = open(elsewhere.path(), target.as_deref()).await;
            is_whole(&restored, elsewhere.path(), &contents).await;
            assert_same(&answers(&restored).await, &before);
            // Work goes on: what was queued, and numbers that no row has yet.
            let job = restored.claim_job("worker", bench::LEASE, None).await.unwrap().unwrap();
            restored.write_revision(&job, &bench::revision("in the queue", random.vector())).await.unwrap();
            add(&restored, "new.txt", "new straw", None, random.vector()).await;
            assert!(restored.doctor(false).await.unwrap().healthy);
            let refused = put_back(elsewhere.path(), target.as_deref(), file.clone()).await;
            restored.close().await;
            assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
            drop(restored);
            let refused = loop {
                match put_back(elsewhere.path(), target.as_deref(), file.clone()).await {
                    Err(StoreError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
                    refused => break refused,
                }
            };
            assert!(matches!(refused, Err(StoreError::NotUnused)), "{refused:?}");
        }
        store.close().await;
    }
}

/// Writes a little when something has changed, and all at once when enough has.
struct Patient {
    file: Vec<u8>,
    writes: u64,
    changes: Arc<AtomicU64>,
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writes += 1;
        let awaited = self.writes.min(CHANGES);
        while self.changes.load(Ordering::Relaxed) < awaited {
            std::thread::sleep(Duration::from_millis(1));
        }
        let some = if awaited < CHANGES { bytes.len().min(4_000) } else { bytes.len() };
        self.file.extend(&bytes[..some]);
        Ok(some)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_documents_come_and_go_is_of_one_moment() {
    for source in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), source.as_deref()).await;
        let mut random = Random(5);
        // Bytes that do not compress, so that writing takes a while.
        for number in 0..80 {
            let noise: String = (0..3_000).map(|_| char::from(97 + random.next(26) as u8)).collect();
            add(&store, &format!("{number}.txt"), &format!("quinces {noise}"), None, random.vector()).await;
        }
        let runtime = Handle::current();
        let changes = Arc::new(AtomicU64::new(0));
        let making = {
            let (store, changes) = (store.clone(), Arc::clone(&changes));
            tokio::task::spawn_blocking(move || {
                let mut sink = Patient { file: Vec::new(), writes: 0, changes };
                let contents = runtime.block_on(store.back_up(PLACE, &mut sink)).unwrap();
                (sink.file, contents)
            })
        };
        let mut number = 0;
        while !making.is_finished() {
            let name = format!("{}.txt", random.next(100));
            let document = add(&store, &name, &format!("pears {number}"), None, random.vector()).await;
            if random.next(3) == 0 {
                store.remove_document(document).await.unwrap();
            }
            number += 1;
            changes.fetch_add(1, Ordering::Relaxed);
        }
        let (file, contents) = making.await.unwrap();
        assert!(number >= CHANGES, "only {number} changes while it was made");
        assert_eq!(contents.missing_blobs, 0);
        let elsewhere = tempfile::tempdir().unwrap();
        put_back(elsewhere.path(), None, file).await.unwrap();
        let restored = open(elsewhere.path(), None).await;
        let report = restored.doctor(false).await.unwrap();
        assert!(report.healthy, "{report:?}");
        let documents = restored.documents(&Principal::Operator, &everything()).await.unwrap().items;
        assert_eq!(documents.len() as u64, contents.documents());
        for document in &documents {
            assert!(restored.blobs().path(&document.sha256).exists(), "{document:?}");
        }
        // What was removed meanwhile has not come back with its original alone. One document may be about to change.
        assert!(originals(elsewhere.path()) as u64 <= contents.documents() + 1);
        restored.close().await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_or_damaged_restores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).await;
    let mut random = Random(3);
    fill(&store, &mut random).await;
    let (file, contents) = backed_up(&store).await;
    store.close().await;
    let elsewhere = tempfile::tempdir().unwrap();
    for _ in 0..40 {
        let mut damaged = file.clone();
        let place = random.next(file.len() as u64) as usize;
        if random.next(2) == 0 {
            damaged.truncate(place);
        } else {
            damaged[place] ^= 1 << random.next(8);
        }
        assert!(inspect(&damaged[..]).is_err(), "byte {place} of {}", file.len());
        let refused = put_back(elsewhere.path(), None, damaged).await;
        assert!(matches!(refused, Err(StoreError::Backup(_))), "byte {place} of {}: {refused:?}", file.len());
        assert_eq!(originals(elsewhere.path()), 0);
        assert!(!elsewhere.path().join("terroir.sqlite").exists());
    }
    assert!(matches!(inspect(&b"no archive"[..]), Err(StoreError::Backup(_))));
    // After all that the place is as good as new.
    put_back(elsewhere.path(), None, file).await.unwrap();
    let restored = open(elsewhere.path(), None).await;
    is_whole(&restored, elsewhere.path(), &contents).await;
    restored.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_file_to_a_server_and_back_nothing_is_lost() {
    let Some(Some(server)) = databases().into_iter().nth(1) else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).await;
    fill(&store, &mut Random(9)).await;
    let before = answers(&store).await;
    store.close().await;
    drop(store);
    let patiently = async |from: Option<&str>, to: Option<&str>| loop {
        match migrate(folder.path(), from, to).await {
            Err(StoreError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            migrated => break migrated,
        }
    };
    assert_eq!(patiently(None, Some(&server)).await.unwrap(), 61);
    assert!(matches!(patiently(None, Some(&server)).await, Err(StoreError::NotUnused)));
    let moved = open(folder.path(), Some(&server)).await;
    assert!(moved.doctor(false).await.unwrap().healthy);
    assert_same(&answers(&moved).await, &before);
    add(&moved, "new.txt", "new straw", None, Random(2).vector()).await;
    let with_new = answers(&moved).await;
    moved.close().await;
    drop(moved);
    // The old file is in the way until it is put away.
    assert!(matches!(patiently(Some(&server), None).await, Err(StoreError::NotUnused)));
    std::fs::rename(folder.path().join("terroir.sqlite"), folder.path().join("old")).unwrap();
    assert_eq!(patiently(Some(&server), None).await.unwrap(), 62);
    let back = open(folder.path(), None).await;
    assert!(back.doctor(false).await.unwrap().healthy);
    assert_same(&answers(&back).await, &with_new);
    back.close().await;
}
