//! Passages that say the same: versions of a document, a notice that stands on every page. The best one is listed,
//! the others are named beside it.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use crate::lexical::analysis::normalised;

/// Words in a row that are compared.
const SHINGLE_WORDS: usize = 4;
/// Share of the shingles of both texts that are in both (Broder, "On the Resemblance and Containment of
/// Documents", 1997). Below it, what differs may be what was asked for; and so may a number, always.
const RESEMBLANCE: f32 = 0.9;

/// A text, and those after it that say the same, by their places.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    pub place: usize,
    pub copies: Vec<usize>,
}

/// The first `limit` different texts in their order.
pub fn fold<'a>(texts: impl Iterator<Item = &'a str>, limit: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    // Of each group's text: how many shingles it has, and its numbers.
    let mut sizes: Vec<(usize, Vec<String>)> = Vec::new();
    // Shingle → groups whose text has it.
    let mut holders: HashMap<u64, Vec<usize>> = HashMap::new();
    for (place, text) in texts.enumerate() {
        let words = normalised(text);
        let shingles = shingles(&words);
        let numbers: Vec<String> = words.into_iter().filter(|word| word.contains(char::is_numeric)).collect();
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for group in shingles.iter().filter_map(|shingle| holders.get(shingle)).flatten() {
            *shared.entry(*group).or_default() += 1;
        }
        let resembles = |(group, shared): &(usize, usize)| {
            let (size, their_numbers) = &sizes[*group];
            let all = shingles.len() + size - shared;
            *shared as f32 >= RESEMBLANCE * all as f32 && numbers == *their_numbers
        };
        if let Some((group, _)) = shared.into_iter().filter(resembles).min() {
            groups[group].copies.push(place);
            continue;
        }
        if groups.len() == limit {
            break;
        }
        for shingle in &shingles {
            holders.entry(*shingle).or_default().push(groups.len());
        }
        sizes.push((shingles.len(), numbers));
        groups.push(Group { place, copies: Vec::new() });
    }
    groups
}

/// Hashes of the distinct rows of words; of all words, if they are fewer than a row.
fn shingles(words: &[String]) -> Vec<u64> {
    let row = SHINGLE_WORDS.min(words.len().max(1));
    let mut hashes: Vec<u64> = words
        .windows(row)
        .map(|row| {
            let mut hasher = DefaultHasher::new();
            row.hash(&mut hasher);
            hasher.finish()
        })
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(texts: &[&str], limit: usize) -> Vec<(usize, Vec<usize>)> {
        fold(texts.iter().copied(), limit).into_iter().map(|group| (group.place, group.copies)).collect()
    }

    #[test]
    fn copies_are_named_beside_the_first() {
        let texts =
            ["The quinces are ripe in October.", "Pears come before.", "the QUINCES are  ripe in october", "Pears!"];
        assert_eq!(places(&texts, 10), [(0, vec![2]), (1, vec![]), (3, vec![])]);
        assert_eq!(places(&texts, 1), [(0, vec![])]);
    }

    #[test]
    fn a_long_text_with_a_word_changed_is_a_copy_and_one_with_a_sentence_changed_is_not() {
        let letters =
            |number: usize| number.to_string().bytes().map(|digit| char::from(digit + 49)).collect::<String>();
        let numbered = |from: usize| (from..from + 80).map(letters).collect::<Vec<String>>();
        let mut changed = numbered(0);
        changed[40] = "another".into();
        let mut rewritten = numbered(0);
        rewritten.splice(20..40, numbered(200).into_iter().take(20));
        let texts = [numbered(0).join(" "), changed.join(" "), rewritten.join(" ")];
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(places(&texts, 10), [(0, vec![1]), (2, vec![])]);
        let years = ["2019", "2020"].map(|year| format!("{} {year}", texts[0]));
        assert_eq!(
            places(&[&years[0], &years[1]], 10),
            [(0, vec![]), (1, vec![])],
            "a number may be what was asked for"
        );
    }

    #[test]
    fn texts_without_words_are_kept() {
        assert_eq!(places(&["…", "—"], 10), [(0, vec![]), (1, vec![])]);
    }
}
