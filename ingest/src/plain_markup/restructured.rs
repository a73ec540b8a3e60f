//! reStructuredText.

use super::{Page, indent, item};
use crate::document::BlockKind;

/// Directives whose content is shown as it is.
const CODE: &[&str] = &["code", "code-block", "sourcecode", "literalinclude", "parsed-literal", "math", "doctest"];
/// Directives whose content is text.
const TEXT: &[&str] = &[
    "note",
    "warning",
    "tip",
    "important",
    "caution",
    "attention",
    "hint",
    "seealso",
    "topic",
    "admonition",
    "rubric",
];

pub(super) fn read(text: &str, page: &mut Page) {
    let lines: Vec<&str> = text.lines().collect();
    // Marks of headings, in the order in which they appear: the first is the outermost.
    let mut marks: Vec<(char, bool)> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        let after = lines.get(at + 2).copied().unwrap_or_default();
        if let (Some(over), Some(under)) = (rule(line), rule(after))
            && over == under
            && !next.trim().is_empty()
        {
            heading(page, &mut marks, (over, true), next);
            at += 3;
        } else if let Some(mark) = rule(next).filter(|_| is_title(line, next)) {
            heading(page, &mut marks, (mark, false), line);
            at += 2;
        } else if let Some(directive) = line.trim_start().strip_prefix(".. ") {
            let end = block_end(&lines, at + 1, indent(line) + 1);
            page.end();
            read_directive(page, directive, &lines[at + 1..end]);
            at = end;
        } else if line.trim_start().starts_with('|') && line.trim_end().ends_with('|') && line.trim().len() > 1 {
            page.row(line);
            at += 1;
        } else if is_grid(line) {
            at += 1;
        } else {
            at = read_line(page, &lines, at);
        }
    }
}

fn read_line(page: &mut Page, lines: &[&str], at: usize) -> usize {
    let line = lines[at];
    let trimmed = line.trim();
    if trimmed.is_empty() || rule(line).is_some() {
        page.end();
    } else if let Some(text) = item(line) {
        page.item(text);
    } else {
        page.go_on(trimmed.strip_suffix("::").map_or(trimmed, |text| trimmed.get(..=text.len()).unwrap_or(text)));
    }
    // What is indented below two colons is shown as it is.
    let opens_literal = trimmed.ends_with("::") && lines.get(at + 1).is_none_or(|line| line.trim().is_empty());
    if !opens_literal {
        return at + 1;
    }
    page.end();
    let end = block_end(lines, at + 1, indent(line) + 1);
    code(page, &lines[at + 1..end]);
    end
}

fn read_directive(page: &mut Page, directive: &str, content: &[&str]) {
    // Without two colons it is a comment, a footnote or a target.
    let Some((name, argument)) = directive.split_once("::") else {
        if let Some((_, note)) = directive.split_once("] ").filter(|_| directive.starts_with('[')) {
            page.item(note);
            for line in content {
                page.go_on(line.trim());
            }
        }
        return page.end();
    };
    let options =
        content.iter().take_while(|line| line.trim_start().starts_with(':') || line.trim().is_empty()).count();
    let content = &content[options..];
    if CODE.contains(&name) {
        return code(page, content);
    }
    if TEXT.contains(&name) || name.contains("note") {
        page.go_on(argument.trim());
        for line in content {
            if line.trim().is_empty() { page.end() } else { page.go_on(line.trim()) }
        }
    } else if matches!(name, "figure" | "table" | "csv-table" | "list-table") {
        let caption = if name == "figure" { "" } else { argument.trim() };
        page.add(BlockKind::Caption, caption);
        page.lines.extend(content.iter().map(|line| line.trim().to_owned()));
    }
    page.end();
}

fn code(page: &mut Page, lines: &[&str]) {
    let least = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| indent(line)).min().unwrap_or_default();
    let text: Vec<&str> = lines.iter().map(|line| line.get(least..).unwrap_or_default()).collect();
    page.add(BlockKind::Code, text.join("\n").trim_matches('\n'));
    page.end();
}

/// The first line from `at` on that is neither empty nor indented this far.
fn block_end(lines: &[&str], at: usize, least_indent: usize) -> usize {
    let rest = lines.get(at..).unwrap_or_default();
    let inside = |line: &&&str| line.trim().is_empty() || indent(line) >= least_indent;
    at + rest.iter().take_while(inside).count()
}

fn heading(page: &mut Page, marks: &mut Vec<(char, bool)>, mark: (char, bool), text: &str) {
    let level = marks.iter().position(|known| *known == mark).unwrap_or_else(|| {
        marks.push(mark);
        marks.len() - 1
    });
    page.heading(level + 1, text.trim());
}

/// The character of a line that is nothing but one, several times.
fn rule(line: &str) -> Option<char> {
    let line = line.trim_end();
    let mark = line.chars().next().filter(char::is_ascii_punctuation)?;
    (line.len() >= 3 && line.chars().all(|character| character == mark)).then_some(mark)
}

fn is_title(line: &str, under: &str) -> bool {
    let is_plain = !line.trim().is_empty() && indent(line) == 0 && rule(line).is_none();
    is_plain && under.trim_end().len() + 1 >= line.trim_end().chars().count()
}

fn is_grid(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('+') && line.len() > 2 && line.chars().all(|character| matches!(character, '+' | '-' | '='))
}
