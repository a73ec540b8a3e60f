//! A passage becomes its sentences, each with its place; lines of tables, lists and headings stand alone.

/// Abbreviations that end in a full stop and do not end a sentence: English, French, German.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "e.g", "i.e", "cf", "al", "fig", "figs", "eq",
    "no", "nos", "vol", "pp", "p", "ca", "approx", "inc", "ltd", "co", "corp", "gen", "col", "sen", "rep", "gov",
    "rev", "u.s", "u.k", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "m",
    "mm", "mme", "mlle", "av", "apr", "art", "chap", "éd", "env", "ex", "hab", "n°", "réf", "tél", "z.b", "d.h", "u.a",
    "o.ä", "bzw", "usw", "ggf", "nr", "abs", "bd", "hrsg", "jh", "str", "vgl", "evtl", "inkl", "zzgl", "s",
];

const LONGEST_CHARS: usize = 600;

/// Chars `start..end` of a passage, without the white space around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// In order, without overlap; everything but white space is in one of them.
pub(crate) fn sentences(text: &str) -> Vec<Span> {
    let chars = text.chars().collect::<Vec<_>>();
    let mut spans = Vec::new();
    for unit in units(&chars) {
        let mut start = unit.start;
        for at in unit.start..unit.end {
            let long = at + 1 - start >= LONGEST_CHARS && chars[at].is_whitespace();
            if long || ends_sentence(&chars, at, unit.end) {
                push_trimmed(&mut spans, &chars, start, at + 1);
                start = at + 1;
            }
        }
        push_trimmed(&mut spans, &chars, start, unit.end);
    }
    spans
}

/// The chars of a span.
pub(crate) fn text_of(text: &str, span: Span) -> String {
    text.chars().skip(span.start).take(span.end - span.start).collect()
}

/// Blocks at blank lines; lines where they look like rows, items or headings; otherwise a line break is
/// white space, because PDF and hard-wrapped text break lines within sentences.
fn units(chars: &[char]) -> Vec<Span> {
    let mut units: Vec<Span> = Vec::new();
    let mut open = false;
    let mut start = 0;
    while start < chars.len() {
        let length = chars[start..].iter().position(|char| *char == '\n');
        let end = length.map_or(chars.len(), |length| start + length);
        let line = Span { start, end };
        let blank = chars[start..end].iter().all(|char| char.is_whitespace());
        let alone = stands_alone(&chars[start..end]);
        match units.last_mut() {
            Some(last) if open && !blank && !alone => last.end = end,
            _ if blank => {}
            _ => units.push(line),
        }
        open = !blank && !is_row(&chars[start..end]) && !is_heading(&chars[start..end]);
        start = end + 1;
    }
    units
}

/// Begins a unit of its own, whatever stood before.
fn stands_alone(line: &[char]) -> bool {
    is_row(line) || is_item(line) || is_heading(line)
}

fn is_row(line: &[char]) -> bool {
    line.contains(&'\t') || line.iter().filter(|char| **char == '|').count() >= 2
}

fn is_heading(line: &[char]) -> bool {
    first_words(line).starts_with('#')
}

/// A bullet, or a number with a full stop or bracket.
fn is_item(line: &[char]) -> bool {
    let first = first_words(line);
    let marker = first.split(' ').next().unwrap_or_default();
    if first.len() > marker.len() && matches!(marker, "-" | "*" | "•" | "–" | "▪" | "◦" | "·") {
        return true;
    }
    let number = marker.trim_end_matches(['.', ')']);
    number.len() < marker.len()
        && number.len() <= 3
        && !number.is_empty()
        && number.chars().all(|char| char.is_ascii_alphanumeric())
        && (number.len() == 1 || number.chars().all(|char| char.is_ascii_digit()))
}

fn first_words(line: &[char]) -> String {
    let line = line.iter().skip_while(|char| char.is_whitespace());
    line.take(8).collect()
}

fn ends_sentence(chars: &[char], at: usize, end: usize) -> bool {
    if matches!(chars[at], '。' | '！' | '？') {
        return true;
    }
    // Closing quotes and brackets, and marks that follow each other, belong to the sentence before.
    let closes = |char: char| matches!(char, '"' | '\'' | '”' | '’' | '»' | ')' | ']');
    let mut mark = at;
    while mark > 0 && closes(chars[mark]) {
        mark -= 1;
    }
    if !matches!(chars[mark], '.' | '!' | '?' | '…') {
        return false;
    }
    let mut next = at + 1;
    if next >= end {
        return true;
    }
    if !chars[next].is_whitespace() {
        return false;
    }
    while next < end && chars[next].is_whitespace() {
        next += 1;
    }
    if next < end && chars[next] == '»' {
        return false;
    }
    let opens = chars[next.min(end - 1)];
    if opens.is_lowercase() {
        return false;
    }
    chars[mark] != '.' || !is_abbreviation(chars, mark, opens)
}

/// Whether the full stop at `mark` belongs to the word before it.
fn is_abbreviation(chars: &[char], mark: usize, next: char) -> bool {
    let word = chars[..mark].iter().rev().take_while(|char| char.is_alphanumeric() || matches!(char, '.' | '°'));
    let word = word.collect::<Vec<_>>().into_iter().rev().collect::<String>();
    // An initial ("J. Smith"), or an ordinal before a number or German month ("3. Mai").
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    let ordinal =
        !word.is_empty() && word.len() <= 2 && word.chars().all(|char| char.is_ascii_digit()) && next.is_alphabetic();
    initial || ordinal || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

fn push_trimmed(spans: &mut Vec<Span>, chars: &[char], mut start: usize, mut end: usize) {
    while start < end && chars[start].is_whitespace() {
        start += 1;
    }
    while end > start && chars[end - 1].is_whitespace() {
        end -= 1;
    }
    if start < end {
        spans.push(Span { start, end });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        sentences(text).into_iter().map(|span| text_of(text, span)).collect()
    }

    #[test]
    fn texts_become_sentences() {
        for (text, expected) in [
            ("One. Two! Three?", &["One.", "Two!", "Three?"][..]),
            ("Dr. Smith met J. Doe. He left.", &["Dr. Smith met J. Doe.", "He left."]),
            ("It costs 3.50 euros. Cheap.", &["It costs 3.50 euros.", "Cheap."]),
            ("\"Go.\" She went.", &["\"Go.\"", "She went."]),
            ("Am 3. Mai begann es. Danach Ruhe.", &["Am 3. Mai begann es.", "Danach Ruhe."]),
            ("M. Dupont signe l'art. 5 du code. Fin.", &["M. Dupont signe l'art. 5 du code.", "Fin."]),
            ("Broken over\ntwo lines. Next.", &["Broken over\ntwo lines.", "Next."]),
            ("Items:\n- first one\n- second one", &["Items:", "- first one", "- second one"]),
            ("| a | b |\n| 1 | 2 |", &["| a | b |", "| 1 | 2 |"]),
            ("# Title\nText here.", &["# Title", "Text here."]),
            ("Heading\n\nText.", &["Heading", "Text."]),
            ("  \n ", &[]),
            ("", &[]),
        ] {
            assert_eq!(split(text), expected, "{text:?}");
        }
    }

    #[test]
    fn nothing_but_white_space_is_lost() {
        let text = "À l'école, où? « Ici. » Là-bas…\n\n1. Un\n2) Deux\n日本語。はい。 End".repeat(20);
        let kept = split(&text).concat().chars().filter(|char| !char.is_whitespace()).collect::<String>();
        let all = text.chars().filter(|char| !char.is_whitespace()).collect::<String>();
        assert_eq!(kept, all);
    }
}
