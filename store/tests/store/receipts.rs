//! Receipts against what is really there: in every state a document is removed in, on both databases, by looking into
//! the tables, the segments and the raw bytes of every file. A receipt never calls gone what a look finds.

use std::path::{Path, PathBuf};

use sqlx::{Connection as _, Row as _};
use terroir_store::{
    Bibliography, Cause, DocumentId, Enqueued, ErrorRecord, Job, Language, NewAnswer, NewChunk, NewDocument,
    NewRevision, Place, Principal, Reader, Receipt, SetId, Store, StoreError, Subject, Until,
};

use crate::bench::{LEASE, Setting, postgres};
use crate::qdrant;

/// In no other text, and in no program's memory of words.
const RARE: &str = "quittebeufstorch";
/// Of the removed document's chunks: no other vector begins like it.
const EMBEDDING: [f32; 2] = [0.123_456_79, 0.992_349_9];

fn settings() -> Vec<Setting> {
    let mut settings = vec![Setting::default(), Setting { database_url: None, qdrant: Some(qdrant::server()) }];
    if let Some(url) = postgres() {
        settings.push(Setting { database_url: Some(url), qdrant: None });
    }
    settings
}

/// A data folder that a test looks into.
struct Bench {
    store: Store,
    setting: Setting,
    /// Last, so that it goes when nothing writes into it any more.
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new(setting: Setting) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = setting.options(folder.path(), 2);
        Self { store: Store::open(options).await.unwrap(), folder, setting }
    }

    async fn enqueue(&self, name: &str, text: &str) -> DocumentId {
        let blob = self.store.blobs().add(text.as_bytes()).unwrap();
        let new = NewDocument {
            collection: "default".into(),
            source_uri: name.into(),
            source: None,
            file_name: name.into(),
            sha256: blob.sha256,
            bytes: blob.bytes,
            priority: 0,
        };
        match self.store.enqueue(&new).await.unwrap() {
            Enqueued::Queued { document, .. } | Enqueued::Duplicate { document } => document,
        }
    }

    async fn claim(&self) -> Job {
        self.store.claim_job("worker", LEASE, None).await.unwrap().unwrap()
    }

    async fn add(&self, name: &str, text: &str, embedding: [f32; 2]) -> DocumentId {
        let document = self.enqueue(name, text).await;
        let job = self.claim().await;
        assert_eq!(job.document, document);
        self.store.write_revision(&job, &revision(text, embedding)).await.unwrap();
        document
    }

    /// Around the document: other documents, so that segments hold both.
    async fn add_others(&self) {
        for number in 0..20 {
            let embedding = [(number as f32).cos(), (number as f32).sin()];
            self.add(&format!("other-{number}"), &format!("herons nest by pond number {number}"), embedding).await;
        }
    }

    /// What a statement counts.
    async fn count(&self, statement: &str) -> i64 {
        if let Some(url) = &self.setting.database_url {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            let row = sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).fetch_one(&mut connection).await;
            row.unwrap().get(0)
        } else {
            let file = format!("sqlite://{}", self.folder.path().join("terroir.sqlite").display());
            let mut connection = sqlx::SqliteConnection::connect(&file).await.unwrap();
            let row = sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).fetch_one(&mut connection).await;
            row.unwrap().get(0)
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }

    /// Files that hold these bytes.
    fn holding(&self, bytes: &[u8]) -> Vec<PathBuf> {
        let holds = |file: &Path| {
            let Ok(content) = std::fs::read(file) else { return false };
            content.windows(bytes.len()).any(|window| window == bytes)
        };
        self.files().into_iter().filter(|file| holds(file)).collect()
    }

    fn dense_files_with(&self, bytes: &[u8]) -> Vec<PathBuf> {
        let dense = |file: &PathBuf| file.components().any(|part| part.as_os_str() == "dense");
        self.holding(bytes).into_iter().filter(dense).collect()
    }

    /// Terms of the lexical index that hold the word: its dictionary is an automaton, in which no word stands as bytes.
    fn terms_with(&self, word: &str) -> u64 {
        let root = self.folder.path().join("indexes").join(SetId::FIRST.to_string());
        let name = std::fs::read_to_string(root.join("current")).unwrap();
        let index = tantivy::Index::open_in_dir(root.join(name).join("lexical")).unwrap();
        let body = index.schema().get_field("body").unwrap();
        let mut found = 0;
        for segment in index.reader().unwrap().searcher().segment_readers() {
            let inverted = segment.inverted_index(body).unwrap();
            let mut terms = inverted.terms().stream().unwrap();
            while terms.advance() {
                found += u64::from(String::from_utf8_lossy(terms.key()).contains(word));
            }
        }
        found
    }
}

