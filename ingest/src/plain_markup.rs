//! Plain text with light marks: reStructuredText, `AsciiDoc`, Org and LaTeX. Headings, lists, tables and code
//! are recognised; what else a mark means is left to the eye.

mod asciidoc;
mod latex;
mod org;
mod restructured;

use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, MediaType, ParsedDocument};
use crate::text::decode;

pub fn parse(media_type: MediaType, bytes: &[u8]) -> ParsedDocument {
    let (text, warning) = decode(bytes);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut page = Page::default();
    match media_type {
        MediaType::AsciiDoc => asciidoc::read(&text, &mut page),
        MediaType::Org => org::read(&text, &mut page),
        MediaType::Latex => latex::read(&text, &mut page),
        _ => restructured::read(&text, &mut page),
    }
    page.end();
    let title = page.title.or_else(|| page.builder.first_heading());
    ParsedDocument::flowing(media_type, title, page.builder.finish(), warning)
}

/// Blocks in the making, line by line.
#[derive(Default)]
struct Page {
    builder: BlockBuilder,
    title: Option<String>,
    /// Lines of the open block, and what it is.
    lines: Vec<String>,
    kind: Option<BlockKind>,
}

impl Page {
    /// Adds a line to the open block if that is of this kind; otherwise it begins another.
    fn add(&mut self, kind: BlockKind, line: impl Into<String>) {
        if self.kind != Some(kind) {
            self.end();
            self.kind = Some(kind);
        }
        self.lines.push(line.into());
    }

    /// Adds a line to whatever is open, a paragraph if nothing is.
    fn go_on(&mut self, line: &str) {
        let kind = self.kind.filter(|kind| matches!(kind, BlockKind::ListItem | BlockKind::Paragraph));
        self.add(kind.unwrap_or(BlockKind::Paragraph), line);
    }

    fn item(&mut self, line: &str) {
        self.end();
        self.add(BlockKind::ListItem, line);
    }

    fn heading(&mut self, level: usize, text: &str) {
        self.end();
        self.builder.push(BlockKind::Heading { level: level.clamp(1, 9) as u8 }, text);
    }

    /// A row of a table written as `| a | b |`.
    fn row(&mut self, line: &str) {
        let cells = line.trim().trim_matches('|').split('|').map(str::trim);
        self.add(BlockKind::Table, cells.collect::<Vec<_>>().join(crate::tables::CELL_SEPARATOR));
    }

    fn end(&mut self) {
        let text = std::mem::take(&mut self.lines).join("\n");
        if let Some(kind) = self.kind.take() {
            self.builder.push(kind, &text);
        }
    }
}

/// The text of a list item behind its mark: `-`, `*`, `+`, `•`, `1.`, `a)`, `#.`.
fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (mark, text) = line.split_once(' ')?;
    let is_bullet = matches!(mark, "-" | "*" | "+" | "•");
    let number = mark.strip_suffix(['.', ')']).map(|number| number.trim_start_matches('('));
    let is_number = number.is_some_and(|number| {
        number == "#" || !number.is_empty() && number.len() <= 3 && number.chars().all(|c| c.is_ascii_digit())
    });
    if is_bullet { Some(text) } else { is_number.then_some(line) }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(media_type: MediaType, text: &str) -> Vec<(&'static str, String)> {
        let document = parse(media_type, text.as_bytes());
        document.blocks.into_iter().map(|block| (block.kind.as_str(), block.text)).collect()
    }

    fn expected<const N: usize>(blocks: [(&'static str, &str); N]) -> Vec<(&'static str, String)> {
        blocks.map(|(kind, text)| (kind, text.to_owned())).to_vec()
    }

    #[test]
    fn restructured_text() {
        let text = "====\nMill\n====\n\n.. comment\n   still\n\nThe race::\n\n    water()\n      flows\n\nStone\n-----\n\n- flat\n  stones\n1. first\n\n\
            +---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n+---+---+\n\n.. code-block:: sh\n   :linenos:\n\n   ls -l\n\n.. note:: Take care.\n\nEnd.\n";
        assert_eq!(
            blocks(MediaType::ReStructuredText, text),
            expected([
                ("heading", "Mill"),
                ("paragraph", "The race:"),
                ("code", "water()\n  flows"),
                ("heading", "Stone"),
                ("list_item", "flat stones"),
                ("list_item", "1. first"),
                ("table", "a | b\n1 | 2"),
                ("code", "ls -l"),
                ("paragraph", "Take care."),
                ("paragraph", "End."),
            ])
        );
    }

    #[test]
    fn asciidoc() {
        let text = "= Mill\n:author: A\n// comment\n\nText of\nthe mill.\n\n== Stones\n\n* flat\n. first\n\n.Weights\n[cols=2]\n|===\n^.^h|a <.>|b\n|1 |2\n|===\n\n[source,sh]\n----\nls\n\ncd\n----\n";
        assert_eq!(
            blocks(MediaType::AsciiDoc, text),
            expected([
                ("heading", "Mill"),
                ("paragraph", "Text of the mill."),
                ("heading", "Stones"),
                ("list_item", "flat"),
                ("list_item", "first"),
                ("caption", "Weights"),
                ("table", "a | b\n1 | 2"),
                ("code", "ls\n\ncd"),
            ])
        );
    }

    #[test]
    fn org() {
        let text = "#+TITLE: Mill\n* Stones\n:PROPERTIES:\n:ID: 7\n:END:\nText.\n** Flat\n- one\n| a | b |\n|---+---|\n| 1 | 2 |\n#+BEGIN_SRC sh\nls\n#+END_SRC\n";
        let found = parse(MediaType::Org, text.as_bytes());
        assert_eq!(found.title.as_deref(), Some("Mill"));
        assert_eq!(
            blocks(MediaType::Org, text),
            expected([
                ("heading", "Stones"),
                ("paragraph", "Text."),
                ("heading", "Flat"),
                ("list_item", "one"),
                ("table", "a | b\n1 | 2"),
                ("code", "ls"),
            ])
        );
    }

    #[test]
    fn latex() {
        let text = "\\documentclass{article}\n\\title{The \\emph{mill}}\n\\newcommand{\\x}{y}\n\\begin{document}\n\\maketitle\n\\begin{abstract}Short.\\end{abstract}\n\
            \\section{Stones}\\label{s}\nText~of \\textbf{bold} 10\\,\\% % comment\nmore \\cite{a}.\n\n\\begin{itemize}\n\\item flat\n\\item round\n\\end{itemize}\n\
            \\begin{tabular}{ll}\\hline a & b \\\\ 1 & 2 \\\\ \\end{tabular}\n\\begin{verbatim}\nls {\n\\end{verbatim}\n\\end{document}\nlost";
        assert_eq!(
            blocks(MediaType::Latex, text),
            expected([
                ("heading", "The mill"),
                ("heading", "Abstract"),
                ("paragraph", "Short."),
                ("heading", "Stones"),
                ("paragraph", "Text of bold 10 % more ."),
                ("list_item", "flat"),
                ("list_item", "round"),
                ("table", "a | b\n1 | 2"),
                ("code", "ls {"),
            ])
        );
    }
}
