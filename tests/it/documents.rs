//! Documents through the API: every format, replacement, duplicates, removal.

use serde_json::json;

use crate::fixtures;
use crate::service::{Service, database};

const MARKDOWN: &str = "# The orchard\n\nQuinces are harvested in October, after the first cold night.\n\n## Storage\n\nThey keep until January on straw.\n";
const HTML: &str = "<html><head><title>Cellar rules</title></head><body><nav>Home Imprint</nav><main><h1>Cellar</h1><p>The cellar is kept at eleven degrees.</p></main></body></html>";

/// File name, content, query, what is found, page on which the passage begins.
type Case<'a> = (&'a str, &'a [u8], &'a str, &'a str, Option<u64>);

#[test]
fn every_format_becomes_searchable_with_its_place() {
    let database = database();
    let service = Service::start(&database);
    let pdf =
        fixtures::pdf(&[&["Nothing of interest here."], &["The well is forty metres deep.", "It was dug in 1874."]]);
    let docx = fixtures::docx("Minutes", "The council bought the meadow for nine thousand francs.");
    let cases: [Case<'_>; 5] = [
        ("orchard.md", MARKDOWN.as_bytes(), "quinces harvested", "Quinces are harvested", None),
        ("cellar.html", HTML.as_bytes(), "cellar degrees", "eleven degrees", None),
        // The page on which the passage begins; the citation of a quote knows the quote's own.
        ("well.pdf", &pdf, "how deep is the well", "forty metres", Some(1)),
        ("minutes.docx", &docx, "price of the meadow", "nine thousand francs", None),
        ("note.txt", "The key hangs behind the door.".as_bytes(), "where is the key", "behind the door", None),
    ];
    for (name, bytes, query, expected, page) in cases {
        let document = service.add(name, bytes);
        assert_eq!(document["status"], "ready", "{document}");
        assert_eq!(document["file_name"], name);
        assert!(document["chunks"].as_u64().unwrap() >= 1, "{document}");
        let found = service.post("/api/v1/search", &json!({"query": query, "top_k": 3})).json();
        let hit = &found["hits"][0];
        assert!(hit["text"].as_str().unwrap().contains(expected), "{name}: {found}");
        assert_eq!(hit["document"], document["id"]);
        assert_eq!(hit["locator"]["page"].as_u64(), page);
        assert!(!hit["text"].as_str().unwrap().contains("Imprint"), "menus are not content");
    }
    let report = service.post("/api/v1/doctor", &json!({"repair": false})).json();
    assert_eq!(report["healthy"], true, "{report}");
}

#[test]
fn a_passage_is_a_slice_of_the_text_and_its_boxes_lie_on_its_page() {
    let service = Service::start(&database());
    let document = service.add("well.pdf", &fixtures::pdf(&[&["First page."], &["The well is forty metres deep."]]));
    let id = document["id"].as_str().unwrap();
    let text = service.get(&format!("/api/v1/documents/{id}/text")).json();
    let whole: Vec<char> = text["text"].as_str().unwrap().chars().collect();
    let found = service.post("/api/v1/search", &json!({"query": "well deep"})).json();
    let hit = &found["hits"][0];
    let (start, end) = (hit["locator"]["char_start"].as_u64().unwrap(), hit["locator"]["char_end"].as_u64().unwrap());
    let slice: String = whole[start as usize..end as usize].iter().collect();
    assert_eq!(slice, hit["text"].as_str().unwrap());

    let quote = text["text"].as_str().unwrap().find("forty").unwrap();
    let boxes = service.get(&format!("/api/v1/documents/{id}/boxes?char_start={quote}&char_end={}", quote + 5)).json();
    assert_eq!(boxes["page"], 2, "{boxes}");
    let page_box = &boxes["boxes"][0];
    // The line's base line is 760 points above the lower edge of a page of 842 points.
    let (top, height) = (page_box["y"].as_f64().unwrap(), page_box["height"].as_f64().unwrap());
    assert!(top < 82.0 && top + height > 80.0 && height < 20.0, "{boxes}");
    assert!(page_box["x"].as_f64().unwrap() > 72.0 && page_box["width"].as_f64().unwrap() > 10.0, "{boxes}");
}

