//! What a person writes, and what is to be found for it: forms, compounds, phrases, identifiers, slips, copies.

use std::path::Path;

use terroir_store::{
    Language, Mode, NewChunk, NewDocument, NewRevision, Principal, Scope, SearchRequest, SearchResponse, SetId, Store,
    StoreOptions,
};

use crate::bench::first_set;

use crate::bench::LEASE;

async fn open(folder: &Path) -> Store {
    Store::open(StoreOptions::embedded(folder, first_set(2))).await.unwrap()
}

/// One chunk in a document of its own, called `name`.
async fn add(store: &Store, collection: &str, name: &str, title: &str, text: &str, language: Language) {
    let blob = store.blobs().add(format!("{collection} {name} {text}").as_bytes()).unwrap();
    let new = NewDocument {
        collection: collection.into(),
        source_uri: name.into(),
        source: None,
        file_name: name.into(),
        sha256: blob.sha256,
        bytes: blob.bytes,
        priority: 0,
    };
    store.enqueue(&new).await.unwrap();
    let job = store.claim_job("worker", LEASE, None).await.unwrap().unwrap();
    let chunk = NewChunk {
        ordinal: 0,
        text: text.into(),
        heading_path: Vec::new(),
        page: None,
        char_start: 0,
        char_end: text.chars().count() as u32,
        language,
        token_count: 1,
        embedding: vec![1.0, 0.0],
    };
    let revision = NewRevision {
        set: SetId::FIRST,
        text: text.into(),
        structure: Vec::new(),
        media_type: "text/plain".into(),
        title: (!title.is_empty()).then(|| title.into()),
        bibliography: terroir_store::Bibliography::default(),
        page_count: None,
        warnings: "[]".into(),
        chunks: vec![chunk],
    };
    store.write_revision(&job, &revision).await.unwrap();
}

async fn ask(store: &Store, scope: Scope, mode: Mode, query: &str) -> SearchResponse {
    let query_embedding = (mode != Mode::Lexical).then(|| vec![1.0, 0.0]);
    store.search(&SearchRequest { query: query.into(), query_embedding, scope, mode, top_k: 10 }).await.unwrap()
}

/// Names of what the words find, best first.
async fn found(store: &Store, query: &str) -> Vec<String> {
    let scope = store.scope(&Principal::Operator, None).await.unwrap();
    ask(store, scope, Mode::Lexical, query).await.hits.into_iter().map(|hit| hit.file_name).collect()
}

async fn filled(folder: &Path, language: Language, texts: &[(&str, &str)]) -> Store {
    let store = open(folder).await;
    for (name, text) in texts {
        add(&store, "default", name, "", text, language).await;
    }
    store
}

#[tokio::test]
async fn the_form_that_was_asked_for_comes_before_others_of_its_stem() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [
        ("noun", "Le pêcheur du village vend son poisson."),
        ("verb", "Le pécheur du village avoue sa faute."),
        ("plural", "Des pécheurs du village avouent leur faute."),
    ];
    let store = filled(folder.path(), Language::French, &texts).await;
    assert_eq!(found(&store, "pêcheur").await[0], "noun");
    assert_eq!(found(&store, "pécheur").await[0], "verb");
    assert_eq!(found(&store, "pécheurs").await[0], "plural");
    // Without its accent a word finds all of them.
    assert_eq!(found(&store, "pecheur").await.len(), 3);
    store.close().await;
}

#[tokio::test]
async fn compounds_are_found_by_their_parts_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [
        ("compound", "Der Datenschutzbeauftragte berät die Gemeinde."),
        ("parts", "Ein Beauftragter für den Schutz der Daten."),
        ("neither", "Die Quitten werden im Oktober geerntet."),
    ];
    let store = filled(folder.path(), Language::German, &texts).await;
    assert!(found(&store, "Datenschutz").await.contains(&"compound".to_owned()), "as the beginning");
    assert!(found(&store, "Beauftragter").await.contains(&"compound".to_owned()), "as the end, in another form");
    assert_eq!(found(&store, "Datenschutzbeauftragter").await[0], "compound");
    let apart =
        filled(&folder.path().join("apart"), Language::German, &[texts[2], ("school", "Die Schule hat ein System.")])
            .await;
    assert_eq!(found(&apart, "Schulsystem").await, ["school"], "each part by itself");
    apart.close().await;
    store.close().await;
}

