//! Filters, facets and what is similar, through the API and the command line.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fixtures;
use crate::service::{Service, database};

const FRENCH: &str = "Le verger du village donne des coings chaque automne, et les habitants en font de la gelée pour l'hiver. \
    Les coings se récoltent en octobre, après la première nuit froide, et se gardent jusqu'en janvier sur la paille.";
const MAIL: &str = "From: José García <jose@example.org>\r\nTo: anna@example.org\r\nDate: Wed, 1 May 2019 10:00:00 +0000\r\n\
    Subject: Quince rules\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
    Quinces are harvested in October, after the first cold night.\r\n";

/// Four documents about quinces, each of another type.
fn orchard() -> (Service, [String; 4]) {
    let service = Service::start(&database());
    let pdf = fixtures::pdf(&[&["The quinces of the orchard keep until January on straw."]]);
    let documents = [
        ("quinces.eml", MAIL.as_bytes()),
        ("quinces.pdf", pdf.as_slice()),
        ("verger.txt", FRENCH.as_bytes()),
        ("quinces.csv", "fruit,price\nquinces,three crowns\n".as_bytes()),
    ];
    let ids = documents.map(|(name, bytes)| {
        let document = service.add(name, bytes);
        assert_eq!(document["status"], "ready", "{document}");
        document["id"].as_str().unwrap().to_owned()
    });
    (service, ids)
}

fn found(reply: &Value) -> BTreeSet<String> {
    reply["hits"].as_array().unwrap().iter().map(|hit| hit["document"].as_str().unwrap().to_owned()).collect()
}

fn documents_with(facets: &Value, property: &str, value: &str) -> u64 {
    let values = facets[property].as_array().unwrap_or_else(|| panic!("{property}: {facets}"));
    values.iter().find(|counted| counted["value"] == value).map_or(0, |counted| counted["documents"].as_u64().unwrap())
}

#[test]
fn a_search_is_narrowed_by_every_property() {
    let (service, [mail, pdf, text, sheet]) = orchard();
    let document = service.get(&format!("/api/v1/documents/{mail}")).json();
    assert_eq!((&document["authors"], &document["year"]), (&json!(["José García"]), &json!(2019)), "{document}");
    let today = day_of(&document);
    for (filter, expected) in [
        (json!({"types": ["mail"]}), vec![&mail]),
        (json!({"types": ["pdf", "sheet"]}), vec![&pdf, &sheet]),
        (json!({"types": ["book"]}), vec![]),
        (json!({"languages": ["fr"]}), vec![&text]),
        (json!({"authors": ["jose garcia"]}), vec![&mail]),
        (json!({"authors": ["JOSÉ  GARCÍA"], "types": ["pdf"]}), vec![]),
        (json!({"year": {"from": 2019, "to": 2019}}), vec![&mail]),
        (json!({"year": {"to": 2018}}), vec![]),
        (json!({"sources": ["upload"], "types": ["pdf"]}), vec![&pdf]),
        (json!({"sources": ["nowhere"]}), vec![]),
        (json!({"added": {"from": today, "to": today}, "types": ["text"]}), vec![&text]),
        (json!({"added": {"to": "2020-01-01"}}), vec![]),
        (json!({}), vec![&mail, &pdf, &text, &sheet]),
    ] {
        let expected: BTreeSet<String> = expected.into_iter().cloned().collect();
        for mode in ["hybrid", "dense"] {
            let body = json!({"query": "quinces coings", "mode": mode, "filter": filter, "top_k": 20});
            let reply = service.post("/api/v1/search", &body).json();
            assert_eq!(found(&reply), expected, "{mode} {filter}: {reply}");
            assert!(reply.get("facets").is_none(), "they were not asked for");
        }
    }
}

/// The day on which a document was added.
fn day_of(document: &Value) -> String {
    document["created_at"].as_str().unwrap()[..10].to_owned()
}

