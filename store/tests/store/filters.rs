//! Filters, counts and what is similar, against a model of them in memory: documents with random properties that come,
//! change, go and are narrowed, random filters in the name of random users. What is found and what is counted is what
//! the model says, on both databases and with both dense engines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use terroir_store::{
    Bibliography, DocumentId, FacetValue, Facets, Filter, Language, Mode, NewChunk, NewDocument, NewRevision,
    NewSource, Principal, Reader, SearchRequest, SetId, SourceChange, SourceId, Store, StoreError, UPLOAD,
};

use crate::bench::{DIMENSIONS, LEASE, Random, Setting, open_patiently, postgres};
use crate::qdrant;

const TYPES: [(&str, &str); 4] =
    [("application/pdf", "pdf"), ("text/plain", "text"), ("text/markdown", "text"), ("x/y", "other")];
const LANGUAGES: [Language; 3] = [Language::English, Language::French, Language::Other];
/// As they are written, and who it is.
const AUTHORS: [(&str, usize); 5] =
    [("José García", 0), ("JOSE  GARCIA", 0), ("Anaïs Nin", 1), ("Bo", 2), ("Wang Wei", 3)];
pub const USERS: [&str; 3] = ["anna", "bert", "cleo"];
const SLOTS: u64 = 14;

fn settings() -> Vec<Setting> {
    let mut settings = vec![Setting::default(), Setting { database_url: None, qdrant: Some(qdrant::server()) }];
    for qdrant in [None, Some(qdrant::server())] {
        if let Some(url) = postgres() {
            settings.push(Setting { database_url: Some(url), qdrant });
        }
    }
    settings
}

pub async fn open(folder: &Path, setting: &Setting) -> Store {
    open_patiently(setting.options(folder, DIMENSIONS)).await
}

/// What a document is made of.
#[derive(Debug, Clone)]
pub struct Made {
    pub media_type: &'static str,
    pub source: Option<String>,
    pub authors: Vec<usize>,
    pub year: Option<i32>,
    /// Language of each chunk, and whether it has the word "river".
    pub chunks: Vec<(Language, bool)>,
    pub readers: Option<Vec<&'static str>>,
}

impl Made {
    fn draw(random: &mut Random, sources: &[(SourceId, String)]) -> Self {
        let one_in = |random: &mut Random, of: u64| random.next(of) == 0;
        let authors = (0..random.next(3)).map(|_| random.next(AUTHORS.len() as u64) as usize).collect();
        let chunks =
            (0..=random.next(2)).map(|_| (LANGUAGES[random.next(LANGUAGES.len() as u64) as usize], one_in(random, 2)));
        let chunks: Vec<(Language, bool)> = chunks.collect();
        Self {
            media_type: TYPES[random.next(TYPES.len() as u64) as usize].0,
            source: sources.get(random.next(sources.len() as u64 + 1) as usize).map(|(id, _)| id.to_string()),
            authors,
            year: (!one_in(random, 3)).then(|| 2018 + random.next(4) as i32),
            chunks,
            readers: one_in(random, 3).then(|| USERS.into_iter().filter(|_| one_in(random, 2)).collect()),
        }
    }

    pub fn revision(&self, word: &str, random: &mut Random) -> NewRevision {
        let texts: Vec<String> = self
            .chunks
            .iter()
            .enumerate()
            .map(|(ordinal, (_, has_river))| {
                format!("parcel {word}x{ordinal}{}", if *has_river { " river" } else { "" })
            })
            .collect();
        let mut char_start = 0;
        let chunks = texts.iter().zip(&self.chunks).zip(0..).map(|((text, (language, _)), ordinal)| {
            let char_end = char_start + text.len() as u32;
            let chunk = NewChunk {
                ordinal,
                text: text.clone(),
                heading_path: Vec::new(),
                page: None,
                char_start,
                char_end,
                language: *language,
                token_count: 3,
                embedding: random.vector(),
            };
            char_start = char_end + 2;
            chunk
        });
        NewRevision {
            set: SetId::FIRST,
            chunks: chunks.collect(),
            text: texts.join("\n\n"),
            structure: Vec::new(),
            media_type: self.media_type.into(),
            title: None,
            bibliography: Bibliography {
                authors: self.authors.iter().map(|author| AUTHORS[*author].0.to_owned()).collect(),
                year: self.year,
                doi: None,
            },
            page_count: None,
            warnings: "[]".into(),
        }
    }

