//! What a font's dictionary and descriptor say about its looks.

use lopdf::{Dictionary, Document};

use crate::pdf::lookup;

const FLAG_FIXED_PITCH: i64 = 1;
const FLAG_FORCE_BOLD: i64 = 1 << 18;
const BOLD_WEIGHT: f32 = 600.0;

#[derive(Debug)]
pub(super) struct Descriptor<'a> {
    pub dictionary: Option<&'a Dictionary>,
    /// Without the tag of a subset.
    pub name: String,
    pub is_bold: bool,
    pub is_monospaced: bool,
    pub is_true_type: bool,
    /// In thousandths, as in the file.
    pub missing_width: Option<f32>,
    /// Height above and depth below the base line in parts of the font size, both positive.
    pub ascent: f32,
    pub descent: f32,
}

impl<'a> Descriptor<'a> {
    /// `font` is the font that has the descriptor: the descendant of a composite one.
    pub(super) fn read(document: &'a Document, font: &'a Dictionary) -> Self {
        let dictionary = lookup::dictionary(document, font, b"FontDescriptor");
        let name = lookup::name(document, font, b"BaseFont")
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .unwrap_or_default();
        let name = match name.split_once('+') {
            Some((tag, rest)) if tag.len() == 6 => rest.to_owned(),
            _ => name,
        };
        let number = |key: &[u8]| dictionary.and_then(|found| lookup::number(document, found, key));
        let flags = number(b"Flags").unwrap_or(0.0) as i64;
        let is_bold = flags & FLAG_FORCE_BOLD != 0
            || number(b"FontWeight").is_some_and(|weight| weight >= BOLD_WEIGHT)
            || is_bold_name(&name);
        let is_monospaced = flags & FLAG_FIXED_PITCH != 0
            || ["Courier", "Mono", "Consolas", "CMTT", "SFTT", "Typewriter"].iter().any(|part| name.contains(part));
        Self {
            dictionary,
            is_bold,
            is_monospaced,
            is_true_type: lookup::name(document, font, b"Subtype") == Some(b"TrueType"),
            missing_width: number(b"MissingWidth").filter(|&width| width > 0.0),
            ascent: vertical_extent(number(b"Ascent"), 0.6..=1.0, 0.75),
            descent: vertical_extent(number(b"Descent"), 0.15..=0.35, 0.22),
            name,
        }
    }

    /// The codes of such fonts mean symbols, whatever letters their encoding names.
    pub(super) fn is_symbolic_name(&self) -> bool {
        ["Wingdings", "Webdings", "Symbol", "Dingbats"].iter().any(|part| self.name.contains(part))
    }
}

/// Thousandths to parts of the font size; what cannot be true becomes what is usual.
fn vertical_extent(thousandths: Option<f32>, sane: std::ops::RangeInclusive<f32>, usual: f32) -> f32 {
    thousandths.map(|value| value.abs() / 1000.0).filter(|value| sane.contains(value)).unwrap_or(usual)
}

fn is_bold_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["bold", "black", "heavy", "-bd", "cmbx", "sfbx", "cmssbx"].iter().any(|part| lower.contains(part))
        || lower.ends_with("-medi")
}

#[cfg(test)]
mod tests {
    use super::is_bold_name;

    #[test]
    fn bold_by_name() {
        for name in ["Arial-BoldMT", "CMBX12", "NimbusRomNo9L-Medi", "Inter-Black"] {
            assert!(is_bold_name(name), "{name}");
        }
        for name in ["Arial", "CMR10", "NimbusRomNo9L-Regu", "Inter-Medium"] {
            assert!(!is_bold_name(name), "{name}");
        }
    }
}
