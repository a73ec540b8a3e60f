//! Who may read what, against a model of it in memory: many principals, lists of collections and documents, groups
//! that change, documents that come, change, go and come back, crashes. After every step, a search, a list, a count,
//! a document and an explanation say what the model says, for whoever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use terroir_store::{
    DocumentFilter, DocumentId, Language, Mode, NewChunk, NewDocument, NewRevision, Principal, Reader, SearchRequest,
    SetId, Store, StoreError,
};

use crate::bench::{LEASE, Random, Setting, open_patiently, postgres};
use crate::qdrant;

const COLLECTIONS: [&str; 4] = ["default", "board", "staff", "press"];
const USERS: usize = 12;
const GROUPS: usize = 5;
const SOURCES: u64 = 8;

fn readers(random: &mut Random) -> Vec<Reader> {
    let mut readers = Vec::new();
    for _ in 0..random.next(4) {
        readers.push(match random.next(8) {
            0 => Reader::Public,
            1..=3 => Reader::User(format!("u{}", random.next(USERS as u64))),
            _ => Reader::Group(format!("g{}", random.next(GROUPS as u64))),
        });
    }
    readers
}

fn settings() -> Vec<Setting> {
    let mut settings = vec![Setting::default(), Setting { database_url: None, qdrant: Some(qdrant::server()) }];
    if let Some(url) = postgres() {
        settings.push(Setting { database_url: Some(url), qdrant: Some(qdrant::server()) });
    }
    settings
}

async fn open(folder: &Path, setting: &Setting) -> Store {
    open_patiently(setting.options(folder, 2)).await
}

fn revision(text: &str, language: Language) -> NewRevision {
    NewRevision {
        set: SetId::FIRST,
        text: text.into(),
        structure: Vec::new(),
        media_type: "text/plain".into(),
        title: None,
        bibliography: terroir_store::Bibliography::default(),
        page_count: None,
        warnings: "[]".into(),
        chunks: vec![NewChunk {
            ordinal: 0,
            text: text.into(),
            heading_path: Vec::new(),
            page: None,
            char_start: 0,
            char_end: text.chars().count() as u32,
            language,
            token_count: 3,
            embedding: vec![1.0, 0.0],
        }],
    }
}

async fn add(
    store: &Store,
    collection: &str,
    source: &str,
    text: &str,
    readers: Option<&[Reader]>,
    language: Language,
) -> DocumentId {
    let blob = store.blobs().add(text.as_bytes()).unwrap();
    let new = NewDocument {
        collection: collection.into(),
        source_uri: source.into(),
        source: None,
        file_name: source.into(),
        sha256: blob.sha256,
        bytes: blob.bytes,
        priority: 0,
    };
    match readers {
        Some(readers) => store.enqueue_narrowed(&new, readers).await.unwrap(),
        None => store.enqueue(&new).await.unwrap(),
    };
    let job = store.claim_job("worker", LEASE, None).await.unwrap().unwrap();
    store.write_revision(&job, &revision(text, language)).await.unwrap();
    job.document
}

#[derive(Debug, Clone)]
struct Expected {
    collection: String,
    text: String,
}

/// What should be.
#[derive(Default)]
struct World {
    documents: BTreeMap<DocumentId, Expected>,
    /// Also of documents that went: one that comes back is narrowed as it was.
    narrowed: BTreeMap<DocumentId, Vec<Reader>>,
    collections: BTreeMap<String, Vec<Reader>>,
    groups: BTreeMap<String, BTreeSet<String>>,
}

impl World {
    fn is(&self, user: Option<&str>, readers: &[Reader]) -> bool {
        readers.iter().any(|reader| match (reader, user) {
            (Reader::Public, _) => true,
            (Reader::User(name), Some(user)) => name == user,
            (Reader::Group(group), Some(user)) => self.groups.get(user).is_some_and(|groups| groups.contains(group)),
            (Reader::User(_) | Reader::Group(_), None) => false,
        })
    }