    pub async fn add(&self, store: &Store, slot: &str, word: &str, random: &mut Random) -> DocumentId {
        let blob = store.blobs().add(word.as_bytes()).unwrap();
        let new = NewDocument {
            collection: "default".into(),
            source_uri: slot.into(),
            source: self.source.clone(),
            file_name: slot.into(),
            sha256: blob.sha256,
            bytes: blob.bytes,
            priority: 0,
        };
        store.enqueue(&new).await.unwrap();
        let job = store.claim_job("worker", LEASE, None).await.unwrap().unwrap();
        store.write_revision(&job, &self.revision(word, random)).await.unwrap();
        let readers = self.readers.as_ref().map(|users| users_as_readers(users));
        store.set_document_readers(job.document, readers.as_deref()).await.unwrap();
        job.document
    }
}

pub fn users_as_readers(users: &[&str]) -> Vec<Reader> {
    users.iter().map(|user| Reader::User((*user).to_owned())).collect()
}

struct Known {
    made: Made,
    added_ms: i64,
}

#[derive(Default)]
struct World {
    documents: BTreeMap<DocumentId, Known>,
    sources: Vec<(SourceId, String)>,
}

/// A user, or the operator.
pub type Who = Option<&'static str>;

impl World {
    fn source_name(&self, known: &Known) -> String {
        let named = self.sources.iter().find(|(id, _)| Some(id.to_string()) == known.made.source);
        named.map_or(UPLOAD.to_owned(), |(_, name)| name.clone())
    }

    fn readable(&self, who: Who) -> impl Iterator<Item = (&DocumentId, &Known)> {
        self.documents.iter().filter(move |(_, known)| {
            who.is_none_or(|user| known.made.readers.as_ref().is_none_or(|readers| readers.contains(&user)))
        })
    }

    /// Which of a filter's keys hold for a chunk in this language: type, language, source, author, year, added.
    fn holds(&self, filter: &Filter, known: &Known, language: Language) -> [bool; 6] {
        let made = &known.made;
        let within = |(from, to): (Option<i64>, Option<i64>), value: Option<i64>| match value {
            Some(value) => from.is_none_or(|from| from <= value) && to.is_none_or(|to| value <= to),
            None => from.is_none() && to.is_none(),
        };
        let wanted: Vec<usize> = AUTHORS
            .iter()
            .filter(|(name, _)| filter.authors.iter().any(|author| author == name))
            .map(|(_, who)| *who)
            .collect();
        let year = (filter.year.0.map(i64::from), filter.year.1.map(i64::from));
        [
            filter.types.is_empty() || filter.types.iter().any(|name| name == type_of(made.media_type)),
            filter.languages.is_empty() || filter.languages.contains(&language),
            filter.sources.is_empty() || filter.sources.contains(&self.source_name(known)),
            filter.authors.is_empty() || made.authors.iter().any(|author| wanted.contains(&AUTHORS[*author].1)),
            within(year, made.year.map(i64::from)),
            within(filter.added_ms, Some(known.added_ms)),
        ]
    }

    fn found(&self, filter: &Filter, who: Who) -> BTreeSet<DocumentId> {
        let admitted = |known: &Known| {
            known
                .made
                .chunks
                .iter()
                .any(|(language, _)| self.holds(filter, known, *language).iter().all(|holds| *holds))
        };
        self.readable(who).filter(|(_, known)| admitted(known)).map(|(document, _)| *document).collect()
    }

    /// Of the chunks that match, or that the filter admits and the dense leg therefore proposes.
    fn counted(&self, filter: &Filter, who: Who, matches: impl Fn(bool) -> bool, with_dense: bool) -> Counted {
        let mut counted: [BTreeMap<String, u64>; 5] = Default::default();
        for (_, known) in self.readable(who) {
            let made = &known.made;
            let chunks: Vec<Language> = made
                .chunks
                .iter()
                .filter(|(language, has_river)| {
                    matches(*has_river)
                        || (with_dense && self.holds(filter, known, *language).iter().all(|holds| *holds))
                })
                .map(|(language, _)| *language)
                .collect();
            let authors: BTreeSet<usize> = made.authors.iter().map(|author| AUTHORS[*author].1).collect();
            let values: [Vec<String>; 5] = [
                vec![type_of(made.media_type).to_owned()],
                chunks
                    .iter()
                    .map(|language| language.as_str().to_owned())
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect(),
                vec![self.source_name(known)],
                authors.iter().map(ToString::to_string).collect(),
                made.year.iter().map(ToString::to_string).collect(),
            ];
            for (own, values) in values.into_iter().enumerate() {
                let others_hold = |language: &Language| {
                    self.holds(filter, known, *language).iter().enumerate().all(|(key, holds)| key == own || *holds)
                };
                if chunks.iter().any(others_hold) {
                    for value in values {
                        *counted[own].entry(value).or_default() += 1;
                    }
                }
            }
        }
        counted
    }

