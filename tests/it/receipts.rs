//! Removals with a receipt and the erasure of a person, from outside: through the API and the command line.

use serde_json::{Value, json};

use crate::service::{Service, database};

/// In no other text.
const RARE: &str = "Quittebeufstorch";

fn rare_text() -> String {
    format!("# The roof\n\nThe {RARE} nests on the roof of the town hall in April.\n")
}

fn place<'a>(receipt: &'a Value, name: &str) -> &'a Value {
    let places = receipt["places"].as_array().unwrap_or_else(|| panic!("no places: {receipt}"));
    places.iter().find(|place| place["place"] == name).unwrap_or_else(|| panic!("no {name}: {receipt}"))
}

/// Every place says whether it is gone, and until when what is not gone remains.
fn is_whole(receipt: &Value) {
    for place in receipt["places"].as_array().unwrap() {
        assert_eq!(place["gone"] == true, place["found_after"] == 0, "{place}");
        assert_eq!(place["gone"] == true, place["remains_until"].is_null(), "{place}");
    }
    assert!(receipt["removed_at"].as_str().unwrap().ends_with('Z'), "{receipt}");
}

#[test]
fn a_removal_leaves_a_receipt_and_no_words() {
    let service = Service::start(&database());
    service.add("herons.txt", b"Herons nest by the pond behind the mill.");
    let document = service.add("roof.md", rare_text().as_bytes());
    let id = document["id"].as_str().unwrap();
    let asked = service.post("/api/v1/ask", &json!({"question": "What nests on the roof?", "stream": false})).json();
    assert!(asked["passages"].to_string().contains(RARE), "{asked}");

    let receipt = service.delete(&format!("/api/v1/documents/{id}")).json();
    is_whole(&receipt);
    assert_eq!(
        (&receipt["document"], &receipt["person"], &receipt["cause"]),
        (&json!(id), &Value::Null, &json!("operator"))
    );
    assert_eq!(receipt["removed"], json!({"chunks": 1, "lexical": 1, "dense": 1, "blob": true}), "{receipt}");
    assert_eq!(receipt["sha256"], json!([document["sha256"]]));
    assert_eq!(place(&receipt, "answers")["found_before"], 1, "{receipt}");
    for name in ["documents", "chunks", "answers", "lexical_index", "lexical_segments", "dense_index", "originals"] {
        assert_eq!(place(&receipt, name)["gone"], true, "{name}: {receipt}");
    }
    assert_eq!(place(&receipt, "memory")["gone"], false, "nobody looks into the models' memory");
    assert!(!receipt.to_string().contains(RARE) && !receipt.to_string().contains("roof"), "{receipt}");

    // Kept, and told by the command line as by the API.
    let number = receipt["receipt"].as_str().unwrap();
    assert_eq!(service.get(&format!("/api/v1/receipts/{number}")).json(), receipt);
    assert_eq!(service.get("/api/v1/receipts").json()["items"], json!([receipt]));
    assert_eq!(service.get("/api/v1/receipts/none").error_code(), "receipt_not_found");
    let shown = service.command(&["receipts", number, "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&shown.stdout).unwrap(), receipt);
    let told = String::from_utf8(service.command(&["receipts"]).stdout).unwrap();
    assert!(told.contains(number) && told.contains("1 receipts"), "{told}");

    // The words are in no file: of PostgreSQL the receipt says that it keeps what it freed for a while.
    let holding: Vec<_> = walkdir::WalkDir::new(&service.data)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .filter(|entry| {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            bytes.windows(RARE.len()).any(|window| window.eq_ignore_ascii_case(RARE.as_bytes()))
        })
        .map(walkdir::DirEntry::into_path)
        .collect();
    assert!(holding.is_empty(), "{holding:?}");
    assert_eq!(service.post("/api/v1/doctor", &json!({"repair": false})).json()["healthy"], true);
}

#[test]
fn the_command_line_tells_what_went_and_what_remains() {
    let service = Service::start(&database());
    let document = service.add("roof.md", rare_text().as_bytes());
    let removed = service.command(&["documents", "remove", document["id"].as_str().unwrap()]);
    let told = String::from_utf8(removed.stdout).unwrap();
    assert!(removed.status.success(), "{told}");
    for expected in ["1 chunks, 1 lexical and 1 dense entries", "gone      chunks", "remains   memory", "receipt "] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!told.contains(RARE), "{told}");
}

#[test]
fn a_person_is_erased_through_the_command_line() {
    let service = Service::start(&database());
    for name in ["anna", "bert"] {
        assert_eq!(service.put(&format!("/api/v1/users/{name}"), &json!({"groups": ["staff"]})).status, 200);
    }
    let made = service.post("/api/v1/keys", &json!({"user": "anna", "label": "test"})).json();
    let key = format!("Bearer {}", made["key"].as_str().unwrap());
    let readers = json!({"readers": ["group:staff"]});
    assert_eq!(service.put("/api/v1/collections/default/readers", &readers).status, 200);
    let document = service.add("roof.md", rare_text().as_bytes());
    let id = document["id"].as_str().unwrap();
    let list = json!({"readers": ["user:anna"]});
    assert_eq!(service.put(&format!("/api/v1/documents/{id}/readers"), &list).status, 200);
    let question = json!({"question": "What nests on the roof?", "stream": false});
    assert_eq!(service.with_header(("Authorization", &key), "/api/v1/ask", Some(&question)).status, 200);
    // Neither receipts nor erasure are a user's.
    for (path, body) in [("/api/v1/receipts", None), ("/api/v1/users/bert/erase", Some(&question))] {
        assert_eq!(service.with_header(("Authorization", &key), path, body).error_code(), "operator_only", "{path}");
    }

    let unknown = service.command(&["users", "erase", "nobody"]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no user nobody"));
    let erased = service.command(&["users", "erase", "anna", "--json"]);
    let receipt: Value = serde_json::from_slice(&erased.stdout).unwrap();
    is_whole(&receipt);
    assert!(!receipt.to_string().contains("anna"), "{receipt}");
    assert_eq!(receipt["person"].as_str().unwrap().len(), 64);
    assert_eq!((&receipt["document"], &receipt["only_theirs"]), (&Value::Null, &json!([id])));
    for (name, before) in [("users", 1), ("keys", 1), ("memberships", 1), ("access_entries", 1), ("answers", 1)] {
        assert_eq!(place(&receipt, name)["found_before"], before, "{receipt}");
        assert_eq!(place(&receipt, name)["gone"], true, "{receipt}");
    }
    assert_eq!(service.with_header(("Authorization", &key), "/api/v1/status", None).status, 401);
    assert_eq!(service.get(&format!("/api/v1/documents/{id}")).status, 200, "documents stay");
    assert_eq!(service.post("/api/v1/users/anna/erase", &json!({})).error_code(), "user_not_found");
    let told = String::from_utf8(service.command(&["users", "erase", "bert"]).stdout).unwrap();
    assert!(told.contains("erased bert") && told.contains("gone      users"), "{told}");
}
