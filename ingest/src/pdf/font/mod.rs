//! Fonts: from the bytes of a text operator to text, widths and looks.

mod composite;
mod descriptor;
mod encoding;
mod program;
mod simple;
mod standard;
mod to_unicode;
mod widths;

use lopdf::{Dictionary, Document, Object};
use unicode_normalization::UnicodeNormalization;

use self::composite::CompositeFont;
use self::descriptor::Descriptor;
use self::simple::SimpleFont;
use super::budget::Budget;
use super::geometry::Matrix;
use super::lookup;
use crate::error::ParseError;

/// The usual map of a font: a thousand units per font size.
const GLYPH_UNIT: f32 = 0.001;

#[derive(Debug)]
pub(super) struct Font {
    kind: Kind,
    pub is_bold: bool,
    pub is_monospaced: bool,
    /// Height above and depth below the base line in parts of the font size, both positive.
    pub ascent: f32,
    pub descent: f32,
    /// How large the letters are at font size 1: 1 but for Type 3 fonts.
    pub em: f32,
    /// Width of the space in parts of the font size.
    pub space_width: f32,
}

#[derive(Debug)]
enum Kind {
    Simple(SimpleFont),
    Composite(Box<CompositeFont>),
}

/// One character code, decoded.
#[derive(Debug, Clone)]
pub(super) struct Code {
    /// `None`: the font doesn't say what its glyph means.
    pub text: Option<Box<str>>,
    /// In parts of the font size.
    pub width: f32,
    /// Word spacing applies to it.
    pub is_single_byte_space: bool,
    /// In vertical writing; negative downwards.
    pub vertical_advance: f32,
}

impl Font {
    pub(super) fn read(document: &Document, font: &Dictionary, budget: &mut Budget) -> Result<Self, ParseError> {
        let descendant = lookup::array(document, font, b"DescendantFonts")
            .and_then(<[Object]>::first)
            .and_then(|first| lookup::resolve(document, first))
            .and_then(lookup::as_dictionary);
        if let Some(descendant) = descendant {
            let descriptor = Descriptor::read(document, descendant);
            let mut font = CompositeFont::read(document, font, descendant, &descriptor, budget)?;
            let space_width = composite_space_width(&mut font);
            return Ok(Self::new(Kind::Composite(Box::new(font)), &descriptor, space_width));
        }
        let descriptor = Descriptor::read(document, font);
        let is_type3 = lookup::name(document, font, b"Subtype") == Some(b"Type3");
        let matrix = lookup::matrix(document, font, b"FontMatrix").filter(|_| is_type3);
        let unit = matrix.map_or(GLYPH_UNIT, |matrix| matrix.a.abs().max(matrix.b.abs()));
        let simple = SimpleFont::read(document, font, &descriptor, unit, budget)?;
        let space_width = simple
            .texts
            .iter()
            .position(|text| text.as_deref() == Some(" "))
            .and_then(|code| simple.widths.get(code).copied())
            .filter(|width| is_type3 || (0.05..1.0).contains(width))
            .unwrap_or(0.25);
        let mut read = Self::new(Kind::Simple(simple), &descriptor, space_width);
        if let Some(matrix) = matrix {
            read.size_by_box(document, font, &matrix);
        }
        Ok(read)
    }

    fn new(kind: Kind, descriptor: &Descriptor, space_width: f32) -> Self {
        Self {
            kind,
            is_bold: descriptor.is_bold,
            is_monospaced: descriptor.is_monospaced,
            ascent: descriptor.ascent,
            descent: descriptor.descent,
            em: 1.0,
            space_width,
        }
    }