    fn draw_filter(&self, random: &mut Random) -> Filter {
        let mut filter = Filter::default();
        let added: Vec<i64> = self.documents.values().map(|known| known.added_ms).collect();
        for _ in 0..random.next(4) {
            match random.next(6) {
                0 => filter.types.push(TYPES[random.next(4) as usize].1.to_owned()),
                1 => filter.languages.push(LANGUAGES[random.next(3) as usize]),
                2 => {
                    let names = self.sources.iter().map(|(_, name)| name.clone());
                    let names: Vec<String> = names.chain([UPLOAD.to_owned(), "nowhere".to_owned()]).collect();
                    filter.sources.push(names[random.next(names.len() as u64) as usize].clone());
                }
                3 => filter.authors.push(AUTHORS[random.next(AUTHORS.len() as u64) as usize].0.to_owned()),
                4 => {
                    let year = |random: &mut Random| (random.next(3) > 0).then(|| 2018 + random.next(4) as i32);
                    filter.year = (year(random), year(random));
                }
                _ if added.is_empty() => {}
                _ => {
                    let time = |random: &mut Random| {
                        (random.next(3) > 0).then(|| added[random.next(added.len() as u64) as usize])
                    };
                    filter.added_ms = (time(random), time(random));
                }
            }
        }
        filter
    }
}

fn type_of(media_type: &str) -> &'static str {
    TYPES.iter().find(|(known, _)| *known == media_type).unwrap().1
}

/// Documents by value: type, language, source, author, year.
type Counted = [BTreeMap<String, u64>; 5];

fn as_counted(facets: &Facets) -> Counted {
    let table = |values: &[FacetValue]| -> BTreeMap<String, u64> {
        values.iter().map(|counted| (counted.value.clone(), counted.documents)).collect()
    };
    let person = |name: &String| AUTHORS.iter().find(|(known, _)| cleaned(known) == *name).unwrap().1.to_string();
    let authors = table(&facets.authors).into_iter().map(|(name, documents)| (person(&name), documents)).collect();
    [table(&facets.types), table(&facets.languages), table(&facets.sources), authors, table(&facets.years)]
}

fn cleaned(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn principal(who: Who) -> Principal {
    who.map_or(Principal::Operator, |user| Principal::User { name: user.into(), groups: Vec::new() })
}

async fn check(store: &Store, world: &World, random: &mut Random, place: &str) {
    let who = [None, Some(USERS[0]), Some(USERS[1]), Some(USERS[2])][random.next(4) as usize];
    let filter = world.draw_filter(random);
    let scope = store.scope(&principal(who), None).await.unwrap();
    let scope = store.filtered(scope, filter.clone()).await.unwrap();
    let place = format!("{place}: {filter:?} as {who:?}");
    let expected = world.found(&filter, who);
    for (query, mode) in [
        ("parcel", Mode::Lexical),
        ("parcel", Mode::Dense),
        ("parcel", Mode::Hybrid),
        ("river", Mode::Lexical),
        ("river", Mode::Hybrid),
    ] {
        let request = SearchRequest {
            query: query.into(),
            query_embedding: Some(random.vector()),
            scope: scope.clone(),
            mode,
            top_k: 100,
        };
        let response = store.search_with_facets(&request).await.unwrap();
        let found: BTreeSet<DocumentId> = response.hits.iter().map(|hit| hit.document).collect();
        if query == "parcel" || mode != Mode::Lexical {
            assert_eq!(found, expected, "{query} {mode:?} {place}");
        } else {
            assert!(found.is_subset(&expected), "{query} {mode:?} {place}");
        }
        let matches = |has_river| mode != Mode::Dense && (query == "parcel" || has_river);
        let counted = world.counted(&filter, who, matches, mode != Mode::Lexical);
        assert_eq!(as_counted(&response.facets.unwrap()), counted, "{query} {mode:?} {place}");
    }
    let browsed = store.facets(&scope).await.unwrap();
    assert_eq!(as_counted(&browsed), world.counted(&filter, who, |_| true, false), "{place}");
    check_similar(store, world, random, who, &place).await;
}

async fn check_similar(store: &Store, world: &World, random: &mut Random, who: Who, place: &str) {
    let known: Vec<&DocumentId> = world.documents.keys().collect();
    if known.is_empty() {
        return;
    }
    let document = *known[random.next(known.len() as u64) as usize];
    let similar = store.similar(&principal(who), document, None, 100).await;
    let mut readable: BTreeSet<DocumentId> = world.readable(who).map(|(document, _)| *document).collect();
    if !readable.remove(&document) {
        assert!(matches!(similar, Err(StoreError::NoSuchDocument(_))), "{place}: {similar:?}");
        return;
    }
    let similar = similar.unwrap();
    let found: Vec<DocumentId> = similar.iter().map(|hit| hit.document).collect();
    // There are fewer chunks than the dense leg proposes, so every other document is among them, once.
    assert_eq!(found.len(), readable.len(), "{place}");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), readable, "{place}");
    assert!(similar.windows(2).all(|pair| pair[0].score >= pair[1].score), "{place}");
}

