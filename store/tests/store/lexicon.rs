//! Words of a query, and what lexicons have beside them: found both ways or one, in whatever form, below the word that was
//! asked for; and only out of lexicons that the caller may enter.

use terroir_store::{
    CollectionId, Language, LexiconProblem, Mode, NewDocument, Principal, Reader, Scope, SearchRequest, SearchResponse,
    SetId, Store, StoreError,
};

use crate::bench::{DIMENSIONS, LEASE, databases, open, postgres, revision};

const LEXICON: &str =
    "# Occitan\nvache, vaca, saoc\nélevage, noirigatge\n\nPV => procès-verbal\nMED, mise en demeure\n";

fn vector() -> Vec<f32> {
    (0..DIMENSIONS).map(|place| if place == 0 { 1.0 } else { 0.0 }).collect()
}

async fn add(store: &Store, collection: &str, name: &str, text: &str, language: Language) {
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
    let mut revision = revision(text, vector());
    revision.title = None;
    revision.chunks[0].heading_path.clear();
    revision.chunks[0].language = language;
    store.write_revision(&job, &revision).await.unwrap();
}

async fn fill(store: &Store) {
    for (name, text, language) in [
        ("french", "La vache est dans le pré communal.", Language::French),
        ("occitan", "La vaca es dins lo prat comunal.", Language::Other),
        ("breeding", "Lo noirigatge dels motons.", Language::Other),
        ("abbreviation", "Le PV de la séance est signé.", Language::French),
        ("minutes", "Les procès-verbaux de la séance sont affichés.", Language::French),
        ("notice", "Une mise en demeure fut envoyée au maire.", Language::French),
        ("short", "La MED fut envoyée au maire hier.", Language::French),
        ("apart", "La mise est haute, et la demeure est vaste.", Language::French),
    ] {
        add(store, "default", name, text, language).await;
    }
}

/// All but the time it took.
async fn ask(store: &Store, scope: Scope, mode: Mode, query: &str) -> SearchResponse {
    let query_embedding = (mode != Mode::Lexical).then(vector);
    let request = SearchRequest { query: query.into(), query_embedding, scope, mode, top_k: 20 };
    let found = store.search(&request).await.unwrap();
    SearchResponse { took_ms: 0, ..found }
}

async fn everything(store: &Store) -> Scope {
    store.scope(&Principal::Operator, None).await.unwrap()
}

/// Names of what the words find, best first.
async fn found(store: &Store, query: &str) -> Vec<String> {
    let response = ask(store, everything(store).await, Mode::Lexical, query).await;
    response.hits.into_iter().map(|hit| hit.file_name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_finds_what_the_lexicon_has_beside_its_words() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        fill(&store).await;
        assert_eq!(found(&store, "vaches").await, ["french"]);
        assert!(found(&store, "saoc").await.is_empty());
        assert_eq!(store.set_lexicon("default", LEXICON).await.unwrap().entries, 4);
        assert_eq!(store.lexicon("default").await.unwrap().text, LEXICON);

        assert_eq!(found(&store, "vaches").await, ["french", "occitan"], "in another form");
        assert_eq!(
            found(&store, "vaca").await,
            ["occitan", "french"],
            "both ways, and the word that was asked for first"
        );
        let saoc = found(&store, "saoc").await;
        assert!(saoc.len() == 2 && saoc.contains(&"french".to_owned()), "itself nowhere: {saoc:?}");
        assert_eq!(found(&store, "elevages").await, ["breeding"], "accents as the analysis has them");
        assert_eq!(found(&store, "PV").await, ["abbreviation", "minutes"], "several words, in another form");
        assert_eq!(found(&store, "procès-verbal").await, ["minutes"], "one way");
        assert_eq!(found(&store, "MED").await, ["short", "notice"], "as a phrase, not its words apart");
        let notice = found(&store, "mises en demeure").await;
        assert_eq!(notice[0], "notice");
        assert!(notice.contains(&"short".to_owned()), "{notice:?}");
        assert!(!found(&store, "demeure").await.contains(&"short".to_owned()), "a part of an expression is not it");
        assert_eq!(found(&store, "« vache »").await, ["french"], "in quotation marks, as it stands");

        let response = ask(&store, everything(&store).await, Mode::Hybrid, "le PV sur les vaches").await;
        assert_eq!(response.expanded, ["procès-verbal", "vaca", "saoc"]);
        let scope = everything(&store).await;
        let text = store.query_text(SetId::FIRST, &scope, "le PV sur les vaches").await.unwrap();
        assert_eq!(text, "le PV (procès-verbal) sur les vaches (vaca, saoc)");
        store.close().await;
    }
}

