//! Presentations made here, part by part.

use super::*;
use crate::made;

const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// Two slides, of which the second comes first in the archive.
pub(crate) fn pptx() -> Vec<u8> {
    let presentation = "<p:presentation xmlns:r=\"r\"><p:sldIdLst><p:sldId id=\"256\" r:id=\"rId7\"/><p:sldId id=\"257\" r:id=\"rId3\"/></p:sldIdLst></p:presentation>";
    let relations = format!(
        "<Relationships><Relationship Id=\"rId3\" Type=\"{RELATION}/slide\" Target=\"slides/slide1.xml\"/><Relationship Id=\"rId7\" Type=\"{RELATION}/slide\" Target=\"slides/slide2.xml\"/></Relationships>"
    );
    let of_slide = format!(
        "<Relationships><Relationship Id=\"n\" Type=\"{RELATION}/notesSlide\" Target=\"../notesSlides/notesSlide1.xml\"/></Relationships>"
    );
    let shape = |kind: &str, text: &str| {
        format!("<p:sp><p:nvSpPr><p:nvPr><p:ph {kind}/></p:nvPr></p:nvSpPr><p:txBody>{text}</p:txBody></p:sp>")
    };
    let paragraph = |text: &str| format!("<a:p><a:r><a:t>{text}</a:t></a:r></a:p>");
    let first = format!(
        "<p:sld><p:spTree>{}{}{}<p:graphicFrame><a:tbl><a:tr><a:tc>{}</a:tc><a:tc>{}</a:tc></a:tr></a:tbl></p:graphicFrame></p:spTree></p:sld>",
        shape("idx=\"1\"", &paragraph("flat")),
        shape("type=\"title\"", &paragraph("The mill")),
        shape("type=\"sldNum\"", &paragraph("1")),
        paragraph("a"),
        paragraph("b"),
    );
    let second = format!("<p:sld><p:sp><p:txBody>{}</p:txBody></p:sp></p:sld>", paragraph("No title here"));
    let notes = format!(
        "<p:notes>{}{}</p:notes>",
        shape("type=\"body\"", &paragraph("Say hello.")),
        shape("type=\"sldNum\"", &paragraph("1"))
    );
    made::zip(&[
        ("[Content_Types].xml", "<Types/>"),
        ("ppt/presentation.xml", presentation),
        ("ppt/_rels/presentation.xml.rels", &relations),
        ("ppt/slides/slide1.xml", &second),
        ("ppt/slides/slide2.xml", &first),
        ("ppt/slides/_rels/slide2.xml.rels", &of_slide),
        ("ppt/notesSlides/notesSlide1.xml", &notes),
    ])
}

#[test]
fn slides_come_in_their_order_with_titles_first_and_notes_last() {
    let document = parse(&pptx(), &Limits::default()).unwrap();
    let found: Vec<(&str, &str, Option<u32>)> =
        document.blocks.iter().map(|block| (block.kind.as_str(), block.text.as_str(), block.page)).collect();
    assert_eq!(
        found,
        [
            ("heading", "The mill", Some(1)),
            ("list_item", "flat", Some(1)),
            ("table", "a | b", Some(1)),
            ("paragraph", "Say hello.", Some(1)),
            ("paragraph", "No title here", Some(2)),
        ]
    );
    assert!(document.blocks[4].heading_path.is_empty());
    assert_eq!((document.page_count, document.title.as_deref()), (Some(2), Some("The mill")));
}
