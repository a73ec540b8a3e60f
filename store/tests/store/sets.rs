//! Index sets: filled beside the one in use, switched to in one step, gone back to. Random steps against a simple model,
//! on every back end; a second process follows; what is written for the wrong set is not kept.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use terroir_store::{
    Background, IndexSet, Mode, NewChunk, NewRevision, NewSet, Place, Principal, SearchRequest, SetId, SetState, Store,
    StoreError,
};

use crate::bench::{DIMENSIONS, LEASE, Random, Setting, databases, enqueue, open_patiently, revision};
use crate::qdrant::{self, StandIn};

/// Of the vectors of every second set.
const OTHER_DIMENSIONS: usize = 5;

fn settings() -> Vec<Setting> {
    let databases = databases().into_iter().map(|database_url| Setting { database_url, qdrant: None });
    databases.chain([Setting { database_url: None, qdrant: Some(qdrant::server()) }]).collect()
}

async fn open(folder: &Path, setting: &Setting) -> Store {
    open_patiently(setting.options(folder, DIMENSIONS)).await
}

fn other(number: usize) -> NewSet {
    let dimensions = if number.is_multiple_of(2) { OTHER_DIMENSIONS } else { DIMENSIONS };
    let background = Background { mean: 0.01 * number as f32, spread: 0.1 };
    let (model, model_sha256) = (format!("model {number}"), format!("{number:064}"));
    NewSet { model, model_sha256, dimensions, chunk_tokens: 64, background }
}

/// What the set's model makes of a word: the same each time, and another for each word and model.
fn vector(set: &IndexSet, word: &str) -> Vec<f32> {
    let seed =
        word.bytes().chain(set.model_sha256.bytes()).fold(7_u64, |seed, byte| seed * 131 % 1_000_003 + u64::from(byte));
    let mut random = Random(seed + 1);
    let mut numbers: Vec<f32> = (0..set.dimensions).map(|_| random.next(2_001) as f32 / 1_000.0 - 1.0).collect();
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    for number in &mut numbers {
        *number /= length;
    }
    numbers
}

fn text(word: &str) -> String {
    format!("the parcel {word} is ripe")
}

fn made_for(set: &IndexSet, word: &str) -> NewRevision {
    NewRevision { set: set.id, ..revision(&text(word), vector(set, word)) }
}

async fn add(store: &Store, source: &str, word: &str) {
    enqueue(store, source, &text(word), None).await;
    let job = store.claim_job("worker", LEASE, None).await.unwrap().unwrap();
    store.write_revision(&job, &made_for(&store.set_in_use(), word)).await.unwrap();
}

/// Puts at most `limit` of what is missing into the set; gives how many those were.
async fn fill(store: &Store, set: &IndexSet, limit: u32) -> usize {
    let missing = store.missing_in_set(set.id, None, limit).await.unwrap();
    for id in &missing {
        let stored = store.revision(*id).await.unwrap().unwrap();
        let word = stored.text.split(' ').nth(2).unwrap().to_owned();
        let chunks: Vec<NewChunk> = made_for(set, &word).chunks;
        store.write_to_set(set.id, *id, &chunks).await.unwrap();
    }
    missing.len()
}

async fn found(store: &Store, mode: Mode, word: &str) -> Vec<String> {
    let set = store.set_in_use();
    let request = SearchRequest {
        query: word.into(),
        query_embedding: Some(vector(&set, word)),
        scope: store.scope(&Principal::Operator, None).await.unwrap(),
        mode,
        top_k: 100,
    };
    let response = store.search_in(set.id, &request, false).await.unwrap();
    let best = response.hits.first().map(|hit| hit.score);
    let hits = response.hits.into_iter().filter(|hit| Some(hit.score) == best);
    hits.map(|hit| hit.text).collect()
}

/// Every document is found by its word and by its vector, once, and nothing else is there.
async fn check(store: &Store, model: &BTreeMap<String, String>, why: &str) {
    for word in model.values() {
        for mode in [Mode::Lexical, Mode::Dense] {
            assert_eq!(found(store, mode, word).await, [text(word)], "{why}: {mode:?}, {word}");
        }
    }
    let report = store.doctor(false).await.unwrap();
    assert!(report.healthy, "{why}: {report:?}");
    assert_eq!(report.documents as usize, model.len(), "{why}");
    assert_eq!((report.chunks_lexical, report.chunks_dense), (report.documents, report.documents), "{why}");
}

async fn beside(store: &Store) -> Option<IndexSet> {
    store.sets().await.unwrap().into_iter().map(|report| report.set).find(|set| set.state == SetState::Beside)
}

