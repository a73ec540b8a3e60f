//! Files that the tests make themselves.

use std::fmt::Write as _;

/// A PDF of the given pages, each a list of lines in Helvetica, written by hand.
pub fn pdf(pages: &[&[&str]]) -> Vec<u8> {
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!(
            "<< /Type /Pages /Count {} /Kids [{}] >>",
            pages.len(),
            (0..pages.len()).map(|index| format!("{} 0 R", 4 + 2 * index)).collect::<Vec<_>>().join(" ")
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    for (index, lines) in pages.iter().enumerate() {
        let mut content = "BT /F1 11 Tf 14 TL 72 760 Td\n".to_owned();
        for line in *lines {
            let escaped = line.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
            writeln!(content, "({escaped}) Tj T*").expect("writing to a string");
        }
        content.push_str("ET");
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents {} 0 R >>",
            5 + 2 * index
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
    }
    assemble(&objects, "")
}

/// A PDF whose only page draws a rectangle and no text.
pub fn pdf_without_text() -> Vec<u8> {
    let content = "100 100 200 300 re f";
    assemble(
        &[
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Count 1 /Kids [3 0 R] >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>".to_owned(),
            format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        ],
        "",
    )
}

/// A PDF that says it is encrypted, with keys that no empty password opens.
pub fn pdf_encrypted() -> Vec<u8> {
    let key = "00".repeat(32);
    let plain = pdf(&[&["secret"]]);
    let text = String::from_utf8(plain).expect("made of ASCII");
    let objects: Vec<String> = (1..=5)
        .map(|number| {
            let head = format!("{number} 0 obj\n");
            let start = text.find(&head).expect("the object is there") + head.len();
            let end = start + text[start..].find("\nendobj").expect("the object ends");
            text[start..end].to_owned()
        })
        .chain([format!("<< /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <{key}> /U <{key}> >>")])
        .collect();
    let id = "00".repeat(16);
    assemble(&objects, &format!("/Encrypt 6 0 R /ID [<{id}> <{id}>]"))
}

fn assemble(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut file = "%PDF-1.7\n".to_owned();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        writeln!(file, "{} 0 obj\n{object}\nendobj", index + 1).expect("writing to a string");
    }
    let table = file.len();
    writeln!(file, "xref\n0 {}\n0000000000 65535 f ", objects.len() + 1).expect("writing to a string");
    for offset in offsets {
        writeln!(file, "{offset:010} 00000 n ").expect("writing to a string");
    }
    write!(file, "trailer\n<< /Size {} /Root 1 0 R {trailer} >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1)
        .expect("writing to a string");
    file.into_bytes()
}

/// The smallest DOCX that word processors open, with one heading and one paragraph.
pub fn docx(heading: &str, paragraph: &str) -> Vec<u8> {
    use std::io::Write as _;
    let document = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>{heading}</w:t></w:r></w:p><w:p><w:r><w:t xml:space="preserve">{paragraph}</w:t></w:r></w:p></w:body></w:document>"#
    );
    let styles = r#"<?xml version="1.0" encoding="UTF-8"?><w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style></w:styles>"#;
    let types = r#"<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;
    let relations = r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [
        ("[Content_Types].xml", types),
        ("_rels/.rels", relations),
        ("word/document.xml", &document),
        ("word/styles.xml", styles),
    ] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("a new member");
        archive.write_all(text.as_bytes()).expect("writing to memory");
    }
    archive.finish().expect("writing to memory").into_inner()
}
