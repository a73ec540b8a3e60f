//! `eval export`: documents and confirmed questions as a folder in the BEIR layout, to train models on or to measure
//! with.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::questions::{items, text};
use crate::cli::client::{Client, encoded};
use crate::cli::documents;
use crate::cli::print_json;
use crate::config::Settings;

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Folder to write corpus.jsonl, queries.jsonl and qrels/test.tsv to
    folder: PathBuf,
    /// Name of a collection; all of them if left out
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,
}

pub fn export(settings: &Settings, arguments: &ExportArgs, json: bool) -> anyhow::Result<()> {
    let ExportArgs { folder, collection } = arguments;
    let corpus = folder.join("corpus.jsonl");
    anyhow::ensure!(!corpus.exists(), "{} is there already: name another folder", corpus.display());
    let client = Client::connect(settings)?;
    fs_err::create_dir_all(folder.join("qrels"))?;
    let documents = documents::list(&client, collection.as_deref(), Some("ready"))?;
    let mut questions = items(&client, "confirmed")?;
    questions.retain(|question| collection.as_ref().is_none_or(|name| question["collection"] == **name));
    write_questions(folder, &questions)?;
    // Last, and under its name when it is whole: a folder that has it is complete.
    let unfinished = folder.join("corpus.jsonl.unfinished");
    write_documents(&client, &unfinished, &documents)?;
    fs_err::rename(unfinished, corpus)?;
    if json {
        return print_json(&json!({"documents": documents.len(), "questions": questions.len()}));
    }
    println!("{} documents and {} confirmed questions in {}", documents.len(), questions.len(), folder.display());
    Ok(())
}

fn write_questions(folder: &Path, questions: &[Value]) -> anyhow::Result<()> {
    let mut queries = BufWriter::new(fs_err::File::create(folder.join("queries.jsonl"))?);
    let mut judgments = BufWriter::new(fs_err::File::create(folder.join("qrels").join("test.tsv"))?);
    writeln!(judgments, "query-id\tcorpus-id\tscore")?;
    for question in questions {
        let (id, document) = (text(question, "id"), text(question, "document"));
        writeln!(queries, "{}", json!({"_id": id, "text": question["question"]}))?;
        writeln!(judgments, "{id}\t{document}\t1")?;
    }
    queries.flush()?;
    judgments.flush()?;
    Ok(())
}

fn write_documents(client: &Client, path: &Path, documents: &[Value]) -> anyhow::Result<()> {
    let mut corpus = BufWriter::new(fs_err::File::create(path)?);
    let bar = ProgressBar::new(documents.len() as u64);
    bar.set_style(ProgressStyle::with_template("exporting {bar:30} {pos}/{len}, {eta} left")?);
    for document in documents {
        let id = text(document, "id");
        let content = client.get(&format!("/api/v1/documents/{}/text", encoded(id)))?;
        let title = content["title"].as_str().unwrap_or_default();
        writeln!(corpus, "{}", json!({"_id": id, "title": title, "text": content["text"]}))?;
        bar.inc(1);
    }
    corpus.flush()?;
    bar.finish_and_clear();
    Ok(())
}
