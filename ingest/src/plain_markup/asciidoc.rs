//! `AsciiDoc`.

use super::Page;
use crate::document::BlockKind;

pub(super) fn read(text: &str, page: &mut Page) {
    // The line that ends the open block of code or the open table.
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        match fence {
            Some(end) if trimmed == end => {
                page.end();
                fence = None;
            }
            Some("|===") => {
                if trimmed.contains('|') {
                    page.row(&without_specifiers(trimmed));
                } else if !trimmed.is_empty() {
                    page.add(BlockKind::Table, trimmed);
                }
            }
            Some("////") => {}
            Some(_) => page.add(BlockKind::Code, line),
            None => fence = read_line(page, line, trimmed),
        }
    }
}

fn read_line<'a>(page: &mut Page, line: &'a str, trimmed: &'a str) -> Option<&'a str> {
    let is_fence = trimmed.len() >= 4 && ["----", "....", "////"].iter().any(|fence| trimmed.starts_with(fence));
    if trimmed == "|===" || is_fence && trimmed.chars().all(|character| trimmed.starts_with(character)) {
        page.end();
        return Some(trimmed);
    }
    let marks = line.bytes().take_while(|byte| *byte == b'=').count();
    if (1..=6).contains(&marks) && line[marks..].starts_with(' ') {
        page.heading(marks, line[marks..].trim());
    } else if trimmed.is_empty() || trimmed == "+" || matches!(trimmed, "====" | "____" | "****" | "--" | "'''" | "<<<")
    {
        page.end();
    } else if trimmed.starts_with("//") || is_attribute(trimmed) || trimmed.starts_with('[') && trimmed.ends_with(']') {
        // A comment, an attribute of the document, or of the block that follows.
    } else if let Some(caption) = trimmed.strip_prefix('.').filter(|text| text.starts_with(char::is_alphanumeric)) {
        page.end();
        page.add(BlockKind::Caption, caption);
        page.end();
    } else if let Some(text) = item(trimmed) {
        page.item(text);
    } else if let Some(target) = trimmed.strip_prefix("image::").and_then(|image| image.split_once('[')) {
        page.add(BlockKind::Caption, target.1.trim_end_matches(']'));
        page.end();
    } else {
        page.go_on(trimmed);
    }
    None
}

/// `:name: value`.
fn is_attribute(line: &str) -> bool {
    let name = line.strip_prefix(':').and_then(|rest| rest.split_once(':')).map(|(name, _)| name);
    name.is_some_and(|name| !name.is_empty() && !name.contains(' '))
}

/// Items are marked as deep as they lie: `*`, `**`, `.`, `..`, `-`.
fn item(line: &str) -> Option<&str> {
    let (mark, text) = line.split_once(' ')?;
    let is_mark =
        mark.len() <= 5 && ['*', '.', '-'].iter().any(|only| mark.chars().all(|character| character == *only));
    if is_mark { Some(text) } else { super::item(line) }
}

/// A row without what says how its cells look: `^.^h|Field` is the cell `Field`.
fn without_specifiers(row: &str) -> String {
    let is_specifier = |word: &str| {
        let signs = word.trim_end_matches(['a', 'd', 'e', 'h', 'l', 'm', 's', 'v']);
        word.len() - signs.len() <= 1 && signs.chars().all(|sign| sign.is_ascii_digit() || "<>^.+*".contains(sign))
    };
    let mut cells: Vec<&str> = row.split('|').collect();
    let last = cells.len() - 1;
    for cell in &mut cells[..last] {
        let (before, word) = cell.rsplit_once(' ').unwrap_or(("", cell));
        // A cell may be nothing but a number.
        if is_specifier(word) && word.chars().any(|sign| "<>^.+*".contains(sign)) {
            *cell = before;
        }
    }
    cells.join("|")
}
