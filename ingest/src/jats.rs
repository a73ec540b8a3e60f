//! Journal articles in XML (JATS, ANSI/NISO Z39.96) → blocks and bibliographic metadata.

mod reader;
#[cfg(test)]
pub(crate) mod tests;

use self::reader::Reader;
use crate::blocks::BlockBuilder;
use crate::document::{MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::text::decode;
use crate::xml::{Dialect, walk};

/// Not text of the article: what describes the journal, formulas a second time in another language, addresses.
const SKIPPED: &[&str] = &[
    "journal-meta",
    "permissions",
    "annotation",
    "annotation-xml",
    "object-id",
    "counts",
    "history",
    "aff",
    "author-notes",
    "funding-group",
    "custom-meta-group",
    "article-categories",
    "related-article",
    "self-uri",
    "volume",
    "issue",
    "elocation-id",
    "processing-meta",
];

const JATS: Dialect = Dialect { format: "jats", skips: |name| SKIPPED.contains(&name) };

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let (text, warning) = decode(bytes);
    let mut builder = BlockBuilder::default();
    let mut reader = Reader::new(&mut builder);
    walk(&text, limits, &JATS, &mut reader)?;
    let (title, metadata) = reader.finish();
    let title = title.or_else(|| builder.first_heading());
    let document = ParsedDocument::flowing(MediaType::Jats, title, builder.finish(), warning);
    Ok(ParsedDocument { metadata, ..document })
}
