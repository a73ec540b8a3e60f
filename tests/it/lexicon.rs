//! Lexicons through the API and the command line: kept, refused by the line, used by a search, told to whom they concern.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::service::{Service, database, models_dir, program};

const LEXICON: &str = "# Occitan\nvache, vaca, saoc\nPV => procès-verbal\n";
const PATH: &str = "/api/v1/collections/default/lexicon";

fn filled() -> Service {
    let service = Service::start(&database());
    service.add("prat.txt", "La vaca es dins lo prat comunal amb los motons.".as_bytes());
    service.add("seance.txt", "Le procès-verbal de la séance est affiché à la mairie.".as_bytes());
    service
}

fn texts(found: &Value) -> Vec<&str> {
    found["hits"].as_array().unwrap().iter().map(|hit| hit["text"].as_str().unwrap()).collect()
}

fn search(service: &Service, query: &str, mode: &str) -> Value {
    service.post("/api/v1/search", &json!({"query": query, "mode": mode})).json()
}

#[test]
fn a_lexicon_is_kept_and_searched_with() {
    let mut service = filled();
    assert_eq!(service.get(PATH).json(), json!({"lexicon": "", "entries": 0}));
    assert_eq!(search(&service, "vaches", "lexical")["expanded"], json!([]));
    assert!(texts(&search(&service, "vaches", "lexical")).is_empty());
    let dense = |service: &Service| {
        let found = search(service, "saoc", "dense");
        let hits = found["hits"].as_array().unwrap().clone();
        let hit = hits.into_iter().find(|hit| hit["text"].as_str().unwrap().contains("vaca")).unwrap();
        hit["dense_score"].as_f64().unwrap()
    };
    let before = dense(&service);
    let kept = service.put(PATH, &json!({"lexicon": LEXICON}));
    assert_eq!((kept.status, kept.json()), (200, json!({"lexicon": LEXICON, "entries": 2})), "{}", kept.text);
    service.kill_and_restart();
    assert_eq!(service.get(PATH).json()["lexicon"], LEXICON);

    for mode in ["lexical", "hybrid"] {
        let found = search(&service, "vaches", mode);
        assert!(texts(&found)[0].contains("vaca"), "{found}");
        assert_eq!(found["expanded"], json!(["vaca", "saoc"]));
        assert_eq!(found["hits"][0]["highlights"], json!([[3, 7]]), "{found}");
    }
    assert!(dense(&service) > before, "the encoder is told as well");
    let minutes = search(&service, "PV", "lexical");
    assert!(texts(&minutes)[0].contains("procès-verbal"), "{minutes}");
}

#[test]
fn a_line_that_is_no_entry_is_named() {
    let service = filled();
    assert_eq!(service.put(PATH, &json!({"lexicon": LEXICON})).status, 200);
    for (lexicon, code, line) in [
        ("a, b\n\nalone", "lexicon_alone", json!(3)),
        ("a, , b", "lexicon_empty", json!(1)),
        ("a => b => c", "lexicon_arrows", json!(1)),
        ("a, b\nc, ?!", "lexicon_characters", json!(2)),
        (&format!("a, {}", "b".repeat(200)), "lexicon_too_long", json!(1)),
        (&"a, b\n".repeat(6_000), "lexicon_too_long", Value::Null),
    ] {
        let refused = service.put(PATH, &json!({"lexicon": lexicon}));
        assert_eq!((refused.status, refused.error_code().as_str()), (400, code), "{}", refused.text);
        assert_eq!(refused.json()["error"]["line"], line);
    }
    assert_eq!(service.get(PATH).json()["lexicon"], LEXICON, "nothing changed");
    let nowhere = "/api/v1/collections/nowhere/lexicon";
    assert_eq!(service.get(nowhere).error_code(), "collection_not_found");
    assert_eq!(service.put(nowhere, &json!({"lexicon": ""})).error_code(), "collection_not_found");
}

#[test]
fn a_lexicon_is_the_operators_and_counts_for_those_who_may_enter() {
    let service = filled();
    assert_eq!(service.post("/api/v1/collections", &json!({"name": "closed"})).status, 201);
    let readers = json!({"readers": ["user:anna"]});
    assert_eq!(service.put("/api/v1/collections/default/readers", &readers).status, 200);
    assert_eq!(service.put("/api/v1/users/anna", &json!({"groups": []})).status, 200);
    let key = service.post("/api/v1/keys", &json!({"user": "anna", "label": "test"})).json();
    let key = format!("Bearer {}", key["key"].as_str().unwrap());
    let as_anna = |path: &str, body: Option<&Value>| service.with_header(("Authorization", &key), path, body);
    assert_eq!(as_anna(PATH, None).error_code(), "operator_only");

    let closed = json!({"lexicon": "faucon, vaca"});
    assert_eq!(service.put("/api/v1/collections/closed/lexicon", &closed).status, 200);
    let query = json!({"query": "faucon", "mode": "lexical"});
    let annas = as_anna("/api/v1/search", Some(&query)).json();
    assert_eq!((&annas["expanded"], &annas["hits"]), (&json!([]), &json!([])), "{annas}");
    assert_eq!(search(&service, "faucon", "lexical")["expanded"], json!(["vaca"]), "the operator may enter all");
    assert_eq!(service.put(PATH, &closed).status, 200);
    let annas = as_anna("/api/v1/search", Some(&query)).json();
    assert_eq!((&annas["expanded"], texts(&annas).len()), (&json!(["vaca"]), 1), "{annas}");
}

#[test]
fn the_command_line_shows_and_sets_it() {
    let service = filled();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lexicon.txt");
    std::fs::write(&file, LEXICON).unwrap();
    let set = service.command(&["lexicon", "set", "default", file.to_str().unwrap()]);
    assert!(set.status.success(), "{set:?}");
    assert_eq!(String::from_utf8_lossy(&set.stdout), "default: 2 entries\n");
    assert_eq!(String::from_utf8_lossy(&service.command(&["lexicon", "show", "default"]).stdout), LEXICON);
    let shown = service.command(&["lexicon", "show", "default", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&shown.stdout).unwrap()["entries"], 2);
    let found = service.command(&["search", "vaches", "--mode", "lexical"]);
    let told = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(told.contains("also looked for: vaca, saoc") && told.contains("La vaca es"), "{told}");

    // Out of another program.
    let from_input = |text: &str| {
        let mut command = Command::new(program());
        command.arg("--data").arg(&service.data).args(["lexicon", "set", "default", "-"]);
        command
            .env("TERROIR_MODELS_DIR", models_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut running = command.spawn().unwrap();
        running.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        running.wait_with_output().unwrap()
    };
    assert!(from_input("a, b\n").status.success());
    let refused = from_input("a, b\nalone\n");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("line 2: an expression alone"), "{told}");
    assert_eq!(service.get(PATH).json()["lexicon"], "a, b\n");
    assert!(!service.command(&["lexicon", "set", "default", "/nowhere/at/all.txt"]).status.success());
}
