//! `sets`: another embedding model or chunk length beside the one in use, and the switch.

use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::client::{Client, encoded};
use super::print_json;
use crate::config::Settings;

const POLL: Duration = Duration::from_millis(300);

#[derive(Debug, Subcommand)]
pub enum SetsCommand {
    /// List the index sets: the one in use, the one beside it, those that are kept
    List,
    /// Make a set with another embedding model or chunk length, beside the one in use, and fill it
    Build {
        /// An embedding model that is installed; that of the set in use if left out
        #[arg(long, value_name = "NAME")]
        model: Option<String>,
        /// Longest chunk in tokens of the model; that of the set in use if left out
        #[arg(long, value_name = "N")]
        chunk_tokens: Option<usize>,
    },
    /// Search the confirmed evaluation questions in the set in use and in the one beside it
    Compare,
    /// Put a set in use: the one beside, or one that is kept, which is brought up to date first
    Use {
        /// Its id; the one beside if left out
        id: Option<String>,
        /// Also if it finds less, or was not measured
        #[arg(long)]
        force: bool,
    },
    /// Forget a set that is not in use
    Drop { id: String },
}

pub fn sets(settings: &Settings, command: SetsCommand, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    match command {
        SetsCommand::List => list(&client, json),
        SetsCommand::Build { model, chunk_tokens } => {
            let begun = client.post("/api/v1/index-sets", &json!({"model": model, "chunk_tokens": chunk_tokens}))?;
            let set = filled(&client, id_of(&begun)?)?;
            if json {
                return print_json(&set);
            }
            print(&set);
            println!("compare it with `terroir sets compare`, put it in use with `terroir sets use`");
            Ok(())
        }
        SetsCommand::Compare => compare(&client, json),
        SetsCommand::Use { id, force } => put_in_use(&client, id, force, json),
        SetsCommand::Drop { id } => {
            client.delete(&path(&id))?;
            if json { print_json(&json!({"dropped": id})) } else { Ok(()) }
        }
    }
}

fn list(client: &Client, json: bool) -> anyhow::Result<()> {
    let sets = client.get("/api/v1/index-sets")?;
    if json {
        return print_json(&sets);
    }
    for set in sets["items"].as_array().into_iter().flatten() {
        print(set);
    }
    Ok(())
}

fn print(set: &Value) {
    let text = |key: &str| set[key].as_str().unwrap_or_default();
    println!(
        "{:<7} {}  {}, chunks of {} tokens; {} of {} documents, {} chunks",
        text("state"),
        text("id"),
        text("model"),
        set["chunk_tokens"],
        set["built"],
        set["documents"],
        set["chunks"]
    );
    if let Some(problem) = set["problem"].as_str() {
        println!("        {problem}");
    }
}

fn compare(client: &Client, json: bool) -> anyhow::Result<()> {
    let id = beside(client)?;
    let compared = client.get(&format!("{}/comparison", path(&id)))?;
    if json {
        return print_json(&compared);
    }
    tell(&compared);
    Ok(())
}

fn tell(compared: &Value) {
    println!("{:<12} {:>9} {:>8} {:>8} {:>11}", "", "questions", "ndcg@10", "mrr@10", "recall@100");
    let row = |name: &str, quality: &Value| {
        let number = |key: &str| quality[key].as_f64().unwrap_or_default();
        println!(
            "{name:<12} {:>9} {:>8.3} {:>8.3} {:>11.3}",
            quality["questions"],
            number("ndcg@10"),
            number("mrr@10"),
            number("recall@100")
        );
    };
    row("in use", &compared["in_use"]);
    row("beside", &compared["other"]);
    for (language, pair) in compared["languages"].as_object().into_iter().flatten() {
        row(&format!("  {language} in use"), &pair["in_use"]);
        row(&format!("  {language} beside"), &pair["other"]);
    }
    let difference = &compared["difference"];
    println!(
        "nDCG@10 {:+.3}: better for {} questions, worse for {}, p {:.4}",
        difference["mean"].as_f64().unwrap_or_default(),
        difference["better"],
        difference["worse"],
        difference["p"].as_f64().unwrap_or_default()
    );
    if compared["stale"].as_u64().is_some_and(|stale| stale > 0) {
        println!("{} questions are left out: their documents say something else by now", compared["stale"]);
    }
    println!(
        "{}",
        match compared["verdict"].as_str() {
            Some("fit") => "it may take the other's place",
            Some("worse") => "it finds less: it takes the other's place only by force",
            _ => "too few questions to tell: confirm some with `terroir eval make`",
        }
    );
}

fn put_in_use(client: &Client, id: Option<String>, force: bool, json: bool) -> anyhow::Result<()> {
    let id = match id {
        Some(id) => id,
        None => beside(client)?,
    };
    let set = client.get(&path(&id))?;
    if set["state"] == "kept" {
        client.post(&format!("{}/resume", path(&id)), &json!({}))?;
    }
    if set["state"] != "in_use" {
        filled(client, &id)?;
    }
    let set = client.post(&format!("{}/use", path(&id)), &json!({"force": force}))?;
    if json {
        return print_json(&set);
    }
    print(&set);
    Ok(())
}

/// Waits until the set has every document.
fn filled(client: &Client, id: &str) -> anyhow::Result<Value> {
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("filling the index set {bar:30} {pos}/{len} documents, {eta} left")?);
    loop {
        let set = client.patiently(|client| client.get(&path(id)))?;
        let (built, documents) = (set["built"].as_u64().unwrap_or(0), set["documents"].as_u64().unwrap_or(0));
        bar.set_length(documents);
        bar.set_position(built);
        if built >= documents {
            bar.finish_and_clear();
            return Ok(set);
        }
        if let Some(problem) = set["problem"].as_str() {
            bar.finish_and_clear();
            anyhow::bail!(
                "{} of {documents} documents could not be put into the set: {problem}; remove such a document or add it again, or drop the set",
                documents - built
            );
        }
        std::thread::sleep(POLL);
    }
}

fn beside(client: &Client) -> anyhow::Result<String> {
    let sets = client.get("/api/v1/index-sets")?;
    let found = sets["items"].as_array().into_iter().flatten().find(|set| set["state"] == "beside");
    let set = found.context("no index set stands beside the one in use; `terroir sets build` makes one")?;
    Ok(id_of(set)?.to_owned())
}

fn id_of(set: &Value) -> anyhow::Result<&str> {
    set["id"].as_str().context("the index set has no id")
}

fn path(id: &str) -> String {
    format!("/api/v1/index-sets/{}", encoded(id))
}
