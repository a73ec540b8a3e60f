//! The words' leg on public test collections, through the real path: enqueued, claimed, written, searched.
//! The collections' licences keep them out of the repository; without them this says so and passes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use terroir_store::evaluation::{CorpusDocument, Measures, TestCollection};
use terroir_store::{
    DocumentId, Language, Mode, NewChunk, NewDocument, NewRevision, Principal, SearchRequest, SetId, Store,
    StoreOptions, detect,
};

use crate::bench::first_set;

const LEASE: Duration = Duration::from_mins(10);
const WORKERS: usize = 16;
/// About as long as a chunk of 256 word pieces.
const WORDS_PER_CHUNK: usize = 170;
/// Chunks looked at to find this many documents.
const DEPTH: usize = 200;

fn folder(name: &str) -> Option<PathBuf> {
    let found = [PathBuf::from("../../shared/data/retrieval"), PathBuf::from("../shared/data/retrieval")]
        .into_iter()
        .map(|root| root.join(name))
        .find(|folder| folder.join("corpus.jsonl").exists());
    if found.is_none() {
        eprintln!("retrieval quality NOT MEASURED: ../shared/data/retrieval/{name} is absent");
    }
    found
}

/// Sentences, packed until a chunk is full.
fn chunks(text: &str) -> Vec<NewChunk> {
    let mut made: Vec<(usize, usize)> = Vec::new();
    let (mut start, mut words) = (0, 0);
    for sentence in text.split_inclusive(". ") {
        let length = sentence.split_whitespace().count();
        let begin = made.last().map_or(0, |(_, end)| *end);
        if words == 0 || words + length > WORDS_PER_CHUNK {
            made.push((begin, begin + sentence.len()));
            words = length;
            start = begin;
        } else if let Some(last) = made.last_mut() {
            *last = (start, begin + sentence.len());
            words += length;
        }
    }
    let language = detect(text);
    let chars = |byte: usize| text[..byte].chars().count() as u32;
    made.iter()
        .zip(0..)
        .map(|((from, to), ordinal)| NewChunk {
            ordinal,
            text: text[*from..*to].to_owned(),
            heading_path: Vec::new(),
            page: None,
            char_start: chars(*from),
            char_end: chars(*to),
            language,
            token_count: 1,
            embedding: vec![1.0, 0.0],
        })
        .collect()
}

async fn open(folder: &Path) -> Store {
    Store::open(StoreOptions::embedded(folder, first_set(2))).await.unwrap()
}

fn revision(document: &CorpusDocument) -> NewRevision {
    NewRevision {
        set: SetId::FIRST,
        text: document.text.clone(),
        structure: Vec::new(),
        media_type: "text/plain".into(),
        title: Some(document.title.clone()),
        bibliography: terroir_store::Bibliography::default(),
        page_count: None,
        warnings: "[]".into(),
        chunks: chunks(&document.text),
    }
}

/// Many workers at once, as a service has them; gives each document's name in the test collection.
async fn fill(store: &Store, collection: &Arc<TestCollection>) -> HashMap<DocumentId, String> {
    let corpus: Arc<HashMap<String, usize>> =
        Arc::new(collection.corpus.iter().enumerate().map(|(place, document)| (document.id.clone(), place)).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let (store, collection, corpus, next) =
                (store.clone(), Arc::clone(collection), Arc::clone(&corpus), Arc::clone(&next));
            tokio::spawn(async move {
                let mut names = Vec::new();
                while let Some(document) = collection.corpus.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The name is part of the bytes: a text that occurs twice is two documents here.
                    let blob = store.blobs().add(format!("{}\n{}", document.id, document.text).as_bytes()).unwrap();
                    let new = NewDocument {
                        collection: "default".into(),
                        source_uri: document.id.clone(),
                        source: None,
                        file_name: document.id.clone(),
                        sha256: blob.sha256,
                        bytes: blob.bytes,
                        priority: 0,
                    };
                    store.enqueue(&new).await.unwrap();
                    // Whichever is next: not always the one just added.
                    let job = store.claim_job(&format!("worker-{number}"), LEASE, None).await.unwrap().unwrap();
                    store.write_revision(&job, &revision(&collection.corpus[corpus[&job.file_name]])).await.unwrap();
                    names.push((job.document, job.file_name));
                }
                names
            })
        })
        .collect();
    let mut names = HashMap::new();
    for worker in workers {
        names.extend(worker.await.unwrap());
    }
    assert_eq!(names.len(), collection.corpus.len());
    names
}

async fn measure(name: &str, language: Language) -> Option<Measures> {
    let collection = Arc::new(TestCollection::read(&folder(name)?).unwrap());
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path()).await;
    let started = Instant::now();
    let names = fill(&store, &collection).await;
    let written = started.elapsed();
    let scope = store.scope(&Principal::Operator, None).await.unwrap();
    let mut rankings = HashMap::new();
    let started = Instant::now();
    for query in &collection.queries {
        let request = SearchRequest {
            query: query.text.clone(),
            query_embedding: None,
            scope: scope.clone(),
            mode: Mode::Lexical,
            top_k: DEPTH,
        };
        let response = store.search(&request).await.unwrap();
        assert_eq!(response.query_language, language);
        let mut found: Vec<String> = Vec::new();
        for hit in &response.hits {
            let name = &names[&hit.document];
            if !found.contains(name) {
                found.push(name.clone());
            }
        }
        rankings.insert(query.id.clone(), found);
    }
    let searched = started.elapsed() / collection.queries.len() as u32;
    let measures = Measures::of(&rankings, &collection.judgments);
    eprintln!("{name}: {measures:?}; {} documents in {written:?}, {searched:?} a query", collection.corpus.len());
    store.close().await;
    Some(measures)
}

/// Python's BM25 on whole documents: .805 (light suffix strip); Snowball on chunks should not lose to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn french_questions_find_their_paragraph() {
    let Some(measures) = measure("piaf_fr", Language::French).await else {
        return;
    };
    assert!(measures.ndcg_at_10 >= 0.80, "{measures:?}");
}

/// Published BM25 on the same collection: .679 (Anserini, flat).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn english_claims_find_their_abstract() {
    let Some(measures) = measure("scifact", Language::English).await else {
        return;
    };
    assert!(measures.ndcg_at_10 >= 0.67, "{measures:?}");
}
