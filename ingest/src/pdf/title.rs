//! The title of a document: what its metadata says when that is sensible, else its main heading.

use lopdf::{Dictionary, Document};

use super::budget::Budget;
use super::lookup;
use crate::document::{Block, BlockKind, Metadata};
use crate::dublin_core::{doi, year};
use crate::error::ParseError;
use crate::title::sensible;

/// Metadata beyond this is not searched for a title.
const MAX_METADATA_BYTES: usize = 1 << 20;

pub(super) fn find(document: &Document, blocks: &[Block], budget: &mut Budget) -> Result<Option<String>, ParseError> {
    if let Some(title) = from_info(document) {
        return Ok(Some(title));
    }
    if let Some(title) = from_metadata(document, budget)? {
        return Ok(Some(title));
    }
    Ok(main_heading(blocks))
}

fn from_info(document: &Document) -> Option<String> {
    let info: &Dictionary = lookup::dictionary(document, &document.trailer, b"Info")?;
    let title = lookup::value(document, info, b"Title")?.as_str().ok()?;
    sensible(&lookup::text(title))
}

/// What the file says about itself beside its title.
pub(super) fn metadata(document: &Document) -> Metadata {
    let mut metadata = Metadata::default();
    let Some(info) = lookup::dictionary(document, &document.trailer, b"Info") else { return metadata };
    let field = |key: &[u8]| Some(lookup::text(lookup::value(document, info, key)?.as_str().ok()?));
    metadata.add_authors(&field(b"Author").unwrap_or_default());
    metadata.year = field(b"CreationDate").and_then(|date| year(&date));
    // Publishers write it into one of these.
    let keys: [&[u8]; 4] = [b"doi", b"DOI", b"WPS-ARTICLEDOI", b"Subject"];
    metadata.doi = keys.into_iter().filter_map(field).find_map(|text| doi(&text));
    let language = document.catalog().ok().and_then(|catalog| lookup::value(document, catalog, b"Lang"));
    metadata.language = language.and_then(|tag| tag.as_str().ok()).map(lookup::text).filter(|tag| !tag.is_empty());
    metadata
}

/// `dc:title` of the XMP packet.
fn from_metadata(document: &Document, budget: &mut Budget) -> Result<Option<String>, ParseError> {
    let stream = document.catalog().ok().and_then(|catalog| lookup::stream(document, catalog, b"Metadata"));
    let Some(stream) = stream else {
        return Ok(None);
    };
    let mut bytes = lookup::decoded(stream, budget)?;
    bytes.truncate(MAX_METADATA_BYTES);
    let packet = String::from_utf8_lossy(&bytes);
    Ok(xmp_title(&packet).and_then(|title| sensible(&title)))
}

fn xmp_title(packet: &str) -> Option<String> {
    let (_, after) = packet.split_once("<dc:title")?;
    let (inside, _) = after.split_once("</dc:title>")?;
    let (_, item) = inside.split_once("<rdf:li")?;
    let (_, item) = item.split_once('>')?;
    let (text, _) = item.split_once('<')?;
    quick_xml::escape::unescape(text).ok().map(std::borrow::Cow::into_owned)
}

/// The largest heading on the first page, the first of them.
fn main_heading(blocks: &[Block]) -> Option<String> {
    let level = |block: &Block| match block.kind {
        BlockKind::Heading { level } if block.page == Some(1) => Some(level),
        _ => None,
    };
    let top = blocks.iter().filter_map(level).min()?;
    let heading = blocks.iter().find(|block| level(block) == Some(top))?;
    sensible(&heading.text)
}

#[cfg(test)]
mod tests {
    use super::xmp_title;

    #[test]
    fn title_in_xmp() {
        let packet =
            "<x><dc:title>\n<rdf:Alt><rdf:li xml:lang=\"x-default\">A &amp; B</rdf:li></rdf:Alt></dc:title></x>";
        assert_eq!(xmp_title(packet).as_deref(), Some("A & B"));
    }
}
