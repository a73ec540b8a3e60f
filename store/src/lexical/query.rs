//! Words and scope → scored chunks.

use std::sync::Arc;

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, PhraseQuery, Query, TermQuery, TermSetQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};
use uuid::Uuid;

use super::LexicalIndex;
use super::alternatives::Alternatives;
use super::analysis::{Marks, Phrase};
use super::asked::{Asked, AskedWord};
use super::bm25::{FieldWord, Learnt, WordsQuery};
use super::in_scope::View;
use crate::Result;
use crate::ids::ChunkId;
use crate::search::Scope;

/// What a word counts for in the title and the headings, beside what it counts for in the passage, of which they
/// are a part.
const HEADING_BOOST: f32 = 0.1;
/// What an identifier counts for, beside its parts.
const IDENTIFIER_BOOST: f32 = 1.0;
/// What two words that are side by side in the query count for where they are so in the passage.
const PAIR_BOOST: f32 = 0.1;
/// Words that are further apart in the query do not belong together; in between are stop words.
const PAIR_DISTANCE: usize = 3;

/// What a word counts for in the very form that was asked for, accents included, beside what its stem counts for.
/// French endings and accents tell words apart.
const WRITTEN_BOOST: f32 = 0.1;

/// What the index is asked for: the words of a query with the forms that the index has of them.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub asked: Asked,
    /// For each word of the query: terms of the body that hold it, and how much one counts.
    pub(super) longer: Vec<Vec<(String, f32)>>,
    /// For each word of the query: what the lexicons have beside it.
    pub(super) alternatives: Vec<Alternatives>,
    /// Parts of its words, each a word by itself.
    pub(super) parts: Vec<(String, f32)>,
    /// Whether the phrases must be there. They need not if they are nowhere.
    pub phrases: bool,
    /// The query as it was taken to be meant, if a word of it is unknown.
    pub corrected: Option<String>,
    /// What no passage can score more than, once it was searched for.
    pub ceiling: f32,
}

impl Wanted {
    /// What is marked in a passage.
    pub fn marks(&self) -> Marks {
        let stems = self.asked.words.iter().flat_map(|word| word.stems.iter());
        let others = self.longer.iter().flatten().chain(&self.parts).map(|(term, _)| term);
        let alternatives = self.alternatives.iter().flat_map(|word| &word.terms);
        Marks {
            terms: stems.chain(others).chain(alternatives).cloned().collect(),
            phrases: self.alternatives.iter().flat_map(|word| word.phrases.iter().cloned()).collect(),
        }
    }
}

/// What a search found, best first, and which words of the query no passage in scope has.
pub struct Found {
    pub scored: Vec<(ChunkId, f32)>,
    pub unmet: Vec<usize>,
    ceiling: f32,
}

impl LexicalIndex {
    /// The best `limit` chunks in the view. Phrases must match, if any passage there has them; words that none
    /// has are looked for in another spelling. `wanted` becomes what was looked for in the end.
    pub fn search(&self, view: &View, wanted: &mut Wanted, limit: usize) -> Result<Vec<(ChunkId, f32)>> {
        let filters = || self.scope_filters(&view.scope);
        let mut found = self.run(view, wanted, filters, limit)?;
        if found.scored.is_empty() && wanted.phrases {
            wanted.phrases = false;
            found = self.run(view, wanted, filters, limit)?;
        }
        // Where most of the query is unknown and the rest is found, the scope speaks of something else.
        let may_be_slips = found.unmet.len() * 2 <= wanted.asked.words.len() || found.scored.is_empty();
        if may_be_slips && !wanted.phrases && self.correct(view, wanted, &found.unmet)? {
            found = self.run(view, wanted, filters, limit)?;
        }
        wanted.ceiling = found.ceiling;
        Ok(found.scored)
    }

    /// The scores of given chunks, as a search in the view would have them; those without a matching word are left
    /// out.
    pub fn scores(&self, view: &View, wanted: &Wanted, chunks: &[ChunkId]) -> Result<Vec<(ChunkId, f32)>> {
        let ids: Vec<String> = chunks.iter().map(ToString::to_string).collect();
        Ok(self.run(view, wanted, || vec![term_set(self.fields.chunk, &ids)], chunks.len())?.scored)
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
        filters.extend(self.property_filters(&scope.filter));
        filters
    }

