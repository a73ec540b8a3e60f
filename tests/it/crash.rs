//! kill −9 in the middle of an ingest: everything is ready in the end, and nothing is there twice.

use serde_json::json;

use crate::service::{Database, PATIENCE, Service, Worker, database};

#[test]
fn a_killed_service_finishes_what_it_was_given() {
    let database = database();
    let mut service = Service::start(&database);
    let documents: Vec<String> = (0..60)
        .map(|number| {
            let text = format!("# Note {number}\n\n{}", format!("Parcel {number} has a fence of larch. ").repeat(20));
            let item = service.upload(&format!("{number}.md"), text.as_bytes());
            item["document"].as_str().unwrap().to_owned()
        })
        .collect();
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(400));
        service.kill_and_restart();
    }
    let started = std::time::Instant::now();
    for id in &documents {
        let document = service.wait_for(id);
        assert_eq!(document["status"], "ready", "{document}");
    }
    assert!(started.elapsed() < PATIENCE);
    let report = service.post("/api/v1/doctor", &json!({"repair": false})).json();
    assert_eq!(report["healthy"], true, "{report}");
    assert_eq!(report["documents"], 60);
    assert_eq!(report["chunks_sql"], report["chunks_lexical"], "{report}");
    assert_eq!(report["chunks_sql"], report["chunks_dense"], "{report}");
}

#[test]
fn lost_indexes_are_rebuilt_from_the_database() {
    let service = Service::start(&database());
    service.add("note.md", b"# Fences\n\nLarch lasts longer than pine.");
    let before = service.post("/api/v1/search", &json!({"query": "larch pine"})).json();
    let built = service.post("/api/v1/reindex", &json!({})).json();
    assert_eq!(built["documents"], 1, "{built}");
    let after = service.post("/api/v1/search", &json!({"query": "larch pine"})).json();
    assert_eq!(before["hits"], after["hits"]);
}

/// A service that does not ingest, and workers that do, one of which is killed while it works.
#[test]
fn workers_in_processes_of_their_own_share_the_work() {
    let database = database();
    if database == Database::Sqlite {
        return eprintln!("NOT TESTED on SQLite: it has one process");
    }
    let originals = tempfile::tempdir().unwrap();
    let shared = [("TERROIR_ORIGINALS_DIR", originals.path().to_str().unwrap())];
    let service = Service::start_with(&database, &[shared[0], ("TERROIR_INGEST_IN_SERVICE", "false")]);
    let documents: Vec<String> = (0..20)
        .map(|number| {
            let text = format!("Parcel {number} has a fence of larch.");
            service.upload(&format!("{number}.txt"), text.as_bytes())["document"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(service.get(&format!("/api/v1/documents/{}", documents[0])).json()["status"], "queued");
    let short_lived = Worker::start(&database, &shared);
    std::thread::sleep(std::time::Duration::from_secs(2));
    drop(short_lived);
    let _worker = Worker::start(&database, &shared);
    for id in &documents {
        let document = service.wait_for(id);
        assert_eq!(document["status"], "ready", "{document}");
    }
    let started = std::time::Instant::now();
    loop {
        let report = service.post("/api/v1/doctor", &json!({"repair": false})).json();
        if report["healthy"] == true && report["chunks_lexical"] == 20 && report["chunks_dense"] == 20 {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "the service does not follow its workers: {report}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
