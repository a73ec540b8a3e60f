//! `search` and `ask`.

use std::io::Write as _;

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::client::Client;
use super::filter::{FilterArgs, print_facets};
use super::{Mode, print_json};
use crate::config::Settings;

#[derive(Debug, Args)]
pub struct SearchArgs {
    query: String,
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,
    #[arg(long, value_enum, default_value = "hybrid")]
    mode: Mode,
    #[arg(long, value_name = "N")]
    top_k: Option<usize>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Count the documents by type, language, source, author and year as well
    #[arg(long)]
    facets: bool,
}

#[derive(Debug, Args)]
pub struct AskArgs {
    question: String,
    /// A question before it in the conversation, oldest first; may be repeated
    #[arg(long, value_name = "QUESTION")]
    earlier: Vec<String>,
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,
    /// "quote": verbatim sentences; "compose": free text, checked statement by statement
    #[arg(long, value_enum)]
    style: Option<Style>,
    /// Makes a composed answer repeatable
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    Quote,
    Compose,
}

pub fn search(settings: &Settings, arguments: &SearchArgs, json: bool) -> anyhow::Result<()> {
    let filter = arguments.filter.json()?;
    let client = Client::connect(settings)?;
    let mut body = json!({
        "query": arguments.query,
        "collection": arguments.collection,
        "mode": arguments.mode.as_str(),
        "filter": filter,
        "facets": arguments.facets,
    });
    if let Some(top_k) = arguments.top_k {
        body["top_k"] = json!(top_k);
    }
    let found = client.post("/api/v1/search", &body)?;
    if json {
        return print_json(&found);
    }
    let hits = found["hits"].as_array().map_or(&[][..], Vec::as_slice);
    if hits.is_empty() {
        println!("nothing found");
    }
    if let Some(corrected) = found["corrected"].as_str() {
        println!("looked for: {corrected}\n");
    }
    let expanded: Vec<&str> = found["expanded"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !expanded.is_empty() {
        println!("also looked for: {}\n", expanded.join(", "));
    }
    print_hits(hits);
    print_facets(&found["facets"]);
    Ok(())
}

pub fn print_hits(hits: &[Value]) {
    for (index, hit) in hits.iter().enumerate() {
        println!("{:>2}. {}  ({:.3})", index + 1, place(hit, &hit["locator"]), hit["score"].as_f64().unwrap_or(0.0));
        println!("    {}", shorten(hit["text"].as_str().unwrap_or(""), 300));
        for copy in hit["copies"].as_array().into_iter().flatten() {
            println!("    the same is said in {}", place(copy, &copy["locator"]));
        }
        println!();
    }
}

pub fn ask(settings: &Settings, arguments: &AskArgs, json: bool) -> anyhow::Result<()> {
    let filter = arguments.filter.json()?;
    let client = Client::connect(settings)?;
    let mut body = json!({
        "question": arguments.question,
        "earlier": arguments.earlier,
        "collection": arguments.collection,
        "filter": filter,
    });
    if let Some(style) = arguments.style {
        body["style"] = json!(match style {
            Style::Quote => "quote",
            Style::Compose => "compose",
        });
    }
    if let Some(seed) = arguments.seed {
        body["seed"] = json!(seed);
    }
    if json {
        body["stream"] = json!(false);
        return print_json(&client.post("/api/v1/ask", &body)?);
    }
    let mut done = None;
    client.stream("/api/v1/ask", &body, |event, data| {
        match event {
            "sources" => {
                if let Some(understood) = data["understood"].as_str() {
                    println!("looked for: {understood}\n");
                }
            }
            "delta" => {
                print!("{}", data["text"].as_str().unwrap_or(""));
                std::io::stdout().flush()?;
            }
            "done" => done = Some(data),
            "failed" => bail!(
                "{}; {}",
                data["error"]["message"].as_str().unwrap_or("the answer failed"),
                data["error"]["hint"].as_str().unwrap_or("")
            ),
            _ => {}
        }
        Ok(())
    })?;
    let Some(answer) = done else {
        bail!("the answer broke off");
    };
    print_sources(&answer);
    Ok(())
}

fn print_sources(answer: &Value) {
    println!("\n");
    let none = Vec::new();
    if answer["outcome"] == "abstained" {
        println!("Nearest passages:");
        for passage in answer["passages"].as_array().unwrap_or(&none).iter().take(3) {
            println!("  · {}", place(passage, &passage["locator"]));
        }
        return;
    }
    for citation in answer["citations"].as_array().unwrap_or(&none) {
        let mark = if citation["verified"] == true { "verified" } else { "NOT VERIFIED" };
        println!("[{}] {} · {mark}", citation["marker"], place(citation, citation));
        println!("    “{}”", citation["quote"].as_str().unwrap_or(""));
    }
}

/// "Title, p. 3 (file) › Heading".
fn place(named: &Value, located: &Value) -> String {
    let mut text = named["title"].as_str().unwrap_or("untitled").to_owned();
    if let Some(page) = located["page"].as_u64() {
        text += &[", p. ", &page.to_string()].concat();
    }
    if let Some(file) = named["file_name"].as_str().filter(|file| named["title"] != **file) {
        text += &[" (", file, ")"].concat();
    }
    if let Some(path) = located["heading_path"].as_array() {
        for heading in path.iter().filter_map(Value::as_str) {
            text.push_str(" › ");
            text.push_str(heading);
        }
    }
    text
}

fn shorten(text: &str, max_chars: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= max_chars {
        return flat;
    }
    let mut cut: String = flat.chars().take(max_chars).collect();
    cut.push('…');
    cut
}