#[tokio::test]
async fn alternatives_are_marked() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).await;
    fill(&store).await;
    store.set_lexicon("default", LEXICON).await.unwrap();
    for (query, name, words) in
        [("vache", "occitan", &["vaca"][..]), ("MED", "notice", &["mise", "demeure"]), ("MED fut", "apart", &[])]
    {
        let response = ask(&store, everything(&store).await, Mode::Dense, query).await;
        let hit = response.hits.iter().find(|hit| hit.file_name == name).unwrap();
        let of = |(from, to): &(u32, u32)| -> String {
            hit.text.chars().skip(*from as usize).take((to - from) as usize).collect()
        };
        assert_eq!(hit.highlights.iter().map(of).collect::<Vec<_>>(), words, "{query}");
    }
    store.close().await;
}

#[tokio::test]
async fn alternatives_do_not_swamp_the_query() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).await;
    for (name, text) in [
        ("asked", "Le prix de la vache au marché monte."),
        ("other", "Le prix de la vaca au marché monte."),
        ("phrase", "Le prix de la bèstia boina au marché monte."),
        ("glossary", "vaca saoc boval braua vaca saoc boval braua"),
        ("price", "Le prix du foin au marché monte."),
    ] {
        add(&store, "default", name, text, Language::French).await;
    }
    store.set_lexicon("default", "vache, vaca, saoc, boval, braua, bèstia boina").await.unwrap();
    let names = found(&store, "vache").await;
    assert_eq!((names.len(), names[0].as_str()), (4, "asked"), "{names:?}");
    for mode in [Mode::Lexical, Mode::Hybrid] {
        let response = ask(&store, everything(&store).await, mode, "prix de la vache au marché").await;
        let names: Vec<&str> = response.hits.iter().map(|hit| hit.file_name.as_str()).collect();
        assert_eq!(names[0], "asked", "{names:?}");
        let place = |name: &str| names.iter().position(|found| *found == name).unwrap();
        let rest = "a list of words says less than one of them with the rest of the question";
        assert!(place("glossary") > place("other") && place("glossary") > place("phrase"), "{rest}: {names:?}");
    }
    // Whichever is asked for.
    assert_eq!(found(&store, "bèstia boina").await[0], "phrase");
    store.close().await;
}

