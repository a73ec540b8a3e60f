//! What the routes do with sources: read what a caller wants, deny by default, and describe how a source is.

use actix_web::HttpRequest;
use terroir_ingest::sources::{Checked, Reach, Room, SourceError, SourceSettings, Trust, check};
use terroir_store::{Source, SourceId, SyncState};

use crate::api::{SourceDocuments, SourceView, rfc3339};
use crate::app::Service;
use crate::error::{ApiError, ApiResult};

/// Shortest time between two syncs that is not "only when asked", in seconds.
const MIN_INTERVAL_S: u64 = 5;
const MAX_INTERVAL_S: u64 = 366 * 24 * 3600;
/// Syncs in which the last one that ended is looked for.
const RECENT: u32 = 2;

impl Service {
    pub async fn source(&self, id: &str) -> ApiResult<Source> {
        let id: SourceId = id.parse().map_err(|_| terroir_store::StoreError::NoSuchSource(id.to_owned()))?;
        Ok(self.store.sources().get(id).await?)
    }

    pub async fn source_view(&self, source: Source) -> ApiResult<SourceView> {
        let sources = self.store.sources();
        let counts = sources.counts(source.id).await?;
        let mut recent = sources.syncs(source.id, None, RECENT).await?.items.into_iter().peekable();
        let running = recent.next_if(|sync| sync.state == SyncState::Running);
        Ok(SourceView {
            id: source.id.to_string(),
            name: source.name,
            kind: source.kind,
            collection: source.collection,
            settings: serde_json::from_str(&source.settings).unwrap_or_default(),
            interval_s: source.interval_s,
            state: source.state.as_str().to_owned(),
            next_sync_at: source.next_sync_at_ms.map(rfc3339),
            failures: source.failures,
            documents: SourceDocuments { ready: counts.ready, processing: counts.processing, failed: counts.failed },
            running_sync: running.map(Into::into),
            last_sync: recent.next().map(Into::into),
            checked: None,
            created_at: rfc3339(source.created_at_ms),
            updated_at: rfc3339(source.updated_at_ms),
        })
    }

    /// Who asks: somebody who shows the key of the data folder may add what the service can read.
    pub fn trust(&self, request: &HttpRequest) -> Trust {
        if self.local_key.is_shown(request) { Trust::Local } else { Trust::Caller }
    }

    /// A first look at a source, with the rights of who asks.
    pub async fn look_at(&self, settings: &SourceSettings, trust: Trust) -> ApiResult<Checked> {
        let room = Room { folder: self.store.blobs().incoming(), max_bytes: self.settings.ingest.max_file_bytes };
        Ok(check(settings, &self.reach, trust, &room).await?)
    }

    /// Refuses what would be refused by every sync, without looking at the source.
    pub async fn permit(&self, settings: &SourceSettings, trust: Trust) -> ApiResult<()> {
        let (settings, reach) = (settings.clone(), self.reach.clone());
        let permitting = tokio::task::spawn_blocking(move || reach.permit(&settings, trust));
        Ok(permitting.await.map_err(ApiError::internal)??)
    }

    pub fn place_of(&self, settings: &SourceSettings) -> Option<String> {
        Reach::place(settings, &self.local_key.place())
    }
}

pub fn checked_name(name: &str) -> ApiResult<String> {
    let name = name.trim();
    if (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    let message = "a source's name has 1 to 100 characters and no control characters";
    Err(ApiError::new("invalid_source", message, "choose another name").param("name"))
}

pub fn checked_interval(interval_s: u64) -> ApiResult<u64> {
    if interval_s == 0 || (MIN_INTERVAL_S..=MAX_INTERVAL_S).contains(&interval_s) {
        return Ok(interval_s);
    }
    let message = format!("interval_s is 0 or {MIN_INTERVAL_S} to {MAX_INTERVAL_S}");
    Err(ApiError::new("invalid_source", message, "0 means: only when asked").param("interval_s"))
}

impl From<SourceError> for ApiError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Store(error) => error.into(),
            SourceError::Setting { name: "kind", .. } => {
                Self::new("invalid_source", error.to_string(), error.hint()).param("kind")
            }
            SourceError::Setting { .. } => {
                Self::new("invalid_source", error.to_string(), error.hint()).param("settings")
            }
            SourceError::NoCredentials { .. } | SourceError::Forbidden { .. } => {
                Self::new(error.code(), error.to_string(), error.hint()).param("settings")
            }
            _ => Self::new("source_unreadable", error.to_string(), error.hint()).param("settings"),
        }
    }
}
