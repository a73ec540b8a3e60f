//! Fonts with codes of several bytes (Type 0): from codes to CIDs to text, widths and places.

use std::collections::HashMap;

use hayro_cmap::{CMap, WritingMode};
use lopdf::{Dictionary, Document, Object};

use super::descriptor::Descriptor;
use super::program::{self, Program};
use super::to_unicode::{self, ToUnicode};
use super::widths::CidMetrics;
use super::{Code, clean};
use crate::error::ParseError;
use crate::pdf::budget::Budget;
use crate::pdf::lookup;

#[derive(Debug)]
pub(super) struct CompositeFont {
    map: CMap,
    pub is_vertical: bool,
    /// The codes themselves are UTF-16.
    codes_are_utf16: bool,
    to_unicode: Option<ToUnicode>,
    collection: Option<ToUnicode>,
    program: Program,
    glyph_of_cid: GlyphOfCid,
    widths: CidMetrics<1>,
    /// Advance, then the place of the vertical origin (x, y), which text extraction does not need.
    vertical: CidMetrics<3>,
    is_symbolic: bool,
    cache: HashMap<(u32, u8), Code>,
}

#[derive(Debug)]
enum GlyphOfCid {
    Same,
    /// Two bytes per CID.
    Listed(Vec<u8>),
}

impl CompositeFont {
    pub(super) fn read(
        document: &Document,
        font: &Dictionary,
        descendant: &Dictionary,
        descriptor: &Descriptor,
        budget: &mut Budget,
    ) -> Result<Self, ParseError> {
        let encoding = lookup::value(document, font, b"Encoding");
        let (map, encoding_name) = match encoding {
            Some(Object::Name(name)) => (to_unicode::predefined(name), name.as_slice()),
            Some(Object::Stream(stream)) => {
                let name = lookup::name(document, &stream.dict, b"CMapName").unwrap_or_default();
                let bytes = lookup::decoded(stream, budget)?;
                (to_unicode::parse(&bytes), name)
            }
            _ => (None, &b""[..]),
        };
        let map = map.unwrap_or_else(CMap::identity_h);
        let is_vertical = map.metadata().writing_mode == Some(WritingMode::Vertical) || encoding_name.ends_with(b"-V");
        let to_unicode = ToUnicode::read(document, font, budget)?;
        let collection =
            lookup::dictionary(document, descendant, b"CIDSystemInfo").and_then(|info| collection_map(document, info));
        let glyph_of_cid = match lookup::value(document, descendant, b"CIDToGIDMap") {
            Some(Object::Stream(stream)) => GlyphOfCid::Listed(lookup::decoded(stream, budget)?),
            _ => GlyphOfCid::Same,
        };
        let program = match descriptor.dictionary {
            Some(dictionary) if to_unicode.is_none() && collection.is_none() => {
                program::read(document, dictionary, budget)?
            }
            _ => Program::default(),
        };
        let default_width = lookup::number(document, descendant, b"DW").unwrap_or(1000.0) / 1000.0;
        let [_, advance] = lookup::numbers::<2>(document, descendant, b"DW2").unwrap_or([880.0, -1000.0]);
        Ok(Self {
            map,
            is_vertical,
            codes_are_utf16: is_utf16(encoding_name),
            to_unicode,
            collection,
            program,
            glyph_of_cid,
            widths: CidMetrics::read(document, descendant, b"W", [default_width]),
            vertical: CidMetrics::read(document, descendant, b"W2", [advance / 1000.0, 0.0, 0.0]),
            is_symbolic: descriptor.is_symbolic_name(),
            cache: HashMap::new(),
        })
    }

    /// The first code in `bytes` and how many bytes it takes, at least one.
    pub(super) fn next_code(&mut self, bytes: &[u8]) -> (Code, usize) {
        let mut value = 0_u32;
        for (index, &byte) in bytes.iter().take(4).enumerate() {
            value = value << 8 | u32::from(byte);
            let length = index as u8 + 1;
            if let Some(cid) = self.map.lookup_cid_code(value, length) {
                return (self.code(value, length, cid), index + 1);
            }
        }
        // No map knows it: nearly all codes have two bytes.
        let length = bytes.len().min(2);
        let value = bytes[..length].iter().fold(0, |value, &byte| value << 8 | u32::from(byte));
        (self.code(value, length as u8, 0), length)
    }

    fn code(&mut self, value: u32, length: u8, cid: u32) -> Code {
        if let Some(known) = self.cache.get(&(value, length)) {
            return known.clone();
        }
        let [width] = self.widths.get(cid).unwrap_or(self.widths.default);
        let [vertical_advance, ..] = self.vertical.get(cid).unwrap_or(self.vertical.default);
        let text =
            self.text(value, length, cid).map(|text| clean(&text, self.is_symbolic)).filter(|text| !text.is_empty());
        let code = Code {
            text: text.map(String::into_boxed_str),
            width,
            is_single_byte_space: length == 1 && value == 32,
            vertical_advance,
        };
        self.cache.insert((value, length), code.clone());
        code
    }

    fn text(&self, value: u32, length: u8, cid: u32) -> Option<String> {
        if let Some(text) = self.to_unicode.as_ref().and_then(|map| map.text(value)) {
            return Some(text);
        }
        if self.codes_are_utf16 {
            let units = [(value >> 16) as u16, value as u16];
            let units = if length > 2 { &units[..] } else { &units[1..] };
            return String::from_utf16(units).ok();
        }
        if let Some(text) = self.collection.as_ref().and_then(|map| map.text(cid)) {
            return Some(text);
        }
        let glyph = match &self.glyph_of_cid {
            GlyphOfCid::Same => self.program.glyph_of_cid.get(&cid).copied().unwrap_or(cid),
            GlyphOfCid::Listed(list) => {
                let at = (cid as usize).checked_mul(2)?;
                u32::from(u16::from_be_bytes([*list.get(at)?, *list.get(at + 1)?]))
            }
        };
        self.program.glyphs.get(&glyph).cloned()
    }
}

fn is_utf16(encoding_name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(encoding_name);
    name.contains("UCS2") || name.contains("UTF16")
}

fn collection_map(document: &Document, info: &Dictionary) -> Option<ToUnicode> {
    let text = |key: &[u8]| lookup::value(document, info, key)?.as_str().ok();
    ToUnicode::of_collection(text(b"Registry")?, text(b"Ordering")?)
}
