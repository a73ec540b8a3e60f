//! What passes between an origin, which lists, and the sync, which compares.

use terroir_store::{KnownItem, SourceId, Store};
use tokio::sync::mpsc;

use super::{Room, SourceError};

/// Something that a source holds.
#[derive(Debug)]
pub struct Item {
    /// Its place in the source, with `/` between folders.
    pub key: String,
    /// The address of its document.
    pub source_uri: String,
    pub file_name: String,
    /// As long as this stays the same, the item is unchanged. `None`: only its bytes can tell.
    pub fingerprint: Option<String>,
    pub content: Content,
}

#[derive(Debug)]
pub enum Content {
    OnDemand,
    /// It had to be read to be listed.
    Here(tempfile::NamedTempFile),
}

/// What an origin tells while it lists.
#[derive(Debug)]
pub enum Found {
    Item(Item),
    /// It is being written: left as it is until it is quiet.
    Unsettled {
        key: String,
    },
    /// It is there and cannot be taken; what is known of it stays.
    Failed {
        key: String,
        error: SourceError,
    },
    /// Nothing below this place could be listed; what is known of it stays.
    Closed {
        key: String,
        error: SourceError,
    },
    /// The source says that it is not there any more.
    Gone {
        key: String,
    },
}

/// How a listing ended that was not cut off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Whether what was not told of is gone.
    pub complete: bool,
    /// What the root is: an empty listing of another root is not believed.
    pub landmark: Option<String>,
    /// Whether an empty listing may be believed without a landmark.
    pub may_be_empty: bool,
}

/// Where an origin tells what it finds. Ends early when nobody listens any more.
#[derive(Debug, Clone)]
pub struct Listing {
    pub(super) found: mpsc::Sender<Found>,
    pub(super) known: Known,
    /// The places that are looked at; `None`: all.
    pub(super) within: Option<Vec<String>>,
    /// Where an origin keeps what it had to read.
    pub(super) room: Room,
}

impl Listing {
    pub async fn tell(&self, found: Found) -> Result<(), SourceError> {
        self.found.send(found).await.map_err(|_| SourceError::Stopped)
    }

    /// From a thread that may block.
    pub fn tell_blocking(&self, found: Found) -> Result<(), SourceError> {
        self.found.blocking_send(found).map_err(|_| SourceError::Stopped)
    }
}

/// What is known of a source's items from earlier syncs.
#[derive(Debug, Clone)]
pub struct Known(pub(super) Option<(Store, SourceId)>);

impl Known {
    /// Of a source that is only being looked at.
    pub fn nothing() -> Self {
        Self(None)
    }

    pub async fn item(&self, key: &str) -> Result<Option<KnownItem>, SourceError> {
        let Some((store, source)) = &self.0 else { return Ok(None) };
        Ok(store.sources().known(*source, &[key]).await?.pop())
    }

    /// Page by page, in the order of their keys.
    pub async fn after(&self, key: &str, limit: u32) -> Result<Vec<KnownItem>, SourceError> {
        let Some((store, source)) = &self.0 else { return Ok(Vec::new()) };
        Ok(store.sources().known_after(*source, key, limit).await?)
    }

    /// Where the bytes of an item are kept.
    pub fn kept(&self, sha256: &str) -> Option<std::path::PathBuf> {
        let (store, _) = self.0.as_ref()?;
        Some(store.blobs().path(sha256))
    }
}
