//! Conversion: what a converter can do wrong, with scripts in its place.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::Path;

use terroir_ingest::cell::Answer;
use terroir_ingest::document::MediaType;

use crate::fence::script;
use crate::{Tests, options, read_with, reader};

pub async fn all(tests: &mut Tests) {
    crate::run!(
        tests,
        a_converted_document_is_parsed_as_what_it_became,
        without_a_converter_the_refusal_stands,
        what_a_converter_does_wrong_is_an_error_of_that_document,
    );
}

/// A compound file as Word 97 writes them, but for what is in it.
pub fn doc() -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    file.create_stream("/WordDocument").unwrap().write_all(b"words").unwrap();
    file.flush().unwrap();
    file.into_inner().into_inner()
}

fn docx(text: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("word/document.xml", zip::write::SimpleFileOptions::default()).unwrap();
    let document = format!(
        r#"<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"#
    );
    archive.write_all(document.as_bytes()).unwrap();
    archive.finish().unwrap().into_inner()
}

/// Reads a DOC with a converter of these lines. It lies in `bin` beside a finished result, `made.docx`.
async fn converted(lines: &str) -> Answer {
    let tools = tempfile::tempdir().unwrap();
    std::fs::create_dir(tools.path().join("bin")).unwrap();
    std::fs::write(tools.path().join("made.docx"), docx("The meadow was sold in 1874.")).unwrap();
    let lines = lines.replace("MADE", &path(&tools.path().join("made.docx")));
    let program = script(&tools.path().join("bin"), "soffice", &format!("mkdir -p out\n{lines}"));
    let reader = reader(options(None), Some(program), 2);
    read_with(&reader, doc(), BTreeMap::new()).await.0
}

fn path(path: &Path) -> String {
    path.canonicalize().unwrap().to_string_lossy().into_owned()
}

async fn a_converted_document_is_parsed_as_what_it_became() {
    let document = converted("cat in.doc > /dev/null && cp MADE out/in.docx").await.unwrap();
    assert_eq!(document.text(), "The meadow was sold in 1874.");
    assert_eq!(document.media_type, MediaType::Doc);
    // The first start makes the profile and ends.
    let document = converted("[ -e started ] || { : > started; exit 81; }\ncp MADE out/in.docx").await.unwrap();
    assert_eq!(document.text(), "The meadow was sold in 1874.");
    // LibreOffice sometimes ends badly after its work is done.
    let document = converted("cp MADE out/in.docx; exit 81").await.unwrap();
    assert_eq!(document.text(), "The meadow was sold in 1874.");
}

async fn without_a_converter_the_refusal_stands() {
    let reader = reader(options(None), None, 2);
    let error = read_with(&reader, doc(), BTreeMap::new()).await.0.unwrap_err();
    assert_eq!(error.code(), "unsupported_format");
    assert!(error.hint().contains("LibreOffice") && error.hint().contains("DOCX"), "{}", error.hint());
}

async fn what_a_converter_does_wrong_is_an_error_of_that_document() {
    for (lines, code) in [
        ("exit 0", "conversion_failed"),
        ("exit 77", "conversion_failed"),
        ("kill -SEGV $$", "conversion_failed"),
        ("sleep 1000", "conversion_failed"),
        (": > out/in.docx", "conversion_failed"),
        ("ln -s MADE out/in.docx", "conversion_failed"),
        ("mkdir out/in.docx", "conversion_failed"),
        ("rmdir out; ln -s /etc out", "conversion_failed"),
        ("head -c 100 MADE > out/in.docx", "damaged_file"),
        ("yes words | head -c 70000000 > out/in.docx", "conversion_failed"),
        ("printf '\\177ELF\\002' > out/in.docx", "conversion_failed"),
    ] {
        let error = converted(lines).await.map(|document| document.text()).unwrap_err();
        assert_eq!(error.code(), code, "{lines}: {error}");
    }
}
