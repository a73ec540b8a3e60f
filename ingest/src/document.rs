//! What every format becomes: an ordered list of blocks, with their place in the original.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::layout::{Layout, LayoutLine, PageSize};
pub use crate::media_type::MediaType;

/// What stands between two blocks in [`ParsedDocument::text`].
pub const BLOCK_SEPARATOR: &str = "\n\n";
/// The largest collaborations have some thousands.
const MAX_AUTHORS: usize = 5_000;

/// A document as its parser understood it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParsedDocument {
    pub media_type: MediaType,
    pub title: Option<String>,
    #[serde(default)]
    pub metadata: Metadata,
    /// `None` for formats without pages.
    pub page_count: Option<u32>,
    /// One per page, in order; empty for formats without pages.
    pub page_sizes: Vec<PageSize>,
    pub blocks: Vec<Block>,
    pub warnings: Vec<Warning>,
    /// Pages, from 1, that say too little themselves: text recognition may read more on them.
    #[serde(default)]
    pub unread_pages: Vec<u32>,
}

/// What a document says about itself, as far as its format holds it. Its title stands in [`ParsedDocument`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// In order; as written, whichever name comes first.
    pub authors: Vec<String>,
    /// Of publication, or when it was made.
    pub year: Option<i32>,
    /// Without `https://doi.org/`.
    pub doi: Option<String>,
    /// As the document names it, for example `fr-FR`.
    pub language: Option<String>,
}

/// A parsed unit of a document: what a reader would call a paragraph, a heading, a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    pub kind: BlockKind,
    /// Never empty, NFC.
    pub text: String,
    /// The headings above this block, outermost first, without the block itself.
    pub heading_path: Vec<String>,
    /// 1-based page on which the block starts.
    pub page: Option<u32>,
    /// Tiles the characters of `text`; empty unless the format has pages with geometry.
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// `level` is 1 for the outermost.
    Heading {
        level: u8,
    },
    Paragraph,
    ListItem,
    /// Rows are lines of text, cells are separated by `" | "`.
    Table,
    Code,
    Caption,
    Quote,
}

/// One stretch of text drawn on a page, along one base line and in one direction.
///
/// Characters of [`Block::text`] in `char_start..char_end` (relative to the block) stand on it.
/// `x` has `char_end - char_start + 1` boundaries in PDF points from the page's left edge; they
/// fall where the script runs from right to left. `top` and `bottom` are measured in points from
/// the top of the page as displayed (rotation and crop box applied).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// 1-based.
    pub page: u32,
    pub char_start: u32,
    pub char_end: u32,
    pub top: f32,
    pub bottom: f32,
    pub x: Vec<f32>,
}

/// Something that the reader of a parsed document should know: part of it may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable identifier, for example `page_without_text`.
    pub code: Cow<'static, str>,
    pub message: String,
    /// 1-based.
    pub page: Option<u32>,
}

impl Metadata {
    /// Adds what a field for authors holds: one name, or several with semicolons between them.
    pub(crate) fn add_authors(&mut self, names: &str) {
        for name in names.split(';').map(str::trim).filter(|name| !name.is_empty()) {
            if self.authors.len() < MAX_AUTHORS && !self.authors.iter().any(|known| known == name) {
                self.authors.push(name.to_owned());
            }
        }
    }
}

impl BlockKind {
    /// The kind's name as it stands in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Heading { .. } => "heading",
            Self::Paragraph => "paragraph",
            Self::ListItem => "list_item",
            Self::Table => "table",
            Self::Code => "code",
            Self::Caption => "caption",
            Self::Quote => "quote",
        }
    }
}

impl Warning {
    pub fn new(code: &'static str, message: impl Into<String>, page: Option<u32>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into(), page }
    }
}

impl ParsedDocument {
    /// A document of a format that does not know pages, or not their geometry.
    pub(crate) fn flowing(
        media_type: MediaType,
        title: Option<String>,
        blocks: Vec<Block>,
        warnings: impl IntoIterator<Item = Warning>,
    ) -> Self {
        Self {
            media_type,
            title,
            metadata: Metadata::default(),
            page_count: None,
            page_sizes: Vec::new(),
            blocks,
            warnings: warnings.into_iter().collect(),
            unread_pages: Vec::new(),
        }
    }

    /// The revision's text: the blocks' texts joined by [`BLOCK_SEPARATOR`]. All character
    /// offsets of a revision count characters of this.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.blocks.iter().map(|block| block.text.as_str()).collect();
        texts.join(BLOCK_SEPARATOR)
    }

    /// The character range of each block in [`Self::text`].
    pub fn block_ranges(&self) -> Vec<(u32, u32)> {
        let separator_chars = BLOCK_SEPARATOR.chars().count() as u32;
        let mut char_start = 0;
        self.blocks
            .iter()
            .map(|block| {
                let char_end = char_start + block.text.chars().count() as u32;
                let range = (char_start, char_end);
                char_start = char_end + separator_chars;
                range
            })
            .collect()
    }

    /// The geometry of the whole text; without pages and lines for formats that have none.
    pub fn layout(&self) -> Layout {
        let lines = self
            .blocks
            .iter()
            .zip(self.block_ranges())
            .flat_map(|(block, (block_start, _))| {
                block.lines.iter().map(move |line| LayoutLine {
                    page: line.page,
                    char_start: block_start + line.char_start,
                    char_end: block_start + line.char_end,
                    top: line.top,
                    bottom: line.bottom,
                    x: line.x.clone(),
                })
            })
            .collect();
        Layout { pages: self.page_sizes.clone(), lines }
    }
}
