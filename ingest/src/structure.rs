//! The structure of a revision as it is kept beside its text: blocks and layout, as bytes.

use serde::{Deserialize, Serialize};

use crate::document::{Block, BlockKind, Line, MediaType, Metadata, ParsedDocument};
use crate::layout::{Layout, LayoutError};

/// Blocks and geometry of a revision. The text itself is kept apart, once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Structure {
    pub blocks: Vec<BlockRange>,
    pub layout: Layout,
}

/// A block without its text: characters `char_start..char_end` of the revision's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockRange {
    pub kind: BlockKind,
    pub char_start: u32,
    pub char_end: u32,
    pub page: Option<u32>,
    pub heading_path: Vec<String>,
}

impl Structure {
    pub fn of(document: &ParsedDocument) -> Self {
        let blocks = document
            .blocks
            .iter()
            .zip(document.block_ranges())
            .map(|(block, (char_start, char_end))| BlockRange {
                kind: block.kind,
                char_start,
                char_end,
                page: block.page,
                heading_path: block.heading_path.clone(),
            })
            .collect();
        Self { blocks, layout: document.layout() }
    }

    /// The document that this is the structure of, as far as chunks are made of it; `text` and `title` are the
    /// revision's, `language` is what most of it is in. None if the text is another one's.
    pub fn document(&self, text: &str, title: Option<String>, language: Option<&str>) -> Option<ParsedDocument> {
        let offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
        let mut lines = self.layout.lines.iter().peekable();
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for range in &self.blocks {
            let (from, to) = (*offsets.get(range.char_start as usize)?, *offsets.get(range.char_end as usize)?);
            let mut own = Vec::new();
            while let Some(line) = lines.next_if(|line| line.char_start < range.char_end) {
                own.push(Line {
                    page: line.page,
                    char_start: line.char_start.checked_sub(range.char_start)?,
                    char_end: line.char_end.checked_sub(range.char_start)?,
                    top: line.top,
                    bottom: line.bottom,
                    x: line.x.clone(),
                });
            }
            blocks.push(Block {
                kind: range.kind,
                text: text.get(from..to)?.to_owned(),
                heading_path: range.heading_path.clone(),
                page: range.page,
                lines: own,
            });
        }
        let metadata = Metadata { language: language.map(str::to_owned), ..Metadata::default() };
        let document = ParsedDocument {
            metadata,
            page_sizes: self.layout.pages.clone(),
            ..ParsedDocument::flowing(MediaType::Text, title, blocks, None)
        };
        (document.text() == text).then_some(document)
    }

    /// The stored form: the length of the blocks' JSON as a little-endian `u32`, that JSON, the layout.
    pub fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_vec(&self.blocks).expect("blocks hold only strings and numbers");
        let mut bytes = (json.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(&json);
        bytes.extend_from_slice(&self.layout.to_bytes());
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LayoutError> {
        let damaged = LayoutError { reason: "the blocks are cut off or not readable" };
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or(damaged.clone())?;
        let length = u32::from_le_bytes(*length) as usize;
        let (json, layout) = rest.split_at_checked(length).ok_or(damaged.clone())?;
        let blocks = serde_json::from_slice(json).map_err(|_| damaged)?;
        Ok(Self { blocks, layout: Layout::from_bytes(layout)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::LayoutLine;

    fn structure() -> Structure {
        let block = |kind, char_start, char_end| BlockRange {
            kind,
            char_start,
            char_end,
            page: Some(1),
            heading_path: vec!["Été".into()],
        };
        Structure {
            blocks: vec![block(BlockKind::Heading { level: 2 }, 0, 3), block(BlockKind::Table, 5, 9)],
            layout: Layout::default(),
        }
    }

    #[test]
    fn bytes_give_the_same_structure_back() {
        assert_eq!(Structure::from_bytes(&structure().to_bytes()), Ok(structure()));
    }

    #[test]
    fn text_and_structure_give_the_blocks_back() {
        let line = |page, char_start, char_end| LayoutLine {
            page,
            char_start,
            char_end,
            top: 1.0,
            bottom: 2.0,
            x: vec![0.0; (char_end - char_start + 1) as usize],
        };
        let mut kept = structure();
        kept.layout.lines = vec![line(1, 0, 3), line(1, 5, 7), line(2, 7, 9)];
        let document = kept.document("Été\n\nab|c", Some("Titre".into()), Some("fr")).unwrap();
        assert_eq!(document.blocks.iter().map(|block| block.text.as_str()).collect::<Vec<_>>(), ["Été", "ab|c"]);
        assert_eq!((document.blocks[1].lines.len(), document.blocks[1].lines[1].char_start), (2, 2));
        assert_eq!(Structure::of(&document), kept);
        for other in ["Été\n\nab|cd", "Été\n\nab", "Été, ab|c", ""] {
            assert_eq!(kept.document(other, None, None), None, "{other:?}");
        }
    }

    #[test]
    fn any_cut_is_an_error_and_not_a_panic() {
        let bytes = structure().to_bytes();
        for end in 0..bytes.len() {
            assert!(Structure::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert!(Structure::from_bytes(&[0xff; 40]).is_err());
    }
}