async fn kept(store: &Store) -> Vec<IndexSet> {
    let sets = store.sets().await.unwrap().into_iter().map(|report| report.set);
    sets.filter(|set| set.state == SetState::Kept).collect()
}

async fn random_steps(setting: &Setting, seed: u64, steps: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), setting).await;
    let mut random = Random(seed);
    let mut model: BTreeMap<String, String> = BTreeMap::new();
    let mut switches = 0;
    for step in 0..steps {
        let why = format!("seed {seed}, step {step}");
        match random.next(12) {
            0..=3 => {
                let (source, word) = (format!("s{}", random.next(6)), format!("w{step}x{seed}"));
                add(&store, &source, &word).await;
                model.insert(source, word);
            }
            4 => {
                if let Some(source) = model.keys().nth(random.next(6) as usize).cloned() {
                    let id = store.document_by_source(&Principal::Operator, "default", &source).await.unwrap().id;
                    store.remove_document(id).await.unwrap();
                    model.remove(&source);
                }
            }
            5 => match store.begin_set(&other(step)).await {
                Ok(_) | Err(StoreError::SetBeside) => {}
                Err(error) => panic!("{why}: {error}"),
            },
            6 | 7 => {
                if let Some(set) = beside(&store).await {
                    fill(&store, &set, 3).await;
                }
            }
            8 | 9 => {
                if let Some(set) = beside(&store).await {
                    let missing = store.missing_in_set(set.id, None, 100).await.unwrap().len() as u64;
                    match store.switch_to(set.id).await {
                        Ok(()) => {
                            assert_eq!(missing, 0, "{why}");
                            assert_eq!(store.set_in_use().id, set.id, "{why}");
                            switches += 1;
                        }
                        Err(StoreError::SetIncomplete { missing: told }) => assert_eq!(told, missing, "{why}"),
                        Err(error) => panic!("{why}: {error}"),
                    }
                }
            }
            10 => {
                if let Some(set) = kept(&store).await.first() {
                    match random.next(3) {
                        0 => store.drop_set(set.id).await.unwrap(),
                        _ => match store.resume_set(set.id).await {
                            Ok(()) | Err(StoreError::SetBeside) => {}
                            Err(error) => panic!("{why}: {error}"),
                        },
                    }
                }
            }
            _ => {
                store.close().await;
                drop(store);
                store = open(folder.path(), setting).await;
            }
        }
        check(&store, &model, &why).await;
    }
    assert!(switches > 0, "seed {seed}: no switch in {steps} steps");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_around_a_switch_every_document_is_found_once() {
    for setting in settings() {
        for seed in [3, 11] {
            random_steps(&setting_again(&setting), seed, 60).await;
        }
    }
}

