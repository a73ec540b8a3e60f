//! What a caller may read of the index: BM25's statistics over that alone, and the languages in it. A score made of
//! numbers about the whole index would say something of what the caller may not read, and of how often a word stands
//! there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::collector::{Collector, Count, SegmentCollector};
use tantivy::fieldnorm::FieldNormReader;
use tantivy::query::{Bm25StatisticsProvider, BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{BitSet, DocId, DocSet as _, Score, Searcher, SegmentOrdinal, SegmentReader, TERMINATED, Term};

use super::LexicalIndex;
use crate::Result;
use crate::access::Grant;
use crate::language::Language;
use crate::search::Scope;

/// Scopes remembered: as many as there are callers at a time, more or less. A million chunks take 125 kB each.
const REMEMBERED: usize = 16;

/// One state of the index, as far as a scope goes.
pub struct View {
    pub(super) searcher: Searcher,
    pub(super) scope: Scope,
    /// None for a caller who may read everything: the index keeps those numbers.
    in_scope: Option<Arc<InScope>>,
}

/// The chunks in a scope, in one state of the index.
#[derive(Debug)]
struct InScope {
    /// By segment.
    chunks: Vec<BitSet>,
    count: u64,
    /// Tokens of each field whose length counts.
    tokens: BTreeMap<Field, u64>,
    /// Chunks by the language that they were analysed in: counting them reads as many postings as there are chunks.
    languages: BTreeMap<Language, u64>,
}

/// Scopes that were asked for last, with the state of the index they were asked in.
#[derive(Debug, Default)]
pub struct Scopes(Mutex<VecDeque<(u64, Scope, Arc<InScope>)>>);

impl LexicalIndex {
    pub fn view(&self, scope: Scope) -> Result<View> {
        let searcher = self.reader.searcher();
        let in_scope = match scope.grant {
            Grant::Everything => None,
            Grant::Readers(_) => Some(self.in_scope(&searcher, &scope)?),
        };
        Ok(View { searcher, scope, in_scope })
    }

    fn in_scope(&self, searcher: &Searcher, scope: &Scope) -> Result<Arc<InScope>> {
        let generation = searcher.generation().generation_id();
        let mut remembered = self.scopes.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.retain(|(known, _, _)| *known == generation);
        if let Some(place) = remembered.iter().position(|(_, known, _)| known == scope)
            && let Some(found) = remembered.remove(place)
        {
            let in_scope = Arc::clone(&found.2);
            remembered.push_front(found);
            return Ok(in_scope);
        }
        drop(remembered);
        let in_scope = Arc::new(self.look(searcher, scope)?);
        let mut remembered = self.scopes.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.push_front((generation, scope.clone(), Arc::clone(&in_scope)));
        remembered.truncate(REMEMBERED);
        Ok(in_scope)
    }

    fn look(&self, searcher: &Searcher, scope: &Scope) -> Result<InScope> {
        let filters: Vec<(Occur, Box<dyn Query>)> =
            self.scope_filters(scope).into_iter().map(|filter| (Occur::Must, filter)).collect();
        let fields = vec![self.fields.body, self.fields.written, self.fields.headings];
        let segments = searcher.search(&BooleanQuery::new(filters), &Chunks { fields })?;
        let mut in_scope = InScope {
            chunks: Vec::with_capacity(segments.len()),
            count: 0,
            tokens: BTreeMap::new(),
            languages: BTreeMap::new(),
        };
        for segment in segments {
            in_scope.count += segment.chunks.len() as u64;
            for (field, _, tokens) in segment.lengths {
                *in_scope.tokens.entry(field).or_default() += tokens;
            }
            in_scope.chunks.push(segment.chunks);
        }
        in_scope.languages = self.count_languages(|term| in_scope.frequency(searcher, term))?;
        Ok(in_scope)
    }

    /// Languages that the chunks in view were analysed in, and how many were in each.
    pub fn languages(&self, view: &View) -> Result<BTreeMap<Language, u64>> {
        match &view.in_scope {
            Some(in_scope) => Ok(in_scope.languages.clone()),
            None => self.count_languages(|term| view.searcher.doc_freq(term)),
        }
    }

    fn count_languages(&self, count: impl Fn(&Term) -> tantivy::Result<u64>) -> Result<BTreeMap<Language, u64>> {
        let mut languages = BTreeMap::new();
        for language in Language::ANALYSED.into_iter().chain([Language::Other]) {
            let chunks = count(&Term::from_field_text(self.fields.language, language.as_str()))?;
            if chunks > 0 {
                languages.insert(language, chunks);
            }
        }
        Ok(languages)
    }

    /// Whether a chunk in scope has the term.
    pub(super) fn is_in_view(&self, view: &View, term: &Term) -> Result<bool> {
        if view.in_scope.is_some() {
            return Ok(view.frequency(term)? > 0);
        }
        let word: Box<dyn Query> = Box::new(TermQuery::new(term.clone(), IndexRecordOption::Basic));
        let filters = self.scope_filters(&view.scope).into_iter().map(|filter| (Occur::Must, filter));
        let both = BooleanQuery::new(std::iter::once((Occur::Must, word)).chain(filters).collect());
        Ok(view.searcher.search(&both, &Count)? > 0)
    }
}

impl View {
    /// Chunks that have the term: those that the caller may read, or all where that is everything.
    pub(super) fn frequency(&self, term: &Term) -> tantivy::Result<u64> {
        match &self.in_scope {
            Some(in_scope) => in_scope.frequency(&self.searcher, term),
            None => self.searcher.doc_freq(term),
        }
    }

    /// Scores are made of numbers about what the caller may read.
    pub(super) fn search<C: Collector>(&self, query: &dyn Query, collector: &C) -> tantivy::Result<C::Fruit> {
        match &self.in_scope {
            Some(in_scope) => {
                let statistics = Statistics { in_scope, searcher: &self.searcher };
                self.searcher.search_with_statistics_provider(query, collector, &statistics)
            }
            None => self.searcher.search(query, collector),
        }
    }
}

impl InScope {
    fn frequency(&self, searcher: &Searcher, term: &Term) -> tantivy::Result<u64> {
        let mut found = 0;
        for (segment, chunks) in searcher.segment_readers().iter().zip(&self.chunks) {
            let inverted = segment.inverted_index(term.field())?;
            let Some(mut postings) = inverted.read_postings(term, IndexRecordOption::Basic)? else {
                continue;
            };
            let mut chunk = postings.doc();
            while chunk != TERMINATED {
                found += u64::from(chunks.contains(chunk));
                chunk = postings.advance();
            }
        }
        Ok(found)
    }
}

/// BM25's statistics over a scope.
struct Statistics<'a> {
    in_scope: &'a InScope,
    searcher: &'a Searcher,
}

impl Bm25StatisticsProvider for Statistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        Ok(self.in_scope.tokens.get(&field).copied().unwrap_or_default())
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.in_scope.count)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.in_scope.frequency(self.searcher, term)
    }
}

/// Collects the living chunks that match, and counts their tokens.
struct Chunks {
    fields: Vec<Field>,
}

struct SegmentChunks {
    chunks: BitSet,
    /// Of each field: how long it is in each chunk, and in all together.
    lengths: Vec<(Field, FieldNormReader, u64)>,
}

impl Collector for Chunks {
    type Fruit = Vec<SegmentChunks>;
    type Child = SegmentChunks;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentChunks> {
        let lengths = self.fields.iter().map(|field| Ok((*field, segment.get_fieldnorms_reader(*field)?, 0)));
        let chunks = BitSet::with_max_value(segment.max_doc());
        Ok(SegmentChunks { chunks, lengths: lengths.collect::<tantivy::Result<_>>()? })
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
        for (_, lengths, tokens) in &mut self.lengths {
            // As scoring has it: lengths are kept rounded.
            *tokens += u64::from(lengths.fieldnorm(chunk));
        }
    }

    fn harvest(self) -> Self {
        self
    }
}
