//! How many documents have each value of a property: of those in a scope, or of those that a search is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Scope, blocking};
use crate::Result;
use crate::ids::{ChunkId, RevisionId};
use crate::indexes::{IndexPair, Indexes};
use crate::lexical::Wanted;
use crate::lexical::facets::{Among, Counts};
use crate::properties::UPLOAD;
use crate::store::Store;

/// Most authors that are listed.
const AUTHORS: usize = 10;
/// Changes that the index has not followed yet, above which it is waited for.
const MOST_CHANGES: u32 = 1_000;

/// Documents by the values of each property; most documents first, and years with the newest first. A property's counts
/// ignore what the filter asks of that property, and follow all else of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    pub types: Vec<FacetValue>,
    pub languages: Vec<FacetValue>,
    /// By name.
    pub sources: Vec<FacetValue>,
    /// The ones with most documents.
    pub authors: Vec<FacetValue>,
    pub years: Vec<FacetValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetValue {
    pub value: String,
    pub documents: u64,
}

/// What a search was about, in the end.
pub(super) struct About {
    /// None where words were not looked for.
    pub words: Option<Wanted>,
    /// What the dense leg proposed, as far as the caller may see it.
    pub dense: Vec<ChunkId>,
}

impl Store {
    /// Of all documents in scope.
    pub async fn facets(&self, scope: &Scope) -> Result<Facets> {
        self.count_facets(&self.sets.in_use(), scope, None).await
    }

    /// Nothing is asked of SQL but what the index cannot know: which of its revisions are not to be counted.
    pub(super) async fn count_facets(&self, indexes: &Indexes, scope: &Scope, about: Option<About>) -> Result<Facets> {
        if scope.collections.is_empty() {
            return Ok(Facets::default());
        }
        let (pair, mut stale) = self.pair_and_stale(indexes).await?;
        stale.extend(self.database.revisions_under_way().await?);
        let scope = scope.clone();
        let counts = blocking(move || {
            let among = match &about {
                None => Among::All,
                Some(about) => Among::Found { words: about.words.as_ref(), chunks: &about.dense },
            };
            pair.lexical.count_documents(&scope, &among, &stale)
        })
        .await?;
        Ok(named(counts, &self.database.source_names().await?))
    }

    /// The indexes, and the revisions that changed since the lexical one looked: for whom they are may be among what
    /// changed.
    async fn pair_and_stale(&self, indexes: &Indexes) -> Result<(Arc<IndexPair>, Vec<RevisionId>)> {
        loop {
            let pair = indexes.pair().await;
            let changes = self.database.changes_after(indexes.set.id, pair.lexical.applied(), MOST_CHANGES).await?;
            match changes.last() {
                Some(last) if changes.len() >= MOST_CHANGES as usize => indexes.catch_up(last.sequence).await?,
                _ => return Ok((pair, changes.into_iter().map(|change| change.revision).collect())),
            }
        }
    }
}

fn named(counts: Counts, names: &BTreeMap<String, String>) -> Facets {
    let mut sources: BTreeMap<String, u64> = BTreeMap::new();
    for (id, documents) in counts.sources {
        // What comes from a source that was removed is kept as an upload is.
        let name = names.get(&id).cloned().unwrap_or_else(|| UPLOAD.to_owned());
        *sources.entry(name).or_default() += documents;
    }
    let mut authors = most_first(counts.authors.into_values());
    authors.truncate(AUTHORS);
    let years = counts.years.into_iter().rev();
    let languages = counts.languages.into_iter().map(|(language, documents)| (language.as_str().to_owned(), documents));
    Facets {
        types: most_first(counts.types),
        languages: most_first(languages),
        sources: most_first(sources),
        authors,
        years: years.map(|(year, documents)| FacetValue { value: year.to_string(), documents }).collect(),
    }
}

fn most_first(counted: impl IntoIterator<Item = (String, u64)>) -> Vec<FacetValue> {
    let mut values: Vec<FacetValue> =
        counted.into_iter().map(|(value, documents)| FacetValue { value, documents }).collect();
    values.sort_by(|a, b| b.documents.cmp(&a.documents).then_with(|| a.value.cmp(&b.value)));
    values
}