    fn may_read(&self, user: Option<&str>, document: DocumentId) -> bool {
        let expected = &self.documents[&document];
        self.collections.get(&expected.collection).is_some_and(|readers| self.is(user, readers))
            && self.narrowed.get(&document).is_none_or(|readers| self.is(user, readers))
    }

    fn open_to(&self, user: Option<&str>) -> BTreeSet<DocumentId> {
        self.documents.keys().copied().filter(|document| self.may_read(user, *document)).collect()
    }
}

async fn principal(store: &Store, user: Option<&str>) -> Principal {
    match user {
        Some(user) => store.principal(user).await.unwrap(),
        None => Principal::Anonymous,
    }
}

/// How many documents a search counts, and how many are counted without one.
async fn counted(store: &Store, principal: &Principal) -> [u64; 2] {
    let scope = store.scope(principal, None).await.unwrap();
    let browsed = store.facets(&scope).await.unwrap();
    let request = SearchRequest {
        query: "parcel".into(),
        query_embedding: Some(vec![1.0, 0.0]),
        scope,
        mode: Mode::Hybrid,
        top_k: 1,
    };
    let searched = store.search_with_facets(&request).await.unwrap().facets.unwrap();
    [searched, browsed].map(|facets| facets.types.iter().map(|counted| counted.documents).sum())
}

async fn found(store: &Store, principal: &Principal, mode: Mode) -> BTreeSet<DocumentId> {
    let request = SearchRequest {
        query: "parcel".into(),
        query_embedding: Some(vec![1.0, 0.0]),
        scope: store.scope(principal, None).await.unwrap(),
        mode,
        top_k: 100,
    };
    store.search(&request).await.unwrap().hits.into_iter().map(|hit| hit.document).collect()
}

/// Everything that this user can learn.
async fn check(store: &Store, world: &World, user: Option<&str>, place: &str) {
    let principal = principal(store, user).await;
    let open = world.open_to(user);
    for mode in [Mode::Lexical, Mode::Dense, Mode::Hybrid] {
        assert_eq!(found(store, &principal, mode).await, open, "{place}: {mode:?} as {user:?}");
    }
    assert_eq!(counted(store, &principal).await, [open.len() as u64; 2], "{place}: facets as {user:?}");
    let filter = DocumentFilter { limit: 1000, ..DocumentFilter::default() };
    let listed = store.documents(&principal, &filter).await.unwrap().items;
    assert_eq!(listed.iter().map(|document| document.id).collect::<BTreeSet<_>>(), open, "{place}: list as {user:?}");
    assert_eq!(store.counts(&principal).await.unwrap().ready, open.len() as u64, "{place}: count as {user:?}");
    let in_collections = store.collections(&principal).await.unwrap();
    let counted: u64 = in_collections.iter().map(|collection| collection.documents).sum();
    assert_eq!(counted, open.len() as u64, "{place}: collections as {user:?}");
    for name in COLLECTIONS {
        let may_enter = world.collections.get(name).is_some_and(|readers| world.is(user, readers));
        assert_eq!(in_collections.iter().any(|collection| collection.name == name), may_enter, "{place}");
        let scope = store.scope(&principal, Some(name)).await;
        assert_eq!(scope.is_ok(), may_enter, "{place}: {name} as {user:?}");
        // What is closed and what is not there are told in the same words.
        if let Err(error) = scope {
            assert_eq!(error.to_string(), format!("there is no collection {name}"));
        }
    }
    for document in world.documents.keys() {
        let may_read = open.contains(document);
        assert_eq!(store.document(&principal, *document).await.is_ok(), may_read, "{place}: {document} as {user:?}");
        let decision = store.why(*document, &principal).await.unwrap();
        assert_eq!(decision.may_read, may_read, "{place}: {decision:?}");
    }
}

