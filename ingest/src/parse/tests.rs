//! What holds for every format: nothing that a file holds makes its parser panic.

use proptest::prelude::*;

use super::*;
use crate::made;

#[test]
fn files_without_content_are_told_apart() {
    let limits = Limits { max_bytes: 10, ..Limits::default() };
    assert_eq!(parse(b"", None, &limits), Err(ParseError::Empty));
    assert_eq!(parse(b"  \n\t ", None, &limits).unwrap_err().code(), "no_text");
    assert_eq!(parse(b"more than ten bytes", None, &limits).unwrap_err().code(), "too_large");
}

#[test]
fn a_misleading_name_is_a_warning() {
    let document = parse(b"plain text", Some("Report.PDF"), &Limits::default()).unwrap();
    assert_eq!(document.media_type, MediaType::Text);
    assert_eq!(document.warnings[0].code, "name_says_pdf");
}

fn odt(media_type: &str, body: &str) -> Vec<u8> {
    let content = format!("<o:d xmlns:o=\"o\"><o:body>{body}</o:body></o:d>");
    made::zip(&[("mimetype", media_type), ("content.xml", content.as_str()), ("meta.xml", "<m><title>T</title></m>")])
}

/// A small file of every format, with the name that it would have.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let table = "<t:table t:name=\"S\"><t:table-row t:number-rows-repeated=\"2\"><t:table-cell><p>a</p></t:table-cell></t:table-row></t:table>";
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (
            "a.docx",
            made::zip(&[(
                "word/document.xml",
                "<w:d><w:p><w:t>a</w:t></w:p><w:tbl><w:tr><w:tc/></w:tr></w:tbl></w:d>",
            )]),
        ),
        ("a.xlsx", workbook::tests::xlsx(&[workbook::tests::SHEET])),
        ("a.xls", workbook::tests::xls()),
        ("a.pptx", pptx::tests::pptx()),
        (
            "a.odt",
            odt("application/vnd.oasis.opendocument.text", "<t:h>a</t:h><t:p>b<t:note><t:p>c</t:p></t:note></t:p>"),
        ),
        ("a.ods", odt("application/vnd.oasis.opendocument.spreadsheet", table)),
        (
            "a.odp",
            odt("application/vnd.oasis.opendocument.presentation", "<d:page><d:frame><t:p>a</t:p></d:frame></d:page>"),
        ),
        ("a.rtf", rtf::tests::SOURCE.to_vec()),
        ("a.epub", epub::tests::epub()),
        ("a.html", text("<html><title>a</title><table><tr><td>b</table><ul><li>c</ul>")),
        ("a.md", text("# a\n\n- b\n\n| c | d |\n|---|---|\n| e | f |\n\n```\ng\n```\n")),
        ("a.txt", text("a\n=\n\n- b\n\nc")),
        ("a.csv", text("a;b\n\"c\"\"d\";e\n")),
        ("a.tsv", text("a\tb\nc\td\n")),
        ("a.json", text("{\"a\": [{\"b\": 1}, {\"c\": \"d\"}], \"e\": {\"f\": [1, null, true]}}")),
        ("a.jsonl", text("{\"a\": 1}\n{\"a\": \"b\"}\n")),
        ("a.xml", text("<?xml version=\"1.0\"?><a b=\"c\"><title>d</title>e<f>g</f><h/></a>")),
        ("a.nxml", text(jats::tests::ARTICLE)),
        ("a.eml", text(&email::tests::eml("a,b\r\n1,2", "table.csv"))),
        ("a.msg", outlook::tests::msg()),
        ("a.zip", made::zip_of(&[("b.md", text("# a")), ("c.zip", made::zip(&[("d.txt", "e")]))])),
        ("a.rs", text("fn a() {\n\n}\n")),
        ("a.rst", text("a\n=\n\n.. note:: b\n\n::\n\n  c\n\n+--+\n|d |\n+--+\n")),
        ("a.adoc", text("= a\n\n* b\n\n|===\n|c |d\n|===\n\n----\ne\n----\n")),
        ("a.org", text("* a\n- b\n| c | d |\n#+BEGIN_SRC\ne\n#+END_SRC\n:X:\n:END:\n")),
        (
            "a.tex",
            text(
                "\\documentclass{a}\\title{b}\\begin{document}\\section{c}\\'e $x$ \\begin{tabular}{l}a & b\\\\\\end{tabular}\\end{document}",
            ),
        ),
        ("a.vtt", text("WEBVTT\n\n00:01.000 --> 00:02.000\n<v A>b</v>\n")),
    ]
}

#[test]
fn every_format_is_told_by_its_content_and_gives_text() {
    for (name, bytes) in files() {
        let document = parse(&bytes, Some(name), &Limits::default());
        assert!(document.as_ref().is_ok_and(|document| !document.text().is_empty()), "{name}: {document:?}");
    }
}

#[test]
fn every_cut_of_every_file_ends() {
    let limits = Limits::default();
    for (name, bytes) in files() {
        for end in (0..bytes.len()).step_by(bytes.len() / 200 + 1) {
            let _ = parse(&bytes[..end], Some(name), &limits);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..600), named in 0..27_usize) {
        let _ = parse(&bytes, Some(files()[named].0), &Limits::default());
    }

    #[test]
    fn any_change_of_any_file_ends(
        chosen in 0..27_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (name, mut bytes) = files().swap_remove(chosen);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = parse(&bytes, Some(name), &Limits::default());
    }

    /// A change inside an archive is mostly found by its check sum; this one is not.
    #[test]
    fn any_change_of_any_part_ends(
        chosen in 0..27_usize,
        at in any::<prop::sample::Index>(),
        inserted in prop::sample::select(vec!["<", ">", "/", "\"", "&", "<p>", "</p>", "<table>", "99999999", "-1", "", "é"]),
        length in 0..12_usize,
    ) {
        let (name, bytes) = files().swap_remove(chosen);
        let Ok(mut archive) = zip::ZipArchive::new(std::io::Cursor::new(&bytes)) else { return Ok(()) };
        let names: Vec<String> = archive.file_names().flatten().map(std::borrow::Cow::into_owned).collect();
        let changed = at.index(names.len());
        let mut parts = Vec::new();
        for (part, number) in names.iter().zip(0..) {
            let mut content = Vec::new();
            std::io::copy(&mut archive.by_name(part).unwrap(), &mut content).unwrap();
            if number == changed && !content.is_empty() {
                let start = at.index(content.len());
                let end = (start + length).min(content.len());
                content.splice(start..end, inserted.bytes());
            }
            parts.push((part.clone(), content));
        }
        let _ = parse(&made::zip_of(&parts), Some(name), &Limits::default());
    }
}
