//! The words of a query as one query of the index: BM25, each word in whatever forms the index has it.
//!
//! A clause for each form would let a form that is rare count for more than the word itself: rare terms weigh
//! more. Here the forms of a word are one pseudo-term, as in Lucene's `SynonymQuery`: their frequencies are added,
//! and it is as rare as its most frequent form. A passage is scored only where the filters let it through, so the
//! words that were met there are those that the scope knows: what is outside leaves no trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::{Postings as _, SegmentPostings};
use tantivy::query::{EmptyScorer, EnableScoring, Explanation, PhraseQuery, Query, Scorer, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED, TantivyError, Term};

/// How BM25 saturates and how it takes length into account, in Robertson's notation. These are the values that
/// Anserini has for passages: chunks differ less in length than documents do, and a short one is more often the
/// end of a section than to the point.
const K1: f32 = 0.9;
const B: f32 = 0.4;

/// A word in one field, in all its forms there.
#[derive(Debug, Clone)]
pub(super) struct FieldWord {
    /// Which word of the query.
    pub word: usize,
    pub field: Field,
    /// At least one; and how much an occurrence of each counts.
    pub forms: Vec<(Term, f32)>,
    /// Forms of several words: each term with the number of words that it is behind the first one. A passage has such a
    /// form or it does not; how often is not counted.
    pub phrases: Vec<(Vec<(usize, Term)>, f32)>,
    pub boost: f32,
}

#[derive(Debug, Clone)]
pub(super) struct WordsQuery {
    pub words: Vec<FieldWord>,
    /// Set for a word when a passage in scope holds it.
    pub met: Arc<[AtomicBool]>,
}

impl Query for WordsQuery {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let weighed = self.words.iter().map(|word| Weighed::of(word, scoring)).collect::<tantivy::Result<_>>()?;
        Ok(Box::new(WordsWeight { words: weighed, met: Arc::clone(&self.met) }))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        for (term, _) in self.words.iter().flat_map(|word| &word.forms) {
            visitor(term, false);
        }
        for (_, term) in self.words.iter().flat_map(|word| &word.phrases).flat_map(|(phrase, _)| phrase) {
            visitor(term, true);
        }
    }
}

struct Weighed {
    word: FieldWord,
    phrases: Vec<(Box<dyn Weight>, f32)>,
    /// What length does to a frequency, by fieldnorm id.
    norms: Arc<[f32]>,
    factor: f32,
}

impl Weighed {
    fn of(word: &FieldWord, scoring: EnableScoring<'_>) -> tantivy::Result<Self> {
        let (idf, average_length) = match scoring {
            EnableScoring::Disabled { .. } => (0.0, 1.0),
            EnableScoring::Enabled { statistics_provider, .. } => {
                let passages = statistics_provider.total_num_docs()? as f32;
                let tokens = statistics_provider.total_num_tokens(word.field)? as f32;
                let mut holding = 0;
                for (term, _) in &word.forms {
                    holding = holding.max(statistics_provider.doc_freq(term)?);
                }
                // A phrase is in no more passages than its rarest word.
                for (phrase, _) in &word.phrases {
                    let mut rarest = u64::MAX;
                    for (_, term) in phrase {
                        rarest = rarest.min(statistics_provider.doc_freq(term)?);
                    }
                    holding = holding.max(rarest);
                }
                let holding = holding as f32;
                let idf = (1.0 + (passages - holding + 0.5).max(0.0) / (holding + 0.5)).ln();
                (idf, (tokens / passages.max(1.0)).max(1.0))
            }
        };
        let norms = (0..=u8::MAX).map(|id| {
            let length = FieldNormReader::id_to_fieldnorm(id) as f32;
            K1 * (1.0 - B + B * length / average_length)
        });
        let phrases = word.phrases.iter().map(|(phrase, weight)| {
            let decides = EnableScoring::disabled_from_schema(scoring.schema());
            Ok((PhraseQuery::new_with_offset(phrase.clone()).weight(decides)?, *weight))
        });
        Ok(Self {
            word: word.clone(),
            phrases: phrases.collect::<tantivy::Result<_>>()?,
            norms: norms.collect(),
            factor: word.boost * idf * (K1 + 1.0),
        })
    }
}

struct WordsWeight {
    words: Vec<Weighed>,
    met: Arc<[AtomicBool]>,
}

