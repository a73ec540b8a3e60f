//! The store as a whole: opened once, shared by handle.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::broadcast;

use crate::Result;
use crate::access::{Principal, is_name};
use crate::blobs::Blobs;
use crate::dense::Quantisation;
use crate::document::{Counts, Document, DocumentFilter, Page};
use crate::error::StoreError;
use crate::ids::{CollectionId, DocumentId, RevisionId};
use crate::indexes::Reindexed;
use crate::lexicon::Lexicons;
use crate::lock::FolderLock;
use crate::open_sets::OpenSets;
use crate::revise::Revision;
use crate::search::Scope;
use crate::sets::NewSet;
use crate::sql::Database;

/// Listeners that fall behind by this much miss events, and are told so.
const EVENT_CAPACITY: usize = 1024;

#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub data_dir: PathBuf,
    /// Where originals are kept. Processes on one database share it; it is their only common folder.
    pub originals_dir: PathBuf,
    /// Postgres; `SQLite` in `data_dir` if left out.
    pub database_url: Option<String>,
    /// A Qdrant server's gRPC address; the embedded engine if left out.
    pub qdrant_url: Option<String>,
    pub qdrant_api_key: Option<String>,
    pub quantisation: Quantisation,
    /// What the first index set of a new database is made with.
    pub first_set: NewSet,
}

impl StoreOptions {
    /// Everything in one folder: `SQLite` and the embedded engine.
    pub fn embedded(data_dir: &Path, first_set: NewSet) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            originals_dir: data_dir.join("blobs"),
            database_url: None,
            qdrant_url: None,
            qdrant_api_key: None,
            quantisation: Quantisation::None,
            first_set,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Collection {
    pub id: CollectionId,
    pub name: String,
    pub documents: u64,
    pub created_at_ms: i64,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) sets: Arc<OpenSets>,
    pub(crate) blobs: Blobs,
    pub(crate) lexicons: Arc<Lexicons>,
    events: broadcast::Sender<DocumentId>,
}

impl Store {
    /// Opens everything, and brings the indexes to where the database is.
    pub async fn open(options: StoreOptions) -> Result<Self> {
        fs_err::create_dir_all(&options.data_dir)?;
        let lock = FolderLock::take(&options.data_dir)?;
        let database = Database::open(&options.data_dir, options.database_url.as_deref()).await?;
        make_first_set(&database, &options.first_set).await?;
        database.create_collection("default").await?;
        if !database.is_shared() {
            database.free_all_leases().await?;
            database.free_all_sources().await?;
            database.free_set_leases().await?;
        }
        let sets = Arc::new(OpenSets::open_all(&options, database.clone(), lock).await?);
        // One that stands beside follows later: nobody searches in it.
        sets.in_use().catch_up(database.last_change().await?).await?;
        sets.follow();
        sets.tidy();
        let (events, _) = broadcast::channel(EVENT_CAPACITY);
        Ok(Self { blobs: Blobs::open(options.originals_dir)?, database, sets, lexicons: Arc::default(), events })
    }

    /// Writes out what the indexes hold and ends their threads.
    pub async fn close(&self) {
        if let Err(error) = self.sets.close().await {
            tracing::error!(%error, "the indexes could not be closed; they catch up at the next start");
        }
        self.database.pool.close().await;
    }

    pub async fn ping(&self) -> Result<()> {
        self.database.ping().await
    }

    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Ids of documents whose state changed in this process.
    pub fn subscribe(&self) -> broadcast::Receiver<DocumentId> {
        self.events.subscribe()
    }

    pub(crate) fn changed(&self, document: DocumentId) {
        // Nobody listens: nothing to say.
        let _ = self.events.send(document);
    }

    /// Those that the principal may enter, with the number of documents there that it may read.
    pub async fn collections(&self, principal: &Principal) -> Result<Vec<Collection>> {
        self.database.collections(&principal.grant()).await
    }

    pub async fn create_collection(&self, name: &str) -> Result<()> {
        if !is_name(name) {
            return Err(StoreError::Name);
        }
        if self.database.create_collection(name).await? { Ok(()) } else { Err(StoreError::Exists(name.to_owned())) }
    }

    /// What a principal may search: one collection by name, or all that it may enter. A collection that it may not
    /// enter is not there.
    pub async fn scope(&self, principal: &Principal, collection: Option<&str>) -> Result<Scope> {
        let mut open = self.database.open_collections(&principal.grant()).await?;
        if let Some(name) = collection {
            open.retain(|(_, known)| known == name);
            if open.is_empty() {
                return Err(StoreError::NoSuchCollection(name.to_owned()));
            }
        }
        let collections = open.into_iter().map(|(id, _)| id).collect();
        Ok(Scope { collections, grant: principal.grant(), ..Scope::default() })
    }

    /// A document that the principal may not read is not there.
    pub async fn document(&self, principal: &Principal, document: DocumentId) -> Result<Document> {
        self.database.document(&principal.grant(), document).await
    }

    /// The document that a source's address stands for.
    pub async fn document_by_source(
        &self,
        principal: &Principal,
        collection: &str,
        source_uri: &str,
    ) -> Result<Document> {
        let scope = self.scope(principal, Some(collection)).await?;
        let collection =
            scope.collections.first().ok_or_else(|| StoreError::NoSuchCollection(collection.to_owned()))?;
        self.database.document(&principal.grant(), DocumentId::derive(*collection, source_uri)).await
    }

    /// Those that the principal may read.
    pub async fn documents(&self, principal: &Principal, filter: &DocumentFilter) -> Result<Page<Document>> {
        self.database.documents(&principal.grant(), filter).await
    }

    /// Of the documents that the principal may read.
    pub async fn counts(&self, principal: &Principal) -> Result<Counts> {
        self.database.counts(&principal.grant()).await
    }

    /// For those who were told its id: it says nothing about who may read it.
    pub async fn revision(&self, revision: RevisionId) -> Result<Option<Revision>> {
        self.database.revision(revision).await
    }

    /// Whether the blob went: it stays while a document, a revision or a job needs it.
    pub(crate) async fn drop_blob_if_unused(&self, sha256: &str) -> Result<bool> {
        // Holding the write lock: nothing can start to need the blob meanwhile.
        let mut transaction = self.database.begin().await?;
        let needed = self.database.document_needs(&mut transaction, sha256).await?
            || self.database.revision_needs(&mut transaction, sha256).await?
            || self.database.job_needs(&mut transaction, sha256).await?;
        let removed = if needed { false } else { self.blobs.remove(sha256)? };
        transaction.rollback().await?;
        Ok(removed)
    }

    /// Builds both indexes of the set in use anew from the database, beside those in use, and switches.
    pub async fn reindex(&self) -> Result<Reindexed> {
        self.sets.in_use().rebuild().await
    }
}

/// A database from before there were index sets knows only the hash of its model.
async fn make_first_set(database: &Database, new: &NewSet) -> Result<()> {
    if database.index_sets().await?.is_empty() {
        let stored = database.meta_or_set("embedding_model_sha256", &new.model_sha256).await?;
        if stored != new.model_sha256 {
            return Err(StoreError::OtherModel { stored, configured: new.model_sha256.clone() });
        }
        database.insert_first_set(new).await?;
    }
    Ok(())
}
