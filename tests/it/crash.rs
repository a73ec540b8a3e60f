//! kill −9 in the middle of an ingest: everything is ready in the end, and nothing is there twice.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

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

/// Where the database allows it, the service leaves the work to two workers, and any of the three is killed.
#[test]
#[ignore = "takes ten minutes and both cores"]
fn ten_thousand_files_survive_five_minutes_of_kills() {
    const FILES: usize = 10_000;
    const KILLING: Duration = Duration::from_mins(5);
    let folder = tempfile::tempdir().unwrap();
    for number in 0..FILES {
        let mut text = format!("Note {number}.");
        for line in 0..6 {
            write!(text, " Parcel {number} of sheet {line} has a fence of larch and {} gates.", number % 7).unwrap();
        }
        std::fs::write(folder.path().join(format!("{number:05}.txt")), text).unwrap();
    }
    let database = database();
    let originals = tempfile::tempdir().unwrap();
    let with_workers = database != Database::Sqlite;
    let environment = [
        ("TERROIR_ORIGINALS_DIR", originals.path().to_str().unwrap()),
        ("TERROIR_INGEST_IN_SERVICE", if with_workers { "false" } else { "true" }),
    ];
    let mut service = Service::start_with(&database, &environment);
    let start_worker = || with_workers.then(|| Worker::start(&database, &environment[..1]));
    let mut workers = [start_worker(), start_worker()];
    let mut ingest = service.start_command(&["ingest", folder.path().to_str().unwrap(), "--json"]);
    let output = ingest.stdout.take().unwrap();
    let reader = std::thread::spawn(move || BufReader::new(output).lines().map(Result::unwrap).collect::<Vec<_>>());

    let began = Instant::now();
    let (mut kills, mut random) = (0, 20_261_126_u64);
    while began.elapsed() < KILLING {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(1000 + (random >> 33) % 4000));
        match (random >> 20) % 3 {
            place @ (0 | 1) if with_workers => workers[place as usize] = start_worker(),
            _ => service.kill_and_restart(),
        }
        kills += 1;
    }
    let lines = reader.join().unwrap();
    assert!(ingest.wait().unwrap().success(), "{:?}", lines.last());
    let summary: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    println!("{kills} kills in {:?}, done after {:?}: {summary}", KILLING, began.elapsed());
    // An upload that was answered by nobody may have arrived: sent again, it is there already.
    let count = |status: &str| summary["summary"][status].as_u64().unwrap();
    assert_eq!((count("ready") + count("duplicate"), count("failed")), (FILES as u64, 0), "{summary}");
    let settled = Instant::now();
    let report = loop {
        let report = service.post("/api/v1/doctor", &json!({"repair": false})).json();
        if (report["healthy"] == true && report["documents"] == FILES) || settled.elapsed() > PATIENCE {
            break report;
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    assert_eq!(report["healthy"], true, "{report}");
    for part in ["documents", "chunks_sql", "chunks_lexical", "chunks_dense"] {
        assert_eq!(report[part], FILES, "{part}: {report}");
    }
}