#[test]
fn the_original_comes_back_whole_and_in_ranges() {
    let service = Service::start(&database());
    let bytes = fixtures::pdf(&[&["Some text to read."]]);
    let document = service.add("original.pdf", &bytes);
    let path = format!("/api/v1/documents/{}/content", document["id"].as_str().unwrap());
    let reply = service.get(&path);
    assert_eq!(reply.bytes, bytes);
    assert_eq!(reply.headers["content-type"], "application/pdf");
    assert!(reply.headers["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
    let part = ureq::get(service.url(&path)).header("Range", "bytes=0-4").call().unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.into_body().read_to_string().unwrap(), "%PDF-");
}

#[test]
fn the_same_bytes_are_a_duplicate_and_new_bytes_a_new_revision() {
    let database = database();
    let service = Service::start(&database);
    let first = service.add("note.txt", b"The gate opens at seven.");
    let again = service.upload("note.txt", b"The gate opens at seven.");
    assert_eq!(again["status"], "duplicate");
    assert_eq!(again["document"], first["id"]);

    let second = service.add("note.txt", b"The gate opens at nine.");
    assert_eq!(second["id"], first["id"], "the name makes the document");
    assert_ne!(second["revision"], first["revision"]);
    let found = service.post("/api/v1/search", &json!({"query": "when does the gate open"})).json();
    let texts = found["hits"].to_string();
    assert!(texts.contains("nine") && !texts.contains("seven"), "{found}");
}

#[test]
fn a_removed_document_is_gone_from_everywhere() {
    let database = database();
    let service = Service::start(&database);
    let document = service.add("note.txt", b"The password of the barn is heron.");
    let kept = service.add("other.txt", b"Herons nest by the pond.");
    let id = document["id"].as_str().unwrap();
    let receipt = service.delete(&format!("/api/v1/documents/{id}")).json();
    assert_eq!(receipt["removed"]["chunks"], 1, "{receipt}");
    assert_eq!(receipt["removed"]["blob"], true, "{receipt}");
    assert_eq!(service.get(&format!("/api/v1/documents/{id}")).error_code(), "document_not_found");
    assert_eq!(service.delete(&format!("/api/v1/documents/{id}")).status, 404);
    for mode in ["lexical", "dense", "hybrid"] {
        let found = service.post("/api/v1/search", &json!({"query": "barn password heron", "mode": mode})).json();
        assert!(!found.to_string().contains("barn is"), "{mode}: {found}");
    }
    let report = service.post("/api/v1/doctor", &json!({"repair": false})).json();
    assert_eq!(report["healthy"], true, "{report}");
    assert_eq!(report["documents"], 1);
    assert_eq!(service.get("/api/v1/documents").json()["items"][0]["id"], kept["id"]);
}

#[test]
fn lists_are_paged_and_filtered() {
    let service = Service::start(&database());
    for number in 0..5 {
        service.add(&format!("{number}.txt"), format!("Text number {number}.").as_bytes());
    }
    service.add("empty.txt", b"");
    let mut names = Vec::new();
    let mut path = "/api/v1/documents?limit=2".to_owned();
    loop {
        let page = service.get(&path).json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| item["file_name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/documents?limit=2&cursor={cursor}");
    }
    names.sort();
    assert_eq!(names, ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt", "empty.txt"]);
    let failed = service.get("/api/v1/documents?status=failed").json();
    assert_eq!(failed["items"].as_array().unwrap().len(), 1);
    assert_eq!(failed["items"][0]["error"]["code"], "empty_file");
}

#[test]
fn collections_keep_their_documents_apart() {
    let service = Service::start(&database());
    assert_eq!(service.post("/api/v1/collections", &json!({"name": "letters"})).status, 201);
    assert_eq!(service.post("/api/v1/collections", &json!({"name": "letters"})).error_code(), "conflict");
    service.add("note.txt", b"A heron stands in the pond.");
    let letters = service.post("/api/v1/search", &json!({"query": "heron", "collection": "letters"})).json();
    assert_eq!(letters["hits"], json!([]));
    let default = service.post("/api/v1/search", &json!({"query": "heron", "collection": "default"})).json();
    assert_eq!(default["hits"].as_array().unwrap().len(), 1);
    let unknown = service.post("/api/v1/search", &json!({"query": "heron", "collection": "nowhere"}));
    assert_eq!(unknown.error_code(), "collection_not_found");
}
