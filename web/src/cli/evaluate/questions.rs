//! `eval make`, `eval questions`, `eval add`: the questions that index sets are compared by.

use std::io::{IsTerminal as _, Write as _};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::client::{Client, encoded};
use crate::cli::print_json;
use crate::config::Settings;

#[derive(Debug, Args)]
pub struct MakeArgs {
    /// Name of a collection; all of them if left out
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,
    /// Questions to propose
    #[arg(long, value_name = "N", default_value_t = 10)]
    count: u32,
}

#[derive(Debug, Args)]
pub struct AddArgs {
    /// Id of the document that answers it
    document: String,
    question: String,
    /// The words that answer it, verbatim
    quote: String,
}

/// Proposes questions and, on a terminal, asks about each that nobody has confirmed yet.
pub fn make(settings: &Settings, arguments: &MakeArgs, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    let waiting = items(&client, "proposed")?.len() as u64;
    let missing = u64::from(arguments.count).saturating_sub(waiting);
    if missing > 0 {
        eprintln!("proposing questions about your documents …");
        client.post("/api/v1/evaluation/proposals", &json!({"collection": arguments.collection, "count": missing}))?;
    }
    let proposed = items(&client, "proposed")?;
    if json || !std::io::stdin().is_terminal() {
        return list(&proposed, json);
    }
    let mut kept = 0;
    for question in &proposed {
        match ask(question)? {
            Decision::Keep(words) => {
                confirm(&client, question, words.as_deref())?;
                kept += 1;
            }
            Decision::Drop => drop_question(&client, question)?,
            Decision::Later => {}
            Decision::Stop => break,
        }
    }
    println!("{kept} confirmed; {} questions in all", items(&client, "confirmed")?.len());
    Ok(())
}

pub fn questions(settings: &Settings, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    let mut all = items(&client, "confirmed")?;
    all.extend(items(&client, "proposed")?);
    list(&all, json)
}

pub fn add(settings: &Settings, arguments: &AddArgs, json: bool) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    let added = client.post(
        "/api/v1/evaluation/questions",
        &json!({"document": arguments.document, "question": arguments.question, "quote": arguments.quote}),
    )?;
    if json {
        return print_json(&added);
    }
    println!("{}", text(&added, "id"));
    Ok(())
}

/// Of a question that is there: `confirm` or `drop`.
pub fn decide(settings: &Settings, id: &str, keep: bool, words: Option<&str>) -> anyhow::Result<()> {
    let client = Client::connect(settings)?;
    let question = json!({"id": id});
    if keep { confirm(&client, &question, words) } else { drop_question(&client, &question) }
}

enum Decision {
    /// In other words, if given.
    Keep(Option<String>),
    Drop,
    Later,
    Stop,
}

fn ask(question: &Value) -> anyhow::Result<Decision> {
    println!("\n{}\n  {}", text(question, "title"), text(question, "quote"));
    println!("? {}", text(question, "question"));
    loop {
        print!("[k]eep, [d]rop, [l]ater, [q]uit, or the question in your own words: ");
        std::io::stdout().flush()?;
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line)? == 0 {
            return Ok(Decision::Stop);
        }
        match line.trim() {
            "" => {}
            "k" => return Ok(Decision::Keep(None)),
            "d" => return Ok(Decision::Drop),
            "l" => return Ok(Decision::Later),
            "q" => return Ok(Decision::Stop),
            words => return Ok(Decision::Keep(Some(words.to_owned()))),
        }
    }
}

fn confirm(client: &Client, question: &Value, words: Option<&str>) -> anyhow::Result<()> {
    client.post(&format!("{}/confirm", path(question)), &json!({"question": words}))?;
    Ok(())
}

fn drop_question(client: &Client, question: &Value) -> anyhow::Result<()> {
    client.delete(&path(question))?;
    Ok(())
}

fn path(question: &Value) -> String {
    format!("/api/v1/evaluation/questions/{}", encoded(text(question, "id")))
}

pub(super) fn items(client: &Client, state: &str) -> anyhow::Result<Vec<Value>> {
    let listed = client.get(&format!("/api/v1/evaluation/questions?state={state}"))?;
    Ok(listed["items"].as_array().cloned().unwrap_or_default())
}

fn list(questions: &[Value], json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(&json!({"items": questions}));
    }
    for question in questions {
        println!("{:<9} {}  {}", text(question, "state"), text(question, "id"), text(question, "question"));
        println!("          {}: {}", text(question, "title"), text(question, "quote"));
    }
    println!("{} questions", questions.len());
    Ok(())
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
