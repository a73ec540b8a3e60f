//! Counts documents by their properties, out of the index's columns: each document once, however many of its chunks
//! match and wherever they stand. What the filter asks of a property does not bound that property's own counts, so that
//! a filter can be widened: the documents are collected without the filter, and judged by it afterwards.

use std::collections::{BTreeMap, HashMap};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::query::{AllQuery, BooleanQuery, Occur, Query};
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use super::bm25::{Learnt, WordsQuery};
use super::query::term_set;
use super::{LexicalIndex, Wanted};
use crate::Result;
use crate::ids::{ChunkId, RevisionId};
use crate::language::Language;
use crate::search::{Filter, Scope, within};

/// Documents by the values of each property.
#[derive(Debug, Default)]
pub struct Counts {
    pub types: BTreeMap<String, u64>,
    pub languages: BTreeMap<Language, u64>,
    /// Ids, or that of uploads.
    pub sources: BTreeMap<String, u64>,
    /// By the name as it is compared: as it is written, and how many.
    pub authors: BTreeMap<String, (String, u64)>,
    pub years: BTreeMap<i64, u64>,
}

/// Which chunks in scope make their documents count.
pub enum Among<'a> {
    All,
    /// Those that have a word, and these.
    Found {
        words: Option<&'a Wanted>,
        chunks: &'a [ChunkId],
    },
}

impl LexicalIndex {
    /// `stale`: revisions that are not to be counted, whatever the index says.
    pub fn count_documents(&self, scope: &Scope, among: &Among<'_>, stale: &[RevisionId]) -> Result<Counts> {
        let open = Scope { filter: Filter::default(), ..scope.clone() };
        let mut clauses: Vec<(Occur, Box<dyn Query>)> =
            self.scope_filters(&open).into_iter().map(|filter| (Occur::Must, filter)).collect();
        clauses.push((Occur::Must, self.among(among)));
        if let Among::Found { words: Some(wanted), .. } = among
            && wanted.phrases
        {
            clauses.extend(wanted.asked.phrases.iter().map(|phrase| (Occur::Must, self.phrase(phrase))));
        }
        if !stale.is_empty() {
            let stale: Vec<String> = stale.iter().map(ToString::to_string).collect();
            clauses.push((Occur::MustNot, term_set(self.fields.revision, &stale)));
        }
        let documents = self.reader.searcher().search(&BooleanQuery::new(clauses), &Documents)?;
        Ok(documents.count(&scope.filter))
    }

    fn among(&self, among: &Among<'_>) -> Box<dyn Query> {
        let (words, chunks) = match among {
            Among::All => return Box::new(AllQuery),
            Among::Found { words, chunks } => (words, chunks),
        };
        let mut either: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        if let Some(wanted) = words {
            let count = wanted.asked.words.len() + wanted.parts.len();
            let learnt = Learnt::nothing(count);
            either.push((Occur::Should, Box::new(WordsQuery { words: self.words(wanted), learnt })));
        }
        let chunks: Vec<String> = chunks.iter().map(ToString::to_string).collect();
        either.push((Occur::Should, term_set(self.fields.chunk, &chunks)));
        Box::new(BooleanQuery::new(either))
    }
}

/// A document that has chunks among those that match. Values are places in tables of texts.
struct Seen {
    document: u128,
    document_type: Option<usize>,
    source: Option<usize>,
    authors: Vec<usize>,
    year: Option<i64>,
    added: Option<i64>,
    /// One bit for each language that a chunk of it is in.
    languages: u32,
}

const PROPERTIES: usize = 3;
/// Which table is of what.
const TYPE: usize = 0;
const SOURCE: usize = 1;
const AUTHOR: usize = 2;

/// Collects the documents of the chunks that match.
struct Documents;

struct SegmentDocuments {
    high: Column<u64>,
    low: Column<u64>,
    texts: [Option<StrColumn>; PROPERTIES],
    year: Column<i64>,
    added: Column<i64>,
    language: Option<StrColumn>,
    /// The bit of each of the column's languages.
    bits: Vec<u32>,
    places: HashMap<u128, usize>,
    seen: Vec<Seen>,
    /// Chunks of a document stand together, so it is mostly the one before.
    last: Option<usize>,
}

/// Documents, and the texts that their values are places in.
#[derive(Default)]
struct Collected {
    seen: Vec<Seen>,
    texts: [Vec<String>; PROPERTIES],
}

