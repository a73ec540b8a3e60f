//! One-byte encodings: from a code, or the name of a glyph, to text.

use lopdf::{Document, Object};
use read_fonts::ps::{PredefinedEncoding, agl};

use crate::pdf::lookup;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BaseEncoding {
    WinAnsi,
    MacRoman,
    MacExpert,
    Standard,
}

/// What `/Encoding` of a simple font says.
#[derive(Debug, Default)]
pub(super) struct Encoding {
    pub base: Option<BaseEncoding>,
    /// Names by code, from `/Differences`.
    pub names: Vec<Option<String>>,
}

impl BaseEncoding {
    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"WinAnsiEncoding" => Some(Self::WinAnsi),
            b"MacRomanEncoding" => Some(Self::MacRoman),
            b"MacExpertEncoding" => Some(Self::MacExpert),
            b"StandardEncoding" => Some(Self::Standard),
            _ => None,
        }
    }

    pub(super) fn text(self, code: u8) -> Option<String> {
        match self {
            Self::WinAnsi => single_byte(encoding_rs::WINDOWS_1252, code),
            Self::MacRoman => single_byte(encoding_rs::MACINTOSH, code),
            Self::MacExpert => named(PredefinedEncoding::Expert.name(code)),
            Self::Standard => named(PredefinedEncoding::Standard.name(code)),
        }
    }
}

impl Encoding {
    pub(super) fn read(document: &Document, font: &lopdf::Dictionary) -> Self {
        let Some(object) = lookup::value(document, font, b"Encoding") else {
            return Self::default();
        };
        if let Ok(name) = object.as_name() {
            return Self { base: BaseEncoding::named(name), names: Vec::new() };
        }
        let Some(dictionary) = lookup::as_dictionary(object) else {
            return Self::default();
        };
        let base = lookup::name(document, dictionary, b"BaseEncoding").and_then(BaseEncoding::named);
        let names = lookup::array(document, dictionary, b"Differences")
            .map(|differences| difference_names(document, differences))
            .unwrap_or_default();
        Self { base, names }
    }

    pub(super) fn name(&self, code: u8) -> Option<&str> {
        self.names.get(usize::from(code))?.as_deref()
    }

    /// Some producers name glyphs after their codes: `G41`, `c65`, `char41`, `uni41`. True when so
    /// many names do that it is no accident.
    pub(super) fn names_are_codes(&self) -> bool {
        let mut names = 0;
        let mut coded = 0;
        for (code, name) in self.names.iter().enumerate() {
            let Some(name) = name else { continue };
            names += 1;
            let digits = name.trim_start_matches(|c: char| c.is_ascii_alphabetic());
            let hexadecimal = name.get(1..).unwrap_or_default();
            let is_code = digits.parse() == Ok(code)
                || (hexadecimal.len() == 2 && usize::from_str_radix(hexadecimal, 16) == Ok(code));
            coded += usize::from(is_code && name.len() > 1);
        }
        names > 0 && coded * 10 >= names * 8
    }
}

fn difference_names(document: &Document, differences: &[Object]) -> Vec<Option<String>> {
    let mut names = vec![None; 256];
    let mut code = 0_usize;
    for item in differences {
        match lookup::resolve(document, item) {
            Some(Object::Name(name)) => {
                if let Some(slot) = names.get_mut(code) {
                    *slot = Some(String::from_utf8_lossy(name).into_owned());
                }
                code = code.saturating_add(1);
            }
            Some(other) => {
                if let Some(number) = lookup::as_number(other) {
                    code = number.max(0.0) as usize;
                }
            }
            None => {}
        }
    }
    names
}

fn single_byte(encoding: &'static encoding_rs::Encoding, code: u8) -> Option<String> {
    if code < 0x20 {
        return None;
    }
    let bytes = [code];
    let (text, malformed) = encoding.decode_without_bom_handling(&bytes);
    (!malformed && !text.chars().any(char::is_control)).then(|| text.into_owned())
}

