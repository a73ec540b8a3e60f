//! Files that want to break the parser. Each must end, with text or with an error.

use std::time::{Duration, Instant};

use lopdf::{Dictionary, EncryptionState, EncryptionVersion, Object, Permissions, Stream, dictionary};
use proptest::prelude::*;

use super::make::{Pdf, bytes, show, show_lines};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::pdf::parse;

/// Generous: a debug build on a busy machine.
const MAX_TIME: Duration = Duration::from_mins(1);

fn code(bytes: &[u8], limits: &Limits) -> &'static str {
    let start = Instant::now();
    let outcome = parse(bytes, limits);
    assert!(start.elapsed() < MAX_TIME);
    outcome.map_or_else(|error| error.code(), |_| "ok")
}

fn words() -> Pdf {
    Pdf::page(&show(72.0, 700.0, 12.0, "Some words on a page"))
}

fn encrypted(user_password: &str) -> Vec<u8> {
    let mut pdf = words();
    let id = Object::string_literal("0123456789abcdef");
    pdf.document.trailer.set("ID", vec![id.clone(), id]);
    let mut document = pdf.into_document();
    let version = EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password,
        key_length: 128,
        permissions: Permissions::all(),
    };
    let state = EncryptionState::try_from(version).expect("the passwords can be used");
    document.encrypt(&state).expect("the document is not encrypted yet");
    bytes(document)
}

#[test]
fn encryption_with_and_without_password() {
    let limits = Limits::default();
    assert_eq!(code(&encrypted("secret"), &limits), "encrypted_pdf");
    assert_eq!(code(&encrypted(""), &limits), "ok");
}

#[test]
fn what_is_no_pdf_is_damaged() {
    let limits = Limits::default();
    assert_eq!(parse(b"", &limits), Err(ParseError::Empty));
    assert_eq!(code(b"<html>hello</html>", &limits), "damaged_file");
    assert_eq!(code(b"%PDF-1.7\nnothing else", &limits), "damaged_file");
}

#[test]
fn truncated_files_give_what_is_left_with_a_warning_or_are_damaged() {
    let mut pdf = words();
    pdf.add_page(&show_lines(72.0, 700.0, 12.0, &["A second page.", "With two lines."]));
    let whole = pdf.into_bytes();
    let limits = Limits::default();
    for length in (9..whole.len() - 8).step_by(23) {
        match parse(&whole[..length], &limits) {
            Ok(document) => {
                assert!(document.warnings.iter().any(|w| w.code == "repaired_file"), "{length} of {}", whole.len());
            }
            Err(error) => assert_eq!(error.code(), "damaged_file", "{length}"),
        }
    }
    // Without its table at the end the whole text can still be found.
    let table = whole.windows(5).rposition(|window| window == b"xref\n").expect("there is a table");
    let recovered = parse(&whole[..table], &limits).map(|document| document.text());
    assert!(recovered.is_ok_and(|text| text.contains("Some words")));
}

#[test]
fn a_form_that_draws_itself_ends() {
    let content = "BT /F1 12 Tf 72 700 Td (Once) Tj ET /Form Do";
    let pdf = Pdf::page("/Form Do").with_form("Form", content);
    let text = parse(&pdf.into_bytes(), &Limits::default()).map(|document| document.text());
    assert_eq!(text.as_deref(), Ok("Once"));
}

#[test]
fn forms_that_multiply_are_cut_off() {
    let mut pdf = Pdf::page("/Form0 Do");
    for level in 0..40 {
        let content = format!("/Form{0} Do /Form{0} Do /Form{0} Do\n", level + 1).repeat(4);
        pdf = pdf.with_form(&format!("Form{level}"), &content);
    }
    assert_eq!(code(&pdf.into_bytes(), &Limits::default()), "limit_exceeded");
}

#[test]
fn a_bomb_is_refused() {
    let mut stream = Stream::new(Dictionary::new(), vec![b' '; 8 << 20]);
    stream.compress().expect("spaces can be compressed");
    let mut pdf = words();
    let bomb: Object = pdf.document.add_object(stream).into();
    pdf.add_page_of(Object::Array(vec![bomb; 100]));
    let bytes = pdf.into_bytes();
    assert!(bytes.len() < 100_000);
    let limits = Limits { max_expanded_bytes: 64 << 20, ..Limits::default() };
    assert_eq!(code(&bytes, &limits), "limit_exceeded");
}

#[test]
fn deep_and_circular_page_trees_end() {
    let mut document = words().into_document();
    let root = document
        .catalog()
        .and_then(|catalog| catalog.get(b"Pages"))
        .and_then(Object::as_reference)
        .expect("the file has pages");
    let mut below = root;
    for _ in 0..20_000 {
        below = document.add_object(dictionary! {
            "Type" => "Pages", "Kids" => vec![below.into(), root.into()], "Count" => 1,
        });
    }
    let top = document.add_object(dictionary! {
        "Type" => "Pages", "Kids" => vec![below.into(), below.into()], "Count" => 2,
    });
    document.catalog_mut().expect("the file has a catalog").set("Pages", top);
    let parsed = parse(&bytes(document), &Limits::default());
    assert_eq!(parsed.map(|document| document.page_count), Ok(Some(1)));
}

#[test]
fn too_many_pages_are_too_many() {
    let mut pdf = words();
    for _ in 0..5 {
        pdf.add_page("");
    }
    let limits = Limits { max_pages: 5, ..Limits::default() };
    assert_eq!(code(&pdf.into_bytes(), &limits), "limit_exceeded");
}

#[test]
fn millions_of_saves_and_marks() {
    let mut content = "q /Span BMC ".repeat(400_000);
    content += &show(72.0, 700.0, 12.0, "Deep down");
    let text = parse(&Pdf::page(&content).into_bytes(), &Limits::default());
    assert_eq!(text.map(|document| document.text()).as_deref(), Ok("Deep down"));
}

#[test]
fn absurd_numbers_draw_nothing() {
    let content = "1e38 0 0 1e38 0 0 cm BT /F1 99999999999 Tf 1 0 0 1 9e37 0 Tm (Far) Tj ET \
        0 0 0 0 0 0 cm BT /F1 12 Tf (Flat) Tj ET";
    assert_eq!(code(&Pdf::page(content).into_bytes(), &Limits::default()), "no_text");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_content_ends(content in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let mut pdf = words();
        let stream = Stream::new(Dictionary::new(), content);
        let stream = pdf.document.add_object(stream);
        pdf.add_page_of(stream.into());
        prop_assert_eq!(code(&pdf.into_bytes(), &Limits::default()), "ok");
    }

    #[test]
    fn any_change_of_a_byte_ends(at in 0_usize..1500, byte in any::<u8>()) {
        let mut file = words().into_bytes();
        let at = at % file.len();
        file[at] = byte;
        code(&file, &Limits::default());
    }
}