#[tokio::test]
async fn quoted_words_must_be_there_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [
        ("phrase", "In case of force majeure the contract ends."),
        ("words", "The force of the storm was majeure, said the major of the forces."),
    ];
    let store = filled(folder.path(), Language::English, &texts).await;
    assert_eq!(found(&store, "contract \"force majeure\" storm").await, ["phrase"]);
    assert_eq!(found(&store, "\"of force majeure\"").await, ["phrase"], "stop words included");
    let scope = store.scope(&Principal::Operator, None).await.unwrap();
    let hybrid = ask(&store, scope, Mode::Hybrid, "\"force majeure\"").await;
    assert_eq!(hybrid.hits.len(), 1, "what only the meaning proposes has to hold the phrase as well");
    assert_eq!(found(&store, "\"storm major\"").await, ["words"], "a phrase that is nowhere does not hide the rest");
    store.close().await;
}

#[tokio::test]
async fn identifiers_are_found_however_they_are_spelled() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [
        ("part", "Replace part AB-1234 every year."),
        ("other", "Replace part AB-1243 and 1234 screws every year."),
        ("norm", "Certified by ISO 9001 since May."),
        ("law", "Nach § 12 der Satzung. Zwölf Monate, 12 Euro."),
        ("sum", "Zwölf Monate, 12 Euro. Nach der Satzung."),
    ];
    let store = filled(folder.path(), Language::English, &texts).await;
    for query in ["AB-1234", "AB1234", "ab 1234"] {
        assert_eq!(found(&store, query).await[0], "part", "{query}");
    }
    assert_eq!(found(&store, "ISO 9001").await[0], "norm");
    assert_eq!(found(&store, "§12").await[0], "law");
    store.close().await;
}

#[tokio::test]
async fn a_title_counts_for_more_than_a_mention() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    add(&store, "default", "mention", "Minutes", "The quinces were ripe, the council noted.", Language::English).await;
    add(&store, "default", "title", "Quinces", "They were ripe, the council noted with joy.", Language::English).await;
    assert_eq!(found(&store, "quinces").await, ["title", "mention"]);
    store.close().await;
}

#[tokio::test]
async fn a_word_that_is_unknown_is_looked_for_in_the_nearest_spelling_of_the_scope() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    add(&store, "default", "harvest", "", "The quinces are harvested in October.", Language::English).await;
    store.create_collection("secret").await.unwrap();
    add(&store, "secret", "hidden", "", "The octopus was seen in November.", Language::English).await;
    let scope = store.scope(&Principal::Operator, Some("default")).await.unwrap();
    let response = ask(&store, scope.clone(), Mode::Lexical, "quinses in Octobre").await;
    assert_eq!(response.hits.len(), 1);
    assert_eq!(response.corrected.as_deref(), Some("quinces october"));
    // What is outside the scope corrects nothing, and what is known is left alone.
    for query in ["octopuss", "Novembre", "quinces", "AB-1234"] {
        let response = ask(&store, scope.clone(), Mode::Lexical, query).await;
        assert_eq!(response.corrected, None, "{query}");
    }
    let elsewhere = ask(&store, scope, Mode::Lexical, "november").await;
    assert!(elsewhere.hits.is_empty() && elsewhere.corrected.is_none(), "known elsewhere is unknown here");
    store.close().await;
}

#[tokio::test]
async fn a_passage_that_says_the_same_is_named_beside_the_better_one() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [
        ("first", "All rights reserved by the council of the village."),
        ("second", "All rights reserved by the Council of the village!"),
        ("third", "Quinces, pears and all rights."),
    ];
    let store = filled(folder.path(), Language::English, &texts).await;
    let scope = store.scope(&Principal::Operator, None).await.unwrap();
    let response = ask(&store, scope, Mode::Hybrid, "rights reserved").await;
    assert_eq!(response.hits.len(), 2);
    assert_eq!(response.hits[0].copies.len(), 1);
    let names = [response.hits[0].document, response.hits[0].copies[0].document];
    assert_ne!(names[0], names[1]);
    store.close().await;
}
