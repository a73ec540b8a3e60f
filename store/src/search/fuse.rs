//! Two legs into one order: `w × cosine + (1 − w) × BM25 / √(best × ceiling)`, where the ceiling is what a passage
//! would score that has every word of the query as often as one likes.
//!
//! Scores are mixed, not ranks: where the embedding model does not know the language, the dense order is
//! noise, and rank fusion gives noise the same say. Nor is either leg stretched to 0…1 over its candidates: a leg that
//! has found nothing good would have its noise stretched too. A cosine is a measure by itself, on the scale of its model
//! ([`Background`]); and the best passage by words counts for less the less of the query it has. `w` follows the language of the query and its kind.

use super::Mode;
use crate::language::Language;
use crate::lexical::asked::Asked;
use crate::sets::Background;

/// A chunk that at least one leg proposed.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Its place in the caller's list.
    pub place: usize,
    pub lexical: Option<f32>,
    pub dense: Option<f32>,
    pub score: f32,
}

/// What remains of the dense leg's weight when the query names something: a phrase or an identifier is what it is.
const NAMING_FACTOR: f32 = 0.5;

/// Weight of the dense leg for all-MiniLM-L6-v2, which was trained on English: where it does not know the
/// language, words decide. English was chosen on the training claims of `SciFact`, French on questions of PIAF
/// that are not measured on; the others follow French. `terroir eval weights DIR` shows what each weight gives.
pub fn dense_weight(asked: &Asked) -> f32 {
    let of_language = match asked.language {
        Language::English => 0.55,
        Language::French
        | Language::German
        | Language::Spanish
        | Language::Italian
        | Language::Dutch
        | Language::Portuguese
        | Language::Other => 0.25,
    };
    if asked.names_something { of_language * NAMING_FACTOR } else { of_language }
}

/// What the scores of both legs are measured by.
#[derive(Debug, Clone, Copy)]
pub struct Scales {
    /// What no passage can score more than in the lexical leg.
    pub ceiling: f32,
    /// Of the model that made the vectors.
    pub background: Background,
}

/// Gives each candidate its score: 0…1 in the hybrid mode, the leg's own otherwise. `weight` is the dense leg's.
pub fn score(candidates: &mut [Candidate], mode: Mode, weight: f32, scales: Scales) {
    let best = candidates.iter().filter_map(|candidate| candidate.lexical).fold(0.0, f32::max);
    let scale = (best * scales.ceiling.max(best)).sqrt();
    for candidate in candidates {
        let lexical = candidate.lexical.unwrap_or(0.0);
        candidate.score = match mode {
            Mode::Lexical => lexical,
            Mode::Dense => candidate.dense.unwrap_or(f32::NEG_INFINITY),
            Mode::Hybrid => {
                let lexical = if scale > 0.0 { lexical / scale } else { 0.0 };
                let dense = candidate.dense.map_or(0.0, |cosine| scales.background.usual(cosine).clamp(0.0, 1.0));
                weight * dense + (1.0 - weight) * lexical
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(scores: &[(Option<f32>, Option<f32>)]) -> Vec<Candidate> {
        let made = scores.iter().enumerate();
        made.map(|(place, (lexical, dense))| Candidate { place, lexical: *lexical, dense: *dense, score: 0.0 })
            .collect()
    }

    fn usual(ceiling: f32) -> Scales {
        Scales { ceiling, background: Background::default() }
    }

    #[test]
    fn a_model_with_another_scale_has_the_same_say() {
        // As E5's are: nothing below 0.7.
        let narrow = |cosine: f32| 0.7 + 0.25 * cosine;
        let Background { mean, spread } = Background::default();
        let background = Background { mean: narrow(mean), spread: 0.25 * spread };
        let legs = [(8.0, 0.2), (6.0, 0.5), (1.0, 0.7), (0.0, 0.3)];
        let scored = |scale: &dyn Fn(f32) -> f32, scales| {
            let pairs: Vec<_> = legs.iter().map(|(lexical, dense)| (Some(*lexical), Some(scale(*dense)))).collect();
            let mut made = candidates(&pairs);
            score(&mut made, Mode::Hybrid, 0.55, scales);
            made.into_iter().map(|candidate| candidate.score).collect::<Vec<f32>>()
        };
        let one = scored(&|cosine| cosine, usual(10.0));
        let other = scored(&narrow, Scales { ceiling: 10.0, background });
        assert!(one.iter().zip(&other).all(|(one, other)| (one - other).abs() < 1e-4), "{one:?} {other:?}");
    }

    #[test]
    fn the_best_of_both_legs_is_best() {
        let mut three = candidates(&[(Some(8.0), Some(0.2)), (Some(8.0), Some(0.9)), (None, Some(0.9))]);
        score(&mut three, Mode::Hybrid, 0.65, usual(8.0));
        assert!((three[1].score - (0.65 * 0.9 + 0.35)).abs() < 1e-6);
        assert!(three[1].score > three[2].score && three[2].score > three[0].score, "{three:?}");
        score(&mut three, Mode::Hybrid, 0.25, usual(8.0));
        assert!(three[0].score > three[2].score, "where the words decide: {three:?}");
    }

    #[test]
    fn a_leg_that_found_nothing_good_has_little_say() {
        // One word of many is in the first passage; what the second says is close.
        let mut two = candidates(&[(Some(1.0), Some(0.1)), (None, Some(0.7))]);
        score(&mut two, Mode::Hybrid, 0.3, usual(20.0));
        assert!(two[1].score > two[0].score, "{two:?}");
        // Nearly every word is there, and all vectors are about as far.
        let mut two = candidates(&[(Some(15.0), Some(0.20)), (Some(5.0), Some(0.25))]);
        score(&mut two, Mode::Hybrid, 0.7, usual(20.0));
        assert!(two[0].score > two[1].score, "{two:?}");
    }

    #[test]
    fn scores_are_from_0_to_1_whatever_is_missing() {
        for scores in [vec![(None, None)], vec![(None, Some(-0.5))], vec![(Some(3.0), None), (None, Some(1.1))]] {
            for ceiling in [0.0, 2.0, 9.0] {
                let mut made = candidates(&scores);
                score(&mut made, Mode::Hybrid, 0.5, usual(ceiling));
                assert!(made.iter().all(|candidate| (0.0..=1.0).contains(&candidate.score)), "{made:?}");
            }
        }
    }

    #[test]
    fn words_count_for_more_where_the_model_does_not_know_the_language_or_something_is_named() {
        let weight = |query: &str, language| dense_weight(&Asked::read(query, language, &[]));
        let english = weight("when are quinces harvested", Language::English);
        assert!(english > weight("quand récolte-t-on les coings", Language::French));
        assert!(english > weight("quinces AB-1234", Language::English));
        assert!(english > weight("\"quinces and pears\"", Language::English));
    }
}
