//! `ingest`: files, folders and web addresses into the knowledge base, one line per file.

use std::collections::VecDeque;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::client::Client;
use super::print_json;
use crate::config::Settings;

#[derive(Debug, Args)]
pub struct IngestArgs {
    /// Files, folders (with everything below them) or http(s) addresses
    #[arg(required = true, value_name = "PATH|URL")]
    paths: Vec<String>,
    #[arg(long, value_name = "NAME", default_value = "default")]
    collection: String,
    /// Stay, and follow the folders: new, changed and removed files
    #[arg(long)]
    watch: bool,
}

/// More files than this are a bulk load: files that somebody waits for go before it.
const BULK: usize = 16;
/// Files that may be under way at once: enough to keep the workers busy, few enough to report in order.
const WINDOW: usize = 64;
const POLL: Duration = Duration::from_millis(100);
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Summary {
    ready: u64,
    failed: u64,
    duplicate: u64,
    pages: u64,
    chunks: u64,
}

struct Pending {
    path: String,
    document: String,
    bytes: u64,
    started: Instant,
}

pub fn ingest(settings: &Settings, arguments: &IngestArgs, json: bool) -> anyhow::Result<ExitCode> {
    let client = Client::connect(settings)?;
    let mut run = Run {
        client: &client,
        collection: &arguments.collection,
        max_file_bytes: settings.ingest.max_file_bytes,
        json,
        bulk: false,
        summary: Summary::default(),
        pending: VecDeque::new(),
        files: (0, 0),
        bar: ProgressBar::hidden(),
    };
    let started = Instant::now();
    let sources = sources(&arguments.paths)?;
    make_collection(&client, &arguments.collection)?;
    run.all(&sources)?;
    run.report(started.elapsed())?;
    if arguments.watch {
        run.watch(&arguments.paths, sources)?;
    }
    let failed = run.summary.failed > 0;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Makes the collection unless it is there, and says so: the name may be a slip of the pen.
fn make_collection(client: &Client, name: &str) -> anyhow::Result<()> {
    let known = client.get("/api/v1/collections")?;
    let is_known = known["items"].as_array().into_iter().flatten().any(|collection| collection["name"] == name);
    if !is_known {
        client.post("/api/v1/collections", &json!({"name": name}))?;
        eprintln!("made the collection {name}; nobody but you may read it until `terroir readers set` says who may");
    }
    Ok(())
}

struct Run<'a> {
    client: &'a Client,
    collection: &'a str,
    max_file_bytes: u64,
    json: bool,
    bulk: bool,
    summary: Summary,
    pending: VecDeque<Pending>,
    /// Finished, of how many.
    files: (usize, usize),
    bar: ProgressBar,
}