    fn run(
        &self,
        view: &View,
        wanted: &Wanted,
        filters: impl Fn() -> Vec<Box<dyn Query>>,
        limit: usize,
    ) -> Result<Found> {
        let words = self.words(wanted);
        if words.is_empty() || limit == 0 {
            return Ok(Found { scored: Vec::new(), unmet: Vec::new(), ceiling: 0.0 });
        }
        let count = wanted.asked.words.len() + wanted.parts.len();
        let learnt = Learnt::nothing(count);
        let words = WordsQuery { words, learnt: Arc::clone(&learnt) };
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = vec![(Occur::Must, Box::new(words))];
        clauses.extend(filters().into_iter().map(|filter| (Occur::Must, filter)));
        if wanted.phrases {
            clauses.extend(wanted.asked.phrases.iter().map(|phrase| (Occur::Must, self.phrase(phrase))));
        }
        clauses.extend(self.pairs(&wanted.asked).into_iter().map(|pair| (Occur::Should, pair)));
        let found = view.search(&BooleanQuery::new(clauses), &TopDocs::with_limit(limit).order_by_score())?;
        let scored = found.into_iter().map(|(score, address)| Ok((chunk_at(&view.searcher, address)?, score)));
        let scored = scored.collect::<Result<_>>()?;
        let unmet = (0..wanted.asked.words.len()).filter(|word| !learnt.is_met(*word));
        Ok(Found { scored, unmet: unmet.collect(), ceiling: learnt.ceiling() })
    }

    pub(super) fn words(&self, wanted: &Wanted) -> Vec<FieldWord> {
        let fields = self.fields;
        let mut words = Vec::new();
        let beside = wanted.longer.iter().zip(&wanted.alternatives);
        for (word, (asked, (longer, also))) in wanted.asked.words.iter().zip(beside).enumerate() {
            let stems = |field: Field| asked.stems.iter().map(move |stem| (Term::from_field_text(field, stem), 1.0));
            let longer = longer.iter().map(|(term, weight)| (Term::from_field_text(fields.body, term), *weight));
            let alternatives = |field: Field, words: &[String]| -> Vec<Term> {
                words.iter().map(|word| Term::from_field_text(field, word)).collect()
            };
            let written = vec![(Term::from_field_text(fields.written, &asked.written), 1.0)];
            let count = asked.count as f32;
            if asked.is_identifier() {
                words.push(FieldWord::of(word, fields.written, written, count * IDENTIFIER_BOOST));
                continue;
            }
            words.push(FieldWord {
                alternatives: alternatives(fields.body, &also.terms),
                phrases: also.phrases.iter().map(|phrase| in_field(fields.body, phrase)).collect(),
                ..FieldWord::of(word, fields.body, stems(fields.body).chain(longer).collect(), count)
            });
            words.push(FieldWord {
                alternatives: alternatives(fields.written, &also.written),
                ..FieldWord::of(word, fields.written, written, count * WRITTEN_BOOST)
            });
            words.push(FieldWord {
                alternatives: alternatives(fields.headings, &also.terms),
                ..FieldWord::of(word, fields.headings, stems(fields.headings).collect(), count * HEADING_BOOST)
            });
        }
        let parts = wanted.parts.iter().zip(wanted.asked.words.len()..);
        words.extend(parts.map(|((part, weight), word)| {
            FieldWord::of(word, fields.body, vec![(Term::from_field_text(fields.body, part), 1.0)], *weight)
        }));
        words
    }

    /// Words as written, side by side. It decides, and adds nothing to the score.
    pub(super) fn phrase(&self, words: &[String]) -> Box<dyn Query> {
        let terms: Vec<Term> = words.iter().map(|word| Term::from_field_text(self.fields.written, word)).collect();
        let phrase: Box<dyn Query> = match terms.as_slice() {
            [term] => Box::new(TermQuery::new(term.clone(), IndexRecordOption::Basic)),
            _ => Box::new(PhraseQuery::new(terms)),
        };
        Box::new(BoostQuery::new(phrase, 0.0))
    }

    fn pairs(&self, asked: &Asked) -> Vec<Box<dyn Query>> {
        let words: Vec<&AskedWord> = asked.words.iter().filter(|word| !word.is_identifier()).collect();
        let near = words.windows(2).filter_map(|pair| {
            let distance = pair[1].position.checked_sub(pair[0].position)?;
            let term = |word: &AskedWord| Term::from_field_text(self.fields.body, &word.stems[0]);
            let terms = vec![(0, term(pair[0])), (distance, term(pair[1]))];
            (1..=PAIR_DISTANCE).contains(&distance).then(|| -> Box<dyn Query> {
                Box::new(BoostQuery::new(Box::new(PhraseQuery::new_with_offset(terms)), PAIR_BOOST))
            })
        });
        near.collect()
    }
}

fn in_field(field: Field, phrase: &Phrase) -> Vec<(usize, Term)> {
    phrase.iter().map(|(behind, term)| (*behind, Term::from_field_text(field, term))).collect()
}

/// A filter: decides, and adds nothing to the score.
pub(super) fn term_set(field: Field, values: &[String]) -> Box<dyn Query> {
    let terms = values.iter().map(|value| Term::from_field_text(field, value));
    Box::new(BoostQuery::new(Box::new(TermSetQuery::new(terms)), 0.0))
}

fn chunk_at(searcher: &Searcher, address: tantivy::DocAddress) -> Result<ChunkId> {
    let columns = searcher.segment_reader(address.segment_ord).fast_fields();
    let high = columns.u64("chunk_high")?.first(address.doc_id).unwrap_or_default();
    let low = columns.u64("chunk_low")?.first(address.doc_id).unwrap_or_default();
    Ok(ChunkId(Uuid::from_u64_pair(high, low)))
}
