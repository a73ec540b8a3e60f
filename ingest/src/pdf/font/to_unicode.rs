//! `/ToUnicode` of a font, and the character maps that every viewer knows by name.

use hayro_cmap::{BfString, CMap, CMapName, CidFamily, load_embedded};
use lopdf::{Dictionary, Document, Object};

use crate::error::ParseError;
use crate::pdf::budget::Budget;
use crate::pdf::lookup;

/// Text for character codes.
#[derive(Debug)]
pub(super) struct ToUnicode {
    map: CMap,
}

impl ToUnicode {
    pub(super) fn read(
        document: &Document,
        font: &Dictionary,
        budget: &mut Budget,
    ) -> Result<Option<Self>, ParseError> {
        match lookup::value(document, font, b"ToUnicode") {
            Some(Object::Stream(stream)) => {
                let bytes = lookup::decoded(stream, budget)?;
                Ok(parse(&bytes).map(|map| Self { map }))
            }
            // `/Identity-H`: the codes are UTF-16 already.
            Some(Object::Name(name)) if !name.starts_with(b"Identity") => Ok(predefined(name).map(|map| Self { map })),
            _ => Ok(None),
        }
    }

    /// The map from CIDs to text of one of Adobe's character collections.
    pub(super) fn of_collection(registry: &[u8], ordering: &[u8]) -> Option<Self> {
        let name = CidFamily::from_registry_ordering(registry, ordering).ucs2_cmap()?;
        let map = CMap::parse(load_embedded(name)?, load_embedded)?;
        Some(Self { map })
    }

    /// `None` where the map says nothing useful: no entry, or characters that stand for nothing.
    pub(super) fn text(&self, code: u32) -> Option<String> {
        let text = match self.map.lookup_bf_string(code)? {
            BfString::Char(c) => c.to_string(),
            BfString::String(text) => text,
        };
        let is_empty = text.chars().all(|c| matches!(c, '\0' | '\u{fffd}' | '\u{ffff}'));
        (!is_empty).then_some(text)
    }
}

pub(super) fn parse(bytes: &[u8]) -> Option<CMap> {
    CMap::parse(bytes, load_embedded)
}

pub(super) fn predefined(name: &[u8]) -> Option<CMap> {
    match name {
        b"Identity-H" => Some(CMap::identity_h()),
        b"Identity-V" => Some(CMap::identity_v()),
        _ => parse(load_embedded(CMapName::from_bytes(name))?),
    }
}
