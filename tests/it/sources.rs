//! Sources as a whole: the service, its commands, a folder that it watches, and kill −9 in the middle.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::service::{Database, PATIENCE, Service, Worker, database};

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// The hits' file names, in order of their place in the answer.
fn found(service: &Service, query: &str) -> Vec<String> {
    let found = service.post("/api/v1/search", &json!({"query": query, "mode": "lexical"})).json();
    let hits = found["hits"].as_array().unwrap_or_else(|| panic!("{found}"));
    hits.iter().map(|hit| hit["file_name"].as_str().unwrap().to_owned()).collect()
}

fn until(what: &str, service: &Service, mut reached: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !reached() {
        assert!(started.elapsed() < PATIENCE, "{what}: {}", service.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    started.elapsed()
}

fn added(service: &Service, arguments: &[&str]) -> Value {
    let output = service.command(&[&["sources", "add"], arguments, &["--json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_watched_folder_is_followed_until_it_is_removed() {
    let service = Service::start(&database());
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "storks.txt", "Storks return in March.");
    std::thread::sleep(Duration::from_millis(1100));
    let path = root.path().to_str().unwrap();
    let source = added(&service, &["folder", path, "--name", "birds", "--wait"]);
    assert_eq!(source["last_sync"]["added"], 1, "{source}");
    assert_eq!(found(&service, "storks"), ["storks.txt"]);
    let document = service.get("/api/v1/documents").json()["items"][0].clone();
    assert_eq!(document["source"], source["id"], "{document}");

    write(root.path(), "below/owls.txt", "Owls hunt at night.");
    let elapsed = until("a new file", &service, || !found(&service, "owls").is_empty());
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    write(root.path(), "storks.txt", "Cranes return in March.");
    until("a changed file", &service, || !found(&service, "cranes").is_empty());
    until("its older state", &service, || found(&service, "storks").is_empty());
    std::fs::rename(root.path().join("below"), root.path().join("moved")).unwrap();
    std::fs::remove_file(root.path().join("storks.txt")).unwrap();
    until("a removed file", &service, || found(&service, "cranes").is_empty());
    until("a moved folder", &service, || {
        let uris = service.get("/api/v1/documents").json()["items"].to_string();
        uris.contains("moved/owls.txt") && !uris.contains("below/owls.txt")
    });
    assert_eq!(found(&service, "owls"), ["owls.txt"]);

    let removed = service.command(&["sources", "remove", "birds"]);
    assert!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));
    assert!(found(&service, "owls").is_empty());
    let report = service.post("/api/v1/doctor", &json!({"repair": false})).json();
    assert_eq!((&report["healthy"], &report["documents"]), (&json!(true), &json!(0)), "{report}");
}

#[test]
fn a_killed_sync_goes_on_where_it_was() {
    let mut service = Service::start(&database());
    let root = tempfile::tempdir().unwrap();
    for number in 0..300 {
        write(root.path(), &format!("{}/{number}.txt", number % 7), &format!("Parcel number{number} has a fence."));
    }
    std::thread::sleep(Duration::from_millis(1100));
    added(&service, &["folder", root.path().to_str().unwrap(), "--name", "land", "--no-watch"]);
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(300));
        service.kill_and_restart();
    }
    until("all documents", &service, || {
        let source = service.get("/api/v1/sources").json()["items"][0].clone();
        source["documents"]["ready"] == 300
            && source["last_sync"]["state"] == "done"
            && source["running_sync"].is_null()
    });
    let report = service.post("/api/v1/doctor", &json!({"repair": false})).json();
    assert_eq!((&report["healthy"], &report["documents"]), (&json!(true), &json!(300)), "{report}");
    // Nothing is left to do, and nothing is left behind.
    let again = service.command(&["sources", "sync", "land", "--wait", "--json"]);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&again["last_sync"]["unchanged"], &again["last_sync"]["added"]), (&json!(300), &json!(0)), "{again}");
    // Killed while its documents are removed.
    let id = again["id"].as_str().unwrap().to_owned();
    assert_eq!(service.delete(&format!("/api/v1/sources/{id}")).status, 202);
    std::thread::sleep(Duration::from_millis(700));
    service.kill_and_restart();
    until("the source to go", &service, || service.get(&format!("/api/v1/sources/{id}")).status == 404);
    let report = service.post("/api/v1/doctor", &json!({"repair": false})).json();
    assert_eq!((&report["healthy"], &report["documents"]), (&json!(true), &json!(0)), "{report}");
}

