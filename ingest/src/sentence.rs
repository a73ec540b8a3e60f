//! Where sentences end: Unicode's rules (UAX 29), mended for abbreviations, initials and numbers.

use unicode_segmentation::UnicodeSegmentation as _;

/// Words whose full stop does not end a sentence, in lower case and without it.
const ABBREVIATIONS: &[&str] = &[
    "e.g", "i.e", "cf", "etc", "vs", "fig", "figs", "eq", "no", "nos", "vol", "pp", "p", "dr", "mr", "mrs", "ms",
    "prof", "st", "al", "approx", "inc", "ltd", "co", "corp", "dept", "est", "jan", "feb", "mar", "apr", "jun", "jul",
    "aug", "sept", "sep", "oct", "nov", "dec", "art", "al", "m", "mm", "mme", "mlle", "me", "av", "bd", "ex", "env",
    "chap", "éd", "réf", "tél", "z.b", "z. b", "bzw", "usw", "nr", "str", "abs", "vgl", "ca", "bspw", "d.h", "evtl",
    "ggf", "hr", "fr", "u.a", "sec", "u.s",
];

/// Byte ranges of the sentences of a text, trailing white space included: they tile it.
pub(crate) fn sentences(text: &str) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (start, part) in text.split_sentence_bound_indices() {
        match ranges.last_mut() {
            Some(last) if !ends_sentence(&text[last.0..last.1], part) => last.1 = start + part.len(),
            Some(last) => {
                // A closing mark after a space belongs to what it closes.
                let begin = start + closing_bytes(part);
                last.1 = begin;
                ranges.push((begin, start + part.len()));
            }
            None => ranges.push((start, start + part.len())),
        }
    }
    ranges.retain(|(start, end)| start < end);
    ranges
}

/// Length of the closing quotation marks and brackets at the start, with the white space after them.
fn closing_bytes(part: &str) -> usize {
    let rest = part.trim_start_matches(['»', '”', '’', ')', ']']);
    if rest.len() == part.len() { 0 } else { part.len() - rest.trim_start().len() }
}

fn ends_sentence(sentence: &str, next: &str) -> bool {
    let end = sentence.trim_end();
    let Some(before) = end.strip_suffix('.') else {
        // A line end inside a paragraph is no end of a sentence, and neither is white space.
        return !end.is_empty();
    };
    let word = before
        .rsplit(|character: char| character.is_whitespace() || "(«\"“".contains(character))
        .next()
        .unwrap_or_default();
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    let continues = next.trim_start().starts_with(char::is_lowercase);
    !is_initial && !continues && !ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|(start, end)| text[start..end].trim()).collect()
    }

    #[test]
    fn abbreviations_numbers_and_initials_do_not_end_sentences() {
        for text in [
            "See e.g. the annex.",
            "It rose by 3.5 % last year.",
            "Signed by J. R. Keller today.",
            "M. Durand a voté l'art. 5 du règlement.",
            "Das gilt z.B. für Nr. 7 und usw. weiter.",
        ] {
            assert_eq!(texts(text), [text], "{text}");
        }
        assert_eq!(
            texts("One ends. Two begins! « Trois ? » Four."),
            ["One ends.", "Two begins!", "« Trois ? »", "Four."]
        );
    }

    #[test]
    fn sentences_tile_the_text() {
        for text in ["", " ", "a.  b.\n\nC? d", "é.É.é. 1. 2.", "…"] {
            let mut end = 0;
            for (start, stop) in sentences(text) {
                assert_eq!(start, end);
                end = stop;
            }
            assert_eq!(end, text.len());
        }
    }
}
