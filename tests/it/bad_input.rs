//! Hostile and mistaken input: a clear error, nothing lost, and the service goes on.

use std::io::{Read as _, Write as _};

use serde_json::json;

use crate::fixtures;
use crate::service::{Service, database};

#[test]
fn bad_files_fail_with_their_reason_and_hold_up_nobody() {
    let service = Service::start(&database());
    let whole = fixtures::pdf(&[&["A page that is cut off."]]);
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("encrypted.pdf", fixtures::pdf_encrypted(), "encrypted_pdf"),
        ("image.pdf", fixtures::pdf_without_text(), "nothing_recognised"),
        ("empty.pdf", Vec::new(), "empty_file"),
        ("program.bin", vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0], "unsupported_format"),
        ("truncated.pdf", whole[..120].to_vec(), "damaged_file"),
    ];
    let items: Vec<_> = cases.iter().map(|(name, bytes, _)| service.upload(name, bytes)).collect();
    let good = service.add("good.txt", b"The good file is read all the same.");
    assert_eq!(good["status"], "ready", "{good}");
    for ((name, _, code), item) in cases.iter().zip(items) {
        let document = service.wait_for(item["document"].as_str().unwrap());
        assert_eq!(document["status"], "failed", "{name}: {document}");
        assert_eq!(document["error"]["code"], *code, "{name}: {document}");
        assert!(!document["error"]["hint"].as_str().unwrap().is_empty(), "{name}: {document}");
    }
    assert_eq!(service.get("/readyz").status, 200);
}

#[test]
fn a_text_file_named_pdf_is_read_as_text() {
    let service = Service::start(&database());
    let document = service.add("report.pdf", b"This is plain text about larches.");
    assert_eq!(document["status"], "ready", "{document}");
    assert_eq!(document["media_type"], "text/plain");
    assert!(!document["warnings"].as_array().unwrap().is_empty(), "{document}");
}

#[test]
fn invalid_utf8_is_read_as_far_as_it_goes() {
    let service = Service::start(&database());
    let document = service.add("latin1.txt", b"Le caf\xe9 est ferm\xe9 le lundi. \xff\xfe\x80 fin");
    assert_eq!(document["status"], "ready", "{document}");
    let found = service.post("/api/v1/search", &json!({"query": "lundi"})).json();
    assert_eq!(found["hits"].as_array().unwrap().len(), 1);
}

#[test]
fn questions_without_content_or_end_are_refused() {
    let service = Service::start(&database());
    for question in ["", "  \n "] {
        let reply = service.post("/api/v1/ask", &json!({"question": question}));
        assert_eq!((reply.status, reply.error_code().as_str()), (400, "empty_question"));
    }
    let long = "why ".repeat(25_000);
    let reply = service.post("/api/v1/ask", &json!({"question": long}));
    assert_eq!((reply.status, reply.error_code().as_str()), (413, "question_too_long"));
    let reply = service.post("/api/v1/search", &json!({"query": long}));
    assert_eq!(reply.status, 413);
    assert_eq!(service.post("/api/v1/search", &json!({"query": ""})).error_code(), "empty_query");
}

#[test]
fn malformed_requests_get_the_error_body() {
    let service = Service::start(&database());
    for (path, media_type, body) in [
        ("/api/v1/ask", "application/json", "{not json"),
        ("/api/v1/ask", "application/json", "{\"question\": 7}"),
        ("/api/v1/ask", "application/json", "{\"question\": \"x\", \"qestion\": 1}"),
        ("/api/v1/ask", "text/plain", "why"),
        ("/api/v1/documents", "multipart/form-data; boundary=XX", "--XX\r\nbroken"),
        ("/v1/chat/completions", "application/json", "{\"messages\": []}"),
    ] {
        let reply = service.post_raw(path, media_type, body.as_bytes());
        assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text);
        reply.error_code();
    }
    let reply = service.post_raw("/api/v1/documents", "application/json", b"{}");
    assert_eq!((reply.status, reply.error_code().as_str()), (415, "unsupported_media_type"));
    assert_eq!(service.get("/api/v1/nothing").error_code(), "not_found");
    assert_eq!(service.get("/api/v1/documents/not-an-id").error_code(), "document_not_found");
    assert_eq!(service.get("/api/v1/documents?cursor=%00").status, 400);
    assert_eq!(service.post_raw("/v1/models", "application/json", b"{}").status, 405);
}

/// The head of an upload of 2 GB is answered at once; nobody has to send the body first.
#[test]
fn an_upload_of_two_gigabytes_is_refused_before_it_is_sent() {
    let service = Service::start(&database());
    let address = service.base.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /api/v1/documents HTTP/1.1\r\nHost: {address}\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: {}\r\n\r\n",
        2_u64 << 30
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_read_timeout(Some(crate::service::PATIENCE)).unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("too_large"), "{answer}");
    assert_eq!(service.get("/readyz").status, 200);
}

/// A file longer than the limit, sent in pieces without a length.
#[test]
fn an_upload_beyond_the_limit_is_cut_off() {
    let service = Service::start_with(&database(), &[("TERROIR_INGEST_MAX_FILE_BYTES", "100000")]);
    let reply = service.post_raw(
        "/api/v1/documents",
        "multipart/form-data; boundary=XX",
        &crate::service::multipart("long.txt", &vec![b'a'; 300_000]),
    );
    assert_eq!((reply.status, reply.error_code().as_str()), (413, "too_large"));
    let document = service.add("short.txt", b"Short enough.");
    assert_eq!(document["status"], "ready");
}
