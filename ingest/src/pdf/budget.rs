//! What one file may still cost: counted down by everything that a hostile file could multiply.

use crate::error::ParseError;
use crate::limits::Limits;

/// Operators of content streams, forms counted each time that they are drawn.
const MAX_OPERATORS: u64 = 60_000_000;
/// Glyphs of the whole file: about 10,000 full pages.
const MAX_GLYPHS: u64 = 30_000_000;

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
        self.operators = self
            .operators
            .checked_sub(1)
            .ok_or_else(|| ParseError::limit("drawing operators", MAX_OPERATORS))?;
        Ok(())
    }

    pub(super) fn glyph(&mut self) -> Result<(), ParseError> {
        self.glyphs = self
            .glyphs
            .checked_sub(1)
            .ok_or_else(|| ParseError::limit("characters", MAX_GLYPHS))?;
        Ok(())
    }

    pub(super) fn remaining_bytes(&self) -> usize {
        usize::try_from(self.expanded_bytes).unwrap_or(usize::MAX)
    }

    pub(super) fn expanded(&mut self, bytes: usize) -> Result<(), ParseError> {
        self.expanded_bytes = self
            .expanded_bytes
            .checked_sub(bytes as u64)
            .ok_or_else(|| self.too_expanded())?;
        Ok(())
    }

    pub(super) fn too_expanded(&self) -> ParseError {
        ParseError::limit("bytes after decompression", self.max_expanded_bytes)
    }

    /// Deep nesting of forms draws nothing more; it is not an error.
    pub(super) fn may_nest(&self, depth: usize) -> bool {
        depth < self.max_nesting as usize
    }
}