#[tokio::test]
async fn what_a_lexicon_knows_is_not_corrected_away() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).await;
    add(&store, "default", "near", "Le saoq est une plante.", Language::French).await;
    add(&store, "default", "cow", "La vaca es pichona.", Language::Other).await;
    let corrected = ask(&store, everything(&store).await, Mode::Lexical, "saoc").await.corrected;
    assert_eq!(corrected.as_deref(), Some("saoq"));
    store.set_lexicon("default", "saoc, vaca").await.unwrap();
    let response = ask(&store, everything(&store).await, Mode::Lexical, "saoc").await;
    assert_eq!((response.corrected, response.hits[0].file_name.as_str()), (None, "cow"));
    // Nor where the query has the alternative already.
    assert_eq!(ask(&store, everything(&store).await, Mode::Lexical, "saoc vaca").await.corrected, None);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_entries_nothing_changes_to_the_last_bit() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        fill(&store).await;
        let queries =
            ["la séance du maire", "\"vache\"", "vache", "PV", "demeure vaste", "motons", "envoyee au mairee"];
        let answers = async |queries: &[&str]| {
            let mut answers = Vec::new();
            for query in queries {
                for mode in [Mode::Hybrid, Mode::Lexical, Mode::Dense] {
                    answers.push(format!("{:?}", ask(&store, everything(&store).await, mode, query).await));
                }
                let text = store.query_text(SetId::FIRST, &everything(&store).await, query).await.unwrap();
                assert_eq!(text, *query);
            }
            answers
        };
        let before = answers(&queries).await;
        store.set_lexicon("default", "autre, chose\nmaison, ostal").await.unwrap();
        assert_eq!(answers(&queries).await, before, "words that no entry has");
        store.set_lexicon("default", LEXICON).await.unwrap();
        let with = ask(&store, everything(&store).await, Mode::Lexical, "vache").await;
        assert_eq!(with.expanded, ["vaca", "saoc"], "it would change something");
        assert_eq!(answers(&queries[..2]).await, before[..6], "nor where entries are for other words");
        store.set_lexicon("default", " \n").await.unwrap();
        assert_eq!(answers(&queries).await, before, "taken away");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lexicon_that_the_caller_may_not_enter_leaves_no_trace() {
    for database in databases() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), database.as_deref()).await;
        for (collection, readers) in [("open", vec![Reader::Public]), ("closed", vec![Reader::User("anna".into())])] {
            store.create_collection(collection).await.unwrap();
            store.set_collection_readers(collection, &readers).await.unwrap();
        }
        add(&store, "open", "orchard", "The quinces are harvested in October.", Language::English).await;
        add(&store, "closed", "deal", "The takeover of the mill is called quince.", Language::English).await;
        store.set_user("anna", &[]).await.unwrap();
        let anna = store.principal("anna").await.unwrap();
        let forged: CollectionId = store.scope(&anna, Some("closed")).await.unwrap().collections[0];

        let shown = async |principal: &Principal| {
            let mut shown = Vec::new();
            for query in ["falcon", "falcon quinces", "octobre"] {
                for mode in [Mode::Hybrid, Mode::Lexical] {
                    let scope = store.scope(principal, None).await.unwrap();
                    shown.push(format!("{:?}", ask(&store, scope, mode, query).await));
                    // Whatever a caller makes of its scope.
                    let mut scope = store.scope(principal, None).await.unwrap();
                    scope.collections.push(forged);
                    shown.push(store.query_text(SetId::FIRST, &scope, query).await.unwrap());
                    shown.push(format!("{:?}", ask(&store, scope, mode, query).await.expanded));
                }
            }
            shown
        };
        let (before, annas) = (shown(&Principal::Anonymous).await, shown(&anna).await);
        store.set_lexicon("closed", "falcon, quince, october").await.unwrap();
        assert_eq!(shown(&Principal::Anonymous).await, before);
        assert_ne!(shown(&anna).await, annas, "who may enter is told");
        let scope = store.scope(&anna, None).await.unwrap();
        let response = ask(&store, scope, Mode::Lexical, "falcon").await;
        assert_eq!((response.hits.len(), response.expanded), (2, vec!["quince".to_owned(), "october".to_owned()]));
        // Out of scope it counts for nobody.
        let scope = store.scope(&anna, Some("open")).await.unwrap();
        let response = ask(&store, scope, Mode::Lexical, "falcon").await;
        assert!(response.hits.is_empty() && response.expanded.is_empty());
        // From the next search on.
        store.set_collection_readers("closed", &[]).await.unwrap();
        let scope = store.scope(&anna, None).await.unwrap();
        assert!(ask(&store, scope, Mode::Lexical, "falcon").await.expanded.is_empty());
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_by_every_service_on_the_database() {
    let Some(url) = postgres() else { return };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = open(folders[0].path(), Some(&url)).await;
    let second = open(folders[1].path(), Some(&url)).await;
    for (lexicon, expected) in [("falcon, quince", vec!["quince"]), ("falcon, pear", vec!["pear"]), ("", vec![])] {
        first.set_lexicon("default", lexicon).await.unwrap();
        for store in [&second, &first] {
            let response = ask(store, everything(store).await, Mode::Lexical, "falcon").await;
            assert_eq!(response.expanded, expected);
        }
    }
    second.close().await;
    first.close().await;
}

#[tokio::test]
async fn what_is_no_lexicon_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).await;
    store.set_lexicon("default", LEXICON).await.unwrap();
    let refused = store.set_lexicon("default", "a, b\n\nalone").await.unwrap_err();
    assert!(matches!(refused, StoreError::Lexicon { line: 3, problem: LexiconProblem::Alone }), "{refused}");
    assert!(refused.to_string().starts_with("line 3 of the lexicon: "), "{refused}");
    assert_eq!(store.lexicon("default").await.unwrap().text, LEXICON);
    assert!(matches!(store.set_lexicon("nowhere", "a, b").await, Err(StoreError::NoSuchCollection(_))));
    assert!(matches!(store.lexicon("nowhere").await, Err(StoreError::NoSuchCollection(_))));
    store.close().await;
}
