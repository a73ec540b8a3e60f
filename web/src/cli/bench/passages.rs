//! Passages and questions that are made, not written: as many as one wants, the same ones every time.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

pub const DIMENSIONS: usize = 384;
/// Different words. How often each stands follows Zipf's law, as in any language.
const VOCABULARY: usize = 60_000;
const PASSAGE_WORDS: std::ops::Range<usize> = 60..180;
const QUESTION_WORDS: usize = 6;
/// Passages about the same, more or less: the vectors of a topic lie around its middle.
const PASSAGES_PER_TOPIC: u64 = 500;
/// How far, beside the middle's own length of 1.
const SPREAD: f32 = 0.9;
/// A question is nearer to its passage than the passage is to its topic.
const QUESTION_SPREAD: f32 = 0.5;

/// What random numbers are drawn for.
#[derive(Clone, Copy)]
enum Draw {
    Topic = 1,
    Vector,
    Text,
    Question,
}

fn random(draw: Draw, number: u64) -> StdRng {
    StdRng::seed_from_u64(number << 3 | draw as u64)
}

fn direction(random: &mut StdRng) -> Vec<f32> {
    unit((0..DIMENSIONS).map(|_| random.random_range(-1.0..1.0)).collect())
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    for value in &mut vector {
        *value /= length;
    }
    vector
}

fn around(middle: &[f32], spread: f32, random: &mut StdRng) -> Vec<f32> {
    let away = direction(random);
    unit(middle.iter().zip(away).map(|(middle, away)| middle + spread * away).collect())
}

/// Of length 1.
pub fn vector(passage: u64) -> Vec<f32> {
    let middle = direction(&mut random(Draw::Topic, passage / PASSAGES_PER_TOPIC));
    around(&middle, SPREAD, &mut random(Draw::Vector, passage))
}

fn words(passage: u64) -> Vec<usize> {
    let mut random = random(Draw::Text, passage);
    let count = random.random_range(PASSAGE_WORDS);
    // The inverse of Zipf's distribution, nearly: the logarithm of a word's rank is uniform.
    let mut word = || (VOCABULARY as f64).powf(random.random_range(0.0..1.0)) as usize;
    (0..count).map(|_| word()).collect()
}

/// Letters only, so that no word is an identifier.
fn spelled(word: usize) -> String {
    const SYLLABLES: [&str; 16] =
        ["ba", "ko", "ri", "tu", "ne", "sal", "mir", "dov", "pe", "gan", "lu", "fi", "hor", "vet", "ja", "zun"];
    let mut rest = word;
    let mut text = String::new();
    for _ in 0..4 {
        text.push_str(SYLLABLES[rest % SYLLABLES.len()]);
        rest /= SYLLABLES.len();
    }
    text
}

pub fn text(passage: u64) -> String {
    words(passage).into_iter().map(spelled).collect::<Vec<_>>().join(" ")
}

/// A question about one of so many passages: its rarer words, and a vector near it.
pub fn question(number: u64, passages: u64) -> (String, Vec<f32>) {
    let mut random = random(Draw::Question, number);
    let passage = random.random_range(0..passages);
    let mut rare = words(passage);
    rare.sort_unstable_by(|left, right| right.cmp(left));
    rare.dedup();
    let asked = rare.into_iter().step_by(4).take(QUESTION_WORDS).map(spelled).collect::<Vec<_>>().join(" ");
    (asked, around(&vector(passage), QUESTION_SPREAD, &mut random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_the_same_every_time_and_questions_are_about_one() {
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
        let (asked, near) = question(3, 1_000);
        let dot = |passage: u64| -> f32 { vector(passage).iter().zip(&near).map(|(left, right)| left * right).sum() };
        let nearest = (0..1_000).max_by(|left, right| dot(*left).total_cmp(&dot(*right))).unwrap();
        assert!(dot(nearest) > 0.7, "{}", dot(nearest));
        let held = text(nearest);
        assert!(asked.split(' ').all(|word| held.contains(word)), "{asked}: {held}");
    }
}
