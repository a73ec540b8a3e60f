//! Properties in cases that a random test does not come to: closed sources, indexes of an older version, one chunk of a
//! document. The documents are those of the random test.

use std::collections::BTreeSet;

use terroir_store::{
    ChunkId, DocumentId, Filter, Language, Mode, NewDocument, NewSource, Principal, SearchRequest, SetId, StoreError,
};

use crate::bench::{DIMENSIONS, LEASE, Random, Setting};
use crate::filters::{Made, USERS, open, principal, users_as_readers};
use crate::qdrant::{self, StandIn};

/// Names of sources whose documents somebody may not read are told by nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_closed_is_as_one_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &Setting::default()).await;
    store.set_collection_readers("default", &users_as_readers(&USERS)).await.unwrap();
    let new = NewSource {
        collection: "default".into(),
        kind: "folder".into(),
        name: "Secret".into(),
        settings: "{}".into(),
        place: None,
        trusted: false,
        interval_s: 0,
    };
    let source = store.sources().create(&new).await.unwrap();
    let mut random = Random(5);
    let made = Made {
        media_type: "application/pdf",
        source: Some(source.id.to_string()),
        authors: vec![3],
        year: Some(2020),
        chunks: vec![(Language::English, true)],
        readers: Some(vec!["bert"]),
    };
    made.add(&store, "a", "one", &mut random).await;
    let open_made = Made { source: None, authors: Vec::new(), year: None, readers: None, ..made.clone() };
    open_made.add(&store, "b", "two", &mut random).await;
    let id = source.id.to_string();
    for (user, closed) in [("anna", true), ("bert", false)] {
        let scope = store.scope(&principal(Some(user)), None).await.unwrap();
        let facets = store.facets(&scope).await.unwrap();
        assert_eq!(facets.sources.iter().any(|counted| counted.value == "Secret"), !closed, "{facets:?}");
        assert_eq!(facets.authors.is_empty() && facets.years.is_empty(), closed, "{facets:?}");
        let mut answers = Vec::new();
        for name in ["Secret", "Nowhere", id.as_str()] {
            let filter = Filter { sources: vec![name.into()], ..Filter::default() };
            let scope = store.filtered(scope.clone(), filter).await.unwrap();
            answers.push(store.facets(&scope).await.unwrap());
        }
        assert_eq!(answers[0] == answers[1], closed, "as {user}");
        assert_eq!(answers[1], answers[2], "an id is no name");
    }
    store.close().await;
}

/// An index that an older version made has no properties; it is written anew by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn points_of_an_older_version_are_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let stand_in = StandIn::start(None);
    let setting = Setting { database_url: None, qdrant: Some(qdrant::Server::of(&stand_in)) };
    let store = open(folder.path(), &setting).await;
    let made = Made {
        media_type: "application/pdf",
        source: None,
        authors: vec![3],
        year: Some(2020),
        chunks: vec![(Language::English, true)],
        readers: None,
    };
    let document = made.add(&store, "a", "one", &mut Random(5)).await;
    store.close().await;
    drop(store);
    stand_in.make_older();
    let store = open(folder.path(), &setting).await;
    let scope = store.scope(&Principal::Operator, None).await.unwrap();
    let filter = Filter { authors: vec!["bo".into()], year: (Some(2020), Some(2020)), ..Filter::default() };
    let request = SearchRequest {
        query: "parcel".into(),
        query_embedding: Some(Random(9).vector()),
        scope: store.filtered(scope, filter).await.unwrap(),
        mode: Mode::Dense,
        top_k: 5,
    };
    let found = store.search(&request).await.unwrap().hits;
    assert_eq!(found.iter().map(|hit| hit.document).collect::<Vec<_>>(), [document]);
    assert!(store.doctor(false).await.unwrap().healthy);
    store.close().await;
}

