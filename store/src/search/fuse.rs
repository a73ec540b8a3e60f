//! Two legs into one order: `w × dense + (1 − w) × lexical`, both scaled to 0…1 over the candidates.
//!
//! Scores are mixed, not ranks: where the embedding model does not know the language, the dense order is
//! noise, and rank fusion gives noise the same say. `w` follows the language of the query and its kind.

use super::Mode;
use crate::language::Language;
use crate::lexical::asked::Asked;

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
        Language::English => 0.6,
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

/// Gives each candidate its score: 0…1 in the hybrid mode, the leg's own otherwise. `weight` is the dense leg's.
pub fn score(candidates: &mut [Candidate], mode: Mode, weight: f32) {
    let best_lexical = candidates.iter().filter_map(|candidate| candidate.lexical).fold(0.0, f32::max);
    let dense = || candidates.iter().filter_map(|candidate| candidate.dense);
    let (lowest, highest) = (dense().fold(f32::INFINITY, f32::min), dense().fold(f32::NEG_INFINITY, f32::max));
    for candidate in candidates {
        let lexical = candidate.lexical.unwrap_or(0.0);
        candidate.score = match mode {
            Mode::Lexical => lexical,
            Mode::Dense => candidate.dense.unwrap_or(f32::NEG_INFINITY),
            Mode::Hybrid => {
                let lexical = if best_lexical > 0.0 { lexical / best_lexical } else { 0.0 };
                let dense = match candidate.dense {
                    Some(dense) if highest > lowest => (dense - lowest) / (highest - lowest),
                    // A single candidate is both the best and the worst.
                    Some(_) => 1.0,
                    None => 0.0,
                };
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

    #[test]
    fn the_best_of_both_legs_is_best() {
        let mut three = candidates(&[(Some(8.0), Some(0.2)), (Some(8.0), Some(0.9)), (None, Some(0.9))]);
        score(&mut three, Mode::Hybrid, 0.65);
        assert!((three[1].score - 1.0).abs() < 1e-6);
        assert!(three[1].score > three[2].score && three[2].score > three[0].score, "{three:?}");
        score(&mut three, Mode::Hybrid, 0.25);
        assert!(three[0].score > three[2].score, "where the words decide: {three:?}");
    }

    #[test]
    fn scores_are_finite_whatever_is_missing() {
        for scores in [vec![(None, None)], vec![(None, Some(0.5))], vec![(Some(3.0), None), (None, None)]] {
            let mut made = candidates(&scores);
            score(&mut made, Mode::Hybrid, 0.5);
            assert!(made.iter().all(|candidate| (0.0..=1.0).contains(&candidate.score)), "{made:?}");
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
