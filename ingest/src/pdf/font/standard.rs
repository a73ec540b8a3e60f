//! What a viewer knows without the file: the encodings of Symbol and `ZapfDingbats` and the widths
//! of the standard fonts (from their published metrics), for fonts that are not embedded.

use unicode_normalization::UnicodeNormalization;

/// Codes 0x20–0x7e of the Symbol font.
const SYMBOL_LOW: &str =
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼";
/// Codes 0xa0–0xfe; a question mark in a diamond where the piece of a bracket means nothing.
const SYMBOL_HIGH: &str = "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…\u{fffd}\u{fffd}↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}〉∫⌠\u{fffd}⌡\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}";
const DINGBATS_LOW: &str =
    " ✁✂✃✄☎✆✇✈✉☛☞✌✍✎✏✐✑✒✓✔✕✖✗✘✙✚✛✜✝✞✟✠✡✢✣✤✥✦✧★✩✪✫✬✭✮✯✰✱✲✳✴✵✶✷✸✹✺✻✼✽✾✿❀❁❂❃❄❅❆❇❈❉❊❋●❍■❏❐❑❒▲▼◆❖◗❘❙❚❛❜❝❞";
const DINGBATS_HIGH: &str =
    "\u{fffd}❡❢❣❤❥❦❧♣♦♥♠①②③④⑤⑥⑦⑧⑨⑩❶❷❸❹❺❻❼❽❾❿➀➁➂➃➄➅➆➇➈➉➊➋➌➍➎➏➐➑➒➓➔→↔↕➘➙➚➛➜➝➞➟➠➡➢➣➤➥➦➧➨➩➪➫➬➭➮➯\u{fffd}➱➲➳➴➵➶➷➸➹➺➻➼➽➾";

/// Widths of codes 0x20–0x7e in thousandths of the font size.
const HELVETICA: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];
const HELVETICA_BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
];
const TIMES: [u16; 95] = [
    250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278, 500, 500, 500, 500, 500, 500, 500,
    500, 500, 500, 278, 278, 564, 564, 564, 444, 921, 722, 667, 667, 722, 611, 556, 722, 722, 333, 389, 722, 611, 889,
    722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722, 722, 611, 333, 278, 333, 469, 500, 333, 444, 500, 444, 500,
    444, 333, 500, 500, 278, 278, 500, 278, 778, 500, 500, 500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444, 480,
    200, 480, 541,
];
const TIMES_BOLD: [u16; 95] = [
    250, 333, 555, 500, 500, 1000, 833, 278, 333, 333, 500, 570, 250, 333, 250, 278, 500, 500, 500, 500, 500, 500, 500,
    500, 500, 500, 333, 333, 570, 570, 570, 500, 930, 722, 667, 722, 722, 667, 611, 778, 778, 389, 500, 778, 667, 944,
    722, 778, 611, 778, 722, 556, 667, 722, 722, 1000, 722, 722, 667, 333, 278, 333, 581, 500, 333, 500, 556, 444, 556,
    444, 333, 500, 556, 278, 333, 556, 278, 833, 556, 500, 556, 556, 444, 389, 333, 556, 500, 722, 500, 500, 444, 394,
    220, 394, 520,
];

/// The built-in encoding of a standard font that has one of its own.
pub(super) fn symbol_char(font_name: &str, code: u8) -> Option<char> {
    let (low, high) = if font_name.contains("Dingbats") {
        (DINGBATS_LOW, DINGBATS_HIGH)
    } else if is_symbol(font_name) {
        (SYMBOL_LOW, SYMBOL_HIGH)
    } else {
        return None;
    };
    let found = match code {
        0x20..=0x7e => low.chars().nth(usize::from(code - 0x20)),
        0xa0..=0xfe => high.chars().nth(usize::from(code - 0xa0)),
        _ => None,
    };
    found.filter(|&c| c != '\u{fffd}')
}

pub(super) fn is_symbol(font_name: &str) -> bool {
    font_name == "Symbol" || font_name.starts_with("SymbolMT") || font_name.starts_with("Symbol,")
}

/// Width of a character in a font that says no widths, in parts of the font size.
pub(super) fn width(font_name: &str, bold: bool, text: &str) -> f32 {
    if font_name.contains("Courier") || font_name.contains("Mono") {
        return 0.6;
    }
    let is_serif = ["Times", "Serif", "Roman", "Georgia", "Garamond"].iter().any(|serif| font_name.contains(serif));
    let table = match (is_serif, bold) {
        (false, false) => &HELVETICA,
        (false, true) => &HELVETICA_BOLD,
        (true, false) => &TIMES,
        (true, true) => &TIMES_BOLD,
    };
    let thousandths = text
        .chars()
        .next()
        .map(plain_letter)
        .and_then(|c| table.get((c as usize).checked_sub(0x20)?))
        .copied()
        .unwrap_or(556);
    f32::from(thousandths) / 1000.0
}

/// An accented letter is as wide as the plain one.
fn plain_letter(c: char) -> char {
    std::iter::once(c).nfd().next().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::{symbol_char, width};

    #[test]
    fn symbols_stand_at_their_codes() {
        assert_eq!(symbol_char("Symbol", 0x61), Some('α'));
        assert_eq!(symbol_char("Symbol", 0x7e), Some('∼'));
        assert_eq!(symbol_char("Symbol", 0xb7), Some('•'));
        assert_eq!(symbol_char("Symbol", 0xd6), Some('√'));
        assert_eq!(symbol_char("Symbol", 0xf2), Some('∫'));
        assert_eq!(symbol_char("ZapfDingbats", 0x6c), Some('●'));
        assert_eq!(symbol_char("ZapfDingbats", 0xfe), Some('➾'));
        assert_eq!(symbol_char("Helvetica", 0x61), None);
    }

    #[test]
    fn accents_do_not_change_widths() {
        for font in ["Helvetica", "Times-Roman"] {
            let (plain, accented) = (width(font, false, "e"), width(font, false, "é"));
            assert!((plain - accented).abs() < f32::EPSILON);
        }
    }
}
