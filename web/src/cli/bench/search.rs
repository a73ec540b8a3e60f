//! `bench search`: how fast passages are found, and how fast they are put in, at any number of them. Everything goes
//! the way of a real document, but that texts and vectors are made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use terroir_store::{
    Background, Bibliography, Filter, Job, Language, NewChunk, NewDocument, NewRevision, NewSet, Principal,
    Quantisation, Scope, SearchRequest, SetId, Store, StoreError, StoreOptions,
};

use super::passages::{DIMENSIONS, question, text, vector};
use crate::cli::latency::p50_and_p95;
use crate::cli::{Mode, print_json};

const PASSAGES_PER_DOCUMENT: u64 = 100;
/// Every so many documents one goes into the collection that the narrow searches are in.
const NARROW_EVERY: u64 = 100;
const NARROW: &str = "narrow";
const WIDE: &str = "default";
/// Documents under way at the same time: they share the indexes' commits.
const CONCURRENCY: usize = 16;
/// What documents are told apart by.
const MEDIA_TYPES: [&str; 3] = ["text/plain", "application/pdf", "text/html"];
const AUTHORS: u64 = 5_000;
const YEARS: std::ops::Range<i32> = 1950..2025;
const TOP_K: usize = 10;
/// Searches before the first that counts.
const WARM_UP: u64 = 20;
/// Share of the passages that is put in once more, from new documents, while searches are measured.
const MEANWHILE: u64 = 50;

#[derive(Debug, Args)]
pub struct SearchBench {
    #[arg(long, default_value_t = 100_000)]
    passages: u64,
    /// Searches of each kind
    #[arg(long, default_value_t = 200)]
    queries: u64,
    /// Keep what was made here, and go on from it the next time
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Write the vectors of the questions here, to ask another program the same: 32-bit floats, little-endian
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,
    /// Search through vectors in eight bits a number (`qdrant.quantisation`)
    #[arg(long)]
    int8: bool,
}

#[derive(Debug, Serialize)]
struct Latency {
    mode: &'static str,
    /// all, the hundredth part that is in one collection, or what has a type and a year
    scope: &'static str,
    p50_ms: f64,
    p95_ms: f64,
}

#[derive(Debug, Serialize)]
struct Measured {
    passages: u64,
    dimensions: usize,
    /// None if they were there already.
    passages_per_s: Option<f64>,
    /// Of the ten nearest vectors, how many the dense leg finds.
    recall_at_10: f64,
    /// The same among the hundredth part.
    narrow_recall_at_10: f64,
    latencies: Vec<Latency>,
    /// While passages are put in.
    meanwhile: Latency,
    meanwhile_passages_per_s: f64,
    lexical_bytes: u64,
    dense_bytes: u64,
    database_bytes: u64,
    memory: Option<Memory>,
}

pub fn search(arguments: &SearchBench, json: bool) -> anyhow::Result<()> {
    anyhow::ensure!(arguments.passages >= NARROW_EVERY * PASSAGES_PER_DOCUMENT, "at least 10000 passages");
    anyhow::ensure!(arguments.queries > 0, "at least one query");
    let temporary = tempfile::tempdir()?;
    let data = arguments.keep.as_deref().unwrap_or(temporary.path());
    let runtime = tokio::runtime::Runtime::new()?;
    let measured = runtime.block_on(measure(data, arguments))?;
    if json {
        return print_json(&measured);
    }
    print(&measured);
    Ok(())
}

/// No model: the vectors are made up.
fn first_set() -> NewSet {
    NewSet {
        model: "none".into(),
        model_sha256: "made by bench search".into(),
        dimensions: DIMENSIONS,
        chunk_tokens: 256,
        background: Background::default(),
    }
}