/// The text of a glyph whose name says no more than its code. What draws fonts as bitmaps and names them so is
/// mostly TeX, which has its ligatures and letters without dots where others have control characters (OT1).
pub(super) fn coded(code: u8) -> Option<String> {
    let ligature = match code {
        0x0b => "ff",
        0x0c => "fi",
        0x0d => "fl",
        0x0e => "ffi",
        0x0f => "ffl",
        0x10 => "ı",
        0x11 => "ȷ",
        0x12 => "`",
        0x13 => "´",
        0x14 => "ˇ",
        0x15 => "˘",
        0x16 => "¯",
        0x17 => "˚",
        0x18 => "¸",
        0x19 => "ß",
        0x1a => "æ",
        0x1b => "œ",
        0x1c => "ø",
        0x7f => "¨",
        _ => return BaseEncoding::WinAnsi.text(code),
    };
    Some(ligature.to_owned())
}

/// The text of a glyph by its name: Adobe's glyph list, `uniXXXX`, `uXXXXX`, names joined by `_`,
/// and what is not on the list but in many files.
pub(super) fn named(name: &str) -> Option<String> {
    if name.is_empty() || name == ".notdef" {
        return None;
    }
    let text: String = agl::name_to_chars(name).collect();
    if !text.is_empty() {
        return Some(text);
    }
    let known = match name.split('.').next().unwrap_or(name) {
        "nbspace" | "nonbreakingspace" | "visiblespace" => " ",
        "sfthyphen" | "hyphenminus" | "dash" => "-",
        "ff" | "f_f" => "ff",
        "ffi" | "f_f_i" => "ffi",
        "ffl" | "f_f_l" => "ffl",
        "dotlessj" => "ȷ",
        "angbracketleft" => "⟨",
        "angbracketright" => "⟩",
        "negationslash" => "\u{338}",
        "mapsto" => "↦",
        "lessorequalslant" => "⩽",
        "greaterorequalslant" => "⩾",
        "square" => "□",
        "epsilon1" => "ϵ",
        "phi1" => "ϕ",
        "theta1" => "ϑ",
        "asteriskmath" => "∗",
        "arrowhookright" => "↪",
        "vector" => "\u{20d7}",
        "tie" => "\u{361}",
        "suppress" => "\u{335}",
        "ring" => "˚",
        _ => return None,
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{BaseEncoding, Encoding, named};

    #[test]
    fn glyph_names() {
        let cases = [
            ("eacute", "é"),
            ("fi", "ﬁ"),
            ("f_i", "fi"),
            ("uni20AC", "€"),
            ("u1F600", "😀"),
            ("A.swash", "A"),
            ("a_b", "ab"),
        ];
        for (name, text) in cases {
            assert_eq!(named(name).as_deref(), Some(text), "{name}");
        }
        assert_eq!(named(".notdef"), None);
        assert_eq!(named("g123"), None);
    }

    #[test]
    fn base_encodings_differ_where_they_should() {
        let text = |base: BaseEncoding, code| base.text(code).unwrap_or_default();
        assert_eq!(text(BaseEncoding::WinAnsi, 0xe9), "é");
        assert_eq!(text(BaseEncoding::WinAnsi, 0x80), "€");
        assert_eq!(text(BaseEncoding::MacRoman, 0x8e), "é");
        assert_eq!(text(BaseEncoding::Standard, 0xae), "ﬁ");
        assert_eq!(text(BaseEncoding::Standard, 0x27), "’");
        assert_eq!(BaseEncoding::WinAnsi.text(3), None);
    }

    #[test]
    fn names_made_from_codes_are_noticed() {
        let mut names = vec![None; 256];
        names[0x41] = Some("G41".to_owned());
        names[0x42] = Some("c66".to_owned());
        let encoding = Encoding { base: None, names };
        assert!(encoding.names_are_codes());
        let mut names = vec![None; 256];
        names[0x41] = Some("eacute".to_owned());
        assert!(!Encoding { base: None, names }.names_are_codes());
    }
}
