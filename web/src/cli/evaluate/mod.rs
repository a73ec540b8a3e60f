//! `eval retrieval`: a test collection goes through the real path (chunks, vectors, both indexes) into a
//! store of its own, and every query through the real search, and through the reranker if there is one. `eval weights`:
//! the same for each weight of the dense leg.

mod export;
mod filled;
mod questions;
mod runs;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use terroir_embed::{Encoder, Input, ModelStore, Priority, Reranker};
use terroir_store::evaluation::{Difference, Judgments, Measures, Rankings, TestCollection, paired_difference};
use terroir_store::{Language, Principal, SearchRequest, Store};

use super::latency::p50_and_p95;
use super::{Mode, print_json};
use crate::app::{first_set, open_reranker};
use crate::config::{self, Settings};
use crate::reranking::rerank;

#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// nDCG@10, recall@100, MRR@10 and MAP over a folder in the BEIR layout, and which differences are chance
    Retrieval {
        #[command(flatten)]
        over: Over,
        /// One mode; all three, and what the reranker makes of the hybrid one if there is a reranker, if left out
        #[arg(long, value_enum)]
        mode: Option<Mode>,
        /// Write what was found here, in TREC's format
        #[arg(long, value_name = "FILE")]
        runs: Option<PathBuf>,
        /// Compare with the runs of the same names in this file, which other settings wrote with --runs
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
    },
    /// Hybrid search with each weight of the dense leg, to choose them on queries that are for choosing
    Weights {
        #[command(flatten)]
        over: Over,
        /// Only this weight, from 0 to 1; may be given several times. Every twentieth part if left out
        #[arg(long = "weight", value_name = "WEIGHT")]
        weights: Vec<f32>,
    },
    /// Let the generating model propose questions about your documents, and confirm those that are good: index sets
    /// are compared by them
    Make(questions::MakeArgs),
    /// List the questions that were confirmed, and those that are proposed
    Questions,
    /// Add a question of your own, with the words of a document that answer it
    Add(questions::AddArgs),
    /// Confirm a question that is proposed, in better words if given
    Confirm { id: String, question: Option<String> },
    /// Drop a question
    Drop { id: String },
    /// Write documents and confirmed questions as a folder in the BEIR layout, to train models on or to measure with
    Export(export::ExportArgs),
}