async fn measure(data: &Path, arguments: &SearchBench) -> anyhow::Result<Measured> {
    let quantisation = if arguments.int8 { Quantisation::Int8 } else { Quantisation::None };
    let store = Store::open(StoreOptions { quantisation, ..StoreOptions::embedded(data, first_set()) }).await?;
    match store.create_collection(NARROW).await {
        Ok(()) | Err(StoreError::Exists(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let there = store.counts(&Principal::Operator).await?.ready;
    let documents = arguments.passages.div_ceil(PASSAGES_PER_DOCUMENT).max(there);
    let started = Instant::now();
    // What was under way when the last run broke off is put in again, which changes nothing where it is there.
    fill(&store, there.saturating_sub(CONCURRENCY as u64)..documents, "putting passages in").await?;
    let added = documents.saturating_sub(there) * PASSAGES_PER_DOCUMENT;
    let passages_per_s = (added > 0).then(|| added as f64 / started.elapsed().as_secs_f64());

    let bench = Bench { store, passages: documents * PASSAGES_PER_DOCUMENT, queries: arguments.queries };
    let mut latencies = Vec::new();
    for (scope, collection) in [("all", None), ("a hundredth", Some(NARROW))] {
        for mode in [Mode::Lexical, Mode::Dense, Mode::Hybrid] {
            latencies.push(bench.latency(mode, scope, collection).await?);
        }
    }
    latencies.extend(bench.properties().await?);
    if let Some(file) = &arguments.questions {
        bench.write_questions(file)?;
    }
    let recall_at_10 = bench.recall(None).await?;
    let narrow_recall_at_10 = bench.recall(Some(NARROW)).await?;
    let sizes = sizes(data)?;
    let more = (documents / MEANWHILE).max(1);
    let started = Instant::now();
    let filling = fill(&bench.store, documents..documents + more, "putting passages in while searching");
    let searching = bench.latency(Mode::Hybrid, "all", None);
    let ((), meanwhile) = tokio::try_join!(
        async {
            filling.await?;
            anyhow::Ok(())
        },
        searching
    )?;
    let meanwhile_passages_per_s = (more * PASSAGES_PER_DOCUMENT) as f64 / started.elapsed().as_secs_f64();
    let memory = Memory::now();
    bench.store.close().await;
    Ok(Measured {
        passages: bench.passages,
        dimensions: DIMENSIONS,
        passages_per_s,
        recall_at_10,
        narrow_recall_at_10,
        latencies,
        meanwhile,
        meanwhile_passages_per_s,
        lexical_bytes: sizes.0,
        dense_bytes: sizes.1,
        database_bytes: sizes.2,
        memory,
    })
}

async fn fill(store: &Store, documents: std::ops::Range<u64>, told: &'static str) -> anyhow::Result<()> {
    let bar = ProgressBar::new(documents.end - documents.start).with_message(told);
    bar.set_style(ProgressStyle::with_template("{msg} {bar:30} {percent} %, {eta} left")?);
    let adding = documents.map(|number| {
        let bar = bar.clone();
        async move {
            add(store, number).await.with_context(|| format!("adding document {number}"))?;
            bar.inc(1);
            anyhow::Ok(())
        }
    });
    let mut adding = futures::stream::iter(adding).buffer_unordered(CONCURRENCY);
    while let Some(added) = adding.next().await {
        added?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn is_narrow(document: u64) -> bool {
    document.is_multiple_of(NARROW_EVERY)
}

async fn add(store: &Store, number: u64) -> anyhow::Result<()> {
    let name = format!("{number}");
    let blob = store.blobs().add(name.as_bytes())?;
    let new = NewDocument {
        collection: if is_narrow(number) { NARROW.into() } else { WIDE.into() },
        source_uri: name.clone(),
        source: None,
        file_name: name,
        sha256: blob.sha256,
        bytes: blob.bytes,
        priority: 0,
    };
    store.enqueue(&new).await?;
    // Whichever document is next: all of them are added by the same hands.
    while let Some(job) = store.claim_job("bench", Duration::from_hours(1), None).await? {
        let revision = revision(&job)?;
        store.write_revision(&job, &revision).await?;
    }
    Ok(())
}

fn revision(job: &Job) -> anyhow::Result<NewRevision> {
    let number: u64 = job.file_name.parse().context("a document of somebody else's; take another folder")?;
    let first = number * PASSAGES_PER_DOCUMENT;
    let (mut whole, mut chars) = (String::new(), 0);
    let mut chunks = Vec::new();
    for passage in first..first + PASSAGES_PER_DOCUMENT {
        let text = text(passage);
        let length = text.chars().count() as u32;
        whole.push_str(&text);
        whole.push('\n');
        chunks.push(NewChunk {
            ordinal: (passage - first) as u32,
            heading_path: Vec::new(),
            // What tells passages apart in what is found.
            page: Some(passage as u32),
            char_start: chars,
            char_end: chars + length,
            language: Language::Other,
            token_count: length / 4,
            embedding: vector(passage),
            text,
        });
        chars += length + 1;
    }
    Ok(NewRevision {
        text: whole,
        structure: Vec::new(),
        media_type: MEDIA_TYPES[number as usize % MEDIA_TYPES.len()].into(),
        title: None,
        bibliography: Bibliography {
            authors: vec![format!("Author {}", number % AUTHORS), format!("Author {}", number / 7 % AUTHORS)],
            year: Some(YEARS.start + (number % (YEARS.end - YEARS.start) as u64) as i32),
            doi: None,
        },
        page_count: None,
        warnings: "[]".into(),
        set: SetId::FIRST,
        chunks,
    })
}

struct Bench {
    store: Store,
    passages: u64,
    queries: u64,
}

impl Bench {
    async fn scope(&self, collection: Option<&str>) -> anyhow::Result<Scope> {
        Ok(self.store.scope(&Principal::Operator, collection).await?)
    }

    async fn found(&self, number: u64, mode: Mode, scope: &Scope) -> anyhow::Result<Vec<u64>> {
        let (query, embedding) = question(number, self.passages);
        let query_embedding = (!matches!(mode, Mode::Lexical)).then_some(embedding);
        let request = SearchRequest { query, query_embedding, scope: scope.clone(), mode: mode.into(), top_k: TOP_K };
        let hits = self.store.search(&request).await?.hits;
        Ok(hits.iter().filter_map(|hit| hit.page.map(u64::from)).collect())
    }

    async fn latency(&self, mode: Mode, of: &'static str, collection: Option<&str>) -> anyhow::Result<Latency> {
        let scope = self.scope(collection).await?;
        self.timed(mode.as_str(), of, async |number| self.found(number, mode, &scope).await.map(drop)).await
    }

    async fn timed(
        &self,
        mode: &'static str,
        of: &'static str,
        work: impl AsyncFn(u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<Latency> {
        let mut times_ms = Vec::new();
        for number in 0..WARM_UP + self.queries {
            let started = Instant::now();
            work(number).await?;
            if number >= WARM_UP {
                times_ms.push(started.elapsed().as_secs_f64() * 1_000.0);
            }
        }
        let (p50_ms, p95_ms) = p50_and_p95(times_ms);
        Ok(Latency { mode, scope: of, p50_ms, p95_ms })
    }

    /// Counting documents by their properties, searching in what has one, and what is similar to one.
    async fn properties(&self) -> anyhow::Result<Vec<Latency>> {
        let all = self.scope(None).await?;
        let filter = Filter { types: vec!["pdf".into()], year: (Some(YEARS.start), None), ..Filter::default() };
        let filtered = self.store.filtered(all.clone(), filter).await?;
        let document = self.store.document_by_source(&Principal::Operator, WIDE, "1").await?.id;
        let counted = async |number| {
            let (query, embedding) = question(number, self.passages);
            let (query_embedding, scope) = (Some(embedding), all.clone());
            let request =
                SearchRequest { query, query_embedding, scope, mode: terroir_store::Mode::Hybrid, top_k: TOP_K };
            self.store.search_with_facets(&request).await?;
            Ok(())
        };
        let browsed = async |_| self.store.facets(&all).await.map(drop).map_err(Into::into);
        let similar = async |_| {
            let similar = self.store.similar(&Principal::Operator, document, None, TOP_K).await;
            similar.map(drop).map_err(Into::into)
        };
        let narrowed = async |number| self.found(number, Mode::Hybrid, &filtered).await.map(drop);
        Ok(vec![
            self.timed("hybrid", "a type and years", narrowed).await?,
            self.timed("with facets", "all", counted).await?,
            self.timed("facets alone", "all", browsed).await?,
            self.timed("similar", "all", similar).await?,
        ])
    }

    /// Of those that are measured.
    fn vectors(&self) -> Vec<Vec<f32>> {
        (0..self.queries).map(|number| question(WARM_UP + number, self.passages).1).collect()
    }

    fn write_questions(&self, file: &Path) -> anyhow::Result<()> {
        let bytes: Vec<u8> = self.vectors().into_iter().flatten().flat_map(f32::to_le_bytes).collect();
        Ok(fs_err::write(file, bytes)?)
    }

    /// Against the nearest of all vectors.
    async fn recall(&self, collection: Option<&str>) -> anyhow::Result<f64> {
        let scope = self.scope(collection).await?;
        let nearest = self.nearest(collection.is_some());
        let mut met = 0;
        for (number, nearest) in (WARM_UP..).zip(&nearest) {
            let found = self.found(number, Mode::Dense, &scope).await?;
            met += found.iter().filter(|passage| nearest.contains(passage)).count();
        }
        Ok(met as f64 / nearest.iter().map(BTreeSet::len).sum::<usize>() as f64)
    }

    fn nearest(&self, narrow: bool) -> Vec<BTreeSet<u64>> {
        let asked = self.vectors();
        let mut best: Vec<Vec<(f32, u64)>> = vec![Vec::new(); asked.len()];
        let bar = ProgressBar::new(self.passages).with_message("comparing with every vector");
        for passage in 0..self.passages {
            bar.inc(1);
            if narrow && !is_narrow(passage / PASSAGES_PER_DOCUMENT) {
                continue;
            }
            let vector = vector(passage);
            for (asked, best) in asked.iter().zip(&mut best) {
                let cosine: f32 = asked.iter().zip(&vector).map(|(left, right)| left * right).sum();
                let place = best.partition_point(|(known, _)| *known >= cosine);
                if place < TOP_K {
                    best.insert(place, (cosine, passage));
                    best.truncate(TOP_K);
                }
            }
        }
        bar.finish_and_clear();
        best.into_iter().map(|best| best.into_iter().map(|(_, passage)| passage).collect()).collect()
    }
}

/// Of the lexical index, the dense one, and the database.
fn sizes(data: &Path) -> anyhow::Result<(u64, u64, u64)> {
    let (mut lexical, mut dense, mut database) = (0, 0, 0);
    for entry in walkdir::WalkDir::new(data) {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        let bytes = entry.metadata()?.len();
        let path = entry.path().strip_prefix(data).unwrap_or(entry.path());
        let is_below = |name: &str| path.components().any(|part| part.as_os_str() == name);
        if is_below("lexical") {
            lexical += bytes;
        } else if is_below("dense") {
            dense += bytes;
        } else if path.to_string_lossy().starts_with("terroir.sqlite") {
            database += bytes;
        }
    }
    Ok((lexical, dense, database))
}

/// The process's memory. What is resident of it counts a file's page once for each map of it, and the database is
/// mapped by every connection.
#[derive(Debug, Serialize)]
struct Memory {
    own_bytes: u64,
    /// Of files, as far as they are in memory now; the system takes them back when it needs to.
    mapped_bytes: u64,
}

impl Memory {
    fn now() -> Option<Self> {
        let maps = fs_err::read_to_string("/proc/self/smaps_rollup").ok()?;
        let bytes = |name: &str| {
            let line = maps.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes * 1_024)
        };
        Some(Self { own_bytes: bytes("Pss_Anon:")?, mapped_bytes: bytes("Pss_File:")? })
    }
}

fn print(measured: &Measured) {
    let mb = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!("{} passages of {} dimensions", measured.passages, measured.dimensions);
    if let Some(rate) = measured.passages_per_s {
        println!("put in: {rate:.0} passages/s");
    }
    println!(
        "recall@10 of the dense leg: {:.3}; in a hundredth: {:.3}",
        measured.recall_at_10, measured.narrow_recall_at_10
    );
    for Latency { mode, scope, p50_ms, p95_ms } in &measured.latencies {
        println!("{mode:<8} in {scope:<12} p50 {p50_ms:>7.1} ms, p95 {p95_ms:>7.1} ms");
    }
    let Latency { p50_ms, p95_ms, .. } = &measured.meanwhile;
    println!(
        "hybrid while {:.0} passages/s are put in: p50 {p50_ms:.1} ms, p95 {p95_ms:.1} ms",
        measured.meanwhile_passages_per_s
    );
    println!(
        "disk: lexical {:.0} MB, dense {:.0} MB, database {:.0} MB",
        mb(measured.lexical_bytes),
        mb(measured.dense_bytes),
        mb(measured.database_bytes)
    );
    if let Some(Memory { own_bytes, mapped_bytes }) = measured.memory {
        println!("memory: {:.0} MB, and {:.0} MB of files", mb(own_bytes), mb(mapped_bytes));
    }
}
