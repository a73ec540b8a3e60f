//! Lines of a region → paragraphs, list items and tables.

use super::lines::{Region, TextLine};
use super::tables;

/// A line further down than this many usual distances starts a paragraph.
const LOOSE: f32 = 1.3;
/// Where no distance is usual: in font sizes.
const LOOSE_SIZES: f32 = 1.75;
/// Lines whose sizes differ by more than this share belong apart.
const SIZE_CHANGE: f32 = 0.1;
/// In font sizes.
const INDENT: f32 = 0.8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    ListItem,
    Table,
}

/// Lines that belong together.
#[derive(Debug, Clone)]
pub(super) struct Paragraph {
    pub shape: Shape,
    /// At least one.
    pub lines: Vec<TextLine>,
}

pub(super) fn split(region: Region) -> Vec<Paragraph> {
    let is_row = tables::rows(&region);
    let column = Column::of(&region);
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    for (line, is_row) in region.into_iter().zip(is_row) {
        let open = paragraphs.last_mut();
        let joins = match &open {
            None => false,
            Some(open) if is_row || open.shape == Shape::Table => is_row && open.shape == Shape::Table,
            Some(open) => column.continues(open, &line),
        };
        match open {
            Some(open) if joins => open.lines.push(line),
            _ => paragraphs.push(Paragraph {
                shape: if is_row {
                    Shape::Table
                } else if list_label(&line.visual_text()) {
                    Shape::ListItem
                } else {
                    Shape::Text
                },
                lines: vec![line],
            }),
        }
    }
    paragraphs
}

/// What is usual in a region.
struct Column {
    /// In reading direction.
    begin: f32,
    end: f32,
    /// Distance of base lines, for lines of `size`.
    leading: Option<f32>,
    size: f32,
}

impl Column {
    fn of(lines: &[TextLine]) -> Self {
        let begins = lines.iter().map(|line| line.extent().0);
        let ends = lines.iter().map(|line| line.extent().1);
        let begin = begins.fold(f32::INFINITY, f32::min);
        let end = ends.fold(f32::NEG_INFINITY, f32::max);
        let mut sizes: Vec<f32> = lines.iter().map(|line| line.size).collect();
        sizes.sort_by(f32::total_cmp);
        let size = sizes.get(sizes.len() / 2).copied().unwrap_or(10.0);
        let mut distances: Vec<f32> = lines
            .windows(2)
            .filter(|pair| {
                let same = |line: &TextLine| (line.size - size).abs() < SIZE_CHANGE * size;
                same(&pair[0]) && same(&pair[1])
            })
            .map(|pair| pair[1].base - pair[0].base)
            .filter(|distance| (0.7 * size..2.5 * size).contains(distance))
            .collect();
        distances.sort_by(f32::total_cmp);
        // A low one: distances inside paragraphs are smaller than those between them.
        let leading = distances.get(distances.len() * 3 / 10).copied();
        Self { begin, end, leading, size }
    }

