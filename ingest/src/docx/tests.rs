//! Documents made here, part by part.

use super::*;
use crate::made::{zip as docx, zip_of};
use crate::package::FREE_BYTES;

const NAMESPACE: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" xmlns:mc=\"x\"";

fn body(inner: &str) -> String {
    format!("<?xml version=\"1.0\"?><w:document {NAMESPACE}><w:body>{inner}</w:body></w:document>")
}

fn blocks(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let document = parse(bytes, &Limits::default()).unwrap();
    document.blocks.into_iter().map(|block| (block.kind.as_str(), block.text)).collect()
}

#[test]
fn structure_changes_and_fields_are_understood() {
    let styles = format!(
        "<w:styles {NAMESPACE}><w:style w:type=\"paragraph\" w:styleId=\"Titre1\"><w:name w:val=\"heading 1\"/></w:style>\
         <w:style w:type=\"paragraph\" w:styleId=\"Eigene\"><w:basedOn w:val=\"Titre1\"/></w:style></w:styles>"
    );
    let document = body(
        "<w:p><w:pPr><w:pStyle w:val=\"Eigene\"/></w:pPr><w:r><w:t>Procès</w:t></w:r><w:r><w:t xml:space=\"preserve\"> verbal</w:t></w:r></w:p>\
         <w:p><w:r><w:t>Kept</w:t><w:tab/><w:t>text</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t> added</w:t></w:r></w:ins>\
         <w:r><w:fldChar w:fldCharType=\"begin\"/></w:r><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>\
         <w:p><w:pPr><w:numPr><w:numId w:val=\"1\"/></w:numPr></w:pPr><w:r><w:t>item</w:t></w:r></w:p>\
         <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc></w:tr></w:tbl>\
         <mc:AlternateContent><mc:Choice><w:p><w:r><w:t>box</w:t></w:r></w:p></mc:Choice><mc:Fallback><w:p><w:r><w:t>box</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent>",
    );
    let core = "<c xmlns:dc=\"d\"><dc:title>Minutes</dc:title></c>";
    let bytes = docx(&[("word/document.xml", &document), ("word/styles.xml", &styles), ("docProps/core.xml", core)]);
    let expected = [
        ("heading", "Procès verbal"),
        ("paragraph", "Kept text added"),
        ("list_item", "item"),
        ("table", "a b | c"),
        ("paragraph", "box"),
    ];
    assert_eq!(blocks(&bytes), expected.map(|(kind, text)| (kind, text.to_owned())));
    assert_eq!(parse(&bytes, &Limits::default()).unwrap().title.as_deref(), Some("Minutes"));
}

#[test]
fn broken_and_hostile_files_end_with_their_own_errors() {
    let code = |bytes: &[u8], limits: &Limits| parse(bytes, limits).unwrap_err().code();
    let limits = Limits::default();
    assert_eq!(code(&docx(&[("word/other.xml", "")]), &limits), "damaged_file");
    assert_eq!(code(&docx(&[("word/document.xml", "<w:document><w:p>")])[..60], &limits), "damaged_file");
    let bomb = docx(&[("word/document.xml", &body(&"<w:p/>".repeat(200_000)))]);
    let small = Limits { max_expanded_bytes: 100_000, ..Limits::default() };
    assert_eq!(code(&bomb, &small), "limit_exceeded");
    let deep = docx(&[("word/document.xml", &body(&"<w:tbl>".repeat(100_000)))]);
    assert_eq!(code(&deep, &limits), "limit_exceeded");
    let entities = "<!DOCTYPE d [<!ENTITY a \"aaaa\">]><w:document><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:document>";
    let document = parse(&docx(&[("word/document.xml", entities)]), &limits).unwrap();
    assert!(document.blocks.is_empty(), "entities are not expanded");
}

