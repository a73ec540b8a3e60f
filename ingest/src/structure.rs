//! The structure of a revision as it is kept beside its text: blocks and layout, as bytes.

use serde::{Deserialize, Serialize};

use crate::document::{BlockKind, ParsedDocument};
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
    fn any_cut_is_an_error_and_not_a_panic() {
        let bytes = structure().to_bytes();
        for end in 0..bytes.len() {
            assert!(Structure::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert!(Structure::from_bytes(&[0xff; 40]).is_err());
    }
}
