//! `OpenDocument` (ISO/IEC 26300) → blocks: texts, spreadsheets and presentations, which share one vocabulary.

mod content;
mod sheets;
mod styles;
#[cfg(test)]
mod tests;

use self::content::Content;
use self::styles::Styles;
use crate::blocks::BlockBuilder;
use crate::delimited::rows_left_out;
use crate::document::{MediaType, ParsedDocument};
use crate::dublin_core::Properties;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::package::Package;
use crate::xml::{Dialect, walk};

/// What was deleted under change tracking, comments, names of pictures, formulas and what only programs read.
const SKIPPED: &[&str] =
    &["tracked-changes", "annotation", "scripts", "forms", "binary-data", "event-listeners", "math", "title", "desc"];

const ODF: Dialect = Dialect { format: "opendocument", skips: |name| SKIPPED.contains(&name) };

pub fn parse(media_type: MediaType, bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let mut package = Package::open(bytes, ODF.format, limits)?;
    let is_encrypted = package.part("META-INF/manifest.xml")?.is_some_and(|xml| xml.contains("encryption-data"));
    if is_encrypted {
        return Err(ParseError::Locked { format: ODF.format.into() });
    }
    let content = package.needed("content.xml")?;
    let mut styles = Styles::default();
    if let Some(xml) = package.part("styles.xml")? {
        walk(&xml, limits, &ODF, &mut styles)?;
    }
    walk(&content, limits, &ODF, &mut styles)?;
    let mut builder = BlockBuilder::default();
    let mut reader = Content::new(media_type, &styles, limits, &mut builder);
    walk(&content, limits, &ODF, &mut reader)?;
    let read = reader.finish();
    let properties = match package.part("meta.xml")? {
        Some(xml) => Properties::read(&xml, ODF.format, limits)?,
        None => Properties::default(),
    };
    let title = read.title.or(properties.title).or_else(|| builder.first_heading());
    let warnings = read.rows_left_out.then(|| rows_left_out(limits));
    let document = ParsedDocument::flowing(media_type, title, builder.finish(), warnings);
    Ok(ParsedDocument { metadata: properties.metadata, page_count: read.pages, ..document })
}
