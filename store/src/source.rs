//! Sources: where documents come from and stay in step with. What is known of their items, who syncs them, and
//! the reports of syncs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::NewDocument;
use crate::error::StoreError;
use crate::ids::{DocumentId, SourceId};
use crate::sql::{Database, now_ms};
use crate::{Enqueued, Result, Store};

/// The tables of sources. Cheap to clone; made by [`Store::sources`].
#[derive(Debug, Clone)]
pub struct Sources {
    pub(crate) database: Database,
}

#[derive(Debug, Clone)]
pub struct NewSource {
    /// Name of the collection.
    pub collection: String,
    pub kind: String,
    /// Unique.
    pub name: String,
    /// JSON, by kind.
    pub settings: String,
    /// The data folder whose service alone can see what the source names.
    pub place: Option<String>,
    /// Added by somebody who can read the data folder, and so what its service reads.
    pub trusted: bool,
    /// Seconds between two syncs; 0: only when asked.
    pub interval_s: u64,
}

#[derive(Debug, Clone)]
pub struct Source {
    pub id: SourceId,
    /// Name of its collection.
    pub collection: String,
    pub kind: String,
    pub name: String,
    pub settings: String,
    pub place: Option<String>,
    pub trusted: bool,
    pub interval_s: u64,
    pub state: SourceState,
    pub next_sync_at_ms: Option<i64>,
    /// Syncs that failed since one that did not.
    pub failures: u32,
    /// What the root was when it was listed last.
    pub landmark: Option<String>,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// What may be changed of a source; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct SourceChange {
    pub name: Option<String>,
    /// With place and trust, which depend on them.
    pub settings: Option<(String, Option<String>, bool)>,
    pub interval_s: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceState {
    Active,
    Paused,
    /// Its documents are being removed; then it goes.
    Removing,
}

impl SourceState {
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Removing];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Removing => "removing",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A source that is this process's for as long as the lease lasts, and the sync that it is held for.
#[derive(Debug, Clone)]
pub struct Claim {
    pub source: Source,
    pub sync: i64,
    /// Unique to this claim.
    pub holder: String,
    /// A person said that an empty listing is meant.
    pub empty_is_meant: bool,
}

/// How much of a source a sync looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// What was said to have changed.
    Part,
}

impl Extent {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Part => "part",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncState {
    Running,
    Done,
    Failed,
    Stopped,
    /// Its process ended, or lost the source.
    Interrupted,
}

impl SyncState {
    pub const ALL: [Self; 5] = [Self::Running, Self::Done, Self::Failed, Self::Stopped, Self::Interrupted];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What a sync found, so far or in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub listed: u64,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub unchanged: u64,
    pub failed: u64,
    /// The first ones.
    pub failures: Vec<Failure>,
}

/// Why one item could not be taken. The older state of its document stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub item: String,
    pub code: String,
    pub message: String,
    pub hint: String,
}

#[derive(Debug, Clone)]
pub struct Sync {
    pub id: i64,
    pub extent: String,
    pub state: SyncState,
    pub report: Report,
    /// Code, message, hint.
    pub error: Option<(String, String, String)>,
    pub started_at_ms: i64,
    pub finished_at_ms: Option<i64>,
}

/// How a sync ended.
#[derive(Debug, Clone)]
pub struct Ended {
    pub state: SyncState,
    pub report: Report,
    /// Code, message, hint.
    pub error: Option<(String, String, String)>,
    pub landmark: Option<String>,
    /// When the source is due again; `None`: when somebody asks.
    pub next_sync_at_ms: Option<i64>,
    /// Whether it looked at the whole: only that counts as a failure of the source, and only that says when it is
    /// due again.
    pub whole: bool,
}

/// Something a source holds, with its bytes in the blobs.
#[derive(Debug, Clone)]
pub struct NewItem {
    pub key: String,
    pub source_uri: String,
    pub file_name: String,
    pub fingerprint: Option<String>,
    pub sha256: String,
    pub bytes: u64,
}

/// What is known of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownItem {
    pub source: SourceId,
    pub key: String,
    pub source_uri: String,
    pub file_name: String,
    pub fingerprint: Option<String>,
    pub sha256: Option<String>,
    pub bytes: u64,
    pub document: Option<DocumentId>,
    /// Whether its document is there, with its bytes.
    pub in_step: bool,
}

/// What became of an item that is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetGo {
    /// Whether a document went with it.
    Gone { document: bool },
    /// Another item has the same bytes and gets a document of its own now. Once that can be found, ask again.
    After(DocumentId),
}

