//! The words of a query as one query of the index: BM25, each word in whatever forms the index has it.
//!
//! A clause for each form would let a form that is rare count for more than the word itself: rare terms weigh
//! more. Here the forms of a word are one pseudo-term, as in Lucene's `SynonymQuery`: their frequencies are added,
//! and it is as rare as its most frequent form. A passage is scored only where the filters let it through, so the
//! words that were met there are those that the scope knows: what is outside leaves no trace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::{Postings, SegmentPostings};
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
    /// What a lexicon has beside it; see [`alternatives`] for what they count.
    pub alternatives: Vec<Term>,
    /// Alternatives of several words: each term with the number of words that it is behind the first one. A passage has
    /// such an alternative or it does not; how often is not counted.
    pub phrases: Vec<Vec<(usize, Term)>>,
    pub boost: f32,
}

impl FieldWord {
    /// Without alternatives.
    pub fn of(word: usize, field: Field, forms: Vec<(Term, f32)>, boost: f32) -> Self {
        Self { word, field, forms, alternatives: Vec::new(), phrases: Vec::new(), boost }
    }
}

#[derive(Debug, Clone)]
pub(super) struct WordsQuery {
    pub words: Vec<FieldWord>,
    pub learnt: Arc<Learnt>,
}

/// What a search says of its words beside scores.
#[derive(Debug)]
pub(super) struct Learnt {
    /// Set for a word when a passage in scope holds it.
    met: Vec<AtomicBool>,
    ceiling: OnceLock<f32>,
}

impl Learnt {
    /// Of so many words.
    pub fn nothing(words: usize) -> Arc<Self> {
        Arc::new(Self { met: (0..words).map(|_| AtomicBool::new(false)).collect(), ceiling: OnceLock::new() })
    }

    pub fn is_met(&self, word: usize) -> bool {
        self.met.get(word).is_some_and(|met| met.load(Ordering::Relaxed))
    }

    /// What no passage scores more than, however often it has every word.
    pub fn ceiling(&self) -> f32 {
        self.ceiling.get().copied().unwrap_or_default()
    }
}

impl Query for WordsQuery {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let weighed: Vec<Weighed> =
            self.words.iter().map(|word| Weighed::of(word, scoring)).collect::<tantivy::Result<_>>()?;
        if matches!(scoring, EnableScoring::Enabled { .. }) {
            self.learnt.ceiling.get_or_init(|| weighed.iter().map(|word| word.factor).sum());
        }
        Ok(Box::new(WordsWeight { words: weighed, learnt: Arc::clone(&self.learnt) }))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        for word in &self.words {
            let forms = word.forms.iter().map(|(term, _)| term);
            forms.chain(&word.alternatives).for_each(|term| visitor(term, false));
            word.phrases.iter().flatten().for_each(|(_, term)| visitor(term, true));
        }
    }
}

