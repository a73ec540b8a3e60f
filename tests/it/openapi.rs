//! The description of the API and the API say the same.

use serde_json::Value;

use crate::service::{Service, database};

#[test]
fn every_described_route_answers_and_every_error_has_the_shape() {
    let service = Service::start(&database());
    let description = service.get("/openapi.json").json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3."));
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() >= 18, "{:?}", paths.keys());
    for (path, operations) in paths {
        let path = path.replace("{id}", "00000000-0000-0000-0000-000000000000").replace("{name}", "somebody");
        let methods: Vec<&String> = operations.as_object().unwrap().keys().collect();
        for method in methods {
            // An endless stream has no status to look at here.
            if path.ends_with("/events") || path.ends_with("/reindex") {
                continue;
            }
            let reply = match method.as_str() {
                "get" => service.get(&path),
                "delete" => service.delete(&path),
                "post" => service.post(&path, &Value::Null),
                "put" => service.put(&path, &Value::Null),
                "patch" => service.patch(&path, &Value::Null),
                other => panic!("{path} has the method {other}"),
            };
            assert_ne!(reply.status, 405, "{method} {path}");
            assert!(reply.status < 500, "{method} {path}: {}", reply.text);
            if reply.status >= 400 {
                assert_ne!(reply.error_code(), "not_found", "{method} {path} is described and does not exist");
            }
        }
    }
}

#[test]
fn the_command_prints_the_same_description() {
    let service = Service::start(&database());
    let printed = service.command(&["openapi"]);
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(printed, service.get("/openapi.json").json());
}
