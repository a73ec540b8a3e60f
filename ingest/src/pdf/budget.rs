//! What one file may still cost: counted down by everything that a hostile file could multiply.

use crate::error::ParseError;
use crate::limits::Limits;

/// Operators of content streams, forms counted each time that they are drawn.
const MAX_OPERATORS: u64 = 60_000_000;
/// Drawing a form costs as much as so many operators, however little is in it.
const OPERATORS_PER_FORM: u64 = 20;
/// Glyphs of the whole file: about 10,000 full pages.
const MAX_GLYPHS: u64 = 30_000_000;

const EXPANDED: &str = "bytes after decompression";
/// No single stream of a real file, and no page's content, is larger when expanded.
pub(super) const MAX_STREAM_BYTES: u64 = 256 << 20;

#[derive(Debug)]
pub(super) struct Budget {
    operators: u64,
    glyphs: u64,
    expanded_bytes: u64,
    max_expanded_bytes: u64,
    max_nesting: u32,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            operators: MAX_OPERATORS,
            glyphs: MAX_GLYPHS,
            expanded_bytes: limits.max_expanded_bytes,
            max_expanded_bytes: limits.max_expanded_bytes,
            max_nesting: limits.max_nesting,
        }
    }

    pub(super) fn operator(&mut self) -> Result<(), ParseError> {
        self.spend(1)
    }

    pub(super) fn form(&mut self) -> Result<(), ParseError> {
        self.spend(OPERATORS_PER_FORM)
    }

    fn spend(&mut self, operators: u64) -> Result<(), ParseError> {
        let left = self.operators.checked_sub(operators);
        self.operators = left.ok_or_else(|| ParseError::limit("drawing operators", MAX_OPERATORS))?;
        Ok(())
    }

    pub(super) fn glyph(&mut self) -> Result<(), ParseError> {
        self.glyphs = self.glyphs.checked_sub(1).ok_or_else(|| ParseError::limit("characters", MAX_GLYPHS))?;
        Ok(())
    }

    /// How large one stream may become.
    pub(super) fn stream_bytes(&self) -> usize {
        usize::try_from(self.expanded_bytes.min(MAX_STREAM_BYTES)).unwrap_or(usize::MAX)
    }

    pub(super) fn expanded(&mut self, bytes: usize) -> Result<(), ParseError> {
        self.expanded_bytes = self
            .expanded_bytes
            .checked_sub(bytes as u64)
            .ok_or_else(|| ParseError::limit(EXPANDED, self.max_expanded_bytes))?;
        Ok(())
    }

    /// The error for a stream, or a page's content, that would become larger than that.
    pub(super) fn stream_too_large(&self) -> ParseError {
        ParseError::limit(EXPANDED, self.max_expanded_bytes.min(MAX_STREAM_BYTES))
    }

    /// Deep nesting of forms draws nothing more; it is not an error.
    pub(super) fn may_nest(&self, depth: usize) -> bool {
        depth < self.max_nesting as usize
    }
}
