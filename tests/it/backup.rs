//! Backup, restore and migration with the program itself.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::service::{Database, Service, database, run};

const QUESTION: &str = "when are quinces harvested";

fn filled() -> Service {
    let service = Service::start(&database());
    service.add("orchard.md", "# The orchard\n\nQuinces are harvested in October.\n".as_bytes());
    service.add("cellar.txt", "The cellar is kept at eleven degrees.".as_bytes());
    let gone = service.add("gone.txt", b"The heron was counted in May.");
    assert_eq!(service.delete(&format!("/api/v1/documents/{}", gone["id"].as_str().unwrap())).status, 200);
    let lexicon = json!({"lexicon": "quinces, pears\n"});
    assert_eq!(service.put("/api/v1/collections/default/lexicon", &lexicon).status, 200);
    assert_eq!(service.put("/api/v1/users/anna", &json!({"groups": ["staff"]})).status, 200);
    service
}

/// What is found, how well, and where.
fn found(service: &Service) -> Vec<Value> {
    let reply = service.post("/api/v1/search", &json!({"query": QUESTION, "top_k": 10})).json();
    reply["hits"].as_array().unwrap().clone()
}

fn ok(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_backup_of_a_running_service_is_a_service_elsewhere() {
    let service = filled();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("terroir.tar.zst");
    let file = file.to_str().unwrap();
    let made: Value = serde_json::from_str(&ok(&service.command(&["backup", file, "--json"]))).unwrap();
    assert_eq!((&made["contents"]["rows"]["documents"], &made["contents"]["blobs"]), (&json!(2), &json!(2)), "{made}");
    assert!(refused(&service.command(&["backup", file])).contains("is there already"));
    assert!(refused(&service.command(&["restore", file])).contains("stop it"), "a service runs here");

    let elsewhere = database();
    let restore = |data: &Path| {
        let told = ok(&run(data, &elsewhere, &["restore", file]));
        assert!(told.contains("2 documents") && told.contains("database and indexes agree"), "{told}");
        assert!(refused(&run(data, &elsewhere, &["restore", file])).contains("something in the database already"));
    };
    let new = Service::start_after(&elsewhere, &[], restore);
    let (before, after) = (found(&service), found(&new));
    assert_eq!(before.len(), 2);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before["chunk"], &before["text"]), (&after["chunk"], &after["text"]));
    }
    let users = new.get("/api/v1/users").json();
    assert_eq!(users["items"][0]["name"], "anna", "{users}");
    assert_eq!(new.get("/api/v1/collections/default/lexicon").json()["lexicon"], "quinces, pears\n");
    let path = format!("/api/v1/documents/{}/content", after[0]["document"].as_str().unwrap());
    assert_eq!(service.get(&path).text, new.get(&path).text);
    new.add("new.txt", b"Work goes on after it.");
}

#[test]
fn a_backup_is_for_the_operator_alone() {
    let service = filled();
    let key = service.post("/api/v1/keys", &json!({"user": "anna", "label": "test"})).json();
    let key = format!("Bearer {}", key["key"].as_str().unwrap());
    let reply = service.with_header(("Authorization", &key), "/api/v1/backup", None);
    assert_eq!((reply.status, reply.error_code().as_str()), (403, "operator_only"));
}

#[test]
fn a_file_that_is_no_backup_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("note.txt");
    std::fs::write(&file, "no backup").unwrap();
    let data = folder.path().join("data");
    let told = refused(&run(&data, &database(), &["restore", file.to_str().unwrap()]));
    assert!(told.contains("cannot be read") && told.contains("nothing was restored"), "{told}");
    assert!(!data.join("terroir.sqlite").exists());
}

#[test]
fn a_data_folder_moves_to_postgres_and_back() {
    let Database::Postgres(url) = database() else { return };
    let server = Database::Postgres(url.clone());
    let to_server = ["migrate", "--to", "postgres", "--database-url", &url];
    let mut service = Service::start(&Database::Sqlite);
    service.add("orchard.txt", b"Quinces are harvested in October.");
    let before = found(&service);
    assert!(refused(&service.command(&to_server)).contains("stop it"));
    service.kill_and_restart_on(&server, |data| {
        let told = ok(&run(data, &Database::Sqlite, &to_server));
        assert!(told.contains("1 documents copied") && told.contains("database and indexes agree"), "{told}");
    });
    assert_eq!(found(&service), before);
    service.kill_and_restart_on(&Database::Sqlite, |data| {
        assert!(refused(&run(data, &server, &["migrate", "--to", "sqlite"])).contains("something in the database"));
        std::fs::rename(data.join("terroir.sqlite"), data.join("old.sqlite")).unwrap();
        ok(&run(data, &server, &["migrate", "--to", "sqlite"]));
    });
    assert_eq!(found(&service), before);
    service.add("new.txt", b"Work goes on after it.");
}