async fn random_steps(folder: &Path, setting: &Setting, seed: u64, steps: u32) {
    let mut random = Random(seed);
    let mut world = World::default();
    let mut store = open(folder, setting).await;
    store.set_collection_readers("default", &users_as_readers(&USERS)).await.unwrap();
    for name in ["Handbook", "Letters", "Wiki"] {
        let new = NewSource {
            collection: "default".into(),
            kind: "folder".into(),
            name: name.into(),
            settings: "{}".into(),
            place: None,
            trusted: false,
            interval_s: 0,
        };
        let source = store.sources().create(&new).await.unwrap();
        world.sources.push((source.id, name.into()));
    }
    for step in 0..steps {
        let known: Vec<DocumentId> = world.documents.keys().copied().collect();
        let some = |random: &mut Random| known.get(random.next(known.len().max(1) as u64) as usize).copied();
        match random.next(12) {
            0..=6 => {
                let made = Made::draw(&mut random, &world.sources);
                let slot = format!("s{}", random.next(SLOTS));
                let document = made.add(&store, &slot, &format!("w{seed}s{step}"), &mut random).await;
                let added_ms = store.document(&Principal::Operator, document).await.unwrap().created_at_ms;
                world.documents.insert(document, Known { made, added_ms });
            }
            7 => {
                if let Some(document) = some(&mut random) {
                    let readers: Vec<&'static str> = USERS.into_iter().filter(|_| random.next(2) == 0).collect();
                    store.set_document_readers(document, Some(&users_as_readers(&readers))).await.unwrap();
                    world.documents.get_mut(&document).unwrap().made.readers = Some(readers);
                }
            }
            8 => {
                if let Some(document) = some(&mut random) {
                    store.remove_document(document).await.unwrap();
                    world.documents.remove(&document);
                }
            }
            9 => {
                // A name is looked up with each query: nothing is written anew.
                let place = random.next(world.sources.len() as u64) as usize;
                let name = format!("Name {step}");
                let change = SourceChange { name: Some(name.clone()), ..SourceChange::default() };
                store.sources().change(world.sources[place].0, &change).await.unwrap();
                world.sources[place].1 = name;
            }
            10 if world.sources.len() > 1 && random.next(4) == 0 => {
                let (source, _) = world.sources.pop().unwrap();
                store.sources().delete(source).await.unwrap();
            }
            _ => {
                // A crash: nothing is closed in order.
                drop(store);
                store = open(folder, setting).await;
            }
        }
        for _ in 0..2 {
            check(&store, &world, &mut random, &format!("seed {seed} step {step}")).await;
        }
    }
    assert!(store.doctor(false).await.unwrap().healthy, "seed {seed}");
    store.reindex().await.unwrap();
    check(&store, &world, &mut random, &format!("seed {seed} built anew")).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_filter_lets_through_and_what_is_counted_is_what_the_model_says() {
    for (seed, setting) in (7..).zip(settings()) {
        let folder = tempfile::tempdir().unwrap();
        random_steps(folder.path(), &setting, seed, 40).await;
    }
}
