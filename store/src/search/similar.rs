//! Passages of other documents near to a document, or to one chunk of it. The vectors are those that the document was
//! found by; no model is needed.

use std::collections::{BTreeSet, HashMap};

use futures::future::try_join_all;

use super::fuse::Candidate;
use super::{Filter, Hit, Scope, copies, copy, dot, hit};
use crate::Result;
use crate::access::Principal;
use crate::error::StoreError;
use crate::ids::{ChunkId, DocumentId};
use crate::lexical::analysis::Marks;
use crate::sql::visible::{CheckedChunk, ShownChunk};
use crate::store::Store;

/// Chunks of a document that stand for it, spread over its length.
const SAMPLE: u32 = 128;
/// Of these, the ones that the index is asked with, beside their mean: a document has more than one subject.
const PROBES: usize = 7;
/// Chunks that each of these proposes.
const CANDIDATES: usize = 50;
/// The best ones that are read, for each document that is asked for: most documents have several among them.
const READ_PER_DOCUMENT: usize = 8;

/// What other passages are compared with.
struct Likeness {
    mean: Vec<f32>,
    sample: Vec<Vec<f32>>,
}

impl Likeness {
    /// `vectors` is not empty.
    fn of(vectors: Vec<Vec<f32>>) -> Self {
        let mut mean = vec![0.0; vectors.first().map_or(0, Vec::len)];
        for vector in &vectors {
            mean.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        }
        let length = dot(&mean, &mean).sqrt();
        if length > f32::EPSILON {
            for value in &mut mean {
                *value /= length;
            }
        } else {
            // Chunks that speak of opposite things have no mean.
            mean.clone_from(&vectors[0]);
        }
        Self { mean, sample: vectors }
    }

    fn probes(&self) -> Vec<Vec<f32>> {
        let step = self.sample.len().div_ceil(PROBES).max(1);
        let spread = self.sample.iter().step_by(step).cloned();
        // Of a single chunk the mean is the chunk.
        std::iter::once(self.mean.clone()).chain(spread.filter(|_| self.sample.len() > 1)).collect()
    }

    /// Half for what the document is about as a whole, half for the chunk of it that is nearest: neither a notice that
    /// stands in every document nor a remote subject alone makes two documents similar.
    fn score(&self, vector: &[f32]) -> f32 {
        let nearest = self.sample.iter().map(|chunk| dot(chunk, vector)).fold(f32::MIN, f32::max);
        f32::midpoint(dot(&self.mean, vector), nearest)
    }
}

impl Store {
    /// The best passage of each of the documents that are most similar to this one, or to one chunk of it; best first.
    /// What says the same as a better passage is named with it. A document that the principal may not read is not there.
    pub async fn similar(
        &self,
        principal: &Principal,
        document: DocumentId,
        chunk: Option<ChunkId>,
        top_k: usize,
    ) -> Result<Vec<Hit>> {
        let known = self.document(principal, document).await?;
        let scope = self.scope(principal, None).await?;
        let indexes = self.sets.in_use();
        let step = known.chunk_count.div_ceil(SAMPLE).max(1);
        let vectors = self.database.vectors(indexes.set.id, &scope.grant, document, chunk, step).await?;
        if vectors.is_empty() {
            return match chunk {
                Some(chunk) => Err(StoreError::NoSuchChunk(chunk.to_string())),
                None => Ok(Vec::new()),
            };
        }
        let likeness = Likeness::of(vectors);
        let scope = Scope { filter: Filter { except: Some(document), ..Filter::default() }, ..scope };
        let pair = indexes.pair().await;
        let probes = likeness.probes();
        let found = try_join_all(probes.iter().map(|probe| pair.dense.search(probe, &scope, CANDIDATES))).await?;
        let proposed: BTreeSet<ChunkId> = found.into_iter().flatten().map(|(chunk, _)| chunk).collect();
        let proposed: Vec<ChunkId> = proposed.into_iter().collect();
        let mut visible = self.database.checked_chunks(&proposed, &scope.collections, &scope.grant).await?;
        self.check_filter(&scope, &mut visible).await?;
        let vectors = self.database.embeddings(&visible).await?;
        let mut candidates = scored(&likeness, &visible, &vectors);
        candidates.truncate(top_k.max(1) * READ_PER_DOCUMENT);
        let order: Vec<ChunkId> = candidates.iter().map(|candidate| visible[candidate.place].id).collect();
        let by_id: HashMap<ChunkId, &Candidate> = order.iter().copied().zip(&candidates).collect();
        let shown = self.database.shown_chunks(&order, &scope.grant).await?;
        Ok(best_of_each(&by_id, &shown, top_k))
    }
}

/// Best first.
fn scored(likeness: &Likeness, visible: &[CheckedChunk], vectors: &HashMap<ChunkId, Vec<f32>>) -> Vec<Candidate> {
    let candidates = visible.iter().enumerate().filter_map(|(place, chunk)| {
        let vector = vectors.get(&chunk.id)?;
        Some(Candidate {
            place,
            lexical: None,
            dense: Some(dot(&likeness.mean, vector)),
            score: likeness.score(vector),
        })
    });
    let mut candidates: Vec<Candidate> = candidates.collect();
    candidates.sort_by(|left, right| {
        let ids = || visible[left.place].id.cmp(&visible[right.place].id);
        right.score.total_cmp(&left.score).then_with(ids)
    });
    candidates
}

fn best_of_each(by_id: &HashMap<ChunkId, &Candidate>, shown: &[ShownChunk], top_k: usize) -> Vec<Hit> {
    let mut listed: BTreeSet<DocumentId> = BTreeSet::new();
    let mut hits = Vec::new();
    for group in copies::fold(shown.iter().map(|chunk| chunk.text.as_str()), usize::MAX) {
        let chunk = &shown[group.place];
        let Some(candidate) = by_id.get(&chunk.id) else { continue };
        if hits.len() >= top_k || !listed.insert(chunk.document) {
            continue;
        }
        let copies = group.copies.iter().map(|place| copy(&shown[*place])).collect();
        hits.push(Hit { copies, ..hit(chunk, candidate, &Marks::default(), (None, None)) });
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_likeness_is_of_the_whole_and_of_its_parts() {
        let likeness = Likeness::of(vec![vec![1.0, 0.0], vec![0.0, 1.0]]);
        let middle = std::f32::consts::FRAC_1_SQRT_2;
        assert!((likeness.score(&[middle, middle]) - f32::midpoint(1.0, middle)).abs() < 1e-6);
        assert!((likeness.score(&[1.0, 0.0]) - f32::midpoint(middle, 1.0)).abs() < 1e-6);
        assert_eq!(likeness.probes().len(), 3);
        let single = Likeness::of(vec![vec![0.0, 1.0]]);
        assert_eq!(single.probes(), [[0.0, 1.0]]);
        assert!((single.score(&[0.0, 1.0]) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn opposite_chunks_are_no_number_that_is_none() {
        let likeness = Likeness::of(vec![vec![1.0, 0.0], vec![-1.0, 0.0]]);
        assert!(likeness.probes().iter().flatten().all(|value| value.is_finite()));
        assert!(likeness.score(&[1.0, 0.0]).is_finite());
    }

    #[test]
    fn probes_of_a_long_document_are_few() {
        let vectors = (0..SAMPLE).map(|number| vec![number as f32, 1.0]).collect();
        assert!(Likeness::of(vectors).probes().len() <= PROBES + 1);
    }
}
