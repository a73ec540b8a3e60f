//! What of a part's XML counts in DOCX.

use crate::error::ParseError;
use crate::limits::Limits;
use crate::xml::{self, Dialect};
pub(super) use crate::xml::{Visitor, attribute};

/// Their content is not text of the document: deletions, field codes, and the older copy of a text box.
const SKIPPED: &[&str] = &["del", "moveFrom", "instrText", "delText", "Fallback"];

const DOCX: Dialect = Dialect { format: "docx", skips: is_skipped };

pub(super) fn walk(part: &str, limits: &Limits, visitor: &mut impl Visitor) -> Result<(), ParseError> {
    xml::walk(part, limits, &DOCX, visitor)
}

/// Also what a paragraph or a run was formatted like before a tracked change (`pPrChange` and its kin).
fn is_skipped(name: &str) -> bool {
    SKIPPED.contains(&name) || name.ends_with("PrChange")
}