    fn continues(&self, open: &Paragraph, line: &TextLine) -> bool {
        let Some(last) = open.lines.last() else {
            return false;
        };
        let size = last.size.max(line.size);
        let distance = line.base - last.base;
        let limit = match self.leading {
            Some(leading) if (size - self.size).abs() < SIZE_CHANGE * self.size => leading * LOOSE,
            _ => size * LOOSE_SIZES,
        };
        if distance > limit.max(size * 1.05)
            || (line.size - last.size).abs() > SIZE_CHANGE * size
            || (line.is_bold || open.shape != Shape::ListItem) && line.is_bold != last.is_bold
            || line.is_monospaced != last.is_monospaced
            || list_label(&line.visual_text())
        {
            return false;
        }
        if line.is_monospaced {
            return true;
        }
        let indent = INDENT * size;
        let ends_sentence = last
            .last_char()
            .is_some_and(|c| matches!(c, '.' | '!' | '?' | '؟' | '。' | ':' | ';' | '»' | '”' | '"' | ')' | '…'));
        let ((last_begin, last_end), (begin, end)) = (last.extent(), line.extent());
        let has_room = last_end + line.first_word_width() + 0.3 * size < self.end - 0.5 * size
            && last_end - last_begin < 0.9 * (self.end - self.begin);
        let starts_lower = line.first_char().is_some_and(char::is_lowercase);
        let is_indented = begin > last_begin + indent;
        let is_outdented = begin < last_begin - indent;
        let is_centred = (begin + end - last_begin - last_end).abs() < indent;
        if starts_lower {
            return true;
        }
        if open.shape == Shape::ListItem && open.lines.len() == 1 && (begin - text_begin(last)).abs() < 0.5 * size {
            return true;
        }
        if is_indented && !is_centred {
            // The first line of a paragraph, or the second of one that hangs.
            let hangs = open.lines.len() == 1 && !has_room;
            return hangs && !(ends_sentence && last_begin <= self.begin + indent);
        }
        if is_outdented && !is_centred {
            // After one line it was the first line's indent; later a hanging paragraph ends.
            return open.lines.len() == 1 && open.shape != Shape::ListItem && !has_room;
        }
        !(ends_sentence && has_room)
    }
}

/// Where the text of a list item begins, behind its label.
fn text_begin(line: &TextLine) -> f32 {
    let chars = || line.segments.iter().flat_map(|segment| &segment.chars);
    if line.is_right_to_left {
        let before_label = chars().rev().skip_while(|placed| placed.c != ' ');
        return before_label.skip_while(|placed| placed.c == ' ').map(|placed| -placed.x1).next().unwrap_or(-line.x1);
    }
    let Some(first) = line.segments.first() else {
        return line.x0;
    };
    match first.chars.iter().position(|placed| placed.c == ' ') {
        Some(space) => first.chars.get(space + 1).map_or(line.x0, |text| text.x0),
        None => line.segments.get(1).map_or(line.x0, |second| second.x0),
    }
}

/// Does the line start with a bullet, a number or a letter that counts?
pub(super) fn list_label(text: &str) -> bool {
    let text = text.trim_start();
    let Some(first) = text.chars().next() else {
        return false;
    };
    let rest = &text[first.len_utf8()..];
    if is_bullet(first) {
        return rest.starts_with(' ') || !matches!(first, '-' | '–' | '—' | '*' | 'o' | '·');
    }
    if !first.is_ascii_alphanumeric() && first != '(' {
        return false;
    }
    let Some((label, after)) = text.split_once(' ') else {
        return false;
    };
    let bare = label.trim_start_matches('(').trim_end_matches([')', '.']);
    let is_closed = label.ends_with(')') || (label.ends_with('.') && !label.starts_with('('));
    let counts = bare.len() <= 3 && bare.chars().all(|c| c.is_ascii_digit())
        || (label.ends_with(')') && bare.len() == 1)
        || (label.ends_with(')') && bare.len() <= 4 && bare.chars().all(|c| "ivx".contains(c)));
    is_closed && counts && !bare.is_empty() && after.chars().any(char::is_alphabetic)
}

fn is_bullet(c: char) -> bool {
    matches!(
        c,
        '•' | '◦'
            | '▪'
            | '‣'
            | '●'
            | '○'
            | '■'
            | '□'
            | '▸'
            | '►'
            | '➢'
            | '➤'
            | '✓'
            | '✔'
            | '❖'
            | '⁃'
            | '∙'
            | '·'
            | '-'
            | '–'
            | '—'
            | '*'
            | '❏'
            | '➔'
            | '→'
    )
}

#[cfg(test)]
mod tests {
    use super::list_label;

    #[test]
    fn labels_of_list_items() {
        for text in ["• item", "- item", "1. First", "12) Twelfth", "(a) letter", "b) letter", "(iv) four"] {
            assert!(list_label(text), "{text}");
        }
        for text in ["-item", "1.5 million", "2024 was", "A man", "I. Newton said", "e.g. this", "1."] {
            assert!(!list_label(text), "{text}");
        }
    }
}
