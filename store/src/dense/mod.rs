//! The dense leg: nearest vectors by cosine, in the embedded Qdrant or in a server.

mod edge;
mod leftovers;
mod payload;
mod server;
mod sweep;

use std::collections::BTreeMap;
use std::path::Path;

pub use edge::EdgeIndex;
pub use server::ServerIndex;

use serde::Deserialize;

use crate::Result;
use crate::ids::{ChunkId, DocumentId, RevisionId};
use crate::search::Scope;
use crate::sets::IndexSet;
use crate::sql::chunks::IndexedRevision;
use crate::store::StoreOptions;

/// Names of the payload's fields, the same in both engines.
const COLLECTION: &str = "collection";
const DOCUMENT: &str = "document";
const REVISION: &str = "revision";
/// Whom a narrowed document is for; see [`crate::access::Listing`].
const READERS: &str = "readers";
const STAMP: &str = "stamp";
/// What a document is filtered by; see [`crate::properties::Properties`].
const DOCUMENT_TYPE: &str = "document_type";
const LANGUAGE: &str = "language";
const SOURCE: &str = "source";
/// Hashes of names: of words of a document none reaches a dense index, whose log keeps what was deleted.
const AUTHORS: &str = "authors";
const YEAR: &str = "year";
/// In milliseconds.
const ADDED: &str = "added";
const KEYS: [&str; 9] = [COLLECTION, DOCUMENT, REVISION, READERS, STAMP, DOCUMENT_TYPE, LANGUAGE, SOURCE, AUTHORS];
const NUMBERS: [&str; 2] = [YEAR, ADDED];

/// Points in one request to the engine.
const POINTS_PER_REQUEST: usize = 256;

/// How vectors are searched through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantisation {
    /// As they are. A server's collection stays as it is configured there.
    #[default]
    None,
    /// In eight bits a number, in memory; the nearest are then compared as they are.
    Int8,
}

#[derive(Debug)]
pub enum DenseIndex {
    Edge(EdgeIndex),
    Server(ServerIndex),
}

impl DenseIndex {
    /// `folder` belongs to the embedded engine. `database_id` keeps the points of two databases apart on
    /// one server.
    pub async fn open(options: &StoreOptions, set: &IndexSet, folder: &Path, database_id: &str) -> Result<Self> {
        Ok(match &options.qdrant_url {
            Some(url) => Self::Server(ServerIndex::open(url, options, set, database_id).await?),
            None => Self::Edge(EdgeIndex::open(folder, set.dimensions, options.quantisation)?),
        })
    }

    /// The change that the index was at when it was opened. A server's says nothing: it is in doubt.
    pub fn opened_at(&self) -> i64 {
        match self {
            Self::Edge(index) => index.opened_at,
            Self::Server(_) => 0,
        }
    }

    /// Whether only a comparison with the database says what the index holds. True of a server that was
    /// just opened, because others write to it too and its operator may have done anything to it, and of
    /// one that has lost its collection.
    pub fn is_in_doubt(&self) -> bool {
        match self {
            Self::Edge(_) => false,
            Self::Server(index) => index.is_in_doubt(),
        }
    }

    /// The comparison was made, and what differed was written.
    pub fn is_compared(&self) {
        if let Self::Server(index) = self {
            index.is_compared();
        }
    }

    /// Makes what points are kept in, unless it is there.
    pub async fn prepare(&self) -> Result<()> {
        match self {
            Self::Edge(_) => Ok(()),
            Self::Server(index) => index.prepare().await,
        }
    }

    /// Applies a batch: the points of the revisions in `removed` go, except for those in `added`. When this
    /// returns, searches see it and a crash can't undo it.
    pub async fn apply(&self, removed: Vec<RevisionId>, added: Vec<IndexedRevision>, sequence: i64) -> Result<()> {
        match self {
            Self::Edge(index) => index.apply(removed, added, sequence).await,
            Self::Server(index) => index.apply(&removed, &added).await,
        }
    }

    /// Nothing is written by this process when it returns.
    pub async fn close(&self) -> Result<()> {
        match self {
            Self::Edge(index) => index.close().await,
            Self::Server(_) => Ok(()),
        }
    }

    /// Gives up what is not in files of this process, and returns when nothing reads the files any more.
    pub async fn discard(&self) -> Result<()> {
        match self {
            Self::Edge(index) => index.wait_until_unread().await,
            Self::Server(index) => index.discard().await,
        }
    }

    /// What a server has of this database.
    pub async fn collections(&self) -> Result<Vec<String>> {
        match self {
            Self::Edge(_) => Ok(Vec::new()),
            Self::Server(index) => index.collections().await,
        }
    }

    /// Removes those of `collections` that are of none of the sets.
    pub async fn remove_strangers(&self, collections: Vec<String>, sets: &[IndexSet]) -> Result<()> {
        match self {
            Self::Edge(_) => Ok(()),
            Self::Server(index) => index.remove_strangers(collections, sets).await,
        }
    }

    /// The `limit` nearest chunks in scope, with their cosine, nearest first.
    pub async fn search(&self, vector: &[f32], scope: &Scope, limit: usize) -> Result<Vec<(ChunkId, f32)>> {
        match self {
            Self::Edge(index) => index.search(vector.to_vec(), scope.clone(), limit).await,
            Self::Server(index) => index.search(vector.to_vec(), scope, limit).await,
        }
    }

    /// The cosines of given chunks, in no order.
    pub async fn cosines(&self, vector: &[f32], chunks: &[ChunkId]) -> Result<Vec<(ChunkId, f32)>> {
        if chunks.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Self::Edge(index) => index.cosines(vector.to_vec(), chunks).await,
            Self::Server(index) => index.cosines(vector.to_vec(), chunks).await,
        }
    }

    pub async fn count_document(&self, document: DocumentId) -> Result<u64> {
        self.count(Some((DOCUMENT, document.to_string()))).await
    }

    pub async fn count_revision(&self, revision: RevisionId) -> Result<u64> {
        self.count(Some((REVISION, revision.to_string()))).await
    }

    pub async fn count_stamp(&self, stamp: &str) -> Result<u64> {
        self.count(Some((STAMP, stamp.to_owned()))).await
    }

    /// Points that are for this reader.
    pub async fn count_reader(&self, reader: &str) -> Result<u64> {
        self.count(Some((READERS, reader.to_owned()))).await
    }

    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Edge(_))
    }

    /// Takes points that are deleted out of the engine's files, as far as it lets us. A server does so by itself.
    pub async fn sweep(&self) -> Result<()> {
        match self {
            Self::Edge(index) => index.sweep().await,
            Self::Server(_) => Ok(()),
        }
    }

    /// How often a text stands in the engine's files. None where they are a server's, or too many to read.
    pub async fn in_files(&self, text: &str) -> Result<Option<u64>> {
        match self {
            Self::Edge(index) => index.in_files(text.to_owned()).await,
            Self::Server(_) => Ok(None),
        }
    }

    pub async fn len(&self) -> Result<u64> {
        self.count(None).await
    }

    async fn count(&self, only: Option<(&'static str, String)>) -> Result<u64> {
        match self {
            Self::Edge(index) => index.count(only).await,
            Self::Server(index) => index.count(only).await,
        }
    }

    /// Stamps of points, and how many have each. While a server reorganises its points it may count some
    /// twice; a number that matters is asked for with `count_stamp`.
    pub async fn stamps(&self) -> Result<BTreeMap<String, u64>> {
        match self {
            Self::Edge(index) => index.stamps().await,
            Self::Server(index) => index.stamps().await,
        }
    }
}