struct Weighed {
    word: FieldWord,
    phrases: Vec<Box<dyn Weight>>,
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
                for term in word.forms.iter().map(|(term, _)| term).chain(&word.alternatives) {
                    holding = holding.max(statistics_provider.doc_freq(term)?);
                }
                // A phrase is in no more passages than its rarest word.
                for phrase in &word.phrases {
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
        let phrases = word.phrases.iter().map(|phrase| {
            let decides = EnableScoring::disabled_from_schema(scoring.schema());
            PhraseQuery::new_with_offset(phrase.clone()).weight(decides)
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
    learnt: Arc<Learnt>,
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
            let mut alternatives = Vec::new();
            for term in &weighed.word.alternatives {
                alternatives.extend(inverted.read_postings(term, IndexRecordOption::WithFreqs)?);
            }
            let phrases = weighed.phrases.iter().map(|phrase| phrase.scorer(reader, 1.0));
            let phrases: Vec<Box<dyn Scorer>> = phrases.collect::<tantivy::Result<_>>()?;
            if !(forms.is_empty() && alternatives.is_empty() && phrases.is_empty()) {
                let mut word = WordScorer {
                    word: weighed.word.word,
                    doc: TERMINATED,
                    forms,
                    alternatives,
                    phrases,
                    lengths: reader.get_fieldnorms_reader(weighed.word.field)?,
                    norms: Arc::clone(&weighed.norms),
                    factor: weighed.factor * boost,
                };
                word.doc = word.first();
                words.push(word);
            }
        }
        if words.is_empty() {
            return Ok(Box::new(EmptyScorer));
        }
        let doc = words.iter().map(|word| word.doc).min().unwrap_or(TERMINATED);
        Ok(Box::new(WordsScorer { doc, words, learnt: Arc::clone(&self.learnt) }))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let mut scorer = self.scorer(reader, 1.0)?;
        if scorer.doc() > doc || scorer.seek(doc) != doc {
            return Err(TantivyError::InvalidArgument(format!("document {doc} does not match")));
        }
        Ok(Explanation::new("BM25 of words in all their forms", scorer.score()))
    }
}

/// What alternatives that stand in a passage so often count for, in mentions of the word that was asked for: the first
/// one half, and however many less than one. Who asks for a word means that word first, and a list of words that mean
/// the same is not to the point.
fn alternatives(count: u32) -> f32 {
    let count = count as f32;
    count / (count + 1.0)
}

struct WordScorer {
    word: usize,
    doc: DocId,
    forms: Vec<(SegmentPostings, f32)>,
    alternatives: Vec<SegmentPostings>,
    phrases: Vec<Box<dyn Scorer>>,
    lengths: FieldNormReader,
    norms: Arc<[f32]>,
    factor: f32,
}

impl WordScorer {
    /// The least document that one of the forms stands at.
    fn first(&self) -> DocId {
        let forms = self.forms.iter().map(|(postings, _)| postings.doc());
        let forms = forms.chain(self.alternatives.iter().map(DocSet::doc));
        forms.chain(self.phrases.iter().map(DocSet::doc)).min().unwrap_or(TERMINATED)
    }

    fn seek(&mut self, target: DocId) {
        for (postings, _) in &mut self.forms {
            if postings.doc() < target {
                postings.seek(target);
            }
        }
        for postings in &mut self.alternatives {
            if postings.doc() < target {
                postings.seek(target);
            }
        }
        for phrase in &mut self.phrases {
            if phrase.doc() < target {
                phrase.seek(target);
            }
        }
        self.doc = self.first();
    }

    fn score(&self) -> Score {
        let here = self.forms.iter().filter(|(postings, _)| postings.doc() == self.doc);
        let mut frequency: f32 = here.map(|(postings, weight)| postings.term_freq() as f32 * weight).sum();
        if !(self.alternatives.is_empty() && self.phrases.is_empty()) {
            let here = self.alternatives.iter().filter(|postings| postings.doc() == self.doc);
            let phrases = self.phrases.iter().filter(|phrase| phrase.doc() == self.doc);
            frequency += alternatives(here.map(Postings::term_freq).sum::<u32>() + phrases.count() as u32);
        }
        let norm = self.norms[usize::from(self.lengths.fieldnorm_id(self.doc))];
        self.factor * frequency / (frequency + norm)
    }
}

struct WordsScorer {
    doc: DocId,
    words: Vec<WordScorer>,
    learnt: Arc<Learnt>,
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
        let alternatives = self.words.iter().flat_map(|word| &word.alternatives).map(DocSet::size_hint);
        let phrases = self.words.iter().flat_map(|word| &word.phrases).map(DocSet::size_hint);
        postings.chain(alternatives).chain(phrases).max().unwrap_or(0)
    }
}

impl Scorer for WordsScorer {
    fn score(&mut self) -> Score {
        let mut score = 0.0;
        for word in self.words.iter().filter(|word| word.doc == self.doc) {
            score += word.score();
            if let Some(met) = self.learnt.met.get(word.word) {
                met.store(true, Ordering::Relaxed);
            }
        }
        score
    }
}
