//! The language of each chunk: what its own words say, and where they say too little, what is around it.

#[cfg(test)]
mod tests;

use terroir_store::{Language, likelihoods};

use crate::chunk::Chunk;
use crate::document::{BlockKind, ParsedDocument};

/// Of one piece: enough words to be sure, and quick.
const MAX_JUDGED_CHARS: usize = 400;
/// Shorter blocks are judged together with the one before.
const MIN_PIECE_LETTERS: usize = 80;
/// So many letters of running text need nobody's advice.
const SURE_LETTERS: usize = 150;
/// Chunks before and behind that have a say.
const NEIGHBOURS: usize = 3;
/// What a document says of itself counts like so many letters of it: it is often what a program was set to.
const STATED_LETTERS: f64 = 100.0;
/// A language that nothing around speaks for is still possible.
const UNEXPECTED: f64 = 0.02;

/// What the words of a chunk say.
struct Evidence {
    likelihoods: Vec<(Language, f64)>,
    letters: usize,
}

/// One for each chunk, in their order. [`Language::Other`] where it is none of those analysed, or cannot be told.
pub(crate) fn of_chunks(document: &ParsedDocument, chunks: &[Chunk]) -> Vec<Language> {
    let kinds = document.block_ranges().into_iter().zip(&document.blocks).map(|(range, block)| (range, block.kind));
    let kinds: Vec<((u32, u32), BlockKind)> = kinds.collect();
    let evidence: Vec<Evidence> = chunks.iter().map(|chunk| Evidence::of(&pieces(chunk, &kinds))).collect();
    let stated = document.metadata.language.as_deref().map(stated);
    let whole = weigh(evidence.iter(), stated);
    (0..evidence.len())
        .map(|index| {
            let near = index.saturating_sub(NEIGHBOURS)..(index + NEIGHBOURS + 1).min(evidence.len());
            let near = weigh(near.filter(|other| *other != index).map(|other| &evidence[other]), None);
            evidence[index].decide(&whole, &near)
        })
        .collect()
}

/// `fr-FR` is French.
fn stated(tag: &str) -> Language {
    Language::parse(tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str())
}

/// The words of a chunk that belong to a language, paragraph by paragraph: each may be in another one. Those of
/// tables and code count only when there are no others, and never addresses, numbers and what holds them.
fn pieces(chunk: &Chunk, kinds: &[((u32, u32), BlockKind)]) -> Vec<String> {
    let chars: Vec<char> = chunk.text.chars().collect();
    let first = kinds.partition_point(|((_, end), _)| *end <= chunk.char_start);
    let mut pieces: Vec<String> = Vec::new();
    for ((start, end), kind) in kinds[first..].iter().take_while(|((start, _), _)| *start < chunk.char_end) {
        if matches!(kind, BlockKind::Table | BlockKind::Code) {
            continue;
        }
        let from = start.saturating_sub(chunk.char_start) as usize;
        let to = (end.saturating_sub(chunk.char_start) as usize).min(chars.len());
        let prose: String = chars.get(from..to).unwrap_or_default().iter().collect();
        let words = words(&prose);
        match pieces.last_mut() {
            Some(last) if letters(last) < MIN_PIECE_LETTERS => {
                last.push(' ');
                last.push_str(&words);
            }
            _ if words.is_empty() => {}
            _ => pieces.push(words),
        }
    }
    if pieces.is_empty() { vec![words(&chunk.text)] } else { pieces }
}

fn words(text: &str) -> String {
    let is_inside = |c: char| c.is_alphabetic() || matches!(c, '\'' | '’' | '-' | '\u{300}'..='\u{36f}');
    let is_word = |word: &&str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        !bare.is_empty() && bare.chars().all(is_inside)
    };
    let words: Vec<&str> = text.split_whitespace().filter(is_word).collect();
    words.join(" ")
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

/// The share that each language has in what is around.
fn weigh<'a>(evidence: impl Iterator<Item = &'a Evidence>, stated: Option<Language>) -> Vec<(Language, f64)> {
    let mut weights = Vec::new();
    for chunk in evidence {
        for (language, likelihood) in &chunk.likelihoods {
            add(&mut weights, *language, likelihood * chunk.letters as f64);
        }
    }
    if let Some(language) = stated.filter(|language| *language != Language::Other) {
        add(&mut weights, language, STATED_LETTERS);
    }
    let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
    for (_, weight) in &mut weights {
        *weight /= sum.max(f64::MIN_POSITIVE);
    }
    weights
}

fn add(weights: &mut Vec<(Language, f64)>, language: Language, weight: f64) {
    match weights.iter_mut().find(|(known, _)| *known == language) {
        Some((_, known)) => *known += weight,
        None => weights.push((language, weight)),
    }
}

fn share(of: Language, among: &[(Language, f64)]) -> f64 {
    among.iter().find(|(language, _)| *language == of).map_or(0.0, |(_, share)| *share)
}

impl Evidence {
    fn of(pieces: &[String]) -> Self {
        let mut whole = Self { likelihoods: Vec::new(), letters: 0 };
        for piece in pieces {
            let letters = letters(piece);
            let head: String = piece.chars().take(MAX_JUDGED_CHARS).collect();
            for (language, likelihood) in likelihoods(&head) {
                add(&mut whole.likelihoods, language, likelihood * letters as f64);
            }
            whole.letters += letters;
        }
        for (_, likelihood) in &mut whole.likelihoods {
            *likelihood /= whole.letters.max(1) as f64;
        }
        whole
    }

    /// The more letters, the less it counts what is around.
    fn decide(&self, whole: &[(Language, f64)], near: &[(Language, f64)]) -> Language {
        let best = |scores: &mut dyn Iterator<Item = (Language, f64)>| {
            scores.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(Language::Other, |(language, _)| language)
        };
        if self.letters == 0 {
            return best(&mut whole.iter().map(|(language, share)| (*language, share + self::share(*language, near))));
        }
        let doubt = 1.0 - (self.letters as f64 / SURE_LETTERS as f64).min(1.0);
        best(&mut self.likelihoods.iter().map(|(language, likelihood)| {
            let around = UNEXPECTED + f64::midpoint(share(*language, whole), share(*language, near));
            (*language, likelihood.ln() + doubt * 2.0 * around.ln())
        }))
    }
}
