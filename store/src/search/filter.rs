//! What a search is narrowed to by properties of documents. Part of the [`Scope`](super::Scope): both indexes apply it
//! inside the query, and the last check in SQL once more.

use crate::Result;
use crate::ids::DocumentId;
use crate::language::Language;
use crate::properties::{Properties, UPLOAD, folded};
use crate::search::Scope;
use crate::store::Store;

/// Several values of one property: any of them; several properties: all must hold. One without values holds always. A
/// document that does not have the property does not match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Names of [`crate::document_types`].
    pub types: Vec<String>,
    /// Of the chunk.
    pub languages: Vec<Language>,
    /// Names of sources, or [`UPLOAD`]. In a scope, what the indexes hold: ids.
    pub sources: Vec<String>,
    /// In any case, with accents or without.
    pub authors: Vec<String>,
    /// First and last.
    pub year: (Option<i32>, Option<i32>),
    /// First and last millisecond.
    pub added_ms: (Option<i64>, Option<i64>),
    /// Not this document.
    pub except: Option<DocumentId>,
}

/// A source that nobody can have: its name is no id.
const NO_SOURCE: &str = "?";

impl Filter {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a chunk in this language of a revision with these properties is let through.
    pub(crate) fn admits(&self, properties: &Properties, language: Language) -> bool {
        let one_of = |values: &[String], value: &str| values.is_empty() || values.iter().any(|wanted| wanted == value);
        let authors = &properties.authors;
        one_of(&self.types, properties.document_type)
            && (self.languages.is_empty() || self.languages.contains(&language))
            && one_of(&self.sources, &properties.source)
            && (self.authors.is_empty() || authors.iter().any(|author| self.authors.contains(&author.key)))
            && within(self.year, properties.year)
            && within(self.added_ms, Some(properties.added_at_ms))
    }
}

/// Whether a value lies between two that are included. What is not there lies nowhere.
pub(crate) fn within<T: PartialOrd>((first, last): (Option<T>, Option<T>), value: Option<T>) -> bool {
    if first.is_none() && last.is_none() {
        return true;
    }
    value.is_some_and(|value| first.is_none_or(|first| first <= value) && last.is_none_or(|last| value <= last))
}

impl Store {
    /// The scope narrowed by a filter. A source's name that nobody has is not an error: it would tell which names are
    /// taken.
    pub async fn filtered(&self, mut scope: Scope, filter: Filter) -> Result<Scope> {
        let mut filter = filter;
        if !filter.sources.is_empty() {
            let known = self.database.source_names().await?;
            let mut ids: Vec<String> = Vec::new();
            for name in &filter.sources {
                ids.extend(known.iter().filter(|(_, known)| *known == name).map(|(id, _)| id.clone()));
                if name == UPLOAD {
                    ids.push(UPLOAD.to_owned());
                    ids.extend(self.database.gone_sources().await?);
                }
            }
            if ids.is_empty() {
                ids.push(NO_SOURCE.to_owned());
            }
            filter.sources = ids;
        }
        filter.authors = filter.authors.iter().map(|name| folded(name)).collect();
        // In one order, so that the same filter is known again.
        for values in [&mut filter.types, &mut filter.sources, &mut filter.authors] {
            values.sort_unstable();
            values.dedup();
        }
        filter.languages.sort_unstable();
        filter.languages.dedup();
        scope.filter = filter;
        Ok(scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties() -> Properties {
        Properties::new("application/pdf", Some("s".into()), vec!["Anaïs Nin".into()], Some(1931), 1_000)
    }

    #[test]
    fn any_value_of_a_property_and_every_property() {
        let filter = Filter {
            types: vec!["word".into(), "pdf".into()],
            authors: vec!["anais nin".into()],
            year: (Some(1930), Some(1931)),
            ..Filter::default()
        };
        assert!(filter.admits(&properties(), Language::French));
        assert!(!Filter { types: vec!["word".into()], ..filter.clone() }.admits(&properties(), Language::French));
        assert!(!Filter { year: (Some(1932), None), ..filter.clone() }.admits(&properties(), Language::French));
        assert!(!Filter { languages: vec![Language::English], ..filter }.admits(&properties(), Language::French));
        assert!(Filter::default().admits(&properties(), Language::Other));
    }

    #[test]
    fn what_is_not_there_does_not_match() {
        let bare = Properties::new("text/plain", None, Vec::new(), None, 1_000);
        assert!(!Filter { year: (None, Some(3_000)), ..Filter::default() }.admits(&bare, Language::Other));
        assert!(!Filter { authors: vec!["nobody".into()], ..Filter::default() }.admits(&bare, Language::Other));
        assert!(Filter { added_ms: (Some(1_000), Some(1_000)), ..Filter::default() }.admits(&bare, Language::Other));
        assert!(!Filter { added_ms: (None, Some(999)), ..Filter::default() }.admits(&bare, Language::Other));
    }
}