impl Run<'_> {
    fn all(&mut self, sources: &[Source]) -> anyhow::Result<()> {
        self.bulk = sources.len() > BULK;
        // By bytes, because a file of hundreds of pages is not done when a hundred notes are.
        self.bar = ProgressBar::new(sources.iter().map(Source::weight).sum());
        self.bar.set_style(
            ProgressStyle::with_template("{bar:30} {percent}% {prefix}, {elapsed} elapsed, {eta} left  {wide_msg}")
                .expect("the template is constant"),
        );
        self.files = (0, sources.len());
        for source in sources {
            while self.pending.len() >= WINDOW {
                self.settle()?;
            }
            self.add(source)?;
        }
        while !self.pending.is_empty() {
            self.settle()?;
        }
        self.bar.finish_and_clear();
        Ok(())
    }

    fn add(&mut self, source: &Source) -> anyhow::Result<()> {
        let started = Instant::now();
        let uploaded = source.read(self.max_file_bytes).and_then(|bytes| {
            self.client.patiently(|client| client.upload(&source.name, &source.uri, self.collection, self.bulk, &bytes))
        });
        let item = match uploaded {
            Ok(answer) => answer["items"][0].clone(),
            Err(error) => {
                let failed = json!({"status": "failed", "error": {
                    "code": "not_uploaded", "message": format!("{error:#}"), "hint": "check the file and ingest it again"}});
                return self.line(&source.uri, source.weight(), &failed, started);
            }
        };
        if item["status"] == "duplicate" {
            let duplicate = json!({"status": "duplicate", "id": item["document"]});
            return self.line(&source.uri, source.weight(), &duplicate, started);
        }
        self.pending.push_back(Pending {
            path: source.uri.clone(),
            document: item["document"].as_str().context("the upload's answer names no document")?.to_owned(),
            bytes: source.weight(),
            started,
        });
        Ok(())
    }

    /// Reports what has finished; waits a little if nothing has.
    fn settle(&mut self) -> anyhow::Result<()> {
        let before = self.pending.len();
        for _ in 0..before {
            let Some(pending) = self.pending.pop_front() else { break };
            let document =
                self.client.patiently(|client| client.get(&format!("/api/v1/documents/{}", pending.document)));
            match document {
                Ok(document) if matches!(document["status"].as_str(), Some("ready" | "failed" | "cancelled")) => {
                    self.line(&pending.path, pending.bytes, &document, pending.started)?;
                }
                Ok(document) => {
                    if document["status"] == "processing" {
                        self.bar.set_message(under_way(&document));
                    }
                    self.pending.push_back(pending);
                }
                Err(error) => {
                    let failed = json!({"status": "failed", "id": pending.document, "error": {
                        "code": "not_followed", "message": format!("{error:#}"),
                        "hint": "`terroir documents show` tells how it is; ingest it again if it was removed"}});
                    self.line(&pending.path, pending.bytes, &failed, pending.started)?;
                }
            }
        }
        if self.pending.len() == before {
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn line(&mut self, path: &str, bytes: u64, document: &Value, started: Instant) -> anyhow::Result<()> {
        let status = document["status"].as_str().unwrap_or("failed");
        match status {
            "ready" => self.summary.ready += 1,
            "duplicate" => self.summary.duplicate += 1,
            _ => self.summary.failed += 1,
        }
        let (pages, chunks) = (document["pages"].as_u64(), document["chunks"].as_u64());
        self.summary.pages += pages.unwrap_or(0);
        self.summary.chunks += chunks.unwrap_or(0);
        self.files.0 += 1;
        self.bar.set_prefix(format!("{}/{} files", self.files.0, self.files.1));
        self.bar.inc(bytes);
        let ms = started.elapsed().as_millis() as u64;
        if self.json {
            return print_json(&json!({
                "path": path, "document": document["id"], "status": status, "error": document["error"],
                "pages": pages, "chunks": chunks.unwrap_or(0), "ms": ms,
            }));
        }
        let error = &document["error"];
        self.bar.suspend(|| match status {
            "failed" => println!(
                "failed     {path}: {} ({})",
                error["message"].as_str().unwrap_or("no reason was given"),
                error["hint"].as_str().unwrap_or("")
            ),
            _ => println!("{status:<10} {path}"),
        });
        Ok(())
    }

    fn report(&self, elapsed: Duration) -> anyhow::Result<()> {
        let summary = &self.summary;
        let ms = elapsed.as_millis() as u64;
        if self.json {
            return print_json(&json!({"summary": {
                "ready": summary.ready, "failed": summary.failed, "duplicate": summary.duplicate,
                "pages": summary.pages, "chunks": summary.chunks, "ms": ms}}));
        }
        println!(
            "{} ready, {} failed, {} already there; {} pages, {} chunks in {:.1} s",
            summary.ready,
            summary.failed,
            summary.duplicate,
            summary.pages,
            summary.chunks,
            elapsed.as_secs_f64()
        );
        Ok(())
    }

    /// Looks at the folders again and again: what is new or changed is added, what vanished is removed.
    fn watch(&mut self, paths: &[String], mut known: Vec<Source>) -> anyhow::Result<()> {
        loop {
            std::thread::sleep(WATCH_INTERVAL);
            let now = sources(paths)?;
            let changed: Vec<Source> = now.iter().filter(|source| !known.contains(source)).cloned().collect();
            self.all(&changed)?;
            for gone in known.iter().filter(|old| !now.iter().any(|new| new.uri == old.uri)) {
                self.remove(gone)?;
            }
            known = now;
        }
    }

    fn remove(&self, source: &Source) -> anyhow::Result<()> {
        let found = self
            .client
            .post("/api/v1/documents/lookup", &json!({"collection": self.collection, "source_uri": source.uri}));
        let Ok(document) = found else { return Ok(()) };
        let id = document["id"].as_str().context("the document has no id")?;
        self.client.delete(&format!("/api/v1/documents/{id}"))?;
        if self.json {
            return print_json(&json!({"path": source.uri, "document": id, "status": "removed"}));
        }
        println!("removed    {}", source.uri);
        Ok(())
    }
}

/// `report.pdf: embedding 320/1200`.
fn under_way(document: &Value) -> String {
    let (name, stage) = (document["file_name"].as_str().unwrap_or(""), document["stage"].as_str().unwrap_or(""));
    let progress = &document["progress"];
    match (progress["done"].as_u64(), progress["total"].as_u64()) {
        (Some(done), Some(total)) if total > 0 => format!("{name}: {stage} {done}/{total}"),
        _ => format!("{name}: {stage}"),
    }
}

/// Something to read, and what it looked like when it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    name: String,
    uri: String,
    path: Option<PathBuf>,
    bytes: u64,
    modified: Option<std::time::SystemTime>,
}

impl Source {
    /// For the bar: no file is for nothing.
    fn weight(&self) -> u64 {
        self.bytes + (64 << 10)
    }

    fn read(&self, max_bytes: u64) -> anyhow::Result<Vec<u8>> {
        let Some(path) = &self.path else {
            return super::models::fetch(&self.uri, max_bytes);
        };
        anyhow::ensure!(
            self.bytes <= max_bytes,
            "{} has {} bytes, more than ingest.max_file_bytes ({max_bytes})",
            path.display(),
            self.bytes
        );
        let mut bytes = Vec::new();
        fs_err::File::open(path)?.take(max_bytes).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn sources(paths: &[String]) -> anyhow::Result<Vec<Source>> {
    let mut found = Vec::new();
    for given in paths {
        if given.starts_with("http://") || given.starts_with("https://") {
            found.push(Source {
                name: given.rsplit('/').find(|part| !part.is_empty()).unwrap_or(given).to_owned(),
                uri: given.clone(),
                path: None,
                bytes: 0,
                modified: None,
            });
            continue;
        }
        let root = fs_err::canonicalize(given)?;
        let visible =
            |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
        for entry in walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().filter_entry(visible) {
            let entry = entry.with_context(|| format!("reading {given}"))?;
            if entry.file_type().is_file() {
                found.push(file_source(entry.path())?);
            }
        }
    }
    Ok(found)
}

fn file_source(path: &Path) -> anyhow::Result<Source> {
    let metadata = fs_err::metadata(path)?;
    Ok(Source {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        uri: path.to_string_lossy().into_owned(),
        path: Some(path.to_owned()),
        bytes: metadata.len(),
        modified: metadata.modified().ok(),
    })
}
