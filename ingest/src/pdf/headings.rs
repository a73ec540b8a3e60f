//! Which paragraphs are headings, and of which level: by size and weight against the body text.

use std::collections::HashMap;

use super::geometry::Frame;
use super::paragraphs::{Paragraph, Shape};
use super::tables;

const MAX_LINES: usize = 4;
const MAX_CHARS: usize = 220;
/// A heading is at least this much larger than the body, unless it is bold.
const LARGER: f32 = 1.12;
/// So large that even a sentence is a heading.
const MUCH_LARGER: f32 = 1.4;
const MAX_LEVEL: u8 = 6;

/// Size in half points, and weight: what headings of one level share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Style {
    half_points: u32,
    is_bold: bool,
}

/// The looks of running text.
#[derive(Debug, Clone, Copy)]
struct Body {
    size: f32,
    is_bold: bool,
    frame: Frame,
}

/// The level of each paragraph that is a heading.
pub(super) fn levels(paragraphs: &[Paragraph]) -> Vec<Option<u8>> {
    let Some(body) = body(paragraphs) else {
        return vec![None; paragraphs.len()];
    };
    let styles: Vec<Option<Style>> =
        paragraphs.iter().map(|paragraph| is_heading(paragraph, body).then(|| style(paragraph))).collect();
    let mut used: Vec<Style> = styles.iter().flatten().copied().collect();
    used.sort_unstable();
    used.dedup();
    used.reverse();
    styles
        .into_iter()
        .map(|style| {
            let rank = used.iter().position(|used| Some(*used) == style)?;
            Some((rank as u8).saturating_add(1).min(MAX_LEVEL))
        })
        .collect()
}

fn style(paragraph: &Paragraph) -> Style {
    let line = &paragraph.lines[0];
    Style { half_points: (line.size * 2.0).round() as u32, is_bold: line.is_bold }
}

/// The style of most characters of running text, or of all where nothing runs.
fn body(paragraphs: &[Paragraph]) -> Option<Body> {
    let runs = |paragraph: &&Paragraph| paragraph.shape != Shape::Table && paragraph.lines.len() > 1;
    let mut chars: HashMap<(Frame, Style), usize> = HashMap::new();
    let any_runs = paragraphs.iter().any(|paragraph| runs(&paragraph));
    for paragraph in paragraphs.iter().filter(|paragraph| !any_runs || runs(paragraph)) {
        let count: usize =
            paragraph.lines.iter().flat_map(|line| &line.segments).map(|segment| segment.chars.len()).sum();
        *chars.entry((paragraph.lines[0].frame, style(paragraph))).or_default() += count;
    }
    let ((frame, style), _) = chars.into_iter().max_by_key(|&(look, count)| (count, look))?;
    Some(Body { size: style.half_points as f32 / 2.0, is_bold: style.is_bold, frame })
}

fn is_heading(paragraph: &Paragraph, body: Body) -> bool {
    // What runs along the margin is a stamp, however large.
    if paragraph.shape == Shape::Table || paragraph.lines.len() > MAX_LINES || paragraph.lines[0].frame != body.frame {
        return false;
    }
    let text: Vec<String> = paragraph.lines.iter().map(super::lines::TextLine::visual_text).collect();
    let text = text.join(" ");
    let text = text.trim();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let count = text.chars().count();
    if letters < 2 || letters * 3 < count || count > MAX_CHARS {
        return false;
    }
    let line = &paragraph.lines[0];
    let is_numbered = is_section_number(text);
    if paragraph.shape == Shape::ListItem && !is_numbered {
        return false;
    }
    let ratio = line.size / body.size;
    let ends_like_text = text.ends_with(['.', ',', ';', ':']) && !is_numbered;
    if ratio >= LARGER {
        return ratio >= MUCH_LARGER || !ends_like_text;
    }
    if !is_numbered && paragraph.lines.iter().any(tables::has_cells) {
        return false;
    }
    let is_bold = line.is_bold && !body.is_bold;
    is_bold && ratio > 0.9 && !ends_like_text && paragraph.lines.len() <= 2
}

/// `1 Title`, `2.3. Title`, `IV. Title`, `A. Title`.
fn is_section_number(text: &str) -> bool {
    let Some((label, rest)) = text.split_once(' ') else {
        return false;
    };
    let bare = label.trim_end_matches(['.', ')']);
    let parts_are_numbers =
        bare.split('.').all(|part| !part.is_empty() && part.len() <= 2 && part.chars().all(|c| c.is_ascii_digit()));
    let is_roman = bare.chars().all(|c| "IVX".contains(c)) && label.ends_with('.');
    let is_letter = bare.len() == 1 && bare.chars().all(|c| c.is_ascii_uppercase());
    !bare.is_empty()
        && (parts_are_numbers || is_roman || (is_letter && label.ends_with('.')))
        && rest.trim_start().chars().next().is_some_and(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::is_section_number;

    #[test]
    fn section_numbers() {
        for text in ["1 Introduction", "2.3. Methods", "IV. Results", "A. Proofs"] {
            assert!(is_section_number(text), "{text}");
        }
        for text in ["2024 was good", "12.5 percent", "A man", "1) items"] {
            assert!(!is_section_number(text), "{text}");
        }
    }
}
