//! A query's path: both legs with the same filter, candidates completed so that each has both scores, a
//! weighted mix, what says the same as a better passage folded into it, and the last check against SQL before any
//! text leaves.

mod copies;
mod facets;
mod filter;
mod fuse;
mod similar;
mod understood;

pub use facets::{FacetValue, Facets};
pub use filter::Filter;
pub(crate) use filter::within;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::Result;
use crate::access::{COLLECTION_READERS, Grant};
use crate::error::StoreError;
use crate::ids::{ChunkId, CollectionId, DocumentId, RevisionId, SetId};
use crate::indexes::{IndexPair, Indexes};
use crate::language::Language;
use crate::lexical::analysis::{Marks, matches};
use crate::lexical::{Alternatives, View, Wanted};
use crate::sets::Background;
use crate::sql::visible::{CheckedChunk, ShownChunk};
use crate::store::Store;

use facets::About;
use fuse::{Candidate, Scales};
use understood::Understood;

/// Candidates that each leg proposes.
const CANDIDATES: usize = 100;
/// Texts that are read beyond those asked for: so many are often copies of better ones.
const COPIES_EXPECTED: usize = 5;

/// What a caller may read: a filter in both indexes, and the last check in SQL. An empty scope finds
/// nothing. Made by [`Store::scope`], for whoever asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    pub collections: Vec<CollectionId>,
    /// Only these documents, if given.
    pub documents: Option<Vec<DocumentId>>,
    pub(crate) grant: Grant,
    pub(crate) filter: Filter,
}

