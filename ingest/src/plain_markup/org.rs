//! Org.

use super::{Page, item};
use crate::document::BlockKind;

pub(super) fn read(text: &str, page: &mut Page) {
    let mut in_code = false;
    let mut in_drawer = false;
    for line in text.lines() {
        let trimmed = line.trim();
        let lower = trimmed.to_ascii_lowercase();
        if in_drawer {
            in_drawer = lower != ":end:";
        } else if in_code {
            if lower.starts_with("#+end_") {
                page.end();
                in_code = false;
            } else {
                page.add(BlockKind::Code, line);
            }
        } else if lower.starts_with("#+begin_src") || lower.starts_with("#+begin_example") {
            page.end();
            in_code = true;
        } else if is_drawer(trimmed) {
            page.end();
            in_drawer = true;
        } else if let Some(title) = lower.strip_prefix("#+title:") {
            // Lower case may have another length, but not in a prefix of ASCII.
            let title = trimmed.get(trimmed.len().saturating_sub(title.len())..).unwrap_or(title);
            page.title = Some(title.trim().to_owned());
        } else if lower.starts_with("#+caption:") {
            page.end();
            page.add(BlockKind::Caption, trimmed.split_once(':').map_or("", |(_, caption)| caption));
            page.end();
        } else if trimmed.starts_with('#') || trimmed.is_empty() {
            page.end();
        } else {
            read_line(page, line, trimmed);
        }
    }
}

fn read_line(page: &mut Page, line: &str, trimmed: &str) {
    let stars = line.bytes().take_while(|byte| *byte == b'*').count();
    if stars > 0 && line[stars..].starts_with(' ') {
        page.heading(stars, line[stars..].trim());
    } else if trimmed.starts_with("|-") {
        // A rule between rows.
    } else if trimmed.starts_with('|') {
        page.row(trimmed);
    } else if let Some(text) = item(line) {
        page.item(text);
    } else {
        page.go_on(trimmed);
    }
}

/// `:NAME:` alone on its line.
fn is_drawer(line: &str) -> bool {
    let name = line.strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}