impl Weight for WordsWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut words = Vec::new();
        for weighed in &self.words {
            let inverted = reader.inverted_index(weighed.word.field)?;
            let mut forms = Vec::new();
            for (term, weight) in &weighed.word.forms {
                if let Some(postings) = inverted.read_postings(term, IndexRecordOption::WithFreqs)? {
                    forms.push((postings, *weight));
                }
            }
            let mut phrases = Vec::new();
            for (phrase, weight) in &weighed.phrases {
                phrases.push((phrase.scorer(reader, 1.0)?, *weight));
            }
            if !forms.is_empty() || !phrases.is_empty() {
                words.push(WordScorer {
                    word: weighed.word.word,
                    doc: first(&forms, &phrases),
                    forms,
                    phrases,
                    lengths: reader.get_fieldnorms_reader(weighed.word.field)?,
                    norms: Arc::clone(&weighed.norms),
                    factor: weighed.factor * boost,
                });
            }
        }
        if words.is_empty() {
            return Ok(Box::new(EmptyScorer));
        }
        let doc = words.iter().map(|word| word.doc).min().unwrap_or(TERMINATED);
        Ok(Box::new(WordsScorer { doc, words, met: Arc::clone(&self.met) }))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let mut scorer = self.scorer(reader, 1.0)?;
        if scorer.doc() > doc || scorer.seek(doc) != doc {
            return Err(TantivyError::InvalidArgument(format!("document {doc} does not match")));
        }
        Ok(Explanation::new("BM25 of words in all their forms", scorer.score()))
    }
}

/// The least document that one of the forms stands at.
fn first(forms: &[(SegmentPostings, f32)], phrases: &[(Box<dyn Scorer>, f32)]) -> DocId {
    let forms = forms.iter().map(|(postings, _)| postings.doc());
    forms.chain(phrases.iter().map(|(phrase, _)| phrase.doc())).min().unwrap_or(TERMINATED)
}

struct WordScorer {
    word: usize,
    doc: DocId,
    forms: Vec<(SegmentPostings, f32)>,
    phrases: Vec<(Box<dyn Scorer>, f32)>,
    lengths: FieldNormReader,
    norms: Arc<[f32]>,
    factor: f32,
}

impl WordScorer {
    fn seek(&mut self, target: DocId) {
        for (postings, _) in &mut self.forms {
            if postings.doc() < target {
                postings.seek(target);
            }
        }
        for (phrase, _) in &mut self.phrases {
            if phrase.doc() < target {
                phrase.seek(target);
            }
        }
        self.doc = first(&self.forms, &self.phrases);
    }

    fn score(&self) -> Score {
        let here = self.forms.iter().filter(|(postings, _)| postings.doc() == self.doc);
        let mut frequency: f32 = here.map(|(postings, weight)| postings.term_freq() as f32 * weight).sum();
        for (_, weight) in self.phrases.iter().filter(|(phrase, _)| phrase.doc() == self.doc) {
            frequency += weight;
        }
        let norm = self.norms[usize::from(self.lengths.fieldnorm_id(self.doc))];
        self.factor * frequency / (frequency + norm)
    }
}

struct WordsScorer {
    doc: DocId,
    words: Vec<WordScorer>,
    met: Arc<[AtomicBool]>,
}

impl WordsScorer {
    fn move_to(&mut self, target: DocId) -> DocId {
        let mut doc = TERMINATED;
        for word in &mut self.words {
            if word.doc < target {
                word.seek(target);
            }
            doc = doc.min(word.doc);
        }
        self.doc = doc;
        doc
    }
}

impl DocSet for WordsScorer {
    fn advance(&mut self) -> DocId {
        if self.doc == TERMINATED { TERMINATED } else { self.move_to(self.doc + 1) }
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.move_to(target)
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        let postings = self.words.iter().flat_map(|word| &word.forms).map(|(postings, _)| postings.size_hint());
        let phrases = self.words.iter().flat_map(|word| &word.phrases).map(|(phrase, _)| phrase.size_hint());
        postings.chain(phrases).max().unwrap_or(0)
    }
}

impl Scorer for WordsScorer {
    fn score(&mut self) -> Score {
        let mut score = 0.0;
        for word in self.words.iter().filter(|word| word.doc == self.doc) {
            score += word.score();
            self.met[word.word].store(true, Ordering::Relaxed);
        }
        score
    }
}