impl Scope {
    /// What of `readers` in the indexes lets the caller see a document; none if everything does.
    pub(crate) fn readers(&self) -> Option<Vec<String>> {
        match &self.grant {
            Grant::Everything => None,
            Grant::Readers(readers) => {
                let everybody = std::iter::once(COLLECTION_READERS.to_owned());
                Some(everybody.chain(readers.iter().cloned()).collect())
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Hybrid,
    Lexical,
    Dense,
}

#[derive(Debug, Clone)]
pub struct SearchRequest {
    pub query: String,
    /// Needed by every mode but the lexical.
    pub query_embedding: Option<Vec<f32>>,
    pub scope: Scope,
    pub mode: Mode,
    pub top_k: usize,
}

#[derive(Debug, Clone)]
pub struct SearchResponse {
    pub hits: Vec<Hit>,
    pub took_ms: u64,
    pub query_language: Language,
    /// The query's words as they were looked for, if one of them is in no passage in scope and another spelling
    /// of it is.
    pub corrected: Option<String>,
    /// What lexicons in scope have beside the query's words, as they have it and in the order of the query. All that was
    /// looked for as well, found or not: so it says nothing of any document.
    pub expanded: Vec<String>,
    /// Of the documents that the search is about, where they were asked for.
    pub facets: Option<Facets>,
}

/// A passage: a chunk that was found, with the scores that led to it.
#[derive(Debug, Clone)]
pub struct Hit {
    pub chunk: ChunkId,
    pub document: DocumentId,
    pub revision: RevisionId,
    /// The document's title, or its file name.
    pub title: String,
    pub file_name: String,
    pub media_type: String,
    pub text: String,
    pub heading_path: Vec<String>,
    pub page: Option<u32>,
    pub char_start: u32,
    pub char_end: u32,
    pub language: Language,
    pub score: f32,
    /// BM25; none if no word of the query is in the chunk.
    pub lexical_score: Option<f32>,
    /// Place in the lexical leg, from 1; none if that leg did not propose the chunk.
    pub lexical_rank: Option<u32>,
    /// Cosine.
    pub dense_score: Option<f32>,
    pub dense_rank: Option<u32>,
    /// What a reranker made of it and the query together, where one did: from 0 to 1.
    pub rerank_score: Option<f32>,
    /// Character ranges in `text` that match words of the query.
    pub highlights: Vec<(u32, u32)>,
    /// Passages that say the same in nearly the same words and are therefore not listed, best first.
    pub copies: Vec<Copy>,
}

/// A passage that says what a better one says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    pub chunk: ChunkId,
    pub document: DocumentId,
    /// As of a [`Hit`].
    pub title: String,
    pub file_name: String,
    pub heading_path: Vec<String>,
    pub page: Option<u32>,
    pub char_start: u32,
    pub char_end: u32,
}

impl Store {
    /// The best passages in scope, in the set in use.
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchResponse> {
        self.run(&self.sets.in_use(), request, None, false).await
    }

    /// The same, with facets: of the documents in scope that have a passage with a word of the query, or one that the
    /// dense leg proposed.
    pub async fn search_with_facets(&self, request: &SearchRequest) -> Result<SearchResponse> {
        self.run(&self.sets.in_use(), request, None, true).await
    }

    /// The same with a given weight of the dense leg in the hybrid mode, to measure what weight is best.
    pub async fn search_weighted(&self, request: &SearchRequest, dense_weight: Option<f32>) -> Result<SearchResponse> {
        self.run(&self.sets.in_use(), request, dense_weight, false).await
    }

    /// The best passages in scope in a set, whose model made the query's vector; with facets if these are wanted.
    /// `SetChanged` if the set is not open.
    pub async fn search_in(&self, set: SetId, request: &SearchRequest, with_facets: bool) -> Result<SearchResponse> {
        let indexes = self.sets.open(set).ok_or(StoreError::SetChanged)?;
        self.run(&indexes, request, None, with_facets).await
    }

    async fn run(
        &self,
        indexes: &Indexes,
        request: &SearchRequest,
        dense_weight: Option<f32>,
        with_facets: bool,
    ) -> Result<SearchResponse> {
        let started = Instant::now();
        if let Some(vector) = &request.query_embedding {
            indexes.check_vector(vector)?;
        }
        // One pair for the whole search: another may take its place meanwhile.
        let pair = indexes.pair().await;
        let lexicons = self.lexicons.of(&self.database, &request.scope).await?;
        let understood = self.understand(&pair, &request.scope, &request.query, lexicons).await?;
        let mut response = SearchResponse {
            hits: Vec::new(),
            took_ms: 0,
            query_language: understood.asked.language,
            corrected: None,
            expanded: understood.expansion.alternatives(),
            facets: None,
        };
        let mut about = About { words: None, dense: Vec::new() };
        if !request.scope.collections.is_empty() && request.top_k > 0 {
            let found = self.find(&pair, request, understood, dense_weight, indexes.set.background).await?;
            (response.hits, response.corrected, about) = (found.hits, found.corrected, found.about);
        }
        if with_facets {
            response.facets = Some(self.count_facets(indexes, &request.scope, Some(about)).await?);
        }
        response.took_ms = started.elapsed().as_millis() as u64;
        Ok(response)
    }

    async fn find(
        &self,
        pair: &Arc<IndexPair>,
        request: &SearchRequest,
        understood: Understood,
        dense_weight: Option<f32>,
        background: Background,
    ) -> Result<Found> {
        let limit = CANDIDATES.max(request.top_k * 2);
        let view = Arc::clone(&understood.view);
        let (lexical, wanted, dense) = legs(pair, request, understood, limit).await?;
        let (lexical, dense) = (ordered(lexical), ordered(dense));
        let lexical_rank = ranks(&lexical);
        let dense_rank = ranks(&dense);
        let proposed: BTreeSet<ChunkId> = lexical.iter().chain(&dense).map(|(chunk, _)| *chunk).collect();
        let proposed: Vec<ChunkId> = proposed.into_iter().collect();

        // The last check: what is not current or not in scope ends here, and its score with it.
        let mut visible =
            self.database.checked_chunks(&proposed, &request.scope.collections, &request.scope.grant).await?;
        self.check_filter(&request.scope, &mut visible).await?;
        let (lexical_scores, dense_scores) = tokio::try_join!(
            complete_lexical(pair, request, view, &wanted, lexical, &visible),
            complete_dense(pair, request, dense, &visible),
        )?;
        if wanted.phrases && request.mode != Mode::Dense {
            visible.retain(|chunk| lexical_scores.contains_key(&chunk.id));
        }
        let mut candidates: Vec<Candidate> = visible
            .iter()
            .enumerate()
            .map(|(place, chunk)| Candidate {
                place,
                lexical: lexical_scores.get(&chunk.id).copied(),
                dense: dense_scores.get(&chunk.id).copied(),
                score: 0.0,
            })
            .collect();
        let weight = dense_weight.unwrap_or_else(|| fuse::dense_weight(&wanted.asked));
        let scales = Scales { ceiling: wanted.ceiling, background };
        fuse::score(&mut candidates, request.mode, weight, scales);
        candidates.sort_by(|left, right| {
            let ids = || visible[left.place].id.cmp(&visible[right.place].id);
            right.score.total_cmp(&left.score).then_with(ids)
        });
        let marks = wanted.marks();
        let order: Vec<ChunkId> = candidates.iter().map(|candidate| visible[candidate.place].id).collect();
        let by_id: HashMap<ChunkId, &Candidate> = order.iter().copied().zip(&candidates).collect();
        let (shown, groups) = self.listed(&order, request.top_k, &request.scope.grant).await?;
        let hits = groups.into_iter().filter_map(|group| {
            let chunk = &shown[group.place];
            let ranks = (lexical_rank.get(&chunk.id).copied(), dense_rank.get(&chunk.id).copied());
            let copies = group.copies.iter().map(|place| copy(&shown[*place])).collect();
            Some(Hit { copies, ..hit(chunk, by_id.get(&chunk.id)?, &marks, ranks) })
        });
        let hits = hits.collect();
        let dense = order.iter().copied();
        let dense = dense.filter(|chunk| dense_rank.contains_key(chunk)).collect();
        let corrected = wanted.corrected.clone();
        let words = (request.mode != Mode::Dense).then_some(wanted);
        Ok(Found { hits, corrected, about: About { words, dense } })
    }

    /// The first `top_k` different texts of chunks in their order, and which say the same. The texts of those that are
    /// far behind are not read.
    async fn listed(
        &self,
        order: &[ChunkId],
        top_k: usize,
        grant: &Grant,
    ) -> Result<(Vec<ShownChunk>, Vec<copies::Group>)> {
        let mut shown: Vec<ShownChunk> = Vec::new();
        let mut read = 0;
        loop {
            let more = &order[read..order.len().min((read * 2).max(top_k + COPIES_EXPECTED))];
            shown.extend(self.database.shown_chunks(more, grant).await?);
            read += more.len();
            let groups = copies::fold(shown.iter().map(|chunk| chunk.text.as_str()), top_k);
            // The last text that was read must be one too many, or there may be more copies behind it.
            let is_through = groups.iter().map(|group| 1 + group.copies.len()).sum::<usize>() < shown.len();
            if is_through || read == order.len() {
                return Ok((shown, groups));
            }
        }
    }

    /// What SQL says of the filter, and of the documents that are asked for.
    async fn check_filter(&self, scope: &Scope, visible: &mut Vec<CheckedChunk>) -> Result<()> {
        if let Some(documents) = &scope.documents {
            visible.retain(|chunk| documents.contains(&chunk.document));
        }
        if !scope.filter.is_empty() {
            let revisions: BTreeSet<RevisionId> = visible.iter().map(|chunk| chunk.revision).collect();
            let properties = self.database.properties(&revisions.into_iter().collect::<Vec<_>>()).await?;
            visible.retain(|chunk| {
                let known = properties.get(&chunk.revision);
                let is_excepted = scope.filter.except == Some(chunk.document);
                !is_excepted && known.is_some_and(|properties| scope.filter.admits(properties, chunk.language))
            });
        }
        Ok(())
    }
}

type Scored = Vec<(ChunkId, f32)>;

/// Both legs at the same time, with the same filter; and what the lexical one looked for in the end.
async fn legs(
    pair: &Arc<IndexPair>,
    request: &SearchRequest,
    understood: Understood,
    limit: usize,
) -> Result<(Scored, Wanted, Scored)> {
    let lexical = {
        let pair = Arc::clone(pair);
        let is_searched = request.mode != Mode::Dense;
        blocking(move || {
            let Understood { view, asked, expansion, languages } = understood;
            let alternatives = Alternatives::of(&asked, &expansion, &languages);
            let mut wanted = pair.lexical.want(&view, asked, alternatives)?;
            let found = if is_searched { pair.lexical.search(&view, &mut wanted, limit)? } else { Vec::new() };
            Ok((found, wanted))
        })
    };
    let dense = async {
        match &request.query_embedding {
            Some(vector) if request.mode != Mode::Lexical => pair.dense.search(vector, &request.scope, limit).await,
            _ => Ok(Vec::new()),
        }
    };
    let ((lexical, wanted), dense) = tokio::try_join!(lexical, dense)?;
    Ok((lexical, wanted, dense))
}

/// BM25 of every candidate, also of those that only the dense leg proposed.
async fn complete_lexical(
    pair: &Arc<IndexPair>,
    request: &SearchRequest,
    view: Arc<View>,
    wanted: &Wanted,
    found: Scored,
    visible: &[CheckedChunk],
) -> Result<HashMap<ChunkId, f32>> {
    let mut scores: HashMap<ChunkId, f32> = found.into_iter().collect();
    let missing: Vec<ChunkId> =
        visible.iter().map(|chunk| chunk.id).filter(|chunk| !scores.contains_key(chunk)).collect();
    if request.mode == Mode::Hybrid && !missing.is_empty() {
        let (pair, wanted) = (Arc::clone(pair), wanted.clone());
        let completed = blocking(move || pair.lexical.scores(&view, &wanted, &missing)).await;
        scores.extend(completed?);
    }
    Ok(scores)
}

/// Cosines of every candidate, also of those that only the lexical leg proposed.
async fn complete_dense(
    pair: &IndexPair,
    request: &SearchRequest,
    found: Scored,
    visible: &[CheckedChunk],
) -> Result<HashMap<ChunkId, f32>> {
    let mut scores: HashMap<ChunkId, f32> = found.into_iter().collect();
    // Who searches by words alone finds also where the dense engine is away.
    if let Some(vector) = request.query_embedding.as_ref().filter(|_| request.mode != Mode::Lexical) {
        let missing: Vec<ChunkId> =
            visible.iter().map(|chunk| chunk.id).filter(|chunk| !scores.contains_key(chunk)).collect();
        scores.extend(pair.dense.cosines(vector, &missing).await?);
    }
    Ok(scores)
}

struct Found {
    hits: Vec<Hit>,
    corrected: Option<String>,
    about: About,
}

/// An index blocks while it is read.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(crate::StoreError::Stopped))
}

/// Best first; what has the same score in an order that does not depend on where in an index it stands, which says
/// something of what else is there.
fn ordered(mut scored: Scored) -> Scored {
    scored.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    scored
}

fn ranks(scored: &Scored) -> HashMap<ChunkId, u32> {
    scored.iter().zip(1..).map(|((chunk, _), rank)| (*chunk, rank)).collect()
}

/// Cosine, because vectors have length 1.
fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// The document's title, or its file name.
fn title(chunk: &ShownChunk) -> String {
    chunk.title.clone().unwrap_or_else(|| chunk.file_name.clone())
}

fn copy(chunk: &ShownChunk) -> Copy {
    Copy {
        chunk: chunk.id,
        document: chunk.document,
        title: title(chunk),
        file_name: chunk.file_name.clone(),
        heading_path: chunk.heading_path.clone(),
        page: chunk.page,
        char_start: chunk.char_start,
        char_end: chunk.char_end,
    }
}

fn hit(
    chunk: &ShownChunk,
    candidate: &Candidate,
    marks: &Marks,
    (lexical_rank, dense_rank): (Option<u32>, Option<u32>),
) -> Hit {
    Hit {
        chunk: chunk.id,
        document: chunk.document,
        revision: chunk.revision,
        title: title(chunk),
        file_name: chunk.file_name.clone(),
        media_type: chunk.media_type.clone(),
        highlights: matches(&chunk.text, chunk.language, marks),
        text: chunk.text.clone(),
        heading_path: chunk.heading_path.clone(),
        page: chunk.page,
        char_start: chunk.char_start,
        char_end: chunk.char_end,
        language: chunk.language,
        score: candidate.score,
        lexical_score: candidate.lexical,
        lexical_rank,
        dense_score: candidate.dense,
        dense_rank,
        rerank_score: None,
        copies: Vec::new(),
    }
}