async fn random_steps(folder: &Path, setting: &Setting, seed: u64, steps: u32) {
    let mut random = Random(seed);
    let mut world = World::default();
    let mut store = open(folder, setting).await;
    for name in &COLLECTIONS[1..] {
        store.create_collection(name).await.unwrap();
    }
    for user in 0..USERS {
        let group = format!("g{}", random.next(GROUPS as u64));
        store.set_user(&format!("u{user}"), std::slice::from_ref(&group)).await.unwrap();
        world.groups.insert(format!("u{user}"), BTreeSet::from([group]));
    }
    for step in 0..steps {
        let known: Vec<DocumentId> = world.documents.keys().copied().collect();
        let some = |random: &mut Random| known.get(random.next(known.len().max(1) as u64) as usize).copied();
        match random.next(12) {
            0..=3 => {
                let collection = COLLECTIONS[random.next(COLLECTIONS.len() as u64) as usize];
                let source = format!("s{}", random.next(SOURCES));
                let text = format!("parcel w{seed}s{step}");
                let readers = (random.next(3) == 0).then(|| readers(&mut random));
                let document = add(&store, collection, &source, &text, readers.as_deref(), Language::English).await;
                world.documents.insert(document, Expected { collection: collection.into(), text });
                world.narrowed.extend(readers.map(|readers| (document, readers)));
            }
            4..=5 => {
                let name = COLLECTIONS[random.next(COLLECTIONS.len() as u64) as usize];
                let readers = readers(&mut random);
                store.set_collection_readers(name, &readers).await.unwrap();
                world.collections.insert(name.into(), readers);
            }
            6..=7 => {
                if let Some(document) = some(&mut random) {
                    let readers = readers(&mut random);
                    store.set_document_readers(document, Some(&readers)).await.unwrap();
                    world.narrowed.insert(document, readers);
                }
            }
            8 => {
                if let Some(document) = some(&mut random) {
                    store.set_document_readers(document, None).await.unwrap();
                    world.narrowed.remove(&document);
                }
            }
            9 => {
                let user = format!("u{}", random.next(USERS as u64));
                let groups: BTreeSet<String> =
                    (0..random.next(3)).map(|_| format!("g{}", random.next(GROUPS as u64))).collect();
                store.set_user(&user, &groups.iter().cloned().collect::<Vec<_>>()).await.unwrap();
                world.groups.insert(user, groups);
            }
            10 => {
                if let Some(document) = some(&mut random) {
                    store.remove_document(document).await.unwrap();
                    world.documents.remove(&document);
                }
            }
            _ => {
                // A crash: nothing is closed in order.
                drop(store);
                store = open(folder, setting).await;
            }
        }
        let place = format!("seed {seed} step {step}");
        let user = format!("u{}", random.next(USERS as u64));
        check(&store, &world, Some(&user), &place).await;
        check(&store, &world, None, &place).await;
        assert_eq!(found(&store, &Principal::Operator, Mode::Hybrid).await.len(), world.documents.len(), "{place}");
    }
    for user in 0..USERS {
        check(&store, &world, Some(&format!("u{user}")), &format!("seed {seed} at the end")).await;
    }
    let report = store.doctor(false).await.unwrap();
    assert!(report.healthy && report.documents == world.documents.len() as u64, "seed {seed}: {report:?}");
    store.reindex().await.unwrap();
    check(&store, &world, Some("u0"), &format!("seed {seed} built anew")).await;
    assert!(store.doctor(false).await.unwrap().healthy, "seed {seed}");
    for (document, expected) in &world.documents {
        let known = store.document(&Principal::Operator, *document).await.unwrap();
        let text = store.revision(known.current_revision.unwrap()).await.unwrap().unwrap().text;
        assert_eq!(text, expected.text);
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_learns_of_what_they_may_not_read() {
    for (seed, setting) in (3..).zip(settings()) {
        let folder = tempfile::tempdir().unwrap();
        random_steps(folder.path(), &setting, seed, 80).await;
    }
}

/// As many steps as one has time for: `TERROIR_STEPS=5000 cargo test … --ignored thousands_of_steps --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as one wants"]
async fn thousands_of_steps_on_every_back_end() {
    let steps = std::env::var("TERROIR_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(2000);
    for setting in settings() {
        let folder = tempfile::tempdir().unwrap();
        random_steps(folder.path(), &setting, 11, steps).await;
        let (database, dense) = (setting.database_url.is_some(), setting.qdrant.is_some());
        eprintln!("{steps} steps, {USERS} users: no difference (PostgreSQL {database}, Qdrant's protocol {dense})");
    }
}

/// The same words, scores and order, whether there are closed documents or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_documents_change_nothing_that_others_see() {
    for qdrant in [false, true] {
        let setting = || Setting { database_url: None, qdrant: qdrant.then(qdrant::server) };
        let texts =
            ["parcel of land by the river", "the river rises", "land register of parcels", "a mill", "river mill"];
        let (folder, other_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (setting, other_setting) = (setting(), setting());
        let alone = open(folder.path(), &setting).await;
        let crowded = open(other_folder.path(), &other_setting).await;
        for store in [&alone, &crowded] {
            store.set_user("anna", &["land".into()]).await.unwrap();
            store.set_collection_readers("default", &[Reader::Group("land".into())]).await.unwrap();
            for (number, text) in texts.iter().enumerate() {
                add(store, "default", &number.to_string(), text, None, Language::English).await;
            }
        }
        crowded.create_collection("closed").await.unwrap();
        for number in 0..40 {
            let text = format!("{} river land mill {number}", "parcel river ".repeat(number % 5));
            // In another language as well: it must not make the query one of two.
            let language = if number % 2 == 0 { Language::French } else { Language::English };
            add(&crowded, "closed", &number.to_string(), &text, None, language).await;
            let nobody: &[Reader] = if number % 3 == 0 { &[] } else { &[Reader::User("bert".into())] };
            add(&crowded, "default", &format!("n{number}"), &format!("{text} n"), Some(nobody), language).await;
        }
        for query in ["river", "parcels of land", "mill", "land river mill", "la rivière", "absent"] {
            for mode in [Mode::Lexical, Mode::Dense, Mode::Hybrid] {
                let mut answers = Vec::new();
                for store in [&alone, &crowded] {
                    let anna = store.principal("anna").await.unwrap();
                    let request = SearchRequest {
                        query: query.into(),
                        query_embedding: Some(vec![1.0, 0.0]),
                        scope: store.scope(&anna, None).await.unwrap(),
                        mode,
                        top_k: 10,
                    };
                    let mut response = store.search_with_facets(&request).await.unwrap();
                    response.took_ms = 0;
                    let browsed = store.facets(&request.scope).await.unwrap();
                    answers.push(format!("{response:?} {browsed:?}"));
                }
                assert_eq!(answers[0], answers[1], "{query} {mode:?}");
            }
        }
        alone.close().await;
        crowded.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_let_their_users_in_until_they_are_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &Setting { database_url: None, qdrant: None }).await;
    store.set_user("anna", &["staff".into()]).await.unwrap();
    assert!(matches!(store.create_key("bert", "laptop").await, Err(StoreError::NoSuchUser(_))));
    let (record, key) = store.create_key("anna", "laptop").await.unwrap();
    let anna = Principal::User { name: "anna".into(), groups: vec!["staff".into()] };
    assert_eq!(store.principal_of_key(&key).await.unwrap(), Some(anna));
    assert_eq!(store.principal_of_key(&key[..key.len() - 1]).await.unwrap(), None);
    assert!(!format!("{:?}", store.keys().await.unwrap()).contains(&key));
    let file = std::fs::read(folder.path().join("terroir.sqlite")).unwrap();
    assert!(!file.windows(key.len()).any(|window| window == key.as_bytes()), "the key is kept");
    store.revoke_key(&record.id).await.unwrap();
    assert_eq!(store.principal_of_key(&key).await.unwrap(), None);
    assert!(matches!(store.revoke_key(&record.id).await, Err(StoreError::NoSuchKey(_))));
    let (_, key) = store.create_key("anna", "desk").await.unwrap();
    store.remove_user("anna").await.unwrap();
    assert_eq!(store.principal_of_key(&key).await.unwrap(), None, "keys go with their user");
}