#[derive(Debug, Args)]
pub struct Over {
    /// Folder with corpus.jsonl, queries.jsonl and qrels/test.tsv
    folder: PathBuf,
    /// Keep the indexed collection here, and use it again
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Chunks asked for, so that 100 documents are left when each counts once.
const DEPTH: usize = 300;

/// A test collection and the store that holds it.
struct Bench {
    store: Store,
    encoder: Encoder,
    reranker: Option<Reranker>,
    search: config::Search,
    collection: TestCollection,
    /// The test collection's names of the store's documents.
    names: HashMap<String, String>,
}

pub fn evaluate(settings: &Settings, command: &EvalCommand, json: bool) -> anyhow::Result<()> {
    let over = match command {
        EvalCommand::Retrieval { over, .. } | EvalCommand::Weights { over, .. } => over,
        EvalCommand::Make(arguments) => return questions::make(settings, arguments, json),
        EvalCommand::Questions => return questions::questions(settings, json),
        EvalCommand::Add(arguments) => return questions::add(settings, arguments, json),
        EvalCommand::Confirm { id, question } => return questions::decide(settings, id, true, question.as_deref()),
        EvalCommand::Drop { id } => return questions::decide(settings, id, false, None),
        EvalCommand::Export(arguments) => return export::export(settings, arguments, json),
    };
    let collection = TestCollection::read(&over.folder)?;
    let models = ModelStore::open(&settings.models_dir())?;
    let encoder = Encoder::open(&models.files(&settings.models.embed)?, settings.encoder_options())?;
    let temporary = tempfile::tempdir()?;
    let data = over.keep.as_deref().unwrap_or(temporary.path());

    actix_web::rt::System::new().block_on(async {
        let store = filled::open(data, first_set(settings, &encoder).await?).await?;
        let names = filled::fill(&store, &encoder, &collection).await?;
        let (reranker, search) = (open_reranker(settings, &models).await?, settings.search.clone());
        let bench = Bench { store, encoder, reranker, search, collection, names };
        let evaluated = match command {
            EvalCommand::Retrieval { mode, runs, against, .. } => {
                bench.retrieval(&over.folder, *mode, runs.as_deref(), against.as_deref(), json).await
            }
            EvalCommand::Weights { weights, .. } => bench.weights(&over.folder, weights, json).await,
            _ => Ok(()),
        };
        bench.store.close().await;
        evaluated
    })
}

/// How passages are found: in a mode, or in the hybrid one with the reranker behind it.
#[derive(Debug, Clone, Copy)]
enum How {
    Plain(Mode),
    Reranked,
}

impl How {
    fn mode(self) -> Mode {
        match self {
            Self::Plain(mode) => mode,
            Self::Reranked => Mode::Hybrid,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Plain(mode) => mode.as_str(),
            Self::Reranked => "reranked",
        }
    }
}

struct Measured {
    rankings: Rankings,
    languages: HashMap<String, Language>,
    p50_ms: f64,
    p95_ms: f64,
}

impl Bench {
    async fn retrieval(
        &self,
        folder: &Path,
        mode: Option<Mode>,
        runs: Option<&Path>,
        against: Option<&Path>,
        json: bool,
    ) -> anyhow::Result<()> {
        let others = against.map(runs::read).transpose()?.unwrap_or_default();
        let modes = mode.map_or_else(|| vec![Mode::Lexical, Mode::Dense, Mode::Hybrid], |mode| vec![mode]);
        let reranked = self.reranker.is_some() && modes.contains(&Mode::Hybrid);
        let ways = modes.into_iter().map(How::Plain).chain(reranked.then_some(How::Reranked));
        let mut measured: Vec<(How, Measured)> = Vec::new();
        for how in ways {
            let found = self.measure(how, None).await?;
            self.report(folder, how, &found, json)?;
            measured.push((how, found));
        }
        if let Some(path) = runs {
            let named: Vec<_> = measured.iter().map(|(how, found)| (how.as_str(), &found.rankings)).collect();
            runs::write(path, &named)?;
        }
        for (how, found) in &measured {
            if let Some(other) = others.get(how.as_str()) {
                self.compare(
                    &format!("{} of {}", how.as_str(), against.unwrap_or(folder).display()),
                    other,
                    how.as_str(),
                    found,
                    json,
                )?;
            }
        }
        // The last way is the one that all others are part of.
        if let Some(((whole, best), parts)) = measured.split_last().filter(|(_, parts)| !parts.is_empty()) {
            for (part, found) in parts {
                self.compare(part.as_str(), &found.rankings, whole.as_str(), best, json)?;
            }
        }
        Ok(())
    }

    async fn weights(&self, folder: &Path, only: &[f32], json: bool) -> anyhow::Result<()> {
        const STEPS: u8 = 20;
        let each = || (0..=STEPS).map(|step| f32::from(step) / f32::from(STEPS)).collect();
        let weights: Vec<f32> = if only.is_empty() { each() } else { only.to_vec() };
        for weight in weights {
            let found = self.measure(How::Plain(Mode::Hybrid), Some(weight)).await?;
            let measures = Measures::of(&found.rankings, &self.collection.judgments);
            if json {
                let mut value = serde_json::to_value(measures)?;
                value["dense_weight"] = json!(weight);
                print_json(&value)?;
            } else {
                print_measures(&format!("dense {weight:.2}"), folder, &measures);
                println!();
            }
        }
        Ok(())
    }

