//! How deep a page would nest, by its tags alone: the tree builder looks through all open elements for many a
//! tag, so that a megabyte of tags that nobody closes would take it hours.

use crate::error::ParseError;
use crate::limits::Limits;

/// Sloppy pages leave many tags open that the tree builder closes; this many are no accident.
const OPEN_PER_NESTING: usize = 256;
/// Elements that have no end tag, or whose end tag pages leave out and the tree builder finds.
const CLOSE_THEMSELVES: &[&str] = &[
    "area", "base", "body", "br", "col", "colgroup", "dd", "dt", "embed", "frame", "head", "hr", "html", "img",
    "input", "li", "link", "meta", "option", "p", "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr",
    "track", "wbr",
];

/// An error for a page that opens far more elements than it closes.
pub(super) fn check(text: &str, limits: &Limits) -> Result<(), ParseError> {
    let max_open = limits.max_nesting as usize * OPEN_PER_NESTING;
    let mut open = 0_usize;
    for tag in text.split('<').skip(1) {
        let (is_end, tag) = tag.strip_prefix('/').map_or((false, tag), |end| (true, end));
        let name = &tag[..tag.bytes().take_while(u8::is_ascii_alphanumeric).count()];
        if name.is_empty() || CLOSE_THEMSELVES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        open = if is_end { open.saturating_sub(1) } else { open + 1 };
        if open > max_open {
            return Err(ParseError::limit("open elements", max_open as u64));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Limits, check};

    #[test]
    fn pages_that_close_what_they_open_may_be_long() {
        let limits = Limits::default();
        let long = "<div class=a><p>One<br>two<ul><li>three</ul></div><hr>".repeat(50_000);
        assert_eq!(check(&long, &limits), Ok(()));
        assert!(check(&"<DIV>".repeat(50_000), &limits).is_err());
        assert!(check(&"<b><i><p>word".repeat(50_000), &limits).is_err());
    }
}