#[test]
fn an_answer_draws_on_what_the_filter_lets_through() {
    let (service, [mail, pdf, ..]) = orchard();
    for (kind, expected) in [("mail", &mail), ("pdf", &pdf)] {
        let body = json!({"question": "When are quinces harvested?", "stream": false, "filter": {"types": [kind]}});
        let answer = service.post("/api/v1/ask", &body).json();
        let passages = answer["passages"].as_array().unwrap();
        assert!(!passages.is_empty() && passages.iter().all(|passage| passage["document"] == **expected), "{answer}");

        let messages = json!([{"role": "user", "content": "When are quinces harvested?"}]);
        let body = json!({"messages": messages, "filter": {"types": [kind]}});
        let chat = service.post("/v1/chat/completions", &body).json();
        let sources = chat["sources"].as_array().unwrap();
        assert!(!sources.is_empty() && sources.iter().all(|source| source["document"] == **expected), "{chat}");
        let plain = json!({"messages": messages, "filter": {"types": [kind]}, "grounded": false});
        let refused = service.post("/v1/chat/completions", &plain);
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("filter")), "{}", refused.text);
    }
}

#[test]
fn what_is_wrong_with_a_filter_is_told() {
    let service = Service::start(&database());
    for (filter, param) in [
        (json!({"kinds": ["pdf"]}), "filter"),
        (json!("pdf"), "filter"),
        (json!({"types": ["spreadsheet"]}), "filter.types"),
        (json!({"languages": ["french"]}), "filter.languages"),
        (json!({"year": {"from": "2019"}}), "filter.year"),
        (json!({"added": {"from": "31/01/2024"}}), "filter.added"),
    ] {
        let search = service.post("/api/v1/search", &json!({"query": "quinces", "filter": filter}));
        let ask = service.post("/api/v1/ask", &json!({"question": "quinces?", "filter": filter}));
        let encoded = filter.to_string().bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
        let browse = service.get(&format!("/api/v1/facets?filter={encoded}"));
        let messages = json!([{"role": "user", "content": "quinces?"}]);
        let chat = service.post("/v1/chat/completions", &json!({"messages": messages, "filter": filter}));
        for reply in [search, ask, browse, chat] {
            assert_eq!((reply.status, reply.error_code()), (400, "invalid_request".to_owned()), "{}", reply.text);
            assert_eq!(reply.json()["error"]["param"], param, "{}", reply.text);
        }
    }
    assert_eq!(service.get("/api/v1/facets?filter=%7B").json()["error"]["param"], "filter");
    assert_eq!(service.get("/api/v1/facets?collection=nowhere").error_code(), "collection_not_found");
}

#[test]
fn documents_are_counted_by_their_properties() {
    let (service, _) = orchard();
    let browsed = service.get("/api/v1/facets").json();
    for (property, value, documents) in [
        ("type", "mail", 1),
        ("type", "text", 1),
        ("language", "fr", 1),
        ("source", "upload", 4),
        ("author", "José García", 1),
        ("year", "2019", 1),
    ] {
        assert_eq!(documents_with(&browsed, property, value), documents, "{property} {value}: {browsed}");
    }
    // What the filter asks of a property does not bound that property's own counts.
    let body = json!({"query": "quinces", "mode": "lexical", "facets": true, "filter": {"types": ["pdf"]}});
    let facets = service.post("/api/v1/search", &body).json()["facets"].clone();
    assert_eq!([documents_with(&facets, "type", "pdf"), documents_with(&facets, "type", "mail")], [1, 1], "{facets}");
    assert_eq!(documents_with(&facets, "type", "text"), 0, "it has no word of the query: {facets}");
    assert_eq!(documents_with(&facets, "author", "José García"), 0, "the PDF has no author: {facets}");
}