/// The embedded indexes likewise: one has other columns, the other an older layout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_indexes_of_an_older_version_are_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &Setting::default()).await;
    let made = Made {
        media_type: "application/pdf",
        source: None,
        authors: vec![3],
        year: Some(2020),
        chunks: vec![(Language::English, true)],
        readers: None,
    };
    let document = made.add(&store, "a", "one", &mut Random(5)).await;
    store.close().await;
    drop(store);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let indexes = folder.path().join("indexes").join(SetId::FIRST.to_string());
    let set = indexes.join(std::fs::read_to_string(indexes.join("current")).unwrap());
    std::fs::remove_dir_all(set.join("lexical")).unwrap();
    std::fs::create_dir(set.join("lexical")).unwrap();
    let mut schema = tantivy::schema::Schema::builder();
    schema.add_text_field("body", tantivy::schema::TEXT);
    tantivy::Index::create_in_dir(set.join("lexical"), schema.build()).unwrap();
    let applied = std::fs::read_to_string(set.join("dense").join("applied")).unwrap();
    let (_, sequence) = applied.split_once(':').unwrap();
    std::fs::write(set.join("dense").join("applied"), format!("2:{sequence}")).unwrap();

    let store = open(folder.path(), &Setting::default()).await;
    assert!(store.doctor(false).await.unwrap().healthy);
    let scope = store.scope(&Principal::Operator, None).await.unwrap();
    let filter = Filter { authors: vec!["BO".into()], types: vec!["pdf".into()], ..Filter::default() };
    for mode in [Mode::Lexical, Mode::Dense] {
        let request = SearchRequest {
            query: "parcel".into(),
            query_embedding: Some(Random(9).vector()),
            scope: store.filtered(scope.clone(), filter.clone()).await.unwrap(),
            mode,
            top_k: 5,
        };
        let found = store.search(&request).await.unwrap().hits;
        assert_eq!(found.iter().map(|hit| hit.document).collect::<Vec<_>>(), [document], "{mode:?}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn similar_to_one_chunk_is_near_to_that_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &Setting::default()).await;
    let axis = |place: usize| -> Vec<f32> { (0..DIMENSIONS).map(|at| f32::from(u8::from(at == place))).collect() };
    let mut documents = Vec::new();
    // The first document is about two things, each of the others about one.
    for (slot, subjects) in [("a", vec![0, 1]), ("b", vec![0]), ("c", vec![1]), ("d", vec![2])] {
        let made = Made {
            media_type: "text/plain",
            source: None,
            authors: Vec::new(),
            year: None,
            chunks: vec![(Language::English, false); subjects.len()],
            readers: None,
        };
        let blob = store.blobs().add(slot.as_bytes()).unwrap();
        let new = NewDocument {
            collection: "default".into(),
            source_uri: slot.into(),
            source: None,
            file_name: slot.into(),
            sha256: blob.sha256,
            bytes: blob.bytes,
            priority: 0,
        };
        store.enqueue(&new).await.unwrap();
        let job = store.claim_job("worker", LEASE, None).await.unwrap().unwrap();
        let mut revision = made.revision(slot, &mut Random(1));
        for (chunk, subject) in revision.chunks.iter_mut().zip(subjects) {
            chunk.embedding = axis(subject);
        }
        store.write_revision(&job, &revision).await.unwrap();
        documents.push(job.document);
    }
    let scope = store.scope(&Principal::Operator, None).await.unwrap();
    let request =
        SearchRequest { query: "ax1".into(), query_embedding: Some(axis(1)), scope, mode: Mode::Lexical, top_k: 1 };
    let second: ChunkId = store.search(&request).await.unwrap().hits[0].chunk;
    let similar = async |chunk| {
        let hits = store.similar(&Principal::Operator, documents[0], chunk, 2).await.unwrap();
        hits.into_iter().map(|hit| hit.document).collect::<Vec<_>>()
    };
    let of_both: BTreeSet<DocumentId> = similar(None).await.into_iter().collect();
    assert_eq!(of_both, BTreeSet::from([documents[1], documents[2]]));
    assert_eq!(similar(Some(second)).await[0], documents[2]);
    let foreign = store.similar(&Principal::Operator, documents[1], Some(second), 2).await;
    assert!(matches!(foreign, Err(StoreError::NoSuchChunk(_))), "{foreign:?}");
    store.close().await;
}
