//! `sources`: what documents stay in step with.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::client::Client;
use super::print_json;
use crate::config::Settings;

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one in a run of the program")]
pub enum SourcesCommand {
    /// Add a folder, site, git repository or bucket
    #[command(subcommand)]
    Add(AddCommand),
    /// List sources with their last reports
    List {
        #[arg(long, value_name = "NAME")]
        collection: Option<String>,
    },
    /// Show one source
    Show { source: String },
    /// Bring a source into step now
    Sync {
        source: String,
        /// Stay until the sync has ended and its documents can be found
        #[arg(long)]
        wait: bool,
        /// Believe an empty source: everything that it brought is removed
        #[arg(long)]
        allow_empty: bool,
    },
    /// Stop the sync under way
    Stop { source: String },
    /// No syncs until it is resumed
    Pause { source: String },
    /// Sync again, at once and by its interval
    Resume { source: String },
    /// The reports of a source, newest first
    Syncs { source: String },
    /// Remove a source and its documents
    Remove {
        source: String,
        /// Leave its documents as they are
        #[arg(long)]
        keep_documents: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum AddCommand {
    /// A folder of the service's machine
    Folder {
        path: std::path::PathBuf,
        #[command(flatten)]
        patterns: Patterns,
        /// Take files and folders whose names begin with a dot
        #[arg(long)]
        hidden: bool,
        /// Look by the interval only, not when something changes
        #[arg(long)]
        no_watch: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Pages of a web site
    Site {
        /// Where reading begins
        #[arg(value_name = "URL")]
        urls: Vec<String>,
        #[arg(long, value_name = "URL")]
        sitemap: Vec<String>,
        /// A further host that belongs to the site
        #[arg(long, value_name = "HOST")]
        host: Vec<String>,
        /// What paths must begin with
        #[arg(long, value_name = "/PATH")]
        prefix: Vec<String>,
        #[command(flatten)]
        patterns: Patterns,
        /// Links between a start and a page
        #[arg(long)]
        depth: Option<u32>,
        #[arg(long)]
        max_pages: Option<u32>,
        /// Pause between two requests
        #[arg(long, value_name = "MS")]
        delay_ms: Option<u64>,
        #[command(flatten)]
        common: Common,
    },
    /// A branch of a git repository
    Git {
        url: String,
        #[arg(long)]
        branch: Option<String>,
        /// Part of the tree
        #[arg(long)]
        folder: Option<String>,
        /// A section [credentials.NAME] of the settings
        #[arg(long, value_name = "NAME")]
        credentials: Option<String>,
        #[command(flatten)]
        patterns: Patterns,
        #[command(flatten)]
        common: Common,
    },
    /// An object store, or a folder behind `WebDAV` or SFTP
    Bucket {
        #[arg(value_parser = ["s3", "webdav", "sftp"])]
        service: String,
        /// Of an object store
        #[arg(long)]
        bucket: Option<String>,
        /// Part of the tree
        #[arg(long)]
        folder: Option<String>,
        /// Address of the server, where no credentials are needed
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        #[arg(long)]
        region: Option<String>,
        /// A section [credentials.NAME] of the settings
        #[arg(long, value_name = "NAME")]
        credentials: Option<String>,
        #[command(flatten)]
        patterns: Patterns,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
pub struct Patterns {
    /// Take only what matches: a name such as *.pdf, a path from the root, or a folder with a slash at its end
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Leave out what matches
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Common {
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[arg(long, value_name = "NAME", default_value = "default")]
    collection: String,
    /// Time between two syncs; 0: only when asked
    #[arg(long, value_name = "SECONDS")]
    interval: Option<u64>,
    /// Add it though it may not be readable now
    #[arg(long)]
    no_check: bool,
    /// Stay until its first sync has ended and its documents can be found
    #[arg(long)]
    wait: bool,
}

const POLL: Duration = Duration::from_millis(200);

pub fn sources(settings: &Settings, command: SourcesCommand, json: bool) -> anyhow::Result<ExitCode> {
    let client = Client::connect_for_sources(settings)?;
    let done = |value: &Value, text: &dyn Fn() -> String| -> anyhow::Result<ExitCode> {
        if json {
            print_json(value)?;
        } else {
            println!("{}", text());
        }
        Ok(ExitCode::SUCCESS)
    };
    match command {
        SourcesCommand::Add(add) => {
            let (kind, own, common) = settings_of(add)?;
            let added = client.post(
                "/api/v1/sources",
                &json!({"kind": kind, "name": common.name, "collection": common.collection, "settings": own,
                    "interval_s": common.interval, "check": !common.no_check}),
            )?;
            if common.wait {
                return follow(&client, &added, None, json);
            }
            done(&added, &|| added_text(&added))
        }
        SourcesCommand::List { collection } => {
            let items = list(&client, collection.as_deref())?;
            done(&json!({"items": items}), &|| items.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        SourcesCommand::Show { source } => {
            let found = find(&client, &source)?;
            done(&found, &|| serde_json::to_string_pretty(&found).unwrap_or_default())
        }
        SourcesCommand::Sync { source, wait, allow_empty } => {
            let found = find(&client, &source)?;
            let before = found["last_sync"]["id"].as_str().map(str::to_owned);
            let asked = client.post(&path(&found, "/sync")?, &json!({"allow_empty": allow_empty}))?;
            if wait {
                return follow(&client, &found, before.as_deref(), json);
            }
            done(&asked, &|| format!("{} is due now", name(&found)))
        }
        SourcesCommand::Stop { source } => {
            let found = client.post(&path(&find(&client, &source)?, "/stop")?, &json!({}))?;
            done(&found, &|| format!("{} is told to stop", name(&found)))
        }
        SourcesCommand::Pause { source } => {
            let found = client.post(&path(&find(&client, &source)?, "/pause")?, &json!({}))?;
            done(&found, &|| format!("{} is paused", name(&found)))
        }
        SourcesCommand::Resume { source } => {
            let found = client.post(&path(&find(&client, &source)?, "/resume")?, &json!({}))?;
            done(&found, &|| format!("{} is active", name(&found)))
        }
        SourcesCommand::Syncs { source } => {
            let reports = client.get(&path(&find(&client, &source)?, "/syncs?limit=100")?)?;
            let items = reports["items"].as_array().cloned().unwrap_or_default();
            done(&reports, &|| items.iter().map(report).collect::<Vec<_>>().join("\n"))
        }
        SourcesCommand::Remove { source, keep_documents } => {
            let found = find(&client, &source)?;
            let documents = if keep_documents { "keep" } else { "remove" };
            let removed = client.delete(&path(&found, &format!("?documents={documents}"))?)?;
            wait_until_gone(&client, &found)?;
            done(&removed, &|| format!("removed {}", name(&found)))
        }
    }
}

/// Kind, settings, and what all kinds have.
fn settings_of(command: AddCommand) -> anyhow::Result<(&'static str, Value, Common)> {
    Ok(match command {
        AddCommand::Folder { path, patterns, hidden, no_watch, common } => {
            let path = fs_err::canonicalize(&path)?;
            let settings = json!({"path": path, "include": patterns.include, "exclude": patterns.exclude,
                "hidden": hidden, "watch": !no_watch});
            ("folder", settings, common)
        }
        AddCommand::Site { urls, sitemap, host, prefix, patterns, depth, max_pages, delay_ms, common } => {
            let settings = without_nulls(json!({"urls": urls, "sitemaps": sitemap, "hosts": host, "prefixes": prefix,
                "include": patterns.include, "exclude": patterns.exclude, "depth": depth, "max_pages": max_pages,
                "delay_ms": delay_ms}));
            ("site", settings, common)
        }
        AddCommand::Git { url, branch, folder, credentials, patterns, common } => {
            // A path is an address on this machine.
            let url = if url.contains(':') { url } else { format!("file://{}", fs_err::canonicalize(&url)?.display()) };
            let settings = json!({"url": url, "branch": branch, "folder": folder, "credentials": credentials,
                "include": patterns.include, "exclude": patterns.exclude});
            ("git", settings, common)
        }
        AddCommand::Bucket { service, bucket, folder, endpoint, region, credentials, patterns, common } => {
            let settings = json!({"service": service, "bucket": bucket, "folder": folder, "endpoint": endpoint,
                "region": region, "credentials": credentials, "include": patterns.include,
                "exclude": patterns.exclude});
            ("bucket", settings, common)
        }
    })
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    value
}

fn list(client: &Client, collection: Option<&str>) -> anyhow::Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/api/v1/sources?limit=200&cursor={cursor}"))?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    items.retain(|item| collection.is_none_or(|wanted| item["collection"] == wanted));
    Ok(items)
}

/// By name, or by id.
fn find(client: &Client, wanted: &str) -> anyhow::Result<Value> {
    let mut all = list(client, None)?;
    let place = all.iter().position(|source| source["name"] == wanted || source["id"] == wanted);
    place.map(|place| all.swap_remove(place)).with_context(|| {
        format!("there is no source named {wanted}; `terroir sources list` shows those that there are")
    })
}

fn path(source: &Value, rest: &str) -> anyhow::Result<String> {
    let id = source["id"].as_str().context("the source has no id")?;
    Ok(format!("/api/v1/sources/{id}{rest}"))
}

/// Shows how far a sync is until it has ended, and then until its documents can be found. Succeeds if nothing failed.
fn follow(client: &Client, source: &Value, before: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {elapsed} {msg}").expect("the template is constant"));
    let started = Instant::now();
    loop {
        let now = client.get(&path(source, "")?)?;
        let running = &now["running_sync"];
        let last = &now["last_sync"];
        let ended = running.is_null() && !last.is_null() && last["id"].as_str() != before;
        let waiting = now["documents"]["processing"].as_u64().unwrap_or(0);
        if ended && waiting == 0 {
            bar.finish_and_clear();
            if json {
                print_json(&now)?;
            } else {
                println!("{} in {:.1} s", report(last), started.elapsed().as_secs_f64());
                for failure in last["failures"].as_array().unwrap_or(&Vec::new()) {
                    println!(
                        "  {}: {} ({})",
                        text(&failure["item"]),
                        text(&failure["message"]),
                        text(&failure["hint"])
                    );
                }
            }
            let well = last["state"] == "done" && last["failed"] == 0;
            return Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if ended {
            bar.set_message(format!("{waiting} documents are being read"));
        } else if !running.is_null() {
            bar.set_message(report(running));
        }
        bar.tick();
        std::thread::sleep(POLL);
    }
}

fn wait_until_gone(client: &Client, source: &Value) -> anyhow::Result<()> {
    let bar = ProgressBar::new_spinner();
    loop {
        let all = list(client, None)?;
        let Some(now) = all.iter().find(|known| known["id"] == source["id"]) else { break };
        let last = &now["last_sync"];
        if last["state"] == "failed" && now["failures"].as_u64().unwrap_or(0) > 0 && now["running_sync"].is_null() {
            bail!("not everything could be removed: {}; it is tried again", text(&last["error"]["message"]));
        }
        bar.set_message(format!("{} removed", now["running_sync"]["removed"]));
        bar.tick();
        std::thread::sleep(POLL);
    }
    bar.finish_and_clear();
    Ok(())
}

fn name(source: &Value) -> String {
    text(&source["name"]).to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn added_text(source: &Value) -> String {
    let mut told = format!("added {} ({}); its first sync begins now", name(source), text(&source["id"]));
    for item in source["checked"]["items"].as_array().unwrap_or(&Vec::new()) {
        told.push_str("\n  ");
        told.push_str(text(item));
    }
    if source["checked"]["more"] == true {
        told.push_str("\n  …");
    }
    told
}

fn line(source: &Value) -> String {
    let last = &source["last_sync"];
    let told = match (source["running_sync"].is_null(), last.is_null()) {
        (false, _) => format!("syncing: {}", report(&source["running_sync"])),
        (true, false) => report(last),
        (true, true) => "not synced yet".to_owned(),
    };
    let documents = &source["documents"];
    format!(
        "{:<24} {:<7} {:<7} {:>6} documents  {told}",
        name(source),
        text(&source["kind"]),
        text(&source["state"]),
        documents["ready"].as_u64().unwrap_or(0),
    )
}

/// "done: 3 added, 1 changed, 0 removed, 12 unchanged, 0 failed"
fn report(sync: &Value) -> String {
    let counts = ["added", "changed", "removed", "unchanged", "failed"]
        .map(|count| format!("{} {count}", sync[count].as_u64().unwrap_or(0)));
    let mut told = format!("{}: {}", text(&sync["state"]), counts.join(", "));
    if let Some(message) = sync["error"]["message"].as_str() {
        told += &["; ", message, " (", text(&sync["error"]["hint"]), ")"].concat();
    }
    told
}