fn paragraph(style: &str, text: &str) -> String {
    format!("<w:p><w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
}

#[test]
fn a_text_box_stands_apart_from_the_paragraph_that_holds_it() {
    let text_box = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>";
    let document = body(&format!(
        "<w:p><w:r><w:t>before </w:t></w:r><w:r><mc:AlternateContent><mc:Choice>{text_box}</mc:Choice><mc:Fallback>{text_box}</mc:Fallback>\
         </mc:AlternateContent></w:r><w:r><w:t>after</w:t></w:r></w:p>"
    ));
    let expected = [("paragraph", "boxed"), ("paragraph", "before after")];
    assert_eq!(blocks(&docx(&[(MAIN_PART, &document)])), expected.map(|(kind, text)| (kind, text.to_owned())));
}

#[test]
fn numbers_of_headings_and_lists_are_part_of_the_text() {
    let numbering = format!(
        "<w:numbering {NAMESPACE}><w:abstractNum w:abstractNumId=\"0\"><w:lvl w:ilvl=\"0\"><w:numFmt w:val=\"decimal\"/>\
         <w:lvlText w:val=\"%1.\"/><w:pStyle w:val=\"berschrift1\"/></w:lvl><w:lvl w:ilvl=\"1\"><w:numFmt w:val=\"decimal\"/>\
         <w:lvlText w:val=\"%1.%2\"/><w:pStyle w:val=\"berschrift2\"/></w:lvl></w:abstractNum>\
         <w:abstractNum w:abstractNumId=\"1\"><w:lvl w:ilvl=\"0\"><w:numFmt w:val=\"bullet\"/><w:lvlText w:val=\"x\"/></w:lvl></w:abstractNum>\
         <w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num><w:num w:numId=\"2\"><w:abstractNumId w:val=\"1\"/></w:num></w:numbering>"
    );
    let heading = |level: u8| {
        format!(
            "<w:style w:styleId=\"berschrift{level}\"><w:name w:val=\"heading {level}\"/><w:pPr><w:numPr><w:numId w:val=\"1\"/></w:numPr></w:pPr></w:style>"
        )
    };
    let styles = format!(
        "<w:styles {NAMESPACE}>{}{}<w:style w:styleId=\"Verzeichnis1\"><w:name w:val=\"toc 1\"/></w:style></w:styles>",
        heading(1),
        heading(2)
    );
    let list = |number: u8| {
        format!(
            "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"{number}\"/></w:numPr></w:pPr><w:r><w:t>item</w:t></w:r></w:p>"
        )
    };
    let document = body(
        &[
            paragraph("Verzeichnis1", "Zweck 3"),
            paragraph("berschrift1", "Zweck"),
            paragraph("berschrift2", "Umfang"),
            paragraph("berschrift1", "Dauer"),
            list(2),
            list(0),
        ]
        .concat(),
    );
    let made = docx(&[(MAIN_PART, &document), ("word/styles.xml", &styles), ("word/numbering.xml", &numbering)]);
    let expected = [
        ("heading", "1. Zweck"),
        ("heading", "1.1 Umfang"),
        ("heading", "2. Dauer"),
        ("list_item", "item"),
        ("paragraph", "item"),
    ];
    assert_eq!(blocks(&made), expected.map(|(kind, text)| (kind, text.to_owned())));
}

#[test]
fn notes_follow_what_refers_to_them() {
    let document = body(
        "<w:p><w:r><w:t>Claim.</w:t><w:footnoteReference w:id=\"2\"/></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>cell</w:t>\
         <w:endnoteReference w:id=\"2\"/></w:r></w:p></w:tc></w:tr></w:tbl><w:p><w:r><w:t>Next.</w:t></w:r></w:p>",
    );
    let note = |kind: &str| {
        format!(
            "<w:{kind}s {NAMESPACE}><w:{kind} w:id=\"0\"><w:p/></w:{kind}><w:{kind} w:id=\"2\"><w:p><w:r><w:t>{kind}</w:t></w:r></w:p></w:{kind}></w:{kind}s>"
        )
    };
    let made = docx(&[
        (MAIN_PART, &document),
        ("word/footnotes.xml", &note("footnote")),
        ("word/endnotes.xml", &note("endnote")),
    ]);
    let texts: Vec<String> = blocks(&made).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["Claim.", "footnote", "cell", "endnote", "Next."]);
}

#[test]
fn what_a_paragraph_was_before_a_change_does_not_count() {
    let styles =
        format!("<w:styles {NAMESPACE}><w:style w:styleId=\"H\"><w:name w:val=\"heading 1\"/></w:style></w:styles>");
    let document = body(
        "<w:p><w:pPr><w:tabs><w:tab w:val=\"left\"/></w:tabs><w:pPrChange><w:pPr><w:pStyle w:val=\"H\"/></w:pPr></w:pPrChange></w:pPr>\
         <w:r><w:t>plain</w:t></w:r></w:p>",
    );
    assert_eq!(
        blocks(&docx(&[(MAIN_PART, &document), ("word/styles.xml", &styles)])),
        [("paragraph", "plain".to_owned())]
    );
}

#[test]
fn the_body_may_lie_elsewhere_and_in_another_encoding() {
    let relations =
        "<Relationships><Relationship Type=\"http://x/officeDocument\" Target=\"/text/body.xml\"/></Relationships>";
    let document =
        body("<w:p><w:r><w:t>été</w:t></w:r></w:p>").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let body = [b"\xff\xfe".as_slice(), &document].concat();
    let made = zip_of(&[("_rels/.rels", relations.as_bytes()), ("text/body.xml", &body)]);
    assert_eq!(blocks(&made), [("paragraph", "été".to_owned())]);
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let bomb = docx(&[(MAIN_PART, &body(&" ".repeat(64 << 20)))]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(parse(&bomb, &Limits::default()), Err(ParseError::limit("expanded bytes", FREE_BYTES)));
}

#[test]
fn every_cut_of_a_file_ends_with_an_error() {
    let whole = docx(&[(MAIN_PART, &body("<w:p><w:r><w:t>text</w:t></w:r></w:p>"))]);
    for end in 0..whole.len() {
        let error = parse(&whole[..end], &Limits::default()).unwrap_err();
        assert_eq!(error.code(), "damaged_file", "cut at {end}");
    }
}
