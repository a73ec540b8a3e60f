//! ZIP archives → the documents inside, each under a heading with its path.

use crate::blocks::BlockBuilder;
use crate::document::{MediaType, ParsedDocument};
use crate::enclosed::Enclosure;
use crate::error::ParseError;
use crate::package::Package;

/// What systems leave in archives for themselves.
const OF_SYSTEMS: &[&str] = &[".DS_Store", "Thumbs.db", "desktop.ini"];

pub(crate) fn parse(bytes: &[u8], enclosure: &mut Enclosure<'_>) -> Result<ParsedDocument, ParseError> {
    let limits = enclosure.left();
    let mut package = Package::open(bytes, "zip", &limits)?;
    let mut builder = BlockBuilder::default();
    let mut warnings = Vec::new();
    for name in package.names().iter().filter(|name| is_document(name)) {
        let left_bytes = package.left_bytes();
        match package.bytes(name) {
            Ok(Some(bytes)) if bytes.is_empty() => {}
            Ok(Some(bytes)) => enclosure.read(1, name, &bytes, &mut builder, &mut warnings),
            Ok(None) => {}
            Err(error) => {
                enclosure.charge(left_bytes - package.left_bytes());
                enclosure.refuse(name, error, &mut warnings);
            }
        }
    }
    let blocks = builder.finish();
    match enclosure.first_refusal() {
        Some(error) if blocks.is_empty() => Err(error),
        _ => Ok(ParsedDocument::flowing(MediaType::Zip, None, blocks, warnings)),
    }
}

fn is_document(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    !name.is_empty() && !name.starts_with("._") && !path.starts_with("__MACOSX/") && !OF_SYSTEMS.contains(&name)
}
