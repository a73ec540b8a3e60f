use super::*;
use crate::limits::Limits;
use crate::made;
use crate::parse::parse;

fn found(document: &ParsedDocument) -> Vec<(&'static str, &str, usize)> {
    document.blocks.iter().map(|block| (block.kind.as_str(), block.text.as_str(), block.heading_path.len())).collect()
}

pub(crate) fn eml(attachment: &str, name: &str) -> String {
    format!(
        "From: =?utf-8?q?Anne_Roch=C3=A9?= <anne@example.org>\r\nTo: b@example.org, \"Vidal, B.\" <c@example.org>\r\nSubject: The mill\r\n\
         Date: Mon, 4 Mar 2019 10:00:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
         --x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\nContent-Type: text/plain\r\n\r\nWater flows.\r\n\
         --y\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<h2>Caf=E9</h2><p>Water <b>flows</b>.</p>\r\n--y--\r\n\
         --x\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n{attachment}\r\n--x--\r\n"
    )
}

#[test]
fn head_body_and_attachments_are_read() {
    let document = parse(eml("a,b\r\n1,2", "table.csv").as_bytes(), Some("a.txt"), &Limits::default()).unwrap();
    assert_eq!(
        found(&document),
        [
            ("heading", "The mill", 0),
            ("paragraph", "From: Anne Roché <anne@example.org>", 1),
            ("paragraph", "To: b@example.org, Vidal, B. <c@example.org>", 1),
            ("paragraph", "Date: 2019-03-04T10:00:00+01:00", 1),
            ("heading", "Café", 1),
            ("paragraph", "Water flows.", 2),
            ("heading", "table.csv", 1),
            ("table", "a | b\n1 | 2", 2),
        ]
    );
    assert_eq!((document.title.as_deref(), document.metadata.year), (Some("The mill"), Some(2019)));
}

#[test]
fn messages_in_messages_are_read_until_it_is_too_deep() {
    let mut message = eml("a,b\r\n1,2", "table.csv");
    for _ in 0..10 {
        // Each level has a boundary of its own.
        let boundary = format!("b{}", message.len());
        message = format!(
            "From: a@b\r\nSubject: outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n\r\n\
             --{boundary}\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--{boundary}\r\nContent-Type: message/rfc822\r\n\r\n{message}\r\n--{boundary}--\r\n"
        );
    }
    let document = parse(message.as_bytes(), None, &Limits::default()).unwrap();
    let depth = document.blocks.iter().map(|block| block.heading_path.len()).max().unwrap();
    assert!(depth > 4, "{depth}");
    assert!(
        document.warnings.iter().any(|warning| warning.message.contains("inside one another")),
        "{:?}",
        document.warnings
    );
}

#[test]
fn what_cannot_be_read_becomes_a_warning_with_its_name() {
    let document = parse(eml("PK\u{3}\u{4}broken", "archive.zip").as_bytes(), None, &Limits::default()).unwrap();
    assert_eq!(document.warnings[0].code, "unread_file");
    assert!(document.warnings[0].message.starts_with("archive.zip: damaged"), "{:?}", document.warnings);
    assert!(!document.text().contains("archive.zip"));
}

#[test]
fn archives_are_read_file_by_file() {
    let inner = made::zip(&[("note.txt", "In the inner archive.")]);
    let outer = made::zip_of(&[
        ("docs/a.md", b"# Mill\n\nText.".as_slice()),
        ("__MACOSX/._a", b"x"),
        ("b.zip", &inner),
        ("c.png", b"\x89PNG"),
    ]);
    let document = parse(&outer, Some("all.zip"), &Limits::default()).unwrap();
    assert_eq!(
        found(&document),
        [
            ("heading", "docs/a.md", 0),
            ("heading", "Mill", 1),
            ("paragraph", "Text.", 2),
            ("heading", "b.zip", 0),
            ("heading", "note.txt", 1),
            ("paragraph", "In the inner archive.", 2),
        ]
    );
    assert_eq!(document.warnings.len(), 1);
    let bomb = made::zip_of(&[("bomb.txt", vec![b' '; 64 << 20]), ("a.txt", b"Text.".to_vec())]);
    let document = parse(&bomb, None, &Limits::default()).unwrap();
    assert_eq!((document.blocks.len(), document.warnings.len()), (2, 1));
    let many: Vec<(String, Vec<u8>)> = (0..40).map(|number| (format!("{number}.zip"), bomb.clone())).collect();
    let limits = Limits { max_expanded_bytes: 64 << 20, ..Limits::default() };
    let document = parse(&made::zip_of(&many), None, &limits).unwrap();
    let ended = document.warnings.iter().filter(|warning| warning.message.contains("expanded bytes")).count();
    assert!(document.blocks.len() < 20 && ended > 30, "bombs count although they are refused");
    let limits = Limits { max_entries: 1, ..Limits::default() };
    assert_eq!(parse(&bomb, None, &limits).unwrap_err().code(), "limit_exceeded");
}