#[test]
fn nobody_counts_what_they_may_not_read() {
    let (service, [mail, pdf, text, _]) = orchard();
    assert_eq!(service.put("/api/v1/users/anna", &json!({"groups": []})).status, 200);
    let readers = json!({"readers": ["user:anna"]});
    assert_eq!(service.put("/api/v1/collections/default/readers", &readers).status, 200);
    let path = format!("/api/v1/documents/{mail}/readers");
    assert_eq!(service.put(&path, &json!({"readers": ["group:board"]})).status, 200);
    let as_anna = |path: &str, body: Option<&Value>| service.with_header(("X-Terroir-As", "anna"), path, body);
    let browsed = as_anna("/api/v1/facets", None).json();
    assert_eq!(documents_with(&browsed, "source", "upload"), 3, "{browsed}");
    assert_eq!((&browsed["author"], &browsed["year"]), (&json!([]), &json!([])), "{browsed}");
    let found = as_anna("/api/v1/search", Some(&json!({"query": "quinces", "facets": true}))).json();
    assert_eq!(documents_with(&found["facets"], "type", "mail"), 0, "{found}");
    assert_eq!(as_anna(&format!("/api/v1/documents/{mail}/similar"), None).error_code(), "document_not_found");
    let similar = as_anna(&format!("/api/v1/documents/{pdf}/similar"), None).json();
    assert!(!similar.to_string().contains(&mail) && similar.to_string().contains(&text), "{similar}");
}

#[test]
fn similar_documents_are_others_with_their_best_passage() {
    let (service, [mail, pdf, ..]) = orchard();
    let cellar = service.add("cellar.txt", b"The printer of the office is repaired by the technician on Mondays.");
    let similar = service.get(&format!("/api/v1/documents/{mail}/similar?top_k=10")).json();
    let order: Vec<&str> =
        similar["hits"].as_array().unwrap().iter().map(|hit| hit["document"].as_str().unwrap()).collect();
    assert_eq!(order.len(), 4, "each other document once: {similar}");
    assert_eq!(order[0], pdf, "{similar}");
    assert_eq!(*order.last().unwrap(), cellar["id"], "{similar}");
    let chunk =
        service.post("/api/v1/search", &json!({"query": "harvested", "mode": "lexical"})).json()["hits"][0]["chunk"]
            .as_str()
            .unwrap()
            .to_owned();
    let of_chunk = service.get(&format!("/api/v1/documents/{mail}/similar?chunk={chunk}&top_k=1")).json();
    assert_eq!(found(&of_chunk), BTreeSet::from([pdf.clone()]), "{of_chunk}");
    for (path, code) in [
        (format!("/api/v1/documents/{pdf}/similar?chunk={chunk}"), "chunk_not_found"),
        (format!("/api/v1/documents/{pdf}/similar?chunk=x"), "chunk_not_found"),
        ("/api/v1/documents/x/similar".to_owned(), "document_not_found"),
    ] {
        let reply = service.get(&path);
        assert_eq!((reply.status, reply.error_code()), (404, code.to_owned()), "{path}");
    }
}

#[test]
fn the_command_line_narrows_counts_and_tells_what_is_similar() {
    let (service, [mail, ..]) = orchard();
    let printed = |arguments: &[&str]| {
        let output = service.command(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let narrowed =
        ["search", "quinces", "--type", "mail", "--author", "jose garcia", "--year", "2018..2020", "--facets"];
    let text = printed(&narrowed);
    assert!(text.contains("Quince rules") && !text.contains("quinces.pdf"), "{text}");
    assert!(text.contains("José García (1)"), "{text}");
    let counted: Value = serde_json::from_str(&printed(&[&narrowed[..], &["--json"]].concat())).unwrap();
    assert_eq!(documents_with(&counted["facets"], "year", "2019"), 1, "{counted}");
    let nothing = printed(&["search", "quinces", "--added", "..2020-01-01", "--language", "en", "--source", "upload"]);
    assert!(nothing.contains("nothing found"), "{nothing}");
    let asked = printed(&["ask", "When are quinces harvested?", "--type", "mail"]);
    assert!(asked.contains("October"), "{asked}");
    let similar = printed(&["documents", "similar", &mail, "--top-k", "1"]);
    assert!(similar.contains("quinces.pdf"), "{similar}");
    let refused = service.command(&["search", "quinces", "--type", "tomes"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no type"), "{refused:?}");
    assert!(!service.command(&["search", "quinces", "--year", "soon"]).status.success());
}
