//! `parse`: what a file becomes, without keeping it.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};
use terroir_ingest::cell::Cell;
use terroir_ingest::document::ParsedDocument;

use super::print_json;
use crate::config::Settings;
use crate::limits;

pub fn parse(settings: &Settings, file: &Path, json: bool) -> anyhow::Result<()> {
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
        return print_json(&described(&document));
    }
    for block in &document.blocks {
        let page = block.page.map_or_else(String::new, |page| format!("p. {page}"));
        println!("{:<10} {page:<6} {}", block.kind.as_str(), block.text.replace('\n', "\n                  "));
    }
    for warning in &document.warnings {
        println!("warning: {} ({})", warning.message, warning.code);
    }
    Ok(())
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
