//! Passages and questions that are made, not written: as many as one wants, the same ones every time.

use std::sync::LazyLock;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

pub const DIMENSIONS: usize = 384;
/// Different words. How often each stands follows Zipf's law, as in any language.
const VOCABULARY: usize = 60_000;
const PASSAGE_WORDS: std::ops::Range<usize> = 60..180;
const QUESTION_WORDS: usize = 6;
/// Vectors of texts fill far fewer dimensions than they have (for sentence encoders some dozens are reported), and
/// topics lie near each other in larger ones. A graph that is searched from neighbour to neighbour needs both:
/// without them the best one finds nothing, and measures nothing.
const INNER_DIMENSIONS: usize = 32;
/// How many passages share a field, a subject, a topic, and how far each of these lies from the one above it.
const LEVELS: [(u64, f32); 3] = [(50_000, 1.0), (5_000, 0.8), (500, 0.6)];
/// How far a passage lies from the middle of its topic, and a question from its passage.
const SPREAD: f32 = 0.6;
const QUESTION_SPREAD: f32 = 0.25;

/// What random numbers are drawn for.
#[derive(Clone, Copy)]
enum Draw {
    Turn,
    Vector,
    Text,
    Question,
    Level(u64),
}

fn random(draw: Draw, number: u64) -> StdRng {
    let draw = match draw {
        Draw::Turn => 0,
        Draw::Vector => 1,
        Draw::Text => 2,
        Draw::Question => 3,
        Draw::Level(level) => 4 + level,
    };
    StdRng::seed_from_u64(number << 3 | draw)
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    for value in &mut vector {
        *value /= length;
    }
    vector
}

fn step(from: &mut [f32], length: f32, random: &mut StdRng) {
    let direction = unit((0..INNER_DIMENSIONS).map(|_| random.random_range(-1.0..1.0)).collect());
    for (value, direction) in from.iter_mut().zip(direction) {
        *value += length * direction;
    }
}

/// Where a passage lies, in the dimensions that count.
fn place(passage: u64) -> Vec<f32> {
    let mut place = vec![0.0; INNER_DIMENSIONS];
    for (level, (passages, length)) in LEVELS.into_iter().enumerate() {
        step(&mut place, length, &mut random(Draw::Level(level as u64), passage / passages));
    }
    step(&mut place, SPREAD, &mut random(Draw::Vector, passage));
    place
}

/// The same turned into all dimensions; of length 1.
fn turned(place: &[f32]) -> Vec<f32> {
    static TURN: LazyLock<Vec<f32>> = LazyLock::new(|| {
        let mut random = random(Draw::Turn, 0);
        (0..DIMENSIONS * INNER_DIMENSIONS).map(|_| random.random_range(-1.0..1.0)).collect()
    });
    let rows = TURN.chunks_exact(INNER_DIMENSIONS);
    unit(rows.map(|row| row.iter().zip(place).map(|(left, right)| left * right).sum()).collect())
}

/// Of length 1.
pub fn vector(passage: u64) -> Vec<f32> {
    turned(&place(passage))
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
    let mut near = place(passage);
    step(&mut near, QUESTION_SPREAD, &mut random);
    (asked, turned(&near))
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
        assert!(dot(nearest) > 0.9, "{}", dot(nearest));
        let held = text(nearest);
        assert!(asked.split(' ').all(|word| held.contains(word)), "{asked}: {held}");
    }
}
