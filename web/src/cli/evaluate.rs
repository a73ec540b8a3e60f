//! `eval retrieval`: a test collection goes through the real path (chunks, vectors, both indexes) into a
//! store of its own, and every query through the real search.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Subcommand;
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use terroir_embed::{Encoder, Input, ModelStore, Priority};
use terroir_ingest::chunk::{MAX_CHUNK_TOKENS, chunk};
use terroir_ingest::document::ParsedDocument;
use terroir_ingest::text;
use terroir_ingest::worker::{embedding_text, new_revision};
use terroir_store::evaluation::{CorpusDocument, Measures, TestCollection};
use terroir_store::{Mode as SearchMode, NewDocument, Principal, SearchRequest, Store, StoreOptions};

use super::{Mode, print_json};
use crate::config::Settings;

#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// nDCG@10, recall@100, MRR@10 and MAP over a folder in the BEIR layout
    Retrieval {
        /// Folder with corpus.jsonl, queries.jsonl and qrels/test.tsv
        folder: PathBuf,
        /// One mode; all three if left out
        #[arg(long, value_enum)]
        mode: Option<Mode>,
        /// Keep the indexed collection here, and use it again
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
    },
}

/// Documents stored at the same time: they share the indexes' commits.
const CONCURRENCY: usize = 64;
/// Chunks asked for, so that 100 documents are left when each counts once.
const DEPTH: usize = 300;
const LEASE: Duration = Duration::from_hours(1);

pub fn evaluate(settings: &Settings, command: &EvalCommand, json: bool) -> anyhow::Result<()> {
    let EvalCommand::Retrieval { folder, mode, keep } = command;
    let collection = TestCollection::read(folder)?;
    let models = ModelStore::open(&settings.models_dir())?;
    let options = settings.encoder_options();
    let encoder = Encoder::open(&models.files(&settings.models.embed)?, options)?;
    let temporary = tempfile::tempdir()?;
    let data = keep.as_deref().unwrap_or(temporary.path());
    let modes = mode.map_or_else(|| vec![Mode::Lexical, Mode::Dense, Mode::Hybrid], |mode| vec![mode]);

    actix_web::rt::System::new().block_on(async {
        let store = open(data, &encoder).await?;
        let filled = fill(&store, &encoder, &collection).await;
        let names = filled?;
        for mode in modes {
            let measured = measure(&store, &encoder, &collection, &names, mode).await?;
            report(folder, mode, &measured, json)?;
        }
        store.close().await;
        Ok(())
    })
}

async fn open(data: &Path, encoder: &Encoder) -> anyhow::Result<Store> {
    let options = StoreOptions {
        data_dir: data.to_owned(),
        originals_dir: data.join("blobs"),
        database_url: None,
        qdrant_url: None,
        qdrant_api_key: None,
        dimensions: encoder.dimensions(),
        model_sha256: encoder.passport().sha256.clone(),
    };
    Ok(Store::open(options).await?)
}

/// Adds what is missing; gives the test collection's name of each document.
async fn fill(
    store: &Store,
    encoder: &Encoder,
    collection: &TestCollection,
) -> anyhow::Result<HashMap<String, String>> {
    let bar = ProgressBar::new(collection.corpus.len() as u64);
    bar.set_style(ProgressStyle::with_template("indexing {bar:30} {pos}/{len}, {eta} left")?);
    let adding = collection.corpus.iter().map(|document| {
        let bar = bar.clone();
        async move {
            let added = add(store, encoder, document).await.with_context(|| format!("adding {}", document.id));
            bar.inc(1);
            added
        }
    });
    let mut adding = futures::stream::iter(adding).buffer_unordered(CONCURRENCY);
    let mut names = HashMap::new();
    while let Some(added) = adding.next().await {
        let (id, name) = added?;
        names.insert(id, name);
    }
    bar.finish_and_clear();
    Ok(names)
}