#[test]
fn callers_are_denied_what_they_may_not_read() {
    let service = Service::start(&database());
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "secret.txt", "The combination is 1-2-3-4.");
    let post = |body: Value| service.post("/api/v1/sources", &body);
    for (body, status, code) in [
        (json!({"kind": "folder", "settings": {"path": root.path()}}), 403, "folder_not_allowed"),
        (json!({"kind": "folder", "settings": {"path": "/nowhere"}}), 403, "folder_not_allowed"),
        (
            json!({"kind": "git", "settings": {"url": format!("file://{}", root.path().display())}}),
            403,
            "folder_not_allowed",
        ),
        (
            json!({"kind": "bucket", "settings": {"service": "s3", "bucket": "b", "credentials": "x"}}),
            400,
            "no_credentials",
        ),
        (json!({"kind": "site", "settings": {"urls": ["http://169.254.169.254/"]}}), 400, "invalid_source"),
        (json!({"kind": "site", "settings": {"urls": ["http://127.0.0.1:9/"]}}), 422, "source_unreadable"),
        (json!({"kind": "drawer", "settings": {}}), 400, "invalid_source"),
        (json!({"kind": "site", "settings": {"urls": ["http://a.example/"]}, "interval_s": 1}), 400, "invalid_source"),
        (
            json!({"kind": "site", "settings": {"urls": ["http://a.example/"]}, "collection": "none"}),
            404,
            "collection_not_found",
        ),
    ] {
        let reply = post(body.clone());
        assert_eq!((reply.status, reply.error_code().as_str()), (status, code), "{body}: {}", reply.text);
    }
    assert_eq!(service.get("/api/v1/sources").json()["items"], json!([]));
    // Whoever may read the data folder may read the folder.
    added(&service, &["folder", root.path().to_str().unwrap(), "--name", "mine", "--wait"]);
    // And nobody can turn such a source towards something else.
    let source = service.get("/api/v1/sources").json()["items"][0].clone();
    let path = format!("/api/v1/sources/{}", source["id"].as_str().unwrap());
    let reply = service.patch(&path, &json!({"settings": {"path": "/etc"}}));
    assert_eq!((reply.status, reply.error_code().as_str()), (403, "folder_not_allowed"));
    let reply = service.patch(&path, &json!({"name": "ours", "interval_s": 0}));
    assert_eq!((reply.status, &reply.json()["name"]), (200, &json!("ours")), "{}", reply.text);
    assert!(!service.log().contains("combination") && !service.log().contains("secret.txt"), "{}", service.log());
}

/// Sources that anybody can reach are kept in step by workers in processes of their own, one at a time.
#[test]
fn workers_share_sources() {
    let database = database();
    if database == Database::Sqlite {
        return eprintln!("NOT TESTED on SQLite: it has one process");
    }
    let originals = tempfile::tempdir().unwrap();
    let shared = [("TERROIR_ORIGINALS_DIR", originals.path().to_str().unwrap())];
    let environment = [shared[0], ("TERROIR_INGEST_IN_SERVICE", "false"), ("TERROIR_SOURCES_IN_SERVICE", "false")];
    let service = Service::start_with(&database, &environment);
    let body = json!({"kind": "site", "check": false, "interval_s": 5,
        "settings": {"urls": [format!("{}/openapi.json", service.base)], "delay_ms": 0}});
    let source = service.post("/api/v1/sources", &body).json();
    let path = format!("/api/v1/sources/{}", source["id"].as_str().unwrap());
    assert!(source["id"].is_string(), "{source}");
    std::thread::sleep(Duration::from_secs(1));
    assert!(service.get(&path).json()["last_sync"].is_null(), "nobody works on it");
    let _workers = [Worker::start(&database, &shared), Worker::start(&database, &shared)];
    until("three syncs", &service, || {
        let syncs = service.get(&format!("{path}/syncs")).json()["items"].as_array().unwrap().len();
        syncs >= 3
    });
    let syncs = service.get(&format!("{path}/syncs")).json()["items"].as_array().unwrap().clone();
    for pair in syncs.windows(2) {
        assert_eq!(pair[1]["state"], "done", "{syncs:?}");
        assert!(pair[1]["finished_at"].as_str() <= pair[0]["started_at"].as_str(), "two at once: {syncs:?}");
    }
    // Reading what was brought takes as long as it takes.
    until("the document", &service, || service.get(&path).json()["documents"]["ready"] == 1);
}