/// People wait for what they upload; bulk loads have priority 0, and so have sources.
const PRIORITY: i64 = 0;
/// Of a document that stands in for another that is about to go.
const HEIR_PRIORITY: i64 = 10;

impl Store {
    pub fn sources(&self) -> Sources {
        Sources { database: self.database.clone() }
    }

    /// Brings an item's document to the item's bytes, and remembers the item as seen by `claim`'s sync.
    pub async fn take_item(&self, claim: &Claim, item: &NewItem) -> Result<Enqueued> {
        let collection = self.database.collection_id(&claim.source.collection).await?;
        let own = DocumentId::derive(collection, &item.source_uri);
        // Others may have used this document for the bytes that it is about to lose.
        let others = self.sources().others(own, claim.source.id, &item.key).await?;
        let others: Vec<KnownItem> =
            others.into_iter().filter(|other| other.sha256.as_deref() != Some(&item.sha256)).collect();
        if let Some(heir) = others.iter().find(|other| other.source_uri != item.source_uri) {
            match self.hand_over(own, heir, &claim.source.collection).await {
                // Where the bytes went, the next sync of the other item gets them anew.
                Ok(_) | Err(StoreError::NoSuchBlob(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let new = new_document(&claim.source.collection, claim.source.id, item, PRIORITY);
        let enqueued = self.enqueue(&new).await?;
        self.sources().put_item(claim, item, enqueued.document()).await?;
        Ok(enqueued)
    }

    /// Forgets an item, and removes the document that was its own.
    pub async fn let_go(&self, collection: &str, item: &KnownItem) -> Result<LetGo> {
        let own = DocumentId::derive(self.database.collection_id(collection).await?, &item.source_uri);
        let sources = self.sources();
        if item.document != Some(own) {
            sources.delete_item(item).await?;
            return Ok(LetGo::Gone { document: false });
        }
        let others = sources.others(own, item.source, &item.key).await?;
        if others.iter().any(|other| other.source_uri == item.source_uri) {
            sources.delete_item(item).await?;
            return Ok(LetGo::Gone { document: false });
        }
        if let Some(heir) = others.first() {
            return match self.hand_over(own, heir, collection).await {
                Ok(document) => Ok(LetGo::After(document)),
                // Its bytes went: its own source gets them anew.
                Err(StoreError::NoSuchBlob(_)) => self.forget(item, own).await,
                Err(error) => Err(error),
            };
        }
        self.forget(item, own).await
    }

    async fn forget(&self, item: &KnownItem, document: DocumentId) -> Result<LetGo> {
        match self.remove_with_item(document, item).await {
            Ok(_) => Ok(LetGo::Gone { document: true }),
            Err(StoreError::NoSuchDocument(_)) => {
                self.sources().delete_item(item).await?;
                Ok(LetGo::Gone { document: false })
            }
            Err(error) => Err(error),
        }
    }

    /// Gives `heir` a document of its own, to which everybody else who used `document` keeps as well.
    async fn hand_over(&self, document: DocumentId, heir: &KnownItem, collection: &str) -> Result<DocumentId> {
        let item = NewItem {
            key: heir.key.clone(),
            source_uri: heir.source_uri.clone(),
            file_name: heir.file_name.clone(),
            fingerprint: heir.fingerprint.clone(),
            sha256: heir.sha256.clone().unwrap_or_default(),
            bytes: heir.bytes,
        };
        let new = new_document(collection, heir.source, &item, HEIR_PRIORITY);
        let own = self.enqueue_apart(&new).await?.document();
        self.sources().repoint(document, own, &item.sha256, &heir.source_uri).await?;
        Ok(own)
    }
}

fn new_document(collection: &str, source: SourceId, item: &NewItem, priority: i64) -> NewDocument {
    NewDocument {
        collection: collection.to_owned(),
        source_uri: item.source_uri.clone(),
        source: Some(source.to_string()),
        file_name: item.file_name.clone(),
        sha256: item.sha256.clone(),
        bytes: item.bytes,
        priority,
    }
}

/// When a source with this interval is due next; an interval of 0 is never due.
pub fn due_in(interval_s: u64) -> Option<i64> {
    (interval_s > 0).then(|| due_after(Duration::from_secs(interval_s)))
}

/// A moment after now, in milliseconds since 1970.
pub fn due_after(pause: Duration) -> i64 {
    now_ms().saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
}
