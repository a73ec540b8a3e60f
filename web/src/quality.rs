//! How well each index set finds what people want found: evaluation questions, searched in both as a caller would
//! search, and whether one set may take the other's place.

use std::collections::BTreeMap;

use serde::Serialize;
use terroir_store::evaluation::{Difference, EvaluationQuestion, NewQuestion, Stand, paired_difference};
use terroir_store::{DocumentId, Hit, IndexSet, Mode, Principal, SearchRequest, SetId, StoreError};
use utoipa::ToSchema;

use crate::app::Service;
use crate::error::{ApiError, ApiResult};

/// Passages looked at for each question.
const DEPTH: usize = 100;
/// With fewer questions no comparison says anything.
pub const MIN_QUESTIONS: usize = 10;
/// A loss in nDCG@10 of at most this much is none, unless it is more than chance.
const TOLERATED_LOSS: f64 = 0.01;
const SIGNIFICANT: f64 = 0.05;
/// Passages tried for each question that is wanted.
const TRIES: u32 = 4;

/// Means over questions, with `trec_eval`'s definitions, where the one relevant thing is the quote: the first passage
/// that holds some of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct Quality {
    pub questions: usize,
    #[serde(rename = "ndcg@10")]
    pub ndcg_at_10: f64,
    #[serde(rename = "mrr@10")]
    pub mrr_at_10: f64,
    #[serde(rename = "recall@100")]
    pub recall_at_100: f64,
}

/// The set in use and another one, by the same questions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Comparison {
    pub in_use: Quality,
    pub other: Quality,
    /// By language of the quote.
    pub languages: BTreeMap<String, Pair>,
    /// How much better the other one is in nDCG@10.
    pub difference: DifferenceView,
    /// Questions whose quote does not stand in its document any more; they are left out.
    pub stale: usize,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct Pair {
    pub in_use: Quality,
    pub other: Quality,
}

/// By Fisher's randomisation test, paired by question.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct DifferenceView {
    pub mean: f64,
    pub better: usize,
    pub worse: usize,
    pub p: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not worse, as far as the questions tell.
    Fit,
    Worse,
    /// Too few questions to tell.
    NotMeasured,
}

/// The rank of each question's quote, from 1; none if it was not found.
type Ranks = Vec<Option<usize>>;

impl Quality {
    fn of(ranks: &[Option<usize>]) -> Self {
        let count = ranks.len().max(1) as f64;
        let mean = |of: fn(usize) -> f64| ranks.iter().flatten().fold(0.0, |sum, rank| sum + of(*rank)) / count;
        Self {
            questions: ranks.len(),
            ndcg_at_10: mean(gain),
            mrr_at_10: mean(|rank| if rank <= 10 { 1.0 / rank as f64 } else { 0.0 }),
            recall_at_100: mean(|_| 1.0),
        }
    }
}

/// nDCG@10 of a list with one relevant passage: Järvelin and Kekäläinen's discount at its rank.
fn gain(rank: usize) -> f64 {
    if rank <= 10 { 1.0 / ((rank + 1) as f64).log2() } else { 0.0 }
}

fn verdict(difference: &Difference) -> Verdict {
    if difference.queries < MIN_QUESTIONS {
        return Verdict::NotMeasured;
    }
    let is_worse = difference.mean < -TOLERATED_LOSS || (difference.mean < 0.0 && difference.p < SIGNIFICANT);
    if is_worse { Verdict::Worse } else { Verdict::Fit }
}

impl Service {
    /// Searches all confirmed questions in the set in use and in another one that is open.
    pub async fn compare_sets(&self, other: SetId) -> ApiResult<Comparison> {
        let open = self.store.open_sets();
        let (Some(in_use), Some(other)) = (open.first(), open.iter().find(|set| set.id == other)) else {
            return Err(StoreError::NoSuchSet(other.to_string()).into());
        };
        let mut asked: Vec<(EvaluationQuestion, Stand)> = Vec::new();
        let mut stale = 0;
        for question in self.store.evaluation_questions(true).await? {
            match self.store.stand(question.document, &question.quote).await? {
                Some(stand) if !stand.ranges.is_empty() => asked.push((question, stand)),
                _ => stale += 1,
            }
        }
        let (first, second) = (self.ranks(in_use, &asked).await?, self.ranks(other, &asked).await?);
        let pairs: Vec<(f64, f64)> =
            first.iter().zip(&second).map(|(one, other)| (one.map_or(0.0, gain), other.map_or(0.0, gain))).collect();
        let difference = paired_difference(&pairs);
        let mut by_language: BTreeMap<String, (Ranks, Ranks)> = BTreeMap::new();
        for (((question, _), one), other) in asked.iter().zip(&first).zip(&second) {
            let ranks = by_language.entry(question.language.as_str().to_owned()).or_default();
            ranks.0.push(*one);
            ranks.1.push(*other);
        }
        let pair = |(one, other): (Ranks, Ranks)| Pair { in_use: Quality::of(&one), other: Quality::of(&other) };
        Ok(Comparison {
            in_use: Quality::of(&first),
            other: Quality::of(&second),
            languages: by_language.into_iter().map(|(language, ranks)| (language, pair(ranks))).collect(),
            difference: DifferenceView {
                mean: difference.mean,
                better: difference.better,
                worse: difference.worse,
                p: difference.p,
            },
            stale,
            verdict: verdict(&difference),
        })
    }

