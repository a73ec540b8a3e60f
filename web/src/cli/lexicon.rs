//! `lexicon`: expressions that mean the same, by collection.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use super::client::{Client, encoded};
use super::print_json;
use crate::config::Settings;

#[derive(Debug, Subcommand)]
pub enum LexiconCommand {
    /// Print the lexicon of a collection
    Show {
        #[arg(value_name = "COLLECTION")]
        collection: String,
    },
    /// Replace the lexicon of a collection by a file
    Set {
        #[arg(value_name = "COLLECTION")]
        collection: String,
        /// "-" for standard input
        file: PathBuf,
    },
}

pub fn lexicon(settings: &Settings, command: &LexiconCommand, json: bool) -> anyhow::Result<()> {
    let path = |collection: &str| format!("/api/v1/collections/{}/lexicon", encoded(collection));
    match command {
        LexiconCommand::Show { collection } => {
            let shown = Client::connect(settings)?.get(&path(collection))?;
            if json {
                return print_json(&shown);
            }
            // As it is kept, so that it can be put back.
            print!("{}", shown["lexicon"].as_str().unwrap_or_default());
            Ok(())
        }
        LexiconCommand::Set { collection, file } => {
            let text = read(file)?;
            let kept = Client::connect(settings)?.put(&path(collection), &json!({"lexicon": text}))?;
            if json {
                return print_json(&kept);
            }
            println!("{collection}: {} entries", kept["entries"]);
            Ok(())
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("reading the lexicon from standard input")?;
        return Ok(text);
    }
    Ok(fs_err::read_to_string(file)?)
}
