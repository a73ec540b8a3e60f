//! What a caller may read of the index: BM25's statistics over that alone, and the languages in it. A score made of
//! numbers about the whole index would say something of what the caller may not read, and of how often a word stands
//! there.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::query::{Bm25StatisticsProvider, BooleanQuery, Occur, Query};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{BitSet, DocId, DocSet as _, Score, Searcher, SegmentOrdinal, SegmentReader, TERMINATED, Term};

use super::LexicalIndex;
use crate::Result;
use crate::access::Grant;
use crate::language::Language;
use crate::search::Scope;

/// Scopes remembered: as many as there are callers at a time, more or less. A million chunks take 125 kB each.
const REMEMBERED: usize = 16;

/// The chunks in a scope, in one state of the index.
#[derive(Debug)]
pub struct InScope {
    /// By segment.
    chunks: Vec<BitSet>,
    count: u64,
    /// Tokens of their bodies.
    tokens: u64,
}

/// Scopes that were asked for last, with the state of the index they were asked in.
#[derive(Debug, Default)]
pub struct Scopes(Mutex<VecDeque<(u64, Scope, Arc<InScope>)>>);

impl LexicalIndex {
    /// None for a caller who may read everything: the index keeps those numbers.
    pub(super) fn in_scope(&self, searcher: &Searcher, scope: &Scope) -> Result<Option<Arc<InScope>>> {
        if scope.grant == Grant::Everything {
            return Ok(None);
        }
        let generation = searcher.generation().generation_id();
        let mut remembered = self.scopes.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.retain(|(known, _, _)| *known == generation);
        if let Some(place) = remembered.iter().position(|(_, known, _)| known == scope)
            && let Some(found) = remembered.remove(place)
        {
            let in_scope = Arc::clone(&found.2);
            remembered.push_front(found);
            return Ok(Some(in_scope));
        }
        drop(remembered);
        let in_scope = Arc::new(self.look(searcher, scope)?);
        let mut remembered = self.scopes.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.push_front((generation, scope.clone(), Arc::clone(&in_scope)));
        remembered.truncate(REMEMBERED);
        Ok(Some(in_scope))
    }

    fn look(&self, searcher: &Searcher, scope: &Scope) -> Result<InScope> {
        let filters: Vec<(Occur, Box<dyn Query>)> =
            self.scope_filters(scope).into_iter().map(|filter| (Occur::Must, filter)).collect();
        let segments = searcher.search(&BooleanQuery::new(filters), &Chunks { body: self.fields.body })?;
        let mut chunks: Vec<BitSet> = Vec::with_capacity(segments.len());
        let (mut count, mut tokens) = (0, 0);
        for segment in segments {
            count += segment.chunks.len() as u64;
            tokens += segment.tokens;
            chunks.push(segment.chunks);
        }
        Ok(InScope { chunks, count, tokens })
    }

    /// Languages that the chunks in a scope were analysed in.
    pub fn languages(&self, scope: &Scope) -> Result<BTreeSet<Language>> {
        let searcher = self.reader.searcher();
        let in_scope = self.in_scope(&searcher, scope)?;
        let mut languages = BTreeSet::new();
        for language in Language::ANALYSED.into_iter().chain([Language::Other]) {
            let term = Term::from_field_text(self.fields.language, language.as_str());
            let is_there = match &in_scope {
                Some(in_scope) => in_scope.holds(&searcher, &term)?,
                None => searcher.doc_freq(&term)? > 0,
            };
            if is_there {
                languages.insert(language);
            }
        }
        Ok(languages)
    }
}

impl InScope {
    /// Chunks in scope that have the term, up to `enough`.
    fn frequency(&self, searcher: &Searcher, term: &Term, enough: u64) -> tantivy::Result<u64> {
        let mut found = 0;
        for (segment, chunks) in searcher.segment_readers().iter().zip(&self.chunks) {
            let inverted = segment.inverted_index(term.field())?;
            let Some(mut postings) = inverted.read_postings(term, IndexRecordOption::Basic)? else {
                continue;
            };
            let mut chunk = postings.doc();
            while chunk != TERMINATED && found < enough {
                found += u64::from(chunks.contains(chunk));
                chunk = postings.advance();
            }
        }
        Ok(found)
    }

    fn holds(&self, searcher: &Searcher, term: &Term) -> Result<bool> {
        Ok(self.frequency(searcher, term, 1)? > 0)
    }
}

/// BM25's statistics over a scope.
pub struct Statistics<'a> {
    pub in_scope: &'a InScope,
    pub searcher: &'a Searcher,
}

impl Bm25StatisticsProvider for Statistics<'_> {
    fn total_num_tokens(&self, _: Field) -> tantivy::Result<u64> {
        Ok(self.in_scope.tokens)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.in_scope.count)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.in_scope.frequency(self.searcher, term, u64::MAX)
    }
}

/// Collects the living chunks that match, and counts their tokens.
struct Chunks {
    body: Field,
}

struct SegmentChunks {
    chunks: BitSet,
    tokens: u64,
    lengths: tantivy::fieldnorm::FieldNormReader,
}

impl Collector for Chunks {
    type Fruit = Vec<SegmentChunks>;
    type Child = SegmentChunks;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentChunks> {
        let lengths = segment.get_fieldnorms_reader(self.body)?;
        Ok(SegmentChunks { chunks: BitSet::with_max_value(segment.max_doc()), tokens: 0, lengths })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    /// In the order of the segments.
    fn merge_fruits(&self, segments: Vec<SegmentChunks>) -> tantivy::Result<Vec<SegmentChunks>> {
        Ok(segments)
    }
}

impl SegmentCollector for SegmentChunks {
    type Fruit = Self;

    fn collect(&mut self, chunk: DocId, _: Score) {
        self.chunks.insert(chunk);
        // As scoring has it: lengths are kept rounded.
        self.tokens += u64::from(self.lengths.fieldnorm(chunk));
    }

    fn harvest(self) -> Self {
        self
    }
}
