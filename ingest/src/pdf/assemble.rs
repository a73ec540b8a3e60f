//! Regions of all pages → blocks in reading order, with their kinds and heading paths.

use super::blocks::{Joining, compose_text};
use super::furniture;
use super::headings;
use super::lines::{Region, TextLine};
use super::paragraphs::{self, Paragraph, Shape};
use super::words::Words;
use crate::document::{Block, BlockKind};

/// Paragraphs that may stand between the two parts of one.
const MAX_INTERRUPTIONS: usize = 6;
/// A caption is short; longer text that starts like one is text.
const MAX_CAPTION_CHARS: usize = 600;

/// `pages`: height and regions of each.
pub(super) fn blocks(mut pages: Vec<(f32, Vec<Region>)>) -> Vec<Block> {
    furniture::remove(&mut pages);
    let mut words = Words::default();
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    for region in pages.into_iter().flat_map(|(_, regions)| regions) {
        words.add(&region);
        let mut found = paragraphs::split(region).into_iter();
        if let Some(first) = found.next() {
            match interrupted(&mut paragraphs, &first) {
                Some(open) => open.lines.extend(first.lines),
                None => paragraphs.push(first),
            }
        }
        paragraphs.extend(found);
    }
    let levels = headings::levels(&paragraphs);
    let body_is_monospaced = body_is_monospaced(&paragraphs);
    let mut path = HeadingPath::default();
    let mut blocks = Vec::new();
    for (paragraph, level) in paragraphs.iter().zip(levels) {
        let is_code = !body_is_monospaced
            && paragraph.shape == Shape::Text
            && paragraph.lines.iter().all(|line| line.is_monospaced);
        let joining = match paragraph.shape {
            Shape::Table => Joining::Cells,
            Shape::Text if is_code && level.is_none() => Joining::Lines,
            Shape::Text | Shape::ListItem => Joining::Flow,
        };
        let (text, lines) = compose_text(&paragraph.lines, joining, &words);
        if text.is_empty() {
            continue;
        }
        let kind = match (level, paragraph.shape) {
            (Some(level), _) => BlockKind::Heading { level },
            (None, Shape::Table) => BlockKind::Table,
            (None, Shape::ListItem) => BlockKind::ListItem,
            (None, Shape::Text) if is_code => BlockKind::Code,
            (None, Shape::Text) if is_caption(&text) => BlockKind::Caption,
            (None, Shape::Text) => BlockKind::Paragraph,
        };
        let heading_path = path.at(kind, &text);
        blocks.push(Block { kind, text, heading_path, page: paragraph.lines.first().map(|line| line.page), lines });
    }
    blocks
}

/// The paragraph that goes on with `next` at the top of a column: the last one that is not a
/// footnote, a table, a caption or a note in the margin.
fn interrupted<'a>(paragraphs: &'a mut [Paragraph], next: &Paragraph) -> Option<&'a mut Paragraph> {
    let start = next.lines.first()?;
    let open = paragraphs.iter_mut().rev().take(MAX_INTERRUPTIONS).find(|paragraph| {
        paragraph.lines.last().is_some_and(|line| {
            paragraph.shape != Shape::Table
                && line.frame == start.frame
                && line.size > 0.94 * start.size
                && !is_caption(&paragraph.lines[0].visual_text())
        })
    })?;
    let is_near = open.lines.last().is_some_and(|line| line.page + 1 >= start.page);
    (is_near && continues(open, next)).then_some(open)
}

/// Does a paragraph go on in the next column or on the next page?
fn continues(last: &Paragraph, first: &Paragraph) -> bool {
    let (Some(end), Some(start)) = (last.lines.last(), first.lines.first()) else {
        return false;
    };
    let is_text = last.shape != Shape::Table && first.shape == Shape::Text;
    let looks_alike = (end.size - start.size).abs() < 0.06 * end.size
        && end.is_bold == start.is_bold
        && end.is_monospaced == start.is_monospaced
        && end.frame == start.frame;
    let is_unfinished =
        end.last_char().is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | ',' | '\u{2010}' | ')' | '’'));
    let starts_lower = start.first_char().is_some_and(char::is_lowercase);
    is_text && looks_alike && is_unfinished && (starts_lower || is_broken_off(last, first))
}

/// Running text whose last line is full, before running text as wide.
fn is_broken_off(last: &Paragraph, first: &Paragraph) -> bool {
    let ([.., before, end], [start, ..]) = (last.lines.as_slice(), first.lines.as_slice()) else {
        return false;
    };
    let slack = 1.5 * end.size;
    let width = before.x1 - before.x0;
    first.lines.len() > 1
        && width > 15.0 * end.size
        && (end.x1 - before.x1).abs() < slack
        && (end.x0 - before.x0).abs() < slack
        && (start.x1 - start.x0 - width).abs() < slack
}

fn body_is_monospaced(paragraphs: &[Paragraph]) -> bool {
    let lines = || paragraphs.iter().flat_map(|paragraph| &paragraph.lines);
    let monospaced = lines().filter(|line: &&TextLine| line.is_monospaced).count();
    monospaced * 2 > lines().count()
}

fn is_caption(text: &str) -> bool {
    const LABELS: [&str; 12] = [
        "figure",
        "fig.",
        "table",
        "tab.",
        "tableau",
        "abbildung",
        "abb.",
        "tabelle",
        "figura",
        "tabla",
        "tabella",
        "algorithm",
    ];
    let mut words = text.split_whitespace();
    let label = words.next().unwrap_or_default().to_lowercase();
    let number = words.next().unwrap_or_default();
    LABELS.contains(&label.as_str())
        && number.chars().next().is_some_and(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
        && number.chars().count() <= 6
        && text.chars().count() <= MAX_CAPTION_CHARS
}

/// The headings that stand above the current place, with their levels.
#[derive(Debug, Default)]
struct HeadingPath {
    open: Vec<(u8, String)>,
}

impl HeadingPath {
    /// The path of a block of this kind; a heading opens its own for what follows.
    fn at(&mut self, kind: BlockKind, text: &str) -> Vec<String> {
        if let BlockKind::Heading { level } = kind {
            self.open.retain(|(open, _)| *open < level);
        }
        let path = self.open.iter().map(|(_, text)| text.clone()).collect();
        if let BlockKind::Heading { level } = kind {
            self.open.push((level, text.to_owned()));
        }
        path
    }
}