    async fn measure(&self, how: How, dense_weight: Option<f32>) -> anyhow::Result<Measured> {
        let mode = how.mode();
        let scope = self.store.scope(&Principal::Operator, None).await?;
        let (mut rankings, mut languages) = (Rankings::new(), HashMap::new());
        let mut times_ms = Vec::new();
        for query in &self.collection.queries {
            let started = Instant::now();
            let query_embedding = match mode {
                Mode::Lexical => None,
                Mode::Hybrid | Mode::Dense => {
                    let texts = vec![query.text.clone()];
                    self.encoder.encode(texts, Input::Query, Priority::Interactive).await?.into_iter().next()
                }
            };
            let request = SearchRequest {
                query: query.text.clone(),
                query_embedding,
                scope: scope.clone(),
                mode: mode.into(),
                top_k: DEPTH,
            };
            let mut found = self.store.search_weighted(&request, dense_weight).await?;
            if let (How::Reranked, Some(reranker)) = (how, &self.reranker) {
                rerank(reranker, &self.search, &query.text, &mut found.hits).await?;
            }
            times_ms.push(started.elapsed().as_secs_f64() * 1000.0);
            // A document counts where its best chunk stands, and a copy beside what it is a copy of.
            let mut seen = HashSet::new();
            let documents = found
                .hits
                .iter()
                .flat_map(|hit| std::iter::once(hit.document).chain(hit.copies.iter().map(|copy| copy.document)));
            let documents = documents.map(|id| id.to_string()).filter(|id| seen.insert(id.clone()));
            rankings.insert(query.id.clone(), documents.filter_map(|id| self.names.get(&id).cloned()).collect());
            languages.insert(query.id.clone(), found.query_language);
        }
        let (p50_ms, p95_ms) = p50_and_p95(times_ms);
        Ok(Measured { rankings, languages, p50_ms, p95_ms })
    }

    fn report(&self, folder: &Path, how: How, measured: &Measured, json: bool) -> anyhow::Result<()> {
        let measures = Measures::of(&measured.rankings, &self.collection.judgments);
        let by_language = self.by_language(measured);
        if json {
            let mut value = serde_json::to_value(measures)?;
            value["mode"] = json!(how.as_str());
            value["p50_ms"] = json!(measured.p50_ms);
            value["p95_ms"] = json!(measured.p95_ms);
            let languages =
                by_language.iter().map(|(language, measures)| (language.as_str().to_owned(), json!(measures)));
            value["languages"] = Value::Object(languages.collect());
            return print_json(&value);
        }
        print_measures(how.as_str(), folder, &measures);
        println!(", p50 {:.1} ms, p95 {:.1} ms", measured.p50_ms, measured.p95_ms);
        if by_language.len() > 1 {
            for (language, measures) in &by_language {
                print_measures(&format!("  in {}", language.as_str()), folder, measures);
                println!();
            }
        }
        Ok(())
    }

    /// By the language that each query was taken to be in.
    fn by_language(&self, measured: &Measured) -> BTreeMap<Language, Measures> {
        let mut judgments: BTreeMap<Language, Judgments> = BTreeMap::new();
        for (query, relevant) in &self.collection.judgments {
            if let Some(language) = measured.languages.get(query) {
                judgments.entry(*language).or_default().insert(query.clone(), relevant.clone());
            }
        }
        let of_language = |(language, judgments)| (language, Measures::of(&measured.rankings, &judgments));
        judgments.into_iter().map(of_language).collect()
    }

    fn compare(
        &self,
        first_name: &str,
        first: &Rankings,
        second_name: &str,
        second: &Measured,
        json: bool,
    ) -> anyhow::Result<()> {
        let judgments = &self.collection.judgments;
        let first = Measures::of_each(first, judgments);
        let second = Measures::of_each(&second.rankings, judgments);
        let pairs: Vec<(f64, f64)> =
            first.values().zip(second.values()).map(|(first, second)| (first.ndcg_at_10, second.ndcg_at_10)).collect();
        let difference = paired_difference(&pairs);
        if json {
            let mut value = serde_json::to_value(difference)?;
            value["measure"] = json!("ndcg@10");
            value["first"] = json!(first_name);
            value["second"] = json!(second_name);
            return print_json(&value);
        }
        let Difference { mean, better, worse, p, .. } = difference;
        println!(
            "{second_name} less {first_name}: nDCG@10 {mean:+.3}, better for {better} queries, worse for {worse}, p = {p:.4}"
        );
        Ok(())
    }
}

fn print_measures(name: &str, folder: &Path, measures: &Measures) {
    print!(
        "{name:<10} {:<18} nDCG@10 {:.3}  recall@100 {:.3}  MRR@10 {:.3}  MAP {:.3}  {} queries",
        folder.file_name().unwrap_or_default().to_string_lossy(),
        measures.ndcg_at_10,
        measures.recall_at_100,
        measures.mrr_at_10,
        measures.map,
        measures.queries
    );
}
