//! Accents drawn as glyphs of their own over a letter, as TeX does: made one character with it.

use unicode_normalization::char::{compose, is_combining_mark};

use super::segments::PlacedChar;

/// Joins accents with the letters under them, in place.
pub(super) fn combine(chars: &mut Vec<PlacedChar>, size: f32) {
    let needs_work = |placed: &PlacedChar| combining(placed.c).is_some() || is_combining_mark(placed.c);
    if !chars.iter().any(needs_work) {
        return;
    }
    let mut joined: Vec<PlacedChar> = Vec::with_capacity(chars.len());
    let mut pending: Option<PlacedChar> = None;
    for &next in chars.iter() {
        if let Some(accent) = pending.take() {
            if let Some(whole) = join(next, accent, size) {
                joined.push(whole);
                continue;
            }
            joined.push(accent);
        }
        if combining(next.c).is_none() && !is_combining_mark(next.c) {
            joined.push(next);
            continue;
        }
        // Over the letter before it, or over the one that follows.
        match joined.last().and_then(|&letter| join(letter, next, size)) {
            Some(whole) => {
                joined.pop();
                joined.push(whole);
            }
            None => pending = Some(next),
        }
    }
    joined.extend(pending);
    *chars = joined;
}

fn join(letter: PlacedChar, accent: PlacedChar, size: f32) -> Option<PlacedChar> {
    let mark = combining(accent.c).or_else(|| is_combining_mark(accent.c).then_some(accent.c))?;
    let middle = f32::midpoint(accent.x0, accent.x1);
    let slack = if is_combining_mark(accent.c) { 0.3 * size } else { 0.0 };
    if middle < letter.x0 - slack || middle > letter.x1 + slack {
        return None;
    }
    let plain = match letter.c {
        'ı' => 'i',
        'ȷ' => 'j',
        other => other,
    };
    let c = compose(plain, mark)?;
    Some(PlacedChar { c, ..letter })
}

fn combining(accent: char) -> Option<char> {
    Some(match accent {
        '`' => '\u{300}',
        '´' => '\u{301}',
        '^' | 'ˆ' => '\u{302}',
        '~' | '˜' => '\u{303}',
        '¯' => '\u{304}',
        '˘' => '\u{306}',
        '˙' => '\u{307}',
        '¨' => '\u{308}',
        '˚' | '°' => '\u{30a}',
        '˝' => '\u{30b}',
        'ˇ' => '\u{30c}',
        '¸' => '\u{327}',
        '˛' => '\u{328}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{PlacedChar, combine};

    fn text(chars: &[(char, f32, f32)]) -> String {
        let mut placed = chars.iter().map(|&(c, x0, x1)| PlacedChar { c, x0, x1 }).collect();
        combine(&mut placed, 10.0);
        placed.iter().map(|placed| placed.c).collect()
    }

    #[test]
    fn accents_join_the_letter_they_stand_over() {
        assert_eq!(text(&[('´', 0.0, 3.0), ('e', 0.0, 4.0)]), "é");
        assert_eq!(text(&[('e', 0.0, 4.0), ('´', 0.5, 3.5)]), "é");
        assert_eq!(text(&[('¨', 0.0, 3.0), ('ı', 0.5, 3.0), ('x', 4.0, 8.0)]), "ïx");
        assert_eq!(text(&[('a', 0.0, 4.0), ('\u{301}', 4.0, 4.0)]), "á");
    }

    #[test]
    fn accents_beside_letters_stay() {
        assert_eq!(text(&[('2', 0.0, 4.0), ('^', 4.0, 8.0), ('3', 8.0, 12.0)]), "2^3");
        assert_eq!(text(&[('e', 0.0, 4.0), ('°', 9.0, 12.0)]), "e°");
    }
}
