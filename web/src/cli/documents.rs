//! `documents` and `collections`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Client, encoded};
use super::print_json;
use super::query::print_hits;
use super::receipts::tell;
use crate::config::Settings;

#[derive(Debug, Subcommand)]
pub enum DocumentsCommand {
    /// List documents
    List {
        #[arg(long, value_name = "NAME")]
        collection: Option<String>,
        /// queued, processing, ready, failed or cancelled
        #[arg(long)]
        status: Option<String>,
    },
    /// Show one document
    Show { id: String },
    /// Other documents that are similar to a document, each with its best passage
    Similar {
        id: String,
        /// Similar to this chunk of it
        #[arg(long, value_name = "ID")]
        chunk: Option<String>,
        #[arg(long, value_name = "N", default_value = "8")]
        top_k: usize,
    },
    /// Hold the work on a document back
    Pause { id: String },
    /// Let the work on a document go on
    Resume { id: String },
    /// Call the work on a document off
    Cancel { id: String },
    /// Try a document again that failed or was cancelled
    Retry { id: String },
    /// Remove a document from everywhere, and say what remains
    Remove { id: String },
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum QueueCommand {
    /// Show what waits and what is under way
    Show,
    /// Stop all ingestion until it is resumed
    Pause,
    /// Let ingestion go on
    Resume,
}

#[derive(Debug, Subcommand)]
pub enum CollectionsCommand {
    /// List collections
    List,
    /// Create a collection
    Create { name: String },
}

pub fn documents(settings: &Settings, command: &DocumentsCommand, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    match command {
        DocumentsCommand::List { collection, status } => {
            let items = list(&client, collection.as_deref(), status.as_deref())?;
            if json {
                return print_json(&json!({"items": items}));
            }
            for item in &items {
                println!(
                    "{}  {:<10} {:>5} chunks  {}",
                    item["id"].as_str().unwrap_or(""),
                    item["status"].as_str().unwrap_or(""),
                    item["chunks"],
                    item["title"].as_str().or(item["file_name"].as_str()).unwrap_or("")
                );
            }
            println!("{} documents", items.len());
            Ok(())
        }
        DocumentsCommand::Show { id } => {
            let document = client.get(&format!("/api/v1/documents/{id}"))?;
            if json {
                return print_json(&document);
            }
            println!("{}", serde_json::to_string_pretty(&document)?);
            Ok(())
        }
        DocumentsCommand::Similar { id, chunk, top_k } => {
            let chunk = chunk.as_deref().map(encoded).unwrap_or_default();
            let found = client.get(&format!("/api/v1/documents/{id}/similar?top_k={top_k}&chunk={chunk}"))?;
            if json {
                return print_json(&found);
            }
            let hits = found["hits"].as_array().map_or(&[][..], Vec::as_slice);
            if hits.is_empty() {
                println!("nothing similar");
            }
            print_hits(hits);
            Ok(())
        }
        DocumentsCommand::Pause { id } => act(&client, id, "pause", json),
        DocumentsCommand::Resume { id } => act(&client, id, "resume", json),
        DocumentsCommand::Cancel { id } => act(&client, id, "cancel", json),
        DocumentsCommand::Retry { id } => act(&client, id, "retry", json),
        DocumentsCommand::Remove { id } => {
            let receipt = client.delete(&format!("/api/v1/documents/{id}"))?;
            if json {
                return print_json(&receipt);
            }
            let removed = &receipt["removed"];
            println!(
                "removed {id}: {} chunks, {} lexical and {} dense entries",
                removed["chunks"], removed["lexical"], removed["dense"]
            );
            tell(&receipt);
            Ok(())
        }
    }
}

fn act(client: &Client, id: &str, action: &str, json: bool) -> anyhow::Result<()> {
    let document = client.post(&format!("/api/v1/documents/{id}/{action}"), &json!({}))?;
    if json {
        return print_json(&document);
    }
    let state = document["stage"].as_str().or(document["status"].as_str()).unwrap_or_default();
    println!("{id}  {state}");
    Ok(())
}

/// The work that lies ahead.
pub fn queue(settings: &Settings, command: QueueCommand, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    let queue = match command {
        QueueCommand::Show => client.get("/api/v1/queue")?,
        QueueCommand::Pause => client.post("/api/v1/queue/pause", &json!({}))?,
        QueueCommand::Resume => client.post("/api/v1/queue/resume", &json!({}))?,
    };
    if json {
        return print_json(&queue);
    }
    let state = if queue["paused"] == true { "paused: " } else { "" };
    println!("{state}{} wait, {} under way, {} held back", queue["queued"], queue["running"], queue["held"]);
    for (stage, documents) in queue["stages"].as_object().into_iter().flatten() {
        println!("  {stage:<12} {documents}");
    }
    match queue["remaining_s"].as_u64() {
        Some(0) => {}
        Some(seconds) => println!("about {} left", indicatif::HumanDuration(std::time::Duration::from_secs(seconds))),
        None if queue["paused"] == true => {}
        None => println!("no estimate yet"),
    }
    Ok(())
}

pub fn collections(settings: &Settings, command: &CollectionsCommand, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    match command {
        CollectionsCommand::List => {
            let found = client.get("/api/v1/collections")?;
            if json {
                return print_json(&found);
            }
            for item in found["items"].as_array().unwrap_or(&Vec::new()) {
                println!("{:<30} {:>6} documents", item["name"].as_str().unwrap_or(""), item["documents"]);
            }
            Ok(())
        }
        CollectionsCommand::Create { name } => {
            let created = client.post("/api/v1/collections", &json!({"name": name}))?;
            if json {
                return print_json(&created);
            }
            println!("created {name}");
            Ok(())
        }
    }
}

/// Every page of the list.
pub(super) fn list(client: &Client, collection: Option<&str>, status: Option<&str>) -> anyhow::Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut path = "/api/v1/documents?limit=200".to_owned();
        let filters = [("collection", collection), ("status", status), ("cursor", cursor.as_deref())];
        for (name, value) in filters {
            if let Some(value) = value {
                path += &["&", name, "=", &encoded(value)].concat();
            }
        }
        let page = client.get(&path)?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(items),
        }
    }
}
