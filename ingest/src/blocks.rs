//! Blocks in the making: headings open and close, and every block knows those above it.

use unicode_normalization::UnicodeNormalization as _;

use crate::document::{Block, BlockKind};
use crate::text::one_line;

#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    blocks: Vec<Block>,
    /// Open headings: level and text, outermost first.
    headings: Vec<(u8, String)>,
    /// Of the blocks to come.
    page: Option<u32>,
}

impl BlockBuilder {
    /// Adds a block; nothing if it holds no text.
    pub(crate) fn push(&mut self, kind: BlockKind, text: &str) {
        let text = normalised(text, kind);
        if text.is_empty() {
            return;
        }
        if let BlockKind::Heading { level } = kind {
            self.leave(level);
        }
        let heading_path = self.headings.iter().map(|(_, heading)| heading.clone()).collect();
        if let BlockKind::Heading { level } = kind {
            self.headings.push((level, text.clone()));
        }
        self.blocks.push(Block { kind, text, heading_path, page: self.page, lines: Vec::new() });
    }

    /// Says on which page, counted from 1, the blocks to come begin.
    pub(crate) fn turn_to(&mut self, page: u32) {
        self.page = Some(page);
    }

    /// Closes the open headings of this level and deeper ones: what follows does not stand under them.
    pub(crate) fn leave(&mut self, level: u8) {
        self.headings.retain(|(open, _)| *open < level);
    }

    /// Adds the blocks of a file that lies inside this one, under the headings that are open here. The places
    /// on its pages are lost: they are pages of another file.
    pub(crate) fn append(&mut self, blocks: Vec<Block>) {
        let outer: Vec<String> = self.headings.iter().map(|(_, heading)| heading.clone()).collect();
        let depth = self.headings.last().map_or(0, |(level, _)| *level);
        for mut block in blocks {
            if let BlockKind::Heading { level } = &mut block.kind {
                *level = level.saturating_add(depth);
            }
            block.heading_path.splice(..0, outer.iter().cloned());
            block.lines.clear();
            self.blocks.push(block);
        }
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
            let rows = text.lines().map(one_line);
            rows.filter(|row| row.chars().any(char::is_alphanumeric)).collect::<Vec<_>>().join("\n")
        }
        _ => one_line(&visible.collect::<String>()),
    }
}
