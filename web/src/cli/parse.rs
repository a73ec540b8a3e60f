//! `parse`: what a file becomes, without keeping it.

use std::collections::BTreeMap;
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use terroir_ingest::cell::Answer;
use terroir_ingest::document::ParsedDocument;
use terroir_ingest::reader::Reader;
use terroir_ingest::recognition::PageDone;
use tokio::sync::mpsc;

use super::print_json;
use crate::config::Settings;
use crate::reading;

/// Pages that wait to be counted.
const PAGES_WAITING: usize = 16;

/// `quotes` are looked for in the document's text.
pub fn parse(settings: &Settings, file: &Path, quotes: &[String], json: bool) -> anyhow::Result<()> {
    let bytes = fs_err::read(file)?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let reader = reading::reader(settings)?;
    let parsed = actix_web::rt::System::new().block_on(read(&reader, bytes, name.as_deref()));
    let document = match parsed {
        Ok(document) => document,
        Err(error) => anyhow::bail!("{}: {error} ({}); {}", file.display(), error.code(), error.hint()),
    };
    if json {
        let mut described = described(&document);
        if !quotes.is_empty() {
            described["quotes"] = quotes.iter().map(|quote| places(&document, quote)).collect();
        }
        return print_json(&described);
    }
    for block in &document.blocks {
        let page = block.page.map_or_else(String::new, |page| format!("p. {page}"));
        println!("{:<10} {page:<6} {}", block.kind.as_str(), block.text.replace('\n', "\n                  "));
    }
    for quote in quotes {
        println!("{}", places(&document, quote));
    }
    for warning in &document.warnings {
        println!("warning: {} ({})", warning.message, warning.code);
    }
    Ok(())
}

/// Where a quote stands, each time that it does.
fn places(document: &ParsedDocument, quote: &str) -> Value {
    let (text, layout) = (document.text(), document.layout());
    let chars = |bytes: usize| text[..bytes].chars().count() as u32;
    let found: Vec<Value> = text
        .match_indices(quote)
        .map(|(start, _)| {
            let (char_start, char_end) = (chars(start), chars(start + quote.len()));
            json!({
                "char_start": char_start,
                "char_end": char_end,
                "page": layout.page_of(char_start),
                "boxes": layout.boxes(char_start, char_end),
            })
        })
        .collect();
    json!({ "quote": quote, "places": found })
}

/// With a sign of life for every page that text recognition has read.
async fn read(reader: &Reader, bytes: Vec<u8>, name: Option<&str>) -> Answer {
    let (done, mut pages) = mpsc::channel::<PageDone>(PAGES_WAITING);
    let shown = async {
        let bar = ProgressBar::hidden();
        bar.set_style(ProgressStyle::with_template("recognising text {bar:30} {pos}/{len} pages, {eta} left").ok()?);
        while let Some(page) = pages.recv().await {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.set_length(page.total);
            bar.set_position(page.done);
        }
        bar.finish_and_clear();
        Some(())
    };
    tokio::join!(reader.read(bytes, name, BTreeMap::new(), done), shown).0
}

fn described(document: &ParsedDocument) -> Value {
    let layout = document.layout();
    let blocks: Vec<Value> = document
        .blocks
        .iter()
        .zip(document.block_ranges())
        .map(|(block, (char_start, char_end))| {
            json!({
                "kind": block.kind.as_str(),
                "text": block.text,
                "locator": {
                    "page": block.page,
                    "heading_path": block.heading_path,
                    "char_start": char_start,
                    "char_end": char_end,
                    "boxes": layout.boxes(char_start, char_end),
                },
            })
        })
        .collect();
    json!({
        "title": document.title,
        "metadata": document.metadata,
        "media_type": document.media_type.as_str(),
        "pages": document.page_count,
        "blocks": blocks,
        "warnings": document.warnings,
    })
}