impl Collector for Documents {
    type Fruit = Collected;
    type Child = SegmentDocuments;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentDocuments> {
        let columns = segment.fast_fields();
        let language = columns.str("language")?;
        let mut bits = Vec::new();
        if let Some(column) = &language {
            let mut code = String::new();
            for place in 0..column.dictionary().num_terms() as u64 {
                column.ord_to_str(place, &mut code)?;
                bits.push(bit(Language::parse(&code)));
            }
        }
        Ok(SegmentDocuments {
            high: columns.u64("document_high")?,
            low: columns.u64("document_low")?,
            texts: [columns.str("document_type")?, columns.str("source")?, columns.str("author_name")?],
            year: columns.i64("year")?,
            added: columns.i64("added")?,
            language,
            bits,
            places: HashMap::new(),
            seen: Vec::new(),
            last: None,
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<tantivy::Result<Collected>>) -> tantivy::Result<Collected> {
        let mut all = Collected::default();
        let mut known: [HashMap<String, usize>; PROPERTIES] = Default::default();
        let mut places: HashMap<u128, usize> = HashMap::new();
        for segment in segments {
            let segment = segment?;
            let mut moved: [Vec<usize>; PROPERTIES] = Default::default();
            for (table, texts) in segment.texts.into_iter().enumerate() {
                for text in texts {
                    let next = known[table].len();
                    moved[table].push(*known[table].entry(text.clone()).or_insert_with(|| {
                        all.texts[table].push(text);
                        next
                    }));
                }
            }
            let place = |table: usize, place: usize| moved[table].get(place).copied().unwrap_or_default();
            for mut seen in segment.seen {
                // A document's chunks may stand in two segments.
                if let Some(before) = places.get(&seen.document) {
                    all.seen[*before].languages |= seen.languages;
                    continue;
                }
                seen.document_type = seen.document_type.map(|of| place(TYPE, of));
                seen.source = seen.source.map(|of| place(SOURCE, of));
                seen.authors.iter_mut().for_each(|author| *author = place(AUTHOR, *author));
                places.insert(seen.document, all.seen.len());
                all.seen.push(seen);
            }
        }
        Ok(all)
    }
}

impl SegmentDocuments {
    fn see(&self, chunk: DocId, document: u128) -> Seen {
        let places = |table: usize| {
            let column = self.texts[table].iter();
            column.flat_map(move |column| column.ords().values_for_doc(chunk)).map(|place| place as usize)
        };
        Seen {
            document,
            document_type: places(TYPE).next(),
            source: places(SOURCE).next(),
            authors: places(AUTHOR).collect(),
            year: self.year.first(chunk),
            added: self.added.first(chunk),
            languages: 0,
        }
    }
}

impl SegmentCollector for SegmentDocuments {
    type Fruit = tantivy::Result<Collected>;

    fn collect(&mut self, chunk: DocId, _: Score) {
        let high = self.high.first(chunk).unwrap_or_default();
        let low = self.low.first(chunk).unwrap_or_default();
        let document = u128::from(high) << 64 | u128::from(low);
        let place = match self.last {
            Some(last) if self.seen[last].document == document => last,
            _ => self.places.get(&document).copied().unwrap_or_else(|| {
                let seen = self.see(chunk, document);
                self.places.insert(document, self.seen.len());
                self.seen.push(seen);
                self.seen.len() - 1
            }),
        };
        self.last = Some(place);
        let language = self.language.as_ref().and_then(|column| column.ords().first(chunk));
        let bit = language.and_then(|place| self.bits.get(place as usize)).copied().unwrap_or_default();
        self.seen[place].languages |= bit;
    }

    /// The places in the columns' dictionaries become texts, as far as they were met.
    fn harvest(mut self) -> tantivy::Result<Collected> {
        let mut texts: [Vec<String>; PROPERTIES] = Default::default();
        for (table, texts) in texts.iter_mut().enumerate() {
            let Some(column) = &self.texts[table] else { continue };
            let mut met: Vec<u64> = Vec::new();
            for_each_place(&mut self.seen, table, |place| met.push(*place as u64));
            met.sort_unstable();
            met.dedup();
            column.dictionary().sorted_ords_to_term_cb(&met, |term| {
                texts.push(String::from_utf8_lossy(term).into_owned());
            })?;
            for_each_place(&mut self.seen, table, |place| {
                *place = met.binary_search(&(*place as u64)).unwrap_or_default();
            });
        }
        Ok(Collected { seen: self.seen, texts })
    }
}

fn for_each_place(seen: &mut [Seen], table: usize, mut each: impl FnMut(&mut usize)) {
    for seen in seen {
        match table {
            TYPE => seen.document_type.iter_mut().for_each(&mut each),
            SOURCE => seen.source.iter_mut().for_each(&mut each),
            _ => seen.authors.iter_mut().for_each(&mut each),
        }
    }
}

fn languages() -> impl Iterator<Item = Language> {
    Language::ANALYSED.into_iter().chain([Language::Other])
}

fn bit(language: Language) -> u32 {
    languages().position(|known| known == language).map_or(0, |place| 1 << place)
}

impl Collected {
    fn count(&self, filter: &Filter) -> Counts {
        // Whether the filter has each text's value; what it does not ask for, it has.
        let admitted = |table: usize, wanted: &[String]| -> Vec<bool> {
            let key = |text: &String| text.split_once('\t').map_or(text.as_str(), |(key, _)| key).to_owned();
            self.texts[table].iter().map(|text| wanted.is_empty() || wanted.contains(&key(text))).collect()
        };
        let (types, sources) = (admitted(TYPE, &filter.types), admitted(SOURCE, &filter.sources));
        let authors = admitted(AUTHOR, &filter.authors);
        let wanted_languages: u32 = match filter.languages.as_slice() {
            [] => u32::MAX,
            wanted => wanted.iter().map(|language| bit(*language)).fold(0, |bits, bit| bits | bit),
        };
        let (first, last) = filter.year;
        let years = (first.map(i64::from), last.map(i64::from));
        let mut by_place: [Vec<u64>; PROPERTIES] = std::array::from_fn(|table| vec![0; self.texts[table].len()]);
        let mut counts = Counts::default();
        for seen in self.seen.iter().filter(|seen| within(filter.added_ms, seen.added)) {
            let is_one = |of: Option<usize>, admitted: &[bool], wanted: &[String]| {
                wanted.is_empty() || of.is_some_and(|place| admitted[place])
            };
            let holds = [
                is_one(seen.document_type, &types, &filter.types),
                seen.languages & wanted_languages != 0,
                is_one(seen.source, &sources, &filter.sources),
                filter.authors.is_empty() || seen.authors.iter().any(|author| authors[*author]),
                within(years, seen.year),
            ];
            let others_hold = |own: usize| holds.iter().enumerate().all(|(place, holds)| place == own || *holds);
            if others_hold(0) {
                seen.document_type.iter().for_each(|place| by_place[TYPE][*place] += 1);
            }
            if others_hold(1) {
                for language in languages().filter(|language| seen.languages & bit(*language) != 0) {
                    *counts.languages.entry(language).or_default() += 1;
                }
            }
            if others_hold(2) {
                seen.source.iter().for_each(|place| by_place[SOURCE][*place] += 1);
            }
            if others_hold(3) {
                seen.authors.iter().for_each(|place| by_place[AUTHOR][*place] += 1);
            }
            if others_hold(4)
                && let Some(year) = seen.year
            {
                *counts.years.entry(year).or_default() += 1;
            }
        }
        counts.types = self.met(TYPE, &by_place).collect();
        counts.sources = self.met(SOURCE, &by_place).collect();
        counts.authors = self.authors(&by_place);
        counts
    }

    fn met(&self, table: usize, by_place: &[Vec<u64>; PROPERTIES]) -> impl Iterator<Item = (String, u64)> {
        let counted = self.texts[table].iter().cloned().zip(by_place[table].clone());
        counted.filter(|(_, documents)| *documents > 0)
    }

    /// A name that is written in several ways is shown in the one that most documents have.
    fn authors(&self, by_place: &[Vec<u64>; PROPERTIES]) -> BTreeMap<String, (String, u64)> {
        let mut spellings: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
        for (text, documents) in self.met(AUTHOR, by_place) {
            let (key, name) = text.split_once('\t').unwrap_or((&text, &text));
            spellings.entry(key.to_owned()).or_default().push((documents, name.to_owned()));
        }
        let shown = spellings.into_iter().map(|(key, spellings)| {
            let documents = spellings.iter().map(|(documents, _)| documents).sum();
            let most = spellings.into_iter().max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
            (key, (most.map(|(_, name)| name).unwrap_or_default(), documents))
        });
        shown.collect()
    }
}
