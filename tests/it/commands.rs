//! The command line: shapes of `--json`, exit codes, with a running service and without.

use std::process::Stdio;

use serde_json::Value;

use crate::fixtures;
use crate::service::{Service, database, program};

fn lines(output: &std::process::Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn one(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines = lines(output);
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

/// In alphabetical order.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> =
        value.as_object().unwrap_or_else(|| panic!("{value} is no object")).keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn ingest_reports_a_line_per_file_and_a_summary() {
    // Whether the machine recognises text decides what is wrong with a page without any.
    let service = Service::start_with(&database(), &[("TERROIR_INGEST_RECOGNITION", "off")]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "Storks return in March.").unwrap();
    std::fs::write(folder.path().join("b.pdf"), fixtures::pdf(&[&["Storks leave in August."]])).unwrap();
    std::fs::write(folder.path().join("c.pdf"), fixtures::pdf_without_text()).unwrap();
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(folder.path().join("below/d.txt"), "Storks return in March.").unwrap();
    let path = folder.path().to_str().unwrap();

    let output = service.command(&["ingest", path, "--json"]);
    assert!(!output.status.success(), "a failed file fails the command");
    let mut report = lines(&output);
    let summary = report.pop().unwrap();
    assert_eq!(summary["summary"]["failed"], 1, "{summary}");
    assert_eq!(summary["summary"]["ready"], 2, "{summary}");
    assert_eq!(summary["summary"]["duplicate"], 1, "the same bytes twice: {summary}");
    assert_eq!(report.len(), 4);
    for line in &report {
        assert_eq!(keys(line), ["chunks", "document", "error", "ms", "pages", "path", "status"]);
    }
    let failed = report.iter().find(|line| line["status"] == "failed").unwrap();
    assert_eq!(failed["error"]["code"], "no_text");

    let again = lines(&service.command(&["ingest", path, "--json"]));
    assert_eq!(again.last().unwrap()["summary"]["ready"], 0, "{again:?}");
}

#[test]
fn a_reader_that_leaves_ends_a_command_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(program());
    command.arg("--data").arg(folder.path()).arg("openapi");
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(running.stdout.take());
    let output = running.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{}", output.status);
}

#[test]
fn search_and_ask_print_their_contracts() {
    let service = Service::start(&database());
    service.add("storks.pdf", &fixtures::pdf(&[&["Storks return to the village in March."]]));
    let found = one(&service.command(&["search", "storks return", "--json"]));
    let hit = &found["hits"][0];
    for key in ["chunk", "document", "revision", "title", "text", "score", "lexical_rank", "dense_rank"] {
        assert!(!hit[key].is_null(), "{key}: {hit}");
    }
    assert_eq!(keys(&hit["locator"]), ["char_end", "char_start", "heading_path", "page"]);
    assert!(found["took_ms"].is_u64());

    let answer = one(&service.command(&["ask", "When do storks return?", "--json"]));
    for key in ["id", "outcome", "text", "citations", "passages", "model", "usage", "timings_ms"] {
        assert!(!answer[key].is_null(), "{key}: {answer}");
    }
    for key in
        ["marker", "quote", "verified", "document", "revision", "title", "page", "char_start", "char_end", "boxes"]
    {
        assert!(!answer["citations"][0][key].is_null(), "{key}: {answer}");
    }
    let text = service.command(&["ask", "When do storks return?"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("verified"));
}

#[test]
fn parse_shows_blocks_without_keeping_anything() {
    let service = Service::start(&database());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("storks.md");
    std::fs::write(&file, "# Storks\n\n- They return in March.\n").unwrap();
    let parsed = one(&service.command(&["parse", file.to_str().unwrap(), "--json"]));
    let kinds: Vec<&str> =
        parsed["blocks"].as_array().unwrap().iter().map(|block| block["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["heading", "list_item"]);
    assert_eq!(parsed["blocks"][1]["locator"]["heading_path"][0], "Storks");
    assert_eq!(parsed["warnings"], serde_json::json!([]));
    let article = folder.path().join("storks.xml");
    let text = "<article><front><article-meta><article-id pub-id-type=\"doi\">10.1234/storks.7</article-id><title-group>\
        <article-title>Storks</article-title></title-group><contrib-group><contrib contrib-type=\"author\"><name>\
        <surname>Adler</surname><given-names>Ida</given-names></name></contrib></contrib-group><pub-date>\
        <year>2020</year></pub-date></article-meta></front><body><p>They return in March.</p></body></article>";
    std::fs::write(&article, text).unwrap();
    let parsed = one(&service.command(&["parse", article.to_str().unwrap(), "--json"]));
    let metadata = &parsed["metadata"];
    assert_eq!((&parsed["title"], &metadata["doi"]), (&"Storks".into(), &"10.1234/storks.7".into()), "{parsed}");
    assert!(metadata["authors"][0].as_str().unwrap().contains("Adler") && metadata["year"] == 2020, "{metadata}");
    let missing = service.command(&["parse", "/nowhere/at/all.pdf"]);
    assert!(!missing.status.success());
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/nowhere/at/all.pdf"));
}

#[test]
fn documents_are_listed_shown_and_removed() {
    let service = Service::start(&database());
    let document = service.add("note.txt", b"Storks nest on the mill.");
    let id = document["id"].as_str().unwrap();
    let listed = one(&service.command(&["documents", "list", "--json"]));
    assert_eq!(listed["items"][0]["id"], id);
    assert_eq!(one(&service.command(&["documents", "show", id, "--json"]))["status"], "ready");
    let removed = one(&service.command(&["documents", "remove", id, "--json"]));
    assert_eq!(removed["removed"]["chunks"], 1);
    let gone = service.command(&["documents", "show", id, "--json"]);
    assert!(!gone.status.success());
    assert!(String::from_utf8_lossy(&gone.stderr).contains("document_not_found"));
}

#[test]
fn doctor_and_models_say_how_things_are() {
    let service = Service::start(&database());
    service.add("note.txt", b"Storks nest on the mill.");
    let report = one(&service.command(&["doctor", "--json"]));
    assert_eq!(report["healthy"], true, "{report}");
    let models = one(&service.command(&["models", "list", "--json"]));
    let embed = models["items"].as_array().unwrap().iter().find(|item| item["role"] == "embed").unwrap();
    assert_eq!(embed["state"], "present", "{models}");
    assert!(service.command(&["models", "verify"]).status.success());
    let unknown = service.command(&["nonsense"]);
    assert!(!unknown.status.success());
}
