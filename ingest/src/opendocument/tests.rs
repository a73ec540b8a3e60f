//! Documents made here, part by part.

use super::*;
use crate::made::zip as package;

fn content(styles: &str, body: &str) -> String {
    format!(
        "<office:document-content xmlns:office=\"o\" xmlns:text=\"t\" xmlns:table=\"b\" xmlns:draw=\"d\" xmlns:presentation=\"p\" xmlns:style=\"s\"><office:automatic-styles>{styles}</office:automatic-styles><office:body>{body}</office:body></office:document-content>"
    )
}

fn read(media_type: MediaType, styles: &str, body: &str) -> ParsedDocument {
    let meta = "<m xmlns:dc=\"d\"><dc:title>Of the file</dc:title><dc:creator>A. Roche</dc:creator><dc:date>2020-01-02</dc:date></m>";
    let bytes = package(&[("content.xml", content(styles, body).as_str()), ("meta.xml", meta)]);
    parse(media_type, &bytes, &Limits::default()).unwrap()
}

fn blocks(document: &ParsedDocument) -> Vec<(&'static str, &str)> {
    document.blocks.iter().map(|block| (block.kind.as_str(), block.text.as_str())).collect()
}

#[test]
fn texts_keep_headings_lists_tables_and_notes() {
    let styles = "<style:style style:name=\"P1\" style:parent-style-name=\"Title\"/><style:style style:name=\"P2\" style:parent-style-name=\"Quotations\"/>";
    let body = "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:table-of-content><text:p>Mill 3</text:p></text:table-of-content>\
        <text:p text:style-name=\"P1\">The mill</text:p><text:h text:outline-level=\"2\">Stones</text:h>\
        <text:p>Flat<text:s text:c=\"3\"/>ones<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Or not.</text:p></text:note-body></text:note>.</text:p>\
        <text:list><text:list-item><text:p>one</text:p></text:list-item></text:list><text:p text:style-name=\"P2\">said</text:p>\
        <table:table><table:table-row><table:table-cell><text:p>a</text:p><text:p>b</text:p></table:table-cell><table:table-cell><text:p>c</text:p></table:table-cell></table:table-row></table:table>";
    let document = read(MediaType::Odt, styles, body);
    assert_eq!(
        blocks(&document),
        [
            ("heading", "The mill"),
            ("heading", "Stones"),
            ("paragraph", "Flat ones."),
            ("paragraph", "Or not."),
            ("list_item", "one"),
            ("quote", "said"),
            ("table", "a b | c"),
        ]
    );
    assert_eq!(document.title.as_deref(), Some("The mill"));
    assert_eq!((document.metadata.authors, document.metadata.year), (vec!["A. Roche".to_owned()], Some(2020)));
}

#[test]
fn sheets_show_what_is_shown_and_do_not_repeat_for_ever() {
    let cell = |attributes: &str, text: &str| {
        format!("<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>")
    };
    let body = format!(
        "<table:table table:name=\"Harvest\"><table:table-row>{}{}</table:table-row><table:table-row>{}{}<table:table-cell table:number-columns-repeated=\"16382\"/></table:table-row>\
         <table:table-row table:number-rows-repeated=\"1048573\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row></table:table>\
         <table:table table:name=\"Empty\"/>",
        cell("", "fruit"),
        cell("", "share"),
        cell("", "pears"),
        cell("office:value-type=\"percentage\" office:value=\"0.125\"", "12.5 %"),
    );
    let document = read(MediaType::Ods, "", &body);
    let expected = [("heading", "Harvest"), ("table", "fruit | share\npears | 12.5 %")];
    assert_eq!(blocks(&document), expected);
    let full = format!(
        "<table:table><table:table-row table:number-rows-repeated=\"999999999\">{}</table:table-row></table:table>",
        cell("table:number-columns-repeated=\"999999999\"", "x")
    );
    assert!(read(MediaType::Ods, "", &full).text().len() < 100_000);
}

#[test]
fn slides_are_pages() {
    let body = "<draw:page draw:name=\"page1\"><draw:frame presentation:class=\"title\"><draw:text-box><text:p>The mill</text:p></draw:text-box></draw:frame>\
        <draw:frame><draw:text-box><text:list><text:list-item><text:p>flat</text:p></text:list-item></text:list></draw:text-box></draw:frame>\
        <presentation:notes><draw:frame><draw:text-box><text:p>Say hello.</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>\
        <draw:page><draw:frame><draw:text-box><text:p>Second</text:p></draw:text-box></draw:frame></draw:page>";
    let document = read(MediaType::Odp, "", body);
    let found: Vec<(&str, &str, Option<u32>)> =
        document.blocks.iter().map(|block| (block.kind.as_str(), block.text.as_str(), block.page)).collect();
    assert_eq!(
        found,
        [
            ("heading", "The mill", Some(1)),
            ("list_item", "flat", Some(1)),
            ("paragraph", "Say hello.", Some(1)),
            ("paragraph", "Second", Some(2)),
        ]
    );
    assert_eq!(document.page_count, Some(2));
}

#[test]
fn what_is_locked_or_broken_says_so() {
    let manifest = "<m><file-entry><encryption-data/></file-entry></m>";
    let locked = package(&[("content.xml", "x"), ("META-INF/manifest.xml", manifest)]);
    assert_eq!(parse(MediaType::Odt, &locked, &Limits::default()).unwrap_err().code(), "encrypted_file");
    assert_eq!(parse(MediaType::Odt, &package(&[("a", "")]), &Limits::default()).unwrap_err().code(), "damaged_file");
}
