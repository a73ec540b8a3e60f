//! What a document is filtered by and counted by, beside its words: its type, where it comes from, who wrote it, the
//! year it says of itself, the time it was added. The language is a chunk's own.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::document_type::document_type;

/// As the name of a source: documents that come from none, or from one that was removed.
pub const UPLOAD: &str = "upload";

/// Of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Properties {
    pub document_type: &'static str,
    /// Id of the source, or [`UPLOAD`].
    pub source: String,
    /// As the document names them, in order; none twice.
    pub authors: Vec<Author>,
    pub year: Option<i32>,
    pub added_at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Author {
    /// As [`folded`] has the name: what is compared.
    pub key: String,
    /// As it is written.
    pub name: String,
}

impl Properties {
    pub fn new(
        media_type: &str,
        source: Option<String>,
        names: Vec<String>,
        year: Option<i32>,
        added_at_ms: i64,
    ) -> Self {
        let mut authors: Vec<Author> = Vec::new();
        for name in names {
            let (key, name) = (folded(&name), cleaned(&name));
            if !key.is_empty() && authors.iter().all(|author| author.key != key) {
                authors.push(Author { key, name });
            }
        }
        Self {
            document_type: document_type(media_type),
            source: source.unwrap_or_else(|| UPLOAD.to_owned()),
            authors,
            year,
            added_at_ms,
        }
    }
}

/// Bytes of a name: an index takes no longer word.
const MAX_NAME_BYTES: usize = 1_000;

/// One line, cut where it is too long to be a name.
fn cleaned(name: &str) -> String {
    let line = name.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let mut name = line.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    name
}

/// A name without what people leave out when they write it: accents, capitals, more than one space.
pub(crate) fn folded(name: &str) -> String {
    let plain: String = name.nfkd().filter(|letter| !is_combining_mark(*letter)).collect();
    cleaned(&plain.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_it_is_accented_and_spaced() {
        for name in ["José  GARCÍA", "jose garcia", "Jose\u{301} Garci\u{301}a", "\tJosé\nGarcía "] {
            assert_eq!(folded(name), "jose garcia", "{name}");
        }
        assert_ne!(folded("Jose Garcia"), folded("Josef Garcia"));
        assert!(folded(&"é".repeat(5_000)).len() <= MAX_NAME_BYTES);
        assert!(cleaned(&"é".repeat(5_000)).len() <= MAX_NAME_BYTES);
    }

    #[test]
    fn an_author_counts_once() {
        let names = ["Anaïs Nin", "ANAIS NIN", " ", "Henry Miller"].map(str::to_owned).to_vec();
        let properties = Properties::new("application/pdf", None, names, Some(1931), 5);
        let found: Vec<&str> = properties.authors.iter().map(|author| author.name.as_str()).collect();
        assert_eq!(found, ["Anaïs Nin", "Henry Miller"]);
        assert_eq!((properties.document_type, properties.source.as_str()), ("pdf", UPLOAD));
    }
}