async fn add(store: &Store, encoder: &Encoder, document: &CorpusDocument) -> anyhow::Result<(String, String)> {
    let content = format!("{}\n{}\n\n{}", document.id, document.title, document.text);
    let blob = store.blobs().add(content.as_bytes())?;
    let new = NewDocument {
        collection: "default".into(),
        source_uri: document.id.clone(),
        source: None,
        file_name: document.id.clone(),
        sha256: blob.sha256,
        bytes: blob.bytes,
        priority: 0,
    };
    store.enqueue(&new).await?;
    // Whichever document is next: all of them are added by the same hands.
    while let Some(job) = store.claim_job("eval", LEASE, None).await? {
        let original = fs_err::read_to_string(store.blobs().path(&job.sha256))?;
        let (head, body) = original.split_once("\n\n").context("a document without text")?;
        let title = head.split_once('\n').map(|(_, title)| title).unwrap_or_default();
        let mut parsed: ParsedDocument = text::parse(body.as_bytes());
        parsed.title = (!title.is_empty()).then(|| title.to_owned());
        let chunks = chunk(&parsed, encoder.max_tokens().min(MAX_CHUNK_TOKENS), encoder);
        let texts: Vec<String> = chunks.iter().map(|chunk| embedding_text(parsed.title.as_deref(), chunk)).collect();
        let vectors = loop {
            match encoder.encode(texts.clone(), Input::Passage, Priority::Bulk).await {
                Err(terroir_embed::EmbedError::Busy) => tokio::time::sleep(Duration::from_millis(20)).await,
                encoded => break encoded?,
            }
        };
        store.write_revision(&job, &new_revision(&parsed, chunks, vectors)).await?;
    }
    let stored = store.document_by_source(&Principal::Operator, "default", &document.id).await?;
    Ok((stored.id.to_string(), document.id.clone()))
}

struct Measured {
    measures: Measures,
    p50_ms: f64,
    p95_ms: f64,
}

async fn measure(
    store: &Store,
    encoder: &Encoder,
    collection: &TestCollection,
    names: &HashMap<String, String>,
    mode: Mode,
) -> anyhow::Result<Measured> {
    let scope = store.scope(&Principal::Operator, None).await?;
    let mut rankings = HashMap::new();
    let mut times_ms = Vec::new();
    for query in &collection.queries {
        let started = Instant::now();
        let query_embedding = match mode {
            Mode::Lexical => None,
            Mode::Hybrid | Mode::Dense => {
                encoder.encode(vec![query.text.clone()], Input::Query, Priority::Interactive).await?.into_iter().next()
            }
        };
        let request = SearchRequest {
            query: query.text.clone(),
            query_embedding,
            scope: scope.clone(),
            mode: match mode {
                Mode::Hybrid => SearchMode::Hybrid,
                Mode::Lexical => SearchMode::Lexical,
                Mode::Dense => SearchMode::Dense,
            },
            top_k: DEPTH,
        };
        let found = store.search(&request).await?;
        times_ms.push(started.elapsed().as_secs_f64() * 1000.0);
        // A document counts where its best chunk stands.
        let mut seen = HashSet::new();
        let documents = found.hits.iter().map(|hit| hit.document.to_string()).filter(|id| seen.insert(id.clone()));
        rankings.insert(query.id.clone(), documents.filter_map(|id| names.get(&id).cloned()).collect());
    }
    times_ms.sort_by(f64::total_cmp);
    let percentile = |share: f64| times_ms.get((times_ms.len() as f64 * share) as usize).copied().unwrap_or_default();
    Ok(Measured {
        measures: Measures::of(&rankings, &collection.judgments),
        p50_ms: percentile(0.5),
        p95_ms: percentile(0.95),
    })
}

fn report(folder: &Path, mode: Mode, measured: &Measured, json: bool) -> anyhow::Result<()> {
    let measures = &measured.measures;
    if json {
        let mut value = serde_json::to_value(measures)?;
        value["mode"] = json!(mode.as_str());
        value["p50_ms"] = json!(measured.p50_ms);
        value["p95_ms"] = json!(measured.p95_ms);
        return print_json(&value);
    }
    println!(
        "{:<8} {:<20} nDCG@10 {:.3}  recall@100 {:.3}  MRR@10 {:.3}  MAP {:.3}  ({} queries, p50 {:.1} ms, p95 {:.1} ms)",
        mode.as_str(),
        folder.file_name().unwrap_or_default().to_string_lossy(),
        measures.ndcg_at_10,
        measures.recall_at_100,
        measures.mrr_at_10,
        measures.map,
        measures.queries,
        measured.p50_ms,
        measured.p95_ms
    );
    Ok(())
}
