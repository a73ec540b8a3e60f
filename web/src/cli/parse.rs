//! `parse`: what a file becomes, without keeping it.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};
use terroir_ingest::cell::Cell;
use terroir_ingest::document::ParsedDocument;

use super::print_json;
use crate::config::Settings;
use crate::limits;

/// `quotes` are looked for in the document's text.
pub fn parse(settings: &Settings, file: &Path, quotes: &[String], json: bool) -> anyhow::Result<()> {
    let bytes = fs_err::read(file)?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let program = std::env::current_exe().context("finding this program's own file")?;
    let cell = Cell::new(program, limits::of(settings));
    let parsed = actix_web::rt::System::new().block_on(cell.parse(bytes, name.as_deref()));
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
