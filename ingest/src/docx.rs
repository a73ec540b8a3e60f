//! DOCX (ECMA-376) → blocks: paragraphs with their styles and numbers, lists, tables, notes.

mod notes;
mod numbering;
mod paragraphs;
mod styles;
#[cfg(test)]
mod tests;
mod walk;

use self::notes::Notes;
use self::numbering::Numbering;
use self::paragraphs::{Body, Parts};
use self::styles::Styles;
use self::walk::walk;
use crate::blocks::BlockBuilder;
use crate::document::{MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::package::Package;

/// Where the body lies unless the package says otherwise.
const MAIN_PART: &str = "word/document.xml";

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let mut package = Package::open(bytes, "docx", limits)?;
    let main = package.main_part(MAIN_PART)?;
    let body = package.needed(&main)?;
    // Parts refer to one another by folder: the body and what belongs to it lie together.
    let folder = main.rsplit_once('/').map_or("word", |(folder, _)| folder).to_owned();
    let mut beside = |name: &str| package.part(&format!("{folder}/{name}"));
    let styles = beside("styles.xml")?.map(|xml| Styles::read(&xml, limits)).transpose()?;
    let numbering = beside("numbering.xml")?.map(|xml| Numbering::read(&xml, limits)).transpose()?;
    let footnotes = beside("footnotes.xml")?.map(|xml| Notes::read(&xml, limits)).transpose()?;
    let endnotes = beside("endnotes.xml")?.map(|xml| Notes::read(&xml, limits)).transpose()?;
    let parts = Parts {
        styles: styles.unwrap_or_default(),
        numbering: numbering.unwrap_or_default(),
        footnotes: footnotes.unwrap_or_default(),
        endnotes: endnotes.unwrap_or_default(),
    };
    let mut builder = BlockBuilder::default();
    let mut reader = Body::new(parts, &mut builder);
    walk(&body, limits, &mut reader)?;
    let visible_title = reader.title();
    let properties = package.properties()?;
    // What a reader sees first: properties are often those of a template.
    let title = visible_title.or(properties.title).or_else(|| builder.first_heading());
    let document = ParsedDocument::flowing(MediaType::Docx, title, builder.finish(), None);
    Ok(ParsedDocument { metadata: properties.metadata, ..document })
}