    async fn ranks(&self, set: &IndexSet, asked: &[(EvaluationQuestion, Stand)]) -> ApiResult<Ranks> {
        let mut ranks = Vec::with_capacity(asked.len());
        for (question, stand) in asked {
            let scope = self.store.scope(&Principal::Operator, Some(&question.collection)).await?;
            let request = SearchRequest {
                query: question.question.clone(),
                query_embedding: None,
                scope,
                mode: Mode::Hybrid,
                top_k: DEPTH,
            };
            let found = self.search_in(set, request, false).await?;
            let place = found.hits.iter().position(|hit| holds(hit, question.document, stand));
            ranks.push(place.map(|place| place + 1));
        }
        Ok(ranks)
    }

    /// Refuses to put a set in use that is worse by the questions, or that was not measured.
    pub async fn gate(&self, other: SetId) -> ApiResult<Comparison> {
        let comparison = self.compare_sets(other).await?;
        match comparison.verdict {
            Verdict::Fit => Ok(comparison),
            Verdict::Worse => Err(ApiError::new(
                "worse",
                format!(
                    "it finds less: nDCG@10 {:.3} instead of {:.3} over {} questions (p {:.3})",
                    comparison.other.ndcg_at_10,
                    comparison.in_use.ndcg_at_10,
                    comparison.in_use.questions,
                    comparison.difference.p
                ),
                "keep the one in use, or force the switch",
            )),
            Verdict::NotMeasured => Err(ApiError::new(
                "not_measured",
                format!(
                    "there are {} confirmed questions to compare by, and it takes {MIN_QUESTIONS}",
                    comparison.in_use.questions
                ),
                "confirm questions of your own (`terroir eval make`), or force the switch",
            )),
        }
    }

    /// Proposes up to `count` questions about passages drawn by chance. Gives how many it found.
    pub async fn propose_questions(&self, collection: Option<&str>, count: u32, owner: &str) -> ApiResult<usize> {
        if let Some(name) = collection {
            // Says so if there is none of that name.
            self.store.scope(&Principal::Operator, Some(name)).await?;
        }
        let generator = self.generator().await?;
        let mut proposed = 0;
        for passage in self.store.askable_passages(collection, count.saturating_mul(TRIES)).await? {
            if proposed >= count as usize {
                break;
            }
            let language = passage.language.as_str();
            let written = generator.propose_question(&passage.text, language, owner).await;
            let Some(question) = written.map_err(|error| ApiError::from(&error))? else { continue };
            let new = NewQuestion {
                document: passage.document,
                question: question.question,
                quote: question.quote,
                language: passage.language,
                is_confirmed: false,
            };
            match self.store.add_evaluation_question(&new).await {
                Ok(_) => proposed += 1,
                // Replaced meanwhile.
                Err(StoreError::NotQuoted) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(proposed)
    }
}

/// Whether the passage, or one that says the same and was folded into it, holds some of the quote.
fn holds(hit: &Hit, document: DocumentId, stand: &Stand) -> bool {
    let overlaps = |start: u32, end: u32| stand.ranges.iter().any(|(from, to)| start < *to && *from < end);
    let itself = hit.document == document && hit.revision == stand.revision && overlaps(hit.char_start, hit.char_end);
    itself || hit.copies.iter().any(|copy| copy.document == document && overlaps(copy.char_start, copy.char_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_those_of_one_relevant_passage() {
        let quality = Quality::of(&[Some(1), Some(3), Some(11), None]);
        assert_eq!(quality.questions, 4);
        assert!((quality.ndcg_at_10 - (1.0 + 0.5) / 4.0).abs() < 1e-12);
        assert!((quality.mrr_at_10 - (1.0 + 1.0 / 3.0) / 4.0).abs() < 1e-12);
        assert!((quality.recall_at_100 - 0.75).abs() < 1e-12);
        assert_eq!(Quality::of(&[]), Quality::default());
    }

    #[test]
    fn what_is_worse_or_not_measured_does_not_pass() {
        let judged = |pairs: &[(f64, f64)]| verdict(&paired_difference(pairs));
        assert_eq!(judged(&[(0.0, 1.0); 9]), Verdict::NotMeasured);
        assert_eq!(judged(&[(0.5, 0.5); 10]), Verdict::Fit);
        assert_eq!(judged(&[(0.0, 1.0); 10]), Verdict::Fit);
        assert_eq!(judged(&[(1.0, 0.0); 10]), Verdict::Worse);
        // A little worse everywhere is worse.
        assert_eq!(judged(&[(0.505, 0.5); 30]), Verdict::Worse);
        // A little worse by chance is not.
        let mut mixed = vec![(0.5, 0.6); 14];
        mixed.extend([(0.6, 0.49); 13]);
        assert_eq!(judged(&mixed), Verdict::Fit);
    }
}
