//! The rule of every citation: the quote stands at its place, char for char.

use crate::{Citation, Passage};

/// Whether `citation`'s quote is the passage's text at its char range.
pub(crate) fn stands(citation: &Citation, passage: &Passage) -> bool {
    let Some(start) = citation.char_start.checked_sub(passage.char_start) else {
        return false;
    };
    let Some(length) = citation.char_end.checked_sub(citation.char_start) else {
        return false;
    };
    if length == 0 {
        return false;
    }
    let found = passage.text.chars().skip(start as usize).take(length as usize);
    found.eq(citation.quote.chars()) && citation.quote.chars().count() == length as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_text_at_the_exact_place_stands() {
        let passage = Passage { text: "Né à Évian. Mort à Pau.".into(), char_start: 100, ..Passage::default() };
        for (quote, char_start, char_end, expected) in [
            ("Né à Évian.", 100, 111, true),
            ("Mort à Pau.", 112, 123, true),
            ("Mort à Pau.", 111, 122, false),
            ("Mort a Pau.", 112, 123, false),
            ("Mort à Pau. ", 112, 124, false),
            ("Mort à Pau.", 12, 23, false),
            ("", 100, 100, false),
            ("Né", 102, 100, false),
        ] {
            let citation =
                Citation { marker: 1, passage: 0, quote: quote.into(), verified: true, char_start, char_end };
            assert_eq!(stands(&citation, &passage), expected, "{quote:?} {char_start}");
        }
    }
}
