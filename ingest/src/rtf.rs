//! RTF 1.9 → blocks. Groups are followed, what is not text is skipped, and bytes are read in the code page of
//! the font that they are written in.

mod fonts;
mod lexer;
mod reader;
mod state;
mod styles;
#[cfg(test)]
pub(crate) mod tests;

use self::lexer::Lexer;
use self::reader::Reader;
use crate::blocks::BlockBuilder;
use crate::document::{MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;

/// Groups may nest this many times deeper than `Limits::max_nesting`: programs wrap every run in several.
const GROUPS_PER_NESTING: u32 = 16;

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let mut builder = BlockBuilder::default();
    let (title, metadata) = {
        let mut reader = Reader::new(&mut builder, limits.max_nesting * GROUPS_PER_NESTING);
        for token in Lexer::new(bytes) {
            reader.take(&token)?;
        }
        reader.finish()
    };
    let title = title.or_else(|| builder.first_heading());
    let document = ParsedDocument::flowing(MediaType::Rtf, title, builder.finish(), None);
    Ok(ParsedDocument { metadata, ..document })
}

/// Appends the blocks of RTF inside a document of another format.
pub(crate) fn read_fragment(bytes: &[u8], limits: &Limits, builder: &mut BlockBuilder) -> Result<(), ParseError> {
    builder.append(parse(bytes, limits)?.blocks);
    Ok(())
}
