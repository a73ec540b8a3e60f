//! From visual order to logical order, for lines with text from right to left.
//!
//! A short form of the bidirectional algorithm backwards: the line's main direction is that of
//! most of its letters; runs of the other direction, numbers included, keep their own.

use super::segments::PlacedChar;

/// A character in logical order, with the direction of the run that it stands in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LogicalChar {
    pub placed: PlacedChar,
    pub is_right_to_left: bool,
}

pub(super) fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}') && !is_arabic_digit(c)
}

fn is_arabic_digit(c: char) -> bool {
    matches!(c, '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}')
}

fn is_left_to_right(c: char) -> bool {
    is_arabic_digit(c) || (c.is_alphanumeric() && !is_right_to_left(c))
}

pub(super) fn is_mostly_right_to_left<'a>(chars: impl Iterator<Item = &'a PlacedChar>) -> bool {
    let (mut against, mut along) = (0_usize, 0_usize);
    for placed in chars {
        if is_right_to_left(placed.c) {
            against += 1;
        } else if placed.c.is_alphabetic() {
            along += 1;
        }
    }
    against > 0 && against >= along
}

pub(super) fn logical(visual: Vec<PlacedChar>) -> Vec<LogicalChar> {
    if !visual.iter().any(|placed| is_right_to_left(placed.c)) {
        return as_runs(visual, false);
    }
    if is_mostly_right_to_left(visual.iter()) {
        let mut reversed = visual;
        reversed.reverse();
        let mut logical = as_runs(reversed, true);
        reverse_runs(&mut logical, is_left_to_right, is_right_to_left, false);
        return logical;
    }
    let mut logical = as_runs(visual, false);
    reverse_runs(&mut logical, is_right_to_left, is_left_to_right, true);
    logical
}

fn as_runs(chars: Vec<PlacedChar>, is_right_to_left: bool) -> Vec<LogicalChar> {
    chars.into_iter().map(|placed| LogicalChar { placed, is_right_to_left }).collect()
}

/// Turns around each run from one `inside` character to another with no `outside` one between.
fn reverse_runs(
    chars: &mut [LogicalChar],
    inside: fn(char) -> bool,
    outside: fn(char) -> bool,
    is_right_to_left: bool,
) {
    let mut at = 0;
    while at < chars.len() {
        if !inside(chars[at].placed.c) {
            at += 1;
            continue;
        }
        let mut last = at;
        for (index, c) in chars.iter().enumerate().skip(at + 1) {
            if outside(c.placed.c) {
                break;
            }
            if inside(c.placed.c) {
                last = index;
            }
        }
        let run = &mut chars[at..=last];
        run.reverse();
        for c in run {
            c.is_right_to_left = is_right_to_left;
        }
        at = last + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{PlacedChar, logical};

    fn reordered(visual: &str) -> String {
        let placed = visual
            .chars()
            .enumerate()
            .map(|(index, c)| PlacedChar { c, x0: index as f32, x1: index as f32 + 1.0 })
            .collect();
        logical(placed).iter().map(|c| c.placed.c).collect()
    }

    #[test]
    fn hebrew_is_reversed_numbers_and_latin_in_it_are_not() {
        assert_eq!(reordered("םולש"), "שלום");
        assert_eq!(reordered("םולש 2024 תנש"), "שנת 2024 שלום");
        assert_eq!(reordered("םולש PDF 1.7 ץבוק"), "קובץ PDF 1.7 שלום");
    }

    #[test]
    fn a_hebrew_word_in_a_latin_line() {
        assert_eq!(reordered("the word םולש means peace"), "the word שלום means peace");
        assert_eq!(reordered("plain text"), "plain text");
    }
}
