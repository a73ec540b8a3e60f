//! Users: let in by their keys, shown what they may read, told nothing of the rest.

use serde_json::{Value, json};

use crate::service::{Reply, Service, database, multipart};

const OPEN: &str = "The orchard's wages are paid on the last Friday of the month.";
const BOARD: &str = "The director's wages are four hundred thousand francs.";
const BERT: &str = "A warning about late wages was sent to Bert.";

/// Anna is in the group staff, Bert is not; one document is for all staff, one is narrowed to nobody of them, one to
/// Bert.
struct Bench {
    service: Service,
    anna: String,
    open: String,
    board: String,
}

impl Bench {
    fn start() -> Self {
        let service = Service::start(&database());
        let key = |user: &str, groups: Value| {
            assert_eq!(service.put(&format!("/api/v1/users/{user}"), &json!({"groups": groups})).status, 200);
            let made = service.post("/api/v1/keys", &json!({"user": user, "label": "test"}));
            assert_eq!(made.status, 201, "{}", made.text);
            format!("Bearer {}", made.json()["key"].as_str().unwrap())
        };
        let anna = key("anna", json!(["staff"]));
        key("bert", json!([]));
        let readers = json!({"readers": ["group:staff", "user:bert"]});
        assert_eq!(service.put("/api/v1/collections/default/readers", &readers).status, 200);
        let id = |document: &Value| document["id"].as_str().unwrap().to_owned();
        let open = id(&service.add("wages.txt", OPEN.as_bytes()));
        let board = id(&service.add("board.txt", BOARD.as_bytes()));
        let path = format!("/api/v1/documents/{board}/readers");
        assert_eq!(service.put(&path, &json!({"readers": ["group:board"]})).status, 200);
        // Narrowed from its beginning.
        let form = [
            b"--XX\r\nContent-Disposition: form-data; name=\"reader\"\r\n\r\nuser:bert\r\n".as_slice(),
            &multipart("warning.txt", BERT.as_bytes()),
        ];
        let reply = service.post_raw("/api/v1/documents", "multipart/form-data; boundary=XX", &form.concat());
        assert_eq!(reply.status, 202, "{}", reply.text);
        service.wait_for(reply.json()["items"][0]["document"].as_str().unwrap());
        Self { service, anna, open, board }
    }

    fn as_anna(&self, path: &str, body: Option<&Value>) -> Reply {
        self.service.with_header(("Authorization", &self.anna), path, body)
    }
}

#[test]
fn a_user_is_shown_what_the_user_may_read() {
    let bench = Bench::start();
    for mode in ["hybrid", "lexical", "dense"] {
        let found = bench.as_anna("/api/v1/search", Some(&json!({"query": "wages", "mode": mode}))).json();
        let texts: Vec<&str> =
            found["hits"].as_array().unwrap().iter().map(|hit| hit["text"].as_str().unwrap()).collect();
        assert_eq!(texts, [OPEN], "{mode}");
    }
    let answer =
        bench.as_anna("/api/v1/ask", Some(&json!({"question": "What are the director's wages?", "stream": false})));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(!answer.text.contains("four hundred") && !answer.text.contains("Bert"), "{}", answer.text);
    let chat = json!({"messages": [{"role": "user", "content": "Who was warned about late wages?"}]});
    let written = bench.as_anna("/v1/chat/completions", Some(&chat));
    assert_eq!(written.status, 200, "{}", written.text);
    assert!(!written.text.contains("Bert"), "{}", written.text);

    let listed = bench.as_anna("/api/v1/documents", None).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let status = bench.as_anna("/api/v1/status", None).json();
    assert_eq!((&status["documents"]["total"], &status["chunks"]), (&json!(1), &json!(1)), "{status}");
    assert_eq!(status["caller"], json!({"kind": "user", "name": "anna"}));
    let collections = bench.as_anna("/api/v1/collections", None).json();
    assert_eq!(collections["items"][0]["documents"], 1, "{collections}");
    assert_eq!(bench.service.get("/api/v1/status").json()["documents"]["total"], 3, "the operator sees all");
}

