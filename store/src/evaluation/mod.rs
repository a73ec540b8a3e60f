//! Retrieval measured: test collections in the BEIR layout, `trec_eval`'s measures, and whether a difference
//! between two settings is more than chance.

mod questions;
mod significance;

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::StoreError;

pub use questions::{Askable, EvaluationQuestion, NewQuestion, Stand};
pub use significance::{Difference, paired_difference};

/// A document of `corpus.jsonl`.
#[derive(Debug, Clone, Deserialize)]
pub struct CorpusDocument {
    #[serde(rename = "_id")]
    pub id: String,
    #[serde(default)]
    pub title: String,
    pub text: String,
}

/// A query of `queries.jsonl`.
#[derive(Debug, Clone, Deserialize)]
pub struct Query {
    #[serde(rename = "_id")]
    pub id: String,
    pub text: String,
}

/// Relevance by query, then by document.
pub type Judgments = BTreeMap<String, HashMap<String, u32>>;

pub struct TestCollection {
    pub corpus: Vec<CorpusDocument>,
    /// Those that have a relevant document.
    pub queries: Vec<Query>,
    pub judgments: Judgments,
}

impl TestCollection {
    /// Reads `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv` of a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let judgments = read_judgments(&folder.join("qrels").join("test.tsv"))?;
        let mut queries: Vec<Query> = read_lines(&folder.join("queries.jsonl"))?;
        queries.retain(|query| judgments.contains_key(&query.id));
        Ok(Self { corpus: read_lines(&folder.join("corpus.jsonl"))?, queries, judgments })
    }
}

fn read_lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let mut values = Vec::new();
    for line in std::io::BufReader::new(fs_err::File::open(path)?).lines() {
        let line = line?;
        if !line.trim().is_empty() {
            values.push(
                serde_json::from_str(&line)
                    .map_err(|error| StoreError::damaged("test collection", format!("{}: {error}", path.display())))?,
            );
        }
    }
    Ok(values)
}

fn read_judgments(path: &Path) -> Result<Judgments> {
    let mut judgments = Judgments::new();
    for line in std::io::BufReader::new(fs_err::File::open(path)?).lines() {
        let line = line?;
        let mut columns = line.split('\t');
        let (Some(query), Some(document), Some(relevance)) = (columns.next(), columns.next(), columns.next()) else {
            continue;
        };
        // The first line names the columns.
        let Ok(relevance) = relevance.trim().parse::<u32>() else {
            continue;
        };
        if relevance > 0 {
            judgments.entry(query.to_owned()).or_default().insert(document.to_owned(), relevance);
        }
    }
    Ok(judgments)
}

/// Means over queries, with `trec_eval`'s definitions.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Measures {
    pub queries: usize,
    #[serde(rename = "ndcg@10")]
    pub ndcg_at_10: f64,
    #[serde(rename = "recall@100")]
    pub recall_at_100: f64,
    #[serde(rename = "mrr@10")]
    pub mrr_at_10: f64,
    pub map: f64,
}

/// The documents found for each query, best first, each once.
pub type Rankings = HashMap<String, Vec<String>>;

impl Measures {
    pub fn of(rankings: &Rankings, judgments: &Judgments) -> Self {
        let each = Self::of_each(rankings, judgments);
        let mut mean = Self { queries: each.len(), ..Self::default() };
        for of_query in each.values() {
            mean.ndcg_at_10 += of_query.ndcg_at_10;
            mean.recall_at_100 += of_query.recall_at_100;
            mean.mrr_at_10 += of_query.mrr_at_10;
            mean.map += of_query.map;
        }
        let count = mean.queries.max(1) as f64;
        mean.ndcg_at_10 /= count;
        mean.recall_at_100 /= count;
        mean.mrr_at_10 /= count;
        mean.map /= count;
        mean
    }

    /// The measures of each query that was judged, found or not.
    pub fn of_each(rankings: &Rankings, judgments: &Judgments) -> BTreeMap<String, Self> {
        let of_query = |(query, relevant): (&String, &HashMap<String, u32>)| {
            let ranking = rankings.get(query).map(Vec::as_slice).unwrap_or_default();
            let measures = Self {
                queries: 1,
                ndcg_at_10: ndcg(ranking, relevant, 10),
                recall_at_100: recall(ranking, relevant, 100),
                mrr_at_10: reciprocal_rank(ranking, relevant, 10),
                map: average_precision(ranking, relevant),
            };
            (query.clone(), measures)
        };
        judgments.iter().map(of_query).collect()
    }
}

/// Gain is the relevance itself, the discount log2(rank + 1) (`trec_eval`'s `ndcg_cut`).
fn ndcg(ranking: &[String], relevant: &HashMap<String, u32>, depth: usize) -> f64 {
    let discounted = |gains: &mut dyn Iterator<Item = u32>| -> f64 {
        gains.take(depth).zip(2_u32..).map(|(gain, place)| f64::from(gain) / f64::from(place).log2()).sum()
    };
    let mut ideal: Vec<u32> = relevant.values().copied().collect();
    ideal.sort_unstable_by(|left, right| right.cmp(left));
    let best = discounted(&mut ideal.into_iter());
    let found = discounted(&mut ranking.iter().map(|document| relevant.get(document).copied().unwrap_or(0)));
    if best > 0.0 { found / best } else { 0.0 }
}

fn recall(ranking: &[String], relevant: &HashMap<String, u32>, depth: usize) -> f64 {
    let found = ranking.iter().take(depth).filter(|document| relevant.contains_key(*document)).count();
    found as f64 / relevant.len().max(1) as f64
}

fn reciprocal_rank(ranking: &[String], relevant: &HashMap<String, u32>, depth: usize) -> f64 {
    let first = ranking.iter().take(depth).position(|document| relevant.contains_key(document));
    first.map_or(0.0, |place| 1.0 / (place + 1) as f64)
}

fn average_precision(ranking: &[String], relevant: &HashMap<String, u32>) -> f64 {
    let (mut found, mut sum) = (0, 0.0);
    for (place, document) in ranking.iter().enumerate() {
        if relevant.contains_key(document) {
            found += 1;
            sum += f64::from(found) / (place + 1) as f64;
        }
    }
    sum / relevant.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(documents: &[&str]) -> Vec<String> {
        documents.iter().map(|document| (*document).to_owned()).collect()
    }

    /// Worked out by hand: relevant a (2) and b (1); found x, a, b.
    #[test]
    fn measures_equal_those_worked_out_by_hand() {
        let relevant = HashMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]);
        let found = ranking(&["x", "a", "b"]);
        let expected = (2.0 / 3_f64.log2() + 1.0 / 2.0) / (2.0 + 1.0 / 3_f64.log2());
        assert!((ndcg(&found, &relevant, 10) - expected).abs() < 1e-12);
        assert!((reciprocal_rank(&found, &relevant, 10) - 0.5).abs() < 1e-12);
        assert!((average_precision(&found, &relevant) - 7.0 / 12.0).abs() < 1e-12);
        assert!((recall(&found, &relevant, 2) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn queries_without_results_count_as_zero() {
        let judgments = Judgments::from([
            ("1".to_owned(), HashMap::from([("a".to_owned(), 1)])),
            ("2".to_owned(), HashMap::from([("a".to_owned(), 1)])),
        ]);
        let rankings = Rankings::from([("1".to_owned(), ranking(&["a"]))]);
        let measures = Measures::of(&rankings, &judgments);
        assert_eq!(measures.queries, 2);
        assert!((measures.ndcg_at_10 - 0.5).abs() < 1e-12 && (measures.map - 0.5).abs() < 1e-12);
    }
}
