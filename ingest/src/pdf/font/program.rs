//! What an embedded font program knows about the text of its glyphs: the last resort for fonts
//! whose dictionary doesn't say.

use std::collections::HashMap;

use lopdf::{Dictionary, Document};
use read_fonts::ps::cff::CffFontRef;
use read_fonts::ps::type1::Type1Font;
use read_fonts::tables::cmap::{CmapIterLimits, CmapSubtable, PlatformId};
use read_fonts::types::{GlyphId, Tag};
use read_fonts::{FontRef, TableProvider};

use super::encoding;
use crate::error::ParseError;
use crate::pdf::budget::Budget;
use crate::pdf::lookup;

/// A font file larger than this is not searched.
const MAX_PROGRAM_BYTES: usize = 64 << 20;
/// Glyph ids are 16 bits wide in every format that a PDF can embed.
const MAX_GLYPHS: u32 = 0x1_0000;

#[derive(Debug, Default)]
pub(super) struct Program {
    /// By one-byte code, through the program's own encoding; empty where it has none.
    pub codes: HashMap<u32, String>,
    /// By glyph id.
    pub glyphs: HashMap<u32, String>,
    /// By CID, for CID-keyed programs: the glyph id.
    pub glyph_of_cid: HashMap<u32, u32>,
}

/// Reads the program embedded in `descriptor`; an unreadable one is an empty one.
pub(super) fn read(document: &Document, descriptor: &Dictionary, budget: &mut Budget) -> Result<Program, ParseError> {
    for key in [&b"FontFile"[..], b"FontFile2", b"FontFile3"] {
        let Some(stream) = lookup::stream(document, descriptor, key) else {
            continue;
        };
        let bytes = lookup::decoded(stream, budget)?;
        if bytes.len() > MAX_PROGRAM_BYTES {
            return Ok(Program::default());
        }
        return Ok(parse(&bytes).unwrap_or_default());
    }
    Ok(Program::default())
}

/// By content: the key under which a program is embedded is often wrong.
fn parse(bytes: &[u8]) -> Option<Program> {
    match bytes.get(..4)? {
        [b'%', b'!', ..] | [0x80, 1, ..] => type1(bytes),
        [1, 0, _, 1..=4] => compact(bytes),
        _ => open_type(bytes),
    }
}

fn type1(bytes: &[u8]) -> Option<Program> {
    let font = Type1Font::new(bytes).ok()?;
    let encoding = font.encoding()?;
    let codes = (0..=255_u8)
        .filter_map(|code| {
            let text = encoding::named(encoding.glyph_name(code)?)?;
            Some((u32::from(code), text))
        })
        .collect();
    Some(Program { codes, ..Program::default() })
}

fn compact(bytes: &[u8]) -> Option<Program> {
    let font = CffFontRef::new_cff(bytes, 0, None).ok()?;
    let mut program = Program::default();
    let charset = font.charset()?;
    let glyph_count = font.num_glyphs().min(MAX_GLYPHS);
    if font.is_cid() {
        for glyph in 0..glyph_count {
            if let Some(cid) = charset.string_id(GlyphId::new(glyph)) {
                program.glyph_of_cid.insert(u32::from(cid.to_u16()), glyph);
            }
        }
        return Some(program);
    }
    for glyph in 0..glyph_count {
        let name = charset.string_id(GlyphId::new(glyph)).and_then(|id| font.string(id));
        if let Some(text) = name.and_then(|name| encoding::named(std::str::from_utf8(name).ok()?)) {
            program.glyphs.insert(glyph, text);
        }
    }
    if let Some(own_encoding) = font.encoding() {
        for code in 0..=255_u8 {
            let text = own_encoding.map(code).and_then(|glyph| program.glyphs.get(&glyph.to_u32()));
            if let Some(text) = text {
                program.codes.insert(u32::from(code), text.clone());
            }
        }
    }
    Some(program)
}

fn open_type(bytes: &[u8]) -> Option<Program> {
    let font = FontRef::new(bytes).ok()?;
    let mut program =
        font.table_data(Tag::new(b"CFF ")).and_then(|table| compact(table.as_bytes())).unwrap_or_default();
    if let Ok(post) = font.post() {
        for (glyph, name) in post.glyph_names().take(MAX_GLYPHS as usize) {
            if let Some(text) = encoding::named(name) {
                program.glyphs.entry(glyph.to_u32()).or_insert(text);
            }
        }
    }
    let Ok(cmap) = font.cmap() else {
        return Some(program);
    };
    let mut symbolic: Vec<(bool, CmapSubtable)> = Vec::new();
    for record in cmap.encoding_records() {
        let Ok(subtable) = record.subtable(cmap.offset_data()) else {
            continue;
        };
        match (record.platform_id(), record.encoding_id()) {
            (PlatformId::Unicode, _) | (PlatformId::Windows, 1 | 10) => {
                add_unicode(&mut program, &subtable);
            }
            (PlatformId::Windows, 0) => symbolic.insert(0, (false, subtable)),
            (PlatformId::Macintosh, 0) => symbolic.push((true, subtable)),
            _ => {}
        }
    }
    for (is_roman, subtable) in symbolic {
        add_codes(&mut program, &subtable, is_roman);
    }
    Some(program)
}

fn add_unicode(program: &mut Program, subtable: &CmapSubtable) {
    let limits = CmapIterLimits { max_char: 0x10_ffff, glyph_count: MAX_GLYPHS };
    for (codepoint, glyph) in subtable.iter_with_limits(limits).take(MAX_GLYPHS as usize) {
        let is_private = (0xe000..0xf900).contains(&codepoint);
        if let Some(c) = char::from_u32(codepoint).filter(|c| !is_private && !c.is_control()) {
            program.glyphs.entry(glyph.to_u32()).or_insert_with(|| c.to_string());
        }
    }
}

/// Symbolic fonts map the codes of the text themselves, or those plus 0xf000.
fn add_codes(program: &mut Program, subtable: &CmapSubtable, is_roman: bool) {
    for code in 0..=255_u8 {
        let high = 0xf000 + u32::from(code);
        let glyph = subtable
            .map_codepoint(u32::from(code))
            .or_else(|| subtable.map_codepoint(high))
            .filter(|glyph| glyph.to_u32() != 0);
        let Some(glyph) = glyph else { continue };
        let text = program.glyphs.get(&glyph.to_u32()).cloned().or_else(|| {
            let base = if is_roman { encoding::BaseEncoding::MacRoman } else { encoding::BaseEncoding::WinAnsi };
            base.text(code)
        });
        if let Some(text) = text {
            program.codes.entry(u32::from(code)).or_insert(text);
        }
    }
}