#[test]
fn what_is_closed_and_what_is_not_there_are_the_same() {
    let bench = Bench::start();
    let absent = "00000000-0000-8000-8000-000000000000";
    for part in ["", "/content", "/text", "/boxes?char_start=0&char_end=3"] {
        let open = bench.as_anna(&format!("/api/v1/documents/{}{part}", bench.open), None);
        assert_eq!(open.status, 200, "{part}: {}", open.text);
        let mut told = Vec::new();
        for document in [bench.board.as_str(), absent] {
            let mut reply = bench.as_anna(&format!("/api/v1/documents/{document}{part}"), None).json();
            reply["error"]["request_id"] = Value::Null;
            told.push(reply);
        }
        assert_eq!(told[0]["error"]["code"], "document_not_found");
        assert_eq!(told[0], told[1], "{part}");
    }
    assert_eq!(bench.service.post("/api/v1/collections", &json!({"name": "closed"})).status, 201);
    let search = |collection: &str| {
        bench.as_anna("/api/v1/search", Some(&json!({"query": "x", "collection": collection}))).error_code()
    };
    assert_eq!(
        (search("closed").as_str(), search("absent").as_str()),
        ("collection_not_found", "collection_not_found")
    );
    let only = json!({"query": "wages", "documents": [bench.board]});
    assert_eq!(bench.as_anna("/api/v1/search", Some(&only)).json()["hits"], json!([]));
}

#[test]
fn all_else_is_the_operators() {
    let bench = Bench::start();
    for path in ["/api/v1/queue", "/api/v1/sources", "/api/v1/users", "/api/v1/keys", "/metrics"] {
        assert_eq!(bench.as_anna(path, None).error_code(), "operator_only", "{path}");
    }
    let document = format!("/api/v1/documents/{}", bench.open);
    for path in [&format!("{document}/why"), &format!("{document}/readers")] {
        assert_eq!(bench.as_anna(path, None).error_code(), "operator_only", "{path}");
    }
    for path in ["/api/v1/documents", "/api/v1/keys", "/api/v1/collections", "/api/v1/doctor", "/api/v1/reindex"] {
        assert_eq!(bench.as_anna(path, Some(&json!({}))).error_code(), "operator_only", "{path}");
    }
    let wrong = bench.service.with_header(("Authorization", "Bearer terroir_0123"), "/api/v1/status", None);
    assert_eq!((wrong.status, wrong.error_code().as_str()), (401, "unauthorized"));
    assert_eq!(bench.as_anna("/", None).status, 200, "the page");
}

#[test]
fn the_operator_asks_in_a_users_name_and_why() {
    let bench = Bench::start();
    let as_user = |name: &str, path: &str| bench.service.with_header(("X-Terroir-As", name), path, None);
    assert_eq!(as_user("anna", "/api/v1/documents").json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(as_user("bert", "/api/v1/documents").json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(as_user("nobody", "/api/v1/documents").error_code(), "user_not_found");
    assert_eq!(as_user("anna", "/api/v1/queue").error_code(), "operator_only");
    let why = bench.service.command(&["why", &bench.board, "--as", "anna"]);
    let told = String::from_utf8_lossy(&why.stdout).into_owned();
    assert_eq!(why.status.code(), Some(1), "{told}");
    assert!(told.contains("anna may not read it") && told.contains("group:board"), "{told}");
    assert!(bench.service.command(&["why", &bench.open, "--as", "anna"]).status.success());
    let found = bench.service.command(&["search", "wages", "--as", "anna", "--json"]);
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["hits"].as_array().unwrap().len(), 1, "{found}");

    // Counts from the next request on, for lists, groups and keys alike.
    assert!(bench.service.command(&["users", "set", "anna", "--group", "staff", "--group", "board"]).status.success());
    assert_eq!(bench.as_anna("/api/v1/documents", None).json()["items"].as_array().unwrap().len(), 2);
    assert!(bench.service.command(&["readers", "set", "--collection", "default"]).status.success());
    assert_eq!(bench.as_anna("/api/v1/documents", None).json()["items"], json!([]));
    let keys = bench.service.get("/api/v1/keys").json();
    let key = keys["items"].as_array().unwrap().iter().find(|key| key["user"] == "anna").unwrap()["id"].clone();
    assert_eq!(bench.service.delete(&format!("/api/v1/keys/{}", key.as_str().unwrap())).status, 204);
    assert_eq!(bench.as_anna("/api/v1/status", None).status, 401);
}
