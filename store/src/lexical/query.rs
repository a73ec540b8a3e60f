//! Terms and scope → scored chunks.

use std::collections::BTreeSet;

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery, TermSetQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};
use uuid::Uuid;

use super::LexicalIndex;
use super::in_scope::Statistics;
use crate::Result;
use crate::ids::ChunkId;
use crate::search::Scope;

impl LexicalIndex {
    /// The best `limit` chunks in scope by BM25 (k1 = 1.2, b = 0.75), best first.
    pub fn search(&self, terms: &BTreeSet<String>, scope: &Scope, limit: usize) -> Result<Vec<(ChunkId, f32)>> {
        self.run(terms, scope, self.scope_filters(scope), limit)
    }

    /// The scores of given chunks, as a search in the scope would have them; those without a matching term are left
    /// out.
    pub fn scores(&self, terms: &BTreeSet<String>, scope: &Scope, chunks: &[ChunkId]) -> Result<Vec<(ChunkId, f32)>> {
        let ids: Vec<String> = chunks.iter().map(ToString::to_string).collect();
        self.run(terms, scope, vec![term_set(self.fields.chunk, &ids)], chunks.len())
    }

    pub(super) fn scope_filters(&self, scope: &Scope) -> Vec<Box<dyn Query>> {
        let collections: Vec<String> = scope.collections.iter().map(ToString::to_string).collect();
        let mut filters = vec![term_set(self.fields.collection, &collections)];
        if let Some(documents) = &scope.documents {
            let documents: Vec<String> = documents.iter().map(ToString::to_string).collect();
            filters.push(term_set(self.fields.document, &documents));
        }
        if let Some(readers) = scope.readers() {
            filters.push(term_set(self.fields.readers, &readers));
        }
        filters
    }

    fn run(
        &self,
        terms: &BTreeSet<String>,
        scope: &Scope,
        filters: Vec<Box<dyn Query>>,
        limit: usize,
    ) -> Result<Vec<(ChunkId, f32)>> {
        if terms.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let words: Vec<(Occur, Box<dyn Query>)> = terms
            .iter()
            .map(|term| {
                let term = Term::from_field_text(self.fields.body, term);
                let query: Box<dyn Query> = Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
                (Occur::Should, query)
            })
            .collect();
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = vec![(Occur::Must, Box::new(BooleanQuery::new(words)))];
        clauses.extend(filters.into_iter().map(|filter| (Occur::Must, filter)));
        let searcher = self.reader.searcher();
        let query = BooleanQuery::new(clauses);
        let best = TopDocs::with_limit(limit).order_by_score();
        let found = match self.in_scope(&searcher, scope)? {
            Some(in_scope) => {
                let statistics = Statistics { in_scope: &in_scope, searcher: &searcher };
                searcher.search_with_statistics_provider(&query, &best, &statistics)?
            }
            None => searcher.search(&query, &best)?,
        };
        found.into_iter().map(|(score, address)| Ok((chunk_at(&searcher, address)?, score))).collect()
    }
}

/// A filter: decides, and adds nothing to the score.
fn term_set(field: Field, values: &[String]) -> Box<dyn Query> {
    let terms = values.iter().map(|value| Term::from_field_text(field, value));
    Box::new(BoostQuery::new(Box::new(TermSetQuery::new(terms)), 0.0))
}

fn chunk_at(searcher: &Searcher, address: tantivy::DocAddress) -> Result<ChunkId> {
    let columns = searcher.segment_reader(address.segment_ord).fast_fields();
    let high = columns.u64("chunk_high")?.first(address.doc_id).unwrap_or_default();
    let low = columns.u64("chunk_low")?.first(address.doc_id).unwrap_or_default();
    Ok(ChunkId(Uuid::from_u64_pair(high, low)))
}