/// With a database of its own, where it is a server's.
fn setting_again(setting: &Setting) -> Setting {
    match &setting.database_url {
        Some(_) => Setting { database_url: crate::bench::postgres(), qdrant: None },
        None if setting.qdrant.is_some() => Setting { database_url: None, qdrant: Some(qdrant::server()) },
        None => Setting::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_for_a_set_that_another_replaced_is_not_kept() {
    for setting in settings() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), &setting).await;
        add(&store, "a", "quince").await;
        let first = store.set_in_use();
        let second = store.begin_set(&other(2)).await.unwrap();
        assert!(matches!(store.begin_set(&other(3)).await, Err(StoreError::SetBeside)));
        assert!(matches!(store.drop_set(first.id).await, Err(StoreError::SetInUse)));
        fill(&store, &second, 10).await;

        // A worker began before the switch, and ends after it.
        enqueue(&store, "b", &text("medlar"), None).await;
        let job = store.claim_job("worker", LEASE, None).await.unwrap().unwrap();
        store.switch_to(second.id).await.unwrap();
        let written = store.write_revision(&job, &made_for(&first, "medlar")).await;
        assert!(matches!(written, Err(StoreError::SetChanged)), "{written:?}");
        assert!(StoreError::SetChanged.is_transient(), "the job is tried again");
        let vectors = store.write_revision(&job, &NewRevision { set: second.id, ..made_for(&first, "medlar") }).await;
        assert!(matches!(vectors, Err(StoreError::Vector { expected: OTHER_DIMENSIONS })), "{vectors:?}");
        store.write_revision(&job, &made_for(&second, "medlar")).await.unwrap();
        let model = BTreeMap::from([("a".into(), "quince".into()), ("b".into(), "medlar".into())]);
        check(&store, &model, "after the switch").await;

        // Back again: only what came since has to be made.
        store.resume_set(first.id).await.unwrap();
        assert!(matches!(store.switch_to(first.id).await, Err(StoreError::SetIncomplete { missing: 1 })));
        assert_eq!(fill(&store, &first, 10).await, 1);
        store.switch_to(first.id).await.unwrap();
        check(&store, &model, "back in the first").await;
        let reports = store.sets().await.unwrap();
        let states: Vec<(SetId, SetState, u64)> =
            reports.iter().map(|report| (report.set.id, report.set.state, report.chunks)).collect();
        assert_eq!(states, [(second.id, SetState::Kept, 2), (first.id, SetState::InUse, 2)]);
        store.drop_set(second.id).await.unwrap();
        assert_eq!(store.sets().await.unwrap().len(), 1);
        check(&store, &model, "after the other was dropped").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_processes_follow_a_switch() {
    let Some(database_url) = crate::bench::postgres() else { return };
    let setting = Setting { database_url: Some(database_url), qdrant: Some(qdrant::server()) };
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, two) = (open(here.path(), &setting).await, open(there.path(), &setting).await);
    let mut model = BTreeMap::new();
    for number in 0..20 {
        let word = format!("w{number}x");
        add(&one, &word, &word).await;
        model.insert(word.clone(), word);
    }
    let second = one.begin_set(&other(2)).await.unwrap();
    fill(&one, &second, 100).await;
    one.switch_to(second.id).await.unwrap();
    for _ in 0..500 {
        if two.set_in_use().id == second.id {
            break;
        }
        // Until then it searches in the other set, and finds everything.
        assert_eq!(found(&two, Mode::Dense, "w3x").await, [text("w3x")]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(two.set_in_use().id, second.id);
    add(&two, "late", "latex").await;
    model.insert("late".into(), "latex".into());
    for store in [&two, &one] {
        // Looks at the database first: until then a process that did not write it may be a moment behind.
        store.doctor(false).await.unwrap();
        check(store, &model, "after the switch").await;
    }
}

/// Longer than indexes stay that are on their way out.
const LONGER_THAN_THEY_STAY: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_that_is_gone_back_to_at_once_is_not_taken_away() {
    for setting in settings() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), &setting).await;
        for word in ["quince", "medlar"] {
            add(&store, word, word).await;
        }
        let mut model = BTreeMap::from(["quince", "medlar"].map(|word| (word.to_owned(), word.to_owned())));
        let first = store.set_in_use();
        let second = store.begin_set(&other(2)).await.unwrap();
        fill(&store, &second, 10).await;
        store.switch_to(second.id).await.unwrap();

        // The indexes of the first are on their way out, and hold the document until they are gone.
        let medlar = store.document_by_source(&Principal::Operator, "default", "medlar").await.unwrap().id;
        let receipt = store.remove_document(medlar).await.unwrap();
        let lexical = receipt.finding(Place::LexicalIndex).unwrap();
        assert_eq!((lexical.before, lexical.after), (Some(2), Some(0)), "{receipt:?}");
        model.remove("medlar");

        store.resume_set(first.id).await.unwrap();
        tokio::time::sleep(LONGER_THAN_THEY_STAY).await;
        add(&store, "sorb", "sorb").await;
        model.insert("sorb".into(), "sorb".into());
        assert_eq!(fill(&store, &first, 10).await, 1);
        store.switch_to(first.id).await.unwrap();
        check(&store, &model, "back in the first").await;
        store.close().await;
        drop(store);
        let store = open(folder.path(), &setting).await;
        assert_eq!(store.set_in_use().id, first.id);
        check(&store, &model, "after the start").await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_left_on_a_server_goes_after_the_next_start() {
    let stand_in = StandIn::start(None);
    let setting = Setting { database_url: None, qdrant: Some(qdrant::Server::of(&stand_in)) };
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &setting).await;
    add(&store, "a", "quince").await;
    let second = store.begin_set(&other(2)).await.unwrap();
    fill(&store, &second, 10).await;
    store.switch_to(second.id).await.unwrap();
    // It ends before what it searched in until now could be discarded.
    store.close().await;
    drop(store);
    assert_eq!(stand_in.collections().len(), 2);

    let store = open(folder.path(), &setting).await;
    for _ in 0..2 * LONGER_THAN_THEY_STAY.as_secs() * 10 {
        if stand_in.collections().len() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(stand_in.collections().len(), 1, "{:?}", stand_in.collections());
    check(&store, &BTreeMap::from([("a".into(), "quince".into())]), "what is in use is there").await;
    store.close().await;
}
