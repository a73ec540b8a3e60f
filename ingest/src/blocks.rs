//! Blocks in the making: headings open and close, and every block knows those above it.

use unicode_normalization::UnicodeNormalization as _;

use crate::document::{Block, BlockKind};

#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    blocks: Vec<Block>,
    /// Open headings: level and text, outermost first.
    headings: Vec<(u8, String)>,
}

impl BlockBuilder {
    /// Adds a block; nothing if it holds no text.
    pub(crate) fn push(&mut self, kind: BlockKind, text: &str) {
        let text = normalised(text, kind);
        if text.is_empty() {
            return;
        }
        if let BlockKind::Heading { level } = kind {
            self.headings.retain(|(open, _)| *open < level);
        }
        let heading_path = self.headings.iter().map(|(_, heading)| heading.clone()).collect();
        if let BlockKind::Heading { level } = kind {
            self.headings.push((level, text.clone()));
        }
        self.blocks.push(Block { kind, text, heading_path, page: None, lines: Vec::new() });
    }

    /// The first heading so far: a title for want of another.
    pub(crate) fn first_heading(&self) -> Option<String> {
        let heading = self.blocks.iter().find(|block| matches!(block.kind, BlockKind::Heading { .. }));
        heading.map(|block| block.text.clone())
    }

    pub(crate) fn finish(self) -> Vec<Block> {
        self.blocks
    }
}

/// NFC, without control characters; white space counts as one space except where lines mean something.
fn normalised(text: &str, kind: BlockKind) -> String {
    let visible = text.nfc().filter(|character| !character.is_control() || matches!(character, '\n' | '\t'));
    match kind {
        BlockKind::Code => visible.collect::<String>().trim_matches('\n').trim_end().to_owned(),
        BlockKind::Table => {
            let text: String = visible.collect();
            let rows = text.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "));
            rows.filter(|row| row.chars().any(char::is_alphanumeric)).collect::<Vec<_>>().join("\n")
        }
        _ => visible.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}
