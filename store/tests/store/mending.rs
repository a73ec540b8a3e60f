//! What a crash, a lost file or a mistake of a caller may leave behind, and that the store comes back.

use std::path::Path;

use terroir_store::{
    Enqueued, Language, Mode, NewChunk, NewDocument, NewRevision, Principal, Quantisation, SearchRequest, SetId, Store,
    StoreError, StoreOptions,
};

use crate::bench::{LEASE, first_set, open_patiently};
use crate::qdrant;

async fn open(folder: &Path) -> Store {
    open_with(folder, None).await
}

/// With the embedded Qdrant if there is no server.
async fn open_with(folder: &Path, qdrant: Option<&qdrant::Server>) -> Store {
    open_patiently(options(folder, qdrant)).await
}

fn options(folder: &Path, qdrant: Option<&qdrant::Server>) -> StoreOptions {
    StoreOptions {
        qdrant_url: qdrant.map(|server| server.url.clone()),
        qdrant_api_key: qdrant.and_then(|server| server.api_key.clone()),
        ..StoreOptions::embedded(folder, first_set(2))
    }
}

fn new_document(store: &Store, source: &str) -> NewDocument {
    let blob = store.blobs().add(source.as_bytes()).unwrap();
    NewDocument {
        collection: "default".into(),
        source_uri: source.into(),
        source: None,
        file_name: source.into(),
        sha256: blob.sha256,
        bytes: blob.bytes,
        priority: 0,
    }
}

fn revision(texts: &[(&str, Language)], embedding: &[f32]) -> NewRevision {
    let chunk = |(ordinal, (text, language)): (u32, &(&str, Language))| NewChunk {
        ordinal,
        text: (*text).into(),
        heading_path: Vec::new(),
        page: None,
        char_start: 0,
        char_end: text.chars().count() as u32,
        language: *language,
        token_count: 3,
        embedding: embedding.to_vec(),
    };
    NewRevision {
        set: SetId::FIRST,
        text: texts.iter().map(|(text, _)| *text).collect(),
        structure: Vec::new(),
        media_type: "text/plain".into(),
        title: None,
        bibliography: terroir_store::Bibliography::default(),
        page_count: None,
        warnings: "[]".into(),
        chunks: (0..).zip(texts).map(chunk).collect(),
    }
}

async fn add(store: &Store, source: &str, texts: &[(&str, Language)]) {
    let queued = store.enqueue(&new_document(store, source)).await.unwrap();
    assert!(matches!(queued, Enqueued::Queued { .. }));
    let job = store.claim_job("worker", LEASE, None).await.unwrap().unwrap();
    let written = revision(texts, &[1.0, 0.0]);
    store.write_revision(&job, &written).await.unwrap();
}

async fn found(store: &Store, query: &str) -> Vec<String> {
    let request = SearchRequest {
        query: query.into(),
        query_embedding: None,
        scope: store.scope(&Principal::Operator, None).await.unwrap(),
        mode: Mode::Lexical,
        top_k: 10,
    };
    let hits = store.search(&request).await.unwrap().hits;
    hits.into_iter().map(|hit| hit.text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_and_lost_indexes_are_built_anew_at_the_next_start() {
    for qdrant in [None, Some(qdrant::server())] {
        let folder = tempfile::tempdir().unwrap();
        let store = open_with(folder.path(), qdrant.as_ref()).await;
        add(&store, "a", &[("quinces are ripe", Language::English)]).await;
        store.close().await;
        drop(store);

        let set = folder.path().join("indexes").join(SetId::FIRST.to_string()).join("pair-0");
        std::fs::write(set.join("lexical").join("meta.json"), "{").unwrap();
        let store = open_with(folder.path(), qdrant.as_ref()).await;
        assert_eq!(found(&store, "quince").await.len(), 1);
        let report = store.doctor(false).await.unwrap();
        assert!(report.healthy && report.chunks_dense == 1, "{report:?}");
        store.close().await;
        drop(store);

        std::fs::remove_dir_all(folder.path().join("indexes")).unwrap();
        let store = open_with(folder.path(), qdrant.as_ref()).await;
        assert_eq!(found(&store, "quince").await.len(), 1);
        assert!(store.doctor(false).await.unwrap().healthy);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_of_another_database_are_not_believed() {
    for qdrant in [None, Some(qdrant::server())] {
        let folder = tempfile::tempdir().unwrap();
        let store = open_with(folder.path(), qdrant.as_ref()).await;
        for source in ["a", "b", "c"] {
            add(&store, source, &[("quinces are ripe", Language::English)]).await;
        }
        store.close().await;
        drop(store);
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.path().join(format!("terroir.sqlite{end}")));
        }
        let store = open_with(folder.path(), qdrant.as_ref()).await;
        assert!(found(&store, "quince").await.is_empty());
        // Were the old position believed, this change would be taken for one that was followed already.
        add(&store, "d", &[("quinces are sour", Language::English)]).await;
        assert_eq!(found(&store, "quince").await, ["quinces are sour"]);
        assert!(store.doctor(false).await.unwrap().healthy);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_vector_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.enqueue(&new_document(&store, "a")).await.unwrap();
    let job = store.claim_job("worker", LEASE, None).await.unwrap().unwrap();
    for vector in [&[1.0][..], &[f32::NAN, 0.0], &[1.0, 0.0, 0.0]] {
        let wrong = revision(&[("quinces", Language::English)], vector);
        let refused = store.write_revision(&job, &wrong).await;
        assert!(matches!(refused, Err(StoreError::Vector { expected: 2 })), "{refused:?}");
    }
    let right = revision(&[("quinces", Language::English)], &[0.0, 1.0]);
    store.write_revision(&job, &right).await.unwrap();
    assert_eq!(found(&store, "quinces").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_not_kept_are_not_queued() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let new = NewDocument { sha256: "0".repeat(64), ..new_document(&store, "a") };
    let refused = store.enqueue(&new).await;
    assert!(matches!(refused, Err(StoreError::NoSuchBlob(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_is_found_in_its_own_language_whatever_its_document_is_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let english = "The harvesting machines were repaired before the season began";
    let french = "Les machines à vendanger sont réparées avant la saison, puis rangées sous le hangar du village";
    add(&store, "a", &[(french, Language::French), (english, Language::English)]).await;
    add(&store, "b", &[("会议记录在档案室", Language::Other)]).await;
    assert_eq!(found(&store, "harvested").await, [english]);
    assert_eq!(found(&store, "vendangées").await, [french]);
    assert_eq!(found(&store, "档案").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vectors_in_eight_bits_and_as_they_are_take_each_others_place() {
    for qdrant in [None, Some(qdrant::server())] {
        let folder = tempfile::tempdir().unwrap();
        let store = open_with(folder.path(), qdrant.as_ref()).await;
        add(&store, "a", &[("quinces are ripe", Language::English)]).await;
        store.close().await;
        drop(store);
        for quantisation in [Quantisation::Int8, Quantisation::Int8, Quantisation::None] {
            let store = open_patiently(StoreOptions { quantisation, ..options(folder.path(), qdrant.as_ref()) }).await;
            let request = SearchRequest {
                query: "quince".into(),
                query_embedding: Some(vec![1.0, 0.0]),
                scope: store.scope(&Principal::Operator, None).await.unwrap(),
                mode: Mode::Dense,
                top_k: 10,
            };
            assert_eq!(store.search(&request).await.unwrap().hits.len(), 1);
            assert!(store.doctor(false).await.unwrap().healthy);
            store.close().await;
        }
    }
}
