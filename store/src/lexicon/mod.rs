//! Lexicons: expressions that mean the same, written down by the operator for a collection. A query is looked for with
//! the alternatives that the lexicons in its scope have for its words, and of those only that the caller may enter.
//! What is said of others, and how long it takes, depends on no other lexicon.

mod matching;
mod parse;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

pub use matching::{Expansion, Lexicon, expand};
pub use parse::LexiconProblem;

use crate::Result;
use crate::blobs::hexadecimal;
use crate::error::StoreError;
use crate::ids::CollectionId;
use crate::search::Scope;
use crate::sql::Database;
use crate::store::Store;

/// A lexicon as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenLexicon {
    /// Empty if the collection has none.
    pub text: String,
    pub entries: usize,
}

/// Parsed lexicons, each with the hash of the text that it was made of. Each process has its own, and looks at the
/// hashes of those in scope before a search.
#[derive(Debug, Default)]
pub struct Lexicons(Mutex<HashMap<CollectionId, (String, Arc<Lexicon>)>>);

impl Lexicons {
    /// Those of a scope that the caller may enter, in the order of the collections' names.
    pub async fn of(&self, database: &Database, scope: &Scope) -> Result<Vec<Arc<Lexicon>>> {
        let mut found = Vec::new();
        for (collection, sha256) in database.lexicon_hashes(&scope.grant, &scope.collections).await? {
            if let Some(known) = self.known(collection, &sha256) {
                found.push(known);
            } else if let Some((text, sha256)) = database.lexicon(collection).await? {
                let parsed = parsed(collection, text).await?;
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(collection, (sha256, Arc::clone(&parsed)));
                found.push(parsed);
            }
        }
        Ok(found)
    }

    fn known(&self, collection: CollectionId, sha256: &str) -> Option<Arc<Lexicon>> {
        let lexicons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lexicons.get(&collection).filter(|(known, _)| known == sha256).map(|(_, lexicon)| Arc::clone(lexicon))
    }
}

/// What was let in once is not worth a search: if the rules changed since, it counts for nothing until it is mended.
async fn parsed(collection: CollectionId, text: String) -> Result<Arc<Lexicon>> {
    let parse = move || {
        let entries = parse::parse(&text).unwrap_or_else(|(line, problem)| {
            tracing::warn!(%collection, line, %problem, "a lexicon is left out of searches");
            Vec::new()
        });
        Arc::new(Lexicon::new(entries))
    };
    tokio::task::spawn_blocking(parse).await.map_err(|_| StoreError::Stopped)
}

impl Store {
    /// For the operator.
    pub async fn lexicon(&self, collection: &str) -> Result<WrittenLexicon> {
        let collection = self.database.collection_id(collection).await?;
        let text = self.database.lexicon(collection).await?.map_or_else(String::new, |(text, _)| text);
        let entries = parse::parse(&text).map_or(0, |entries| entries.len());
        Ok(WrittenLexicon { text, entries })
    }

    /// Replaces a collection's lexicon, in every process from the next search on. For the operator.
    pub async fn set_lexicon(&self, collection: &str, text: &str) -> Result<WrittenLexicon> {
        let collection = self.database.collection_id(collection).await?;
        let entries = parse::parse(text).map_err(|(line, problem)| StoreError::Lexicon { line, problem })?;
        if text.trim().is_empty() {
            self.database.delete_lexicon(collection).await?;
        } else {
            let sha256 = hexadecimal(&Sha256::digest(text.as_bytes()));
            self.database.set_lexicon(collection, text, &sha256).await?;
        }
        Ok(WrittenLexicon { text: text.to_owned(), entries: entries.len() })
    }
}
