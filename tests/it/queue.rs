//! Holding work back, letting it go on, calling it off and trying again, through the API.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::service::{PATIENCE, Service, database};

fn upload(service: &Service, name: &str) -> String {
    let item = service.upload(name, format!("The fence of {name} is of larch.").as_bytes());
    item["document"].as_str().unwrap().to_owned()
}

fn act(service: &Service, id: &str, action: &str) -> (u16, Value) {
    let answer = service.post(&format!("/api/v1/documents/{id}/{action}"), &json!({}));
    (answer.status, answer.json())
}

#[test]
fn work_is_steered_while_the_queue_is_paused_and_after() {
    let service = Service::start(&database());
    let paused = service.post("/api/v1/queue/pause", &json!({})).json();
    assert_eq!(paused["paused"], true, "{paused}");
    let ids: Vec<String> = ["a.txt", "b.txt", "c.txt"].iter().map(|name| upload(&service, name)).collect();
    std::thread::sleep(Duration::from_millis(700));
    let queue = service.get("/api/v1/queue").json();
    assert_eq!((&queue["queued"], &queue["running"], &queue["remaining_s"]), (&json!(3), &json!(0), &Value::Null));

    let (status, cancelled) = act(&service, &ids[0], "cancel");
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")), "{cancelled}");
    let (status, held) = act(&service, &ids[1], "pause");
    assert_eq!((status, &held["status"], &held["stage"]), (200, &json!("queued"), &json!("paused")), "{held}");
    let resumed = service.post("/api/v1/queue/resume", &json!({})).json();
    assert_eq!(resumed["paused"], false);
    assert_eq!(service.wait_for(&ids[2])["status"], "ready");
    let held = service.get(&format!("/api/v1/documents/{}", ids[1])).json();
    assert_eq!(held["stage"], "paused", "{held}");

    let (status, _) = act(&service, &ids[1], "resume");
    assert_eq!(status, 200);
    assert_eq!(service.wait_for(&ids[1])["status"], "ready");
    let (status, again) = act(&service, &ids[0], "retry");
    assert_eq!((status, &again["status"]), (200, &json!("queued")), "{again}");
    assert_eq!(service.wait_for(&ids[0])["status"], "ready");

    for action in ["pause", "resume", "cancel", "retry"] {
        let (status, error) = act(&service, &ids[0], action);
        assert_eq!((status, &error["error"]["code"]), (409, &json!("conflict")), "{action}: {error}");
    }
    let nobody = uuid::Uuid::new_v4();
    let (status, error) = act(&service, &nobody.to_string(), "cancel");
    assert_eq!((status, &error["error"]["code"]), (404, &json!("document_not_found")));
    let queue = service.get("/api/v1/queue").json();
    assert_eq!((&queue["queued"], &queue["finished_lately"]), (&json!(0), &json!(3)), "{queue}");
}

/// Killed while it embeds a long document, the service goes on after what it has kept.
#[test]
fn a_long_document_goes_on_where_it_was() {
    let mut service = Service::start(&database());
    let sections: Vec<String> =
        (0..420).map(|n| format!("# Parcel {n}\n\n{}", "It lies by the river. ".repeat(50))).collect();
    let id = service.upload("long.md", sections.join("\n\n").as_bytes())["document"].as_str().unwrap().to_owned();
    let progress = |service: &Service| {
        let document = service.get(&format!("/api/v1/documents/{id}")).json();
        let done = document["progress"]["done"].as_u64().filter(|_| document["stage"] == "embedding");
        (document["status"] == "ready", done)
    };
    let began = Instant::now();
    while progress(&service).1.is_none_or(|done| done < 288) {
        assert!(began.elapsed() < PATIENCE && !progress(&service).0, "it was not caught while it embedded");
        std::thread::sleep(Duration::from_millis(20));
    }
    service.kill_and_restart();
    assert_eq!(service.wait_for(&id)["status"], "ready");
    let log = service.log();
    assert!(log.contains("taken up where it was left") && log.contains("chunks=256"), "{log}");
}
