//! DOCX (ECMA-376) → blocks: paragraphs with their styles, lists, tables, notes.

mod paragraphs;
mod styles;

use std::io::{Cursor, Read as _};

use crate::blocks::BlockBuilder;
use crate::document::{MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;

type Archive<'a> = zip::ZipArchive<Cursor<&'a [u8]>>;

/// Parts whose text follows the document's own.
const NOTES: [&str; 2] = ["word/footnotes.xml", "word/endnotes.xml"];

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| ParseError::damaged("docx", error))?;
    let mut budget = limits.max_expanded_bytes;
    let main = part(&mut archive, "word/document.xml", &mut budget)?
        .ok_or_else(|| ParseError::damaged("docx", "it has no word/document.xml"))?;
    let styles = match part(&mut archive, "word/styles.xml", &mut budget)? {
        Some(xml) => styles::Styles::read(&xml)?,
        None => styles::Styles::default(),
    };
    let mut builder = BlockBuilder::default();
    paragraphs::read(&main, &styles, limits, &mut builder)?;
    for name in NOTES {
        if let Some(xml) = part(&mut archive, name, &mut budget)? {
            paragraphs::read(&xml, &styles, limits, &mut builder)?;
        }
    }
    let title = match part(&mut archive, "docProps/core.xml", &mut budget)? {
        Some(xml) => styles::core_title(&xml)?,
        None => None,
    };
    Ok(ParsedDocument {
        media_type: MediaType::Docx,
        title: title.or_else(|| builder.first_heading()),
        page_count: None,
        page_sizes: Vec::new(),
        blocks: builder.finish(),
        warnings: Vec::new(),
    })
}

/// A part of the archive, unpacked as far as the budget for the whole file goes.
fn part(archive: &mut Archive<'_>, name: &str, budget: &mut u64) -> Result<Option<String>, ParseError> {
    let file = match archive.by_name(name) {
        Ok(file) => file,
        Err(zip::result::ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(ParseError::damaged("docx", error)),
    };
    let mut bytes = Vec::new();
    file.take(*budget + 1).read_to_end(&mut bytes).map_err(|error| ParseError::damaged("docx", error))?;
    *budget = budget.checked_sub(bytes.len() as u64).ok_or_else(|| ParseError::limit("expanded bytes", *budget))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// What a broken part is reported as.
fn damaged(error: impl std::fmt::Display) -> ParseError {
    ParseError::damaged("docx", error)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const NAMESPACE: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" xmlns:mc=\"x\"";

    fn docx(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in parts {
            archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

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
}
