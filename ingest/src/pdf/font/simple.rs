//! Fonts with one-byte codes: Type 1, TrueType and Type 3.

use lopdf::{Dictionary, Document};

use super::descriptor::Descriptor;
use super::encoding::{self, BaseEncoding, Encoding};
use super::program::{self, Program};
use super::to_unicode::ToUnicode;
use super::{clean, standard, widths};
use crate::error::ParseError;
use crate::pdf::budget::Budget;

/// Text and width of all 256 codes.
#[derive(Debug)]
pub(super) struct SimpleFont {
    pub texts: Vec<Option<Box<str>>>,
    pub widths: Vec<f32>,
}

/// What a simple font can be asked, in the order in which the answers count.
struct Sources {
    to_unicode: Option<ToUnicode>,
    encoding: Encoding,
    names_are_codes: bool,
    program: Program,
}

impl SimpleFont {
    pub(super) fn read(
        document: &Document,
        font: &Dictionary,
        descriptor: &Descriptor,
        unit: f32,
        budget: &mut Budget,
    ) -> Result<Self, ParseError> {
        let to_unicode = ToUnicode::read(document, font, budget)?;
        let encoding = Encoding::read(document, font);
        let widths = widths::simple(document, font, unit);
        let names_are_codes = encoding.names_are_codes();
        let mut sources = Sources { to_unicode, encoding, names_are_codes, program: Program::default() };
        // Parsing the program is the expensive part: only when a glyph that is drawn needs it.
        let needs_program = sources.encoding.base.is_none()
            && (0..=255_u8).any(|code| {
                widths[usize::from(code)].is_some_and(|width| width > 0.0) && sources.declared(code).is_none()
            });
        if needs_program && let Some(dictionary) = descriptor.dictionary {
            sources.program = program::read(document, dictionary, budget)?;
        }
        let texts: Vec<Option<Box<str>>> = (0..=255_u8)
            .map(|code| {
                let text = clean(&sources.text(code, descriptor)?, descriptor.is_symbolic_name());
                (!text.is_empty()).then(|| text.into_boxed_str())
            })
            .collect();
        let widths = widths
            .into_iter()
            .zip(&texts)
            .map(|(width, text)| {
                width.unwrap_or_else(|| {
                    descriptor.missing_width.map_or_else(
                        || {
                            let text = text.as_deref().unwrap_or_default();
                            standard::width(&descriptor.name, descriptor.is_bold, text)
                        },
                        |missing| missing * unit,
                    )
                })
            })
            .collect();
        Ok(Self { texts, widths })
    }
}

impl Sources {
    /// What the font's dictionary says.
    fn declared(&self, code: u8) -> Option<String> {
        if let Some(text) = self.to_unicode.as_ref().and_then(|map| map.text(u32::from(code))) {
            return Some(text);
        }
        let name = self.encoding.name(code)?;
        // First: `a65` is also the name of a dingbat.
        let coded = self.names_are_codes.then(|| encoding::coded(code)).flatten();
        coded.or_else(|| encoding::named(name))
    }

    fn text(&self, code: u8, descriptor: &Descriptor) -> Option<String> {
        if let Some(text) = self.declared(code) {
            return Some(text);
        }
        if let Some(text) = self.program.codes.get(&u32::from(code)) {
            return Some(text.clone());
        }
        if let Some(name) = self.encoding.name(code) {
            // A name that nobody knows, often `g123`, numbers a glyph of the program.
            return name
                .trim_start_matches(|c: char| !c.is_ascii_digit())
                .parse()
                .ok()
                .and_then(|glyph: u32| self.program.glyphs.get(&glyph).cloned());
        }
        if let Some(c) = standard::symbol_char(&descriptor.name, code) {
            return Some(c.to_string());
        }
        let base = self.encoding.base.unwrap_or(if descriptor.is_true_type {
            BaseEncoding::WinAnsi
        } else {
            BaseEncoding::Standard
        });
        base.text(code)
    }
}