    /// The letters of a Type 3 font are as large as its box says, if that agrees with their widths:
    /// letters are about half as wide as the font is high.
    fn size_by_box(&mut self, document: &Document, font: &Dictionary, matrix: &Matrix) {
        let Kind::Simple(simple) = &self.kind else {
            return;
        };
        let drawn: Vec<f32> = simple
            .texts
            .iter()
            .zip(&simple.widths)
            .filter(|(text, width)| text.is_some() && **width > 0.0)
            .map(|(_, width)| *width)
            .collect();
        let by_width = 2.0 * drawn.iter().sum::<f32>() / drawn.len().max(1) as f32;
        let area = lookup::rectangle(document, font, b"FontBBox")
            .map(|area| area.mapped(matrix))
            .filter(|area| (0.4 * by_width..2.5 * by_width).contains(&area.height()));
        if let Some(area) = area {
            self.em = area.height();
            self.descent = (-area.y0 / self.em).clamp(0.0, 0.4);
            self.ascent = (area.y1 / self.em).clamp(0.5, 1.0);
        } else if by_width > 0.0 {
            self.em = by_width;
        } else {
            self.em = matrix.d.abs() / GLYPH_UNIT;
        }
        self.em = self.em.clamp(0.001, 1000.0);
        self.space_width = (self.space_width / self.em).clamp(0.1, 0.6);
    }

    pub(super) fn is_vertical(&self) -> bool {
        match &self.kind {
            Kind::Simple(_) => false,
            Kind::Composite(font) => font.is_vertical,
        }
    }

    /// The first code in `bytes`, which must not be empty, and how many bytes it takes.
    pub(super) fn next_code(&mut self, bytes: &[u8]) -> (Code, usize) {
        let font = match &mut self.kind {
            Kind::Composite(font) => return font.next_code(bytes),
            Kind::Simple(font) => font,
        };
        let code = bytes.first().copied().map_or(0, usize::from);
        let decoded = Code {
            text: font.texts[code].clone(),
            width: font.widths[code],
            is_single_byte_space: code == 32,
            vertical_advance: 0.0,
        };
        (decoded, 1)
    }
}

fn composite_space_width(font: &mut CompositeFont) -> f32 {
    [&[0_u8, 32][..], &[0, 3], &[32]]
        .iter()
        .filter_map(|bytes| {
            let (code, _) = font.next_code(bytes);
            (code.text.as_deref() == Some(" ")).then_some(code.width)
        })
        .find(|width| (0.05..1.0).contains(width))
        .unwrap_or(0.25)
}

/// Text of a glyph as it should be stored: ligatures and presentation forms taken apart, exotic
/// spaces made plain, control characters dropped.
pub(super) fn clean(text: &str, is_symbolic: bool) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
                cleaned.push(' ');
            }
            // Drawn, it is a hyphen.
            '\u{ad}' => cleaned.push('-'),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fffd}'
            | '\u{fff0}'..='\u{fffb}' => {}
            '\u{fb00}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' | '\u{2f00}'..='\u{2fdf}' => {
                cleaned.extend(std::iter::once(c).nfkc());
            }
            '\u{e000}'..='\u{f8ff}' => cleaned.extend(private_char(c, is_symbolic)),
            _ if c.is_control() => {}
            _ => cleaned.push(c),
        }
    }
    cleaned
}

/// Symbolic fonts put their codes at 0xf000: in those that draw symbols they are bullets nearly
/// always, in others they are the letters.
fn private_char(c: char, is_symbolic: bool) -> Option<char> {
    let code = u8::try_from((c as u32).checked_sub(0xf000)?).ok()?;
    if is_symbolic {
        return Some(standard::symbol_char("Symbol", code).unwrap_or('•'));
    }
    (0x20..0x7f).contains(&code).then_some(code as char)
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn text_is_cleaned() {
        let cases = [
            ("ﬁ", "fi"),
            ("ﬄ", "ffl"),
            ("\u{a0}", " "),
            ("\u{ad}", "-"),
            ("\u{200b}", ""),
            ("ﻻ", "لا"),
            ("é", "é"),
            ("\u{1}", ""),
        ];
        for (raw, expected) in cases {
            assert_eq!(clean(raw, false), expected, "{raw:?}");
        }
        assert_eq!(clean("\u{f0b7}", true), "•");
        assert_eq!(clean("\u{f041}", false), "A");
    }
}
