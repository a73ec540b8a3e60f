use super::*;
use crate::made;

pub(crate) fn epub() -> Vec<u8> {
    let chapter = |title: &str, text: &str| {
        format!(
            "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title/></head><body>{title}<p>{text}<a id=\"x\"/></p><p>Next.</p></body></html>"
        )
    };
    let opf = "<package xmlns:dc=\"d\"><metadata><dc:title>The mill</dc:title><dc:creator>A. Roche</dc:creator><dc:date>1999</dc:date><dc:language>fr</dc:language></metadata>\
        <manifest><item id=\"n\" href=\"nav.xhtml\" media-type=\"application/xhtml+xml\" properties=\"nav\"/><item id=\"b\" href=\"b.xhtml\" media-type=\"application/xhtml+xml\"/>\
        <item id=\"a\" href=\"text/a%20one.xhtml\" media-type=\"application/xhtml+xml\"/><item id=\"c\" href=\"gone.xhtml\" media-type=\"application/xhtml+xml\"/></manifest>\
        <spine><itemref idref=\"n\"/><itemref idref=\"a\"/><itemref idref=\"b\"/><itemref idref=\"b\"/><itemref idref=\"c\"/></spine></package>";
    made::zip(&[
        ("mimetype", "application/epub+zip"),
        (CONTAINER, "<container><rootfiles><rootfile full-path=\"OEBPS/x.opf\"/></rootfiles></container>"),
        ("OEBPS/x.opf", opf),
        ("OEBPS/nav.xhtml", "<html><body>Contents</body></html>"),
        ("OEBPS/b.xhtml", &chapter("", "No heading here.")),
        ("OEBPS/text/a one.xhtml", &chapter("<h1>Stones</h1>", "Flat.")),
    ])
}

#[test]
fn chapters_come_in_the_order_of_the_spine() {
    let document = parse(&epub(), &Limits::default()).unwrap();
    let found: Vec<(&str, &str)> =
        document.blocks.iter().map(|block| (block.kind.as_str(), block.text.as_str())).collect();
    let expected = [
        ("heading", "Stones"),
        ("paragraph", "Flat."),
        ("paragraph", "Next."),
        ("paragraph", "No heading here."),
        ("paragraph", "Next."),
    ];
    assert_eq!(found, expected);
    assert!(document.blocks[3].heading_path.is_empty());
    assert_eq!(document.warnings[0].code, "missing_chapter");
    assert_eq!(document.title.as_deref(), Some("The mill"));
    let metadata = document.metadata;
    assert_eq!((metadata.year, metadata.language.as_deref()), (Some(1999), Some("fr")));
}

#[test]
fn a_book_without_its_package_is_damaged() {
    for parts in
        [&[("a", "")][..], &[(CONTAINER, "<container/>")], &[(CONTAINER, "<c><rootfile full-path=\"x\"/></c>")]]
    {
        assert_eq!(parse(&made::zip(parts), &Limits::default()).unwrap_err().code(), "damaged_file");
    }
}