fn revision(text: &str, embedding: [f32; 2]) -> NewRevision {
    NewRevision {
        set: SetId::FIRST,
        text: text.into(),
        structure: text.as_bytes().to_vec(),
        media_type: "text/plain".into(),
        title: Some(format!("Title {text}")),
        bibliography: Bibliography::default(),
        page_count: None,
        warnings: "[]".into(),
        chunks: vec![NewChunk {
            ordinal: 0,
            text: text.into(),
            heading_path: vec![text.into()],
            page: None,
            char_start: 0,
            char_end: text.chars().count() as u32,
            language: Language::English,
            token_count: 3,
            embedding: embedding.to_vec(),
        }],
    }
}

fn answer(id: &str, document: DocumentId, text: &str, asked_by: Option<&str>) -> NewAnswer {
    let quote = format!(r#"{{"marker":1,"document":"{document}","quote":"{text}","title":"{text}"}}"#);
    let passage = format!(r#"{{"marker":1,"document":"{document}","text":"{text}","title":"{text}"}}"#);
    NewAnswer {
        id: id.into(),
        question: "Where do they nest?".into(),
        collection: None,
        body: format!(
            r#"{{"id":"{id}","outcome":"answered","text":"{text} [1]","citations":[{quote}],"passages":[{passage}]}}"#
        ),
        documents: vec![document],
        asked_by: asked_by.map(str::to_owned),
    }
}

fn after(receipt: &Receipt, place: Place) -> Option<u64> {
    receipt.finding(place).unwrap_or_else(|| panic!("{place:?}: {receipt:?}")).after
}

/// What of the receipt can be looked up from outside is looked up.
async fn holds_true(bench: &Bench, receipt: &Receipt, document: DocumentId) {
    for (place, statement) in [
        (Place::Documents, "documents where id"),
        (Place::Revisions, "revisions where document_id"),
        (Place::Properties, "properties where document_id"),
        (Place::Chunks, "chunks where document_id"),
        (Place::Jobs, "jobs where document_id"),
        (Place::SourceItems, "source_items where document_id"),
        (Place::AccessEntries, "access_entries where subject_id"),
    ] {
        let found = bench.count(&format!("select count(*) from {statement} = '{document}'")).await;
        assert_eq!(after(receipt, place), Some(found as u64), "{place:?}");
    }
    let quoting = bench.count(&format!("select count(*) from answers where body like '%{RARE}%'")).await;
    assert_eq!(after(receipt, Place::Answers), Some(quoting as u64));
    assert_eq!(
        bench.count("select count(*) from checkpoints").await as u64,
        after(receipt, Place::Checkpoints).unwrap()
    );
    let kept = receipt.body.sha256.iter().filter(|sha256| bench.store.blobs().path(sha256).exists()).count();
    assert_eq!(after(receipt, Place::Originals), Some(kept as u64));
    let gone = |place| receipt.finding(place).unwrap().is_gone();
    if gone(Place::LexicalSegments) {
        assert_eq!(bench.terms_with(RARE), 0);
    }
    if gone(Place::DenseFiles) {
        assert!(bench.dense_files_with(document.to_string().as_bytes()).is_empty());
    }
    for finding in &receipt.body.findings {
        assert_eq!(finding.until.is_none(), finding.after == Some(0), "{finding:?}");
    }
    assert_eq!(bench.store.receipt(&receipt.id).await.unwrap(), *receipt, "kept as it was given");
    assert!(bench.store.doctor(false).await.unwrap().healthy);
}

/// The words are in no file of the data folder. Not looked into: `PostgreSQL`'s own files and a Qdrant server's, which
/// lie elsewhere; the receipt says of them that something remains. The words never reach a Qdrant index; the vectors
/// do, and are looked for apart.
fn no_file_holds_the_words(bench: &Bench, state: &str) {
    let found = bench.holding(RARE.as_bytes());
    assert!(found.is_empty(), "{state}: {found:?}");
    assert_eq!(bench.terms_with(RARE), 0, "{state}");
    if bench.setting.database_url.is_none() {
        let embedding: Vec<u8> = EMBEDDING.iter().flat_map(|value| value.to_le_bytes()).collect();
        let database: Vec<PathBuf> =
            bench.holding(&embedding).into_iter().filter(|file| file.to_string_lossy().contains("sqlite")).collect();
        assert!(database.is_empty(), "{state}: {database:?}");
    }
}

/// The vector's first number as the embedded engine's log has it (CBOR, RFC 8949: a float of 32 bits).
fn logged() -> Vec<u8> {
    [&[0xfa], EMBEDDING[0].to_be_bytes().as_slice()].concat()
}

async fn brought_into(bench: &Bench, state: &str) -> DocumentId {
    let text = format!("{RARE} nests on the roof, {state}");
    let failure = ErrorRecord { code: "damaged_file".into(), message: RARE.into(), hint: "h".into() };
    match state {
        "queued" => bench.enqueue("rare", &text).await,
        "processing" => {
            let document = bench.enqueue("rare", &text).await;
            let job = bench.claim().await;
            bench.store.keep_checkpoint(&job, "parsed", text.as_bytes().to_vec()).await.unwrap();
            document
        }
        "ready" => bench.add("rare", &text, EMBEDDING).await,
        "failed" => {
            let document = bench.enqueue("rare", &text).await;
            let job = bench.claim().await;
            bench.store.keep_checkpoint(&job, "parsed", text.as_bytes().to_vec()).await.unwrap();
            bench.store.fail_job(&job, &failure).await.unwrap();
            document
        }
        "replaced" => {
            bench.add("rare", &format!("{text} once"), EMBEDDING).await;
            bench.add("rare", &text, EMBEDDING).await;
            // And about to be once more.
            bench.enqueue("rare", &format!("{text} again")).await
        }
        other => panic!("{other} is no state"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_every_state_the_words_are_nowhere_afterwards() {
    for setting in settings() {
        let bench = Bench::new(setting).await;
        bench.add_others().await;
        for state in ["queued", "processing", "ready", "failed", "replaced"] {
            let document = brought_into(&bench, state).await;
            assert!(!bench.holding(RARE.as_bytes()).is_empty(), "{state}: the test looks where the words are");
            let receipt = bench.store.remove_document(document).await.unwrap();
            holds_true(&bench, &receipt, document).await;
            no_file_holds_the_words(&bench, state);
            assert_eq!((receipt.subject.clone(), receipt.body.cause), (Subject::Document(document), Cause::Operator));
            for place in [Place::Documents, Place::Chunks, Place::Jobs, Place::Checkpoints, Place::LexicalSegments] {
                assert_eq!(after(&receipt, place), Some(0), "{state}: {place:?}");
            }
            assert!(receipt.removed().blob, "{state}");
            assert_eq!(receipt.finding(Place::DatabaseFiles).unwrap().is_gone(), bench.setting.database_url.is_none());
            let in_dense_files = receipt.finding(Place::DenseFiles).unwrap();
            if bench.setting.qdrant.is_some() {
                assert_eq!(in_dense_files.until, Some(Until::ServerOptimises), "nobody can look there");
            } else if matches!(state, "ready" | "replaced") {
                assert_eq!(in_dense_files.until, Some(Until::IndexIsBuiltAnew), "the engine's log holds vectors");
                assert!(!bench.dense_files_with(&logged()).is_empty(), "and they are there");
            }
            assert!(matches!(bench.store.remove_document(document).await, Err(StoreError::NoSuchDocument(_))));
        }
        // What the receipt names as the end of what remains is the end of it.
        bench.store.reindex().await.unwrap();
        let document = bench.store.receipts(None, 1).await.unwrap().items.remove(0).subject;
        let Subject::Document(document) = document else { panic!("{document:?}") };
        for trace in [logged(), document.to_string().into_bytes()] {
            assert_eq!(bench.dense_files_with(&trace), Vec::<PathBuf>::new());
        }
        assert_eq!(bench.store.receipts(None, 100).await.unwrap().items.len(), 5);
        bench.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_lose_what_they_quoted() {
    for setting in settings() {
        let bench = Bench::new(setting).await;
        let text = format!("{RARE} nests on the roof");
        let document = bench.add("rare", &text, EMBEDDING).await;
        let other = bench.add("other", "herons nest by the pond", [1.0, 0.0]).await;
        bench.store.keep_answer(&answer("1", document, &text, None)).await.unwrap();
        bench.store.keep_answer(&answer("2", other, "herons nest by the pond", None)).await.unwrap();
        let receipt = bench.store.remove_document(document).await.unwrap();
        assert_eq!(receipt.finding(Place::Answers).unwrap().before, Some(1));
        holds_true(&bench, &receipt, document).await;
        no_file_holds_the_words(&bench, "quoted");
        let answers = bench.count("select count(*) from answers where question = 'Where do they nest?'").await;
        assert_eq!(answers, 2, "answers stay, with their questions");
        assert_eq!(bench.count("select count(*) from answers where body like '%[removed]%'").await, 1);
        assert_eq!(bench.count("select count(*) from answers where body like '%herons nest by the pond%'").await, 1);
        // One that was being given meanwhile.
        bench.store.keep_answer(&answer("3", document, &text, None)).await.unwrap();
        no_file_holds_the_words(&bench, "kept late");
        bench.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bytes_stay_for_another_document_and_the_receipt_names_it() {
    for setting in settings() {
        let bench = Bench::new(setting).await;
        bench.store.create_collection("letters").await.unwrap();
        let document = bench.add("rare", RARE, EMBEDDING).await;
        let blob = bench.store.blobs().add(RARE.as_bytes()).unwrap();
        let new = NewDocument {
            collection: "letters".into(),
            source_uri: "same".into(),
            source: None,
            file_name: "same".into(),
            sha256: blob.sha256.clone(),
            bytes: blob.bytes,
            priority: 0,
        };
        let Enqueued::Queued { document: same, .. } = bench.store.enqueue(&new).await.unwrap() else { panic!() };
        let receipt = bench.store.remove_document(document).await.unwrap();
        assert_eq!(receipt.body.kept_for, [same]);
        assert_eq!(receipt.finding(Place::Originals).unwrap().until, Some(Until::OthersAreRemoved));
        assert!(!receipt.removed().blob && bench.store.blobs().path(&blob.sha256).exists());
        let receipt = bench.store.remove_document(same).await.unwrap();
        assert!(receipt.removed().blob && receipt.body.kept_for.is_empty());
        holds_true(&bench, &receipt, same).await;
        bench.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_holds_no_words() {
    for setting in settings() {
        let bench = Bench::new(setting).await;
        bench.add_others().await;
        let document = bench.add(RARE, RARE, EMBEDDING).await;
        bench.store.set_user(RARE, &[RARE.into()]).await.unwrap();
        bench.store.set_document_readers(document, Some(&[Reader::User(RARE.into())])).await.unwrap();
        bench.store.keep_answer(&answer("1", document, RARE, Some(RARE))).await.unwrap();
        let document = bench.store.remove_document(document).await.unwrap();
        let list = document.finding(Place::AccessEntries).unwrap();
        assert_eq!((list.after, list.until), (Some(1), Some(Until::ListIsCleared)), "it comes back narrowed");
        let person = bench.store.erase_user(RARE).await.unwrap();
        for receipt in [document, person] {
            assert!(!format!("{receipt:?}").contains(RARE), "{receipt:?}");
            let embedded = bench.setting.qdrant.is_none();
            let left = receipt.finding(Place::DenseFiles).unwrap();
            assert_eq!(left.after.is_some_and(|found| found > 0), embedded, "the engine's log holds readers");
        }
        // What the receipt says remains until then.
        bench.store.reindex().await.unwrap();
        assert_eq!(bench.count(&format!("select count(*) from receipts where body like '%{RARE}%'")).await, 0);
        no_file_holds_the_words(&bench, "a person's name");
        bench.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_erased_and_the_documents_stay() {
    for setting in settings() {
        let bench = Bench::new(setting).await;
        let store = &bench.store;
        store.set_user("anna", &["staff".into(), "alone".into()]).await.unwrap();
        store.set_user("bert", &["staff".into()]).await.unwrap();
        let (_, key) = store.create_key("anna", "laptop").await.unwrap();
        let readers = [Reader::Group("staff".into()), Reader::User("anna".into())];
        store.set_collection_readers("default", &readers).await.unwrap();
        let open = bench.add("open", "for all staff", [1.0, 0.0]).await;
        let hers = bench.add("hers", "for anna alone", [0.0, 1.0]).await;
        let groups = bench.add("groups", "for a group of one", [0.6, 0.8]).await;
        store.set_document_readers(hers, Some(&[Reader::User("anna".into())])).await.unwrap();
        store.set_document_readers(groups, Some(&[Reader::Group("alone".into())])).await.unwrap();
        store.keep_answer(&answer("1", open, "for all staff", Some("anna"))).await.unwrap();
        store.keep_answer(&answer("2", open, "for all staff", Some("bert"))).await.unwrap();

        assert!(matches!(store.erase_user("nobody").await, Err(StoreError::NoSuchUser(_))));
        let receipt = store.erase_user("anna").await.unwrap();
        let Subject::Person(hash) = &receipt.subject else { panic!("{receipt:?}") };
        assert_eq!(hash.len(), 64);
        let mut only = vec![hers, groups];
        only.sort_unstable();
        assert_eq!(receipt.body.only_theirs, only);
        let expected = [(Place::Users, 1), (Place::Keys, 1), (Place::Memberships, 2), (Place::AccessEntries, 2)];
        for (place, before) in expected.into_iter().chain([(Place::Answers, 1), (Place::LexicalIndex, 1)]) {
            let finding = receipt.finding(place).unwrap();
            assert_eq!((finding.before, finding.after), (Some(before), Some(0)), "{place:?}");
        }
        assert_eq!(after(&receipt, Place::LexicalSegments), Some(0));
        for statement in ["users where name = 'anna'", "access_entries where reader = 'user:anna'", "keys"] {
            assert_eq!(bench.count(&format!("select count(*) from {statement}")).await, 0, "{statement}");
        }
        assert_eq!(bench.count("select count(*) from answers where asked_by = 'bert'").await, 1);
        assert_eq!(bench.count("select count(*) from answers").await, 1);
        assert!(store.principal_of_key(&key).await.unwrap().is_none());
        // What was narrowed to her is nobody's now, and not everybody's.
        assert_eq!(store.document_readers(hers).await.unwrap(), Some(Vec::new()));
        let bert = store.principal("bert").await.unwrap();
        assert!(store.document(&bert, hers).await.is_err() && store.document(&bert, open).await.is_ok());
        assert!(store.document(&Principal::Operator, hers).await.is_ok());
        assert!(store.doctor(false).await.unwrap().healthy);
        assert!(matches!(store.erase_user("anna").await, Err(StoreError::NoSuchUser(_))));
        // One who comes after the erasure, and whoever asked in the name before it.
        store.keep_answer(&answer("4", open, "for all staff", Some("anna"))).await.unwrap();
        assert_eq!(bench.count("select count(*) from answers").await, 1);
        bench.store.close().await;
    }
}
