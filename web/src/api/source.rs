//! Sources, as callers see them and say what they want of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{DocumentError, rfc3339};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSource {
    /// `folder`, `site`, `git` or `bucket`.
    pub kind: String,
    /// 1 to 100 characters, unique; made from the settings if left out.
    pub name: Option<String>,
    /// Name of a collection, `default` if left out.
    pub collection: Option<String>,
    /// `folder`: `path`, `include`, `exclude`, `hidden`, `watch`. `site`: `urls`, `sitemaps`, `hosts`, `prefixes`,
    /// `include`, `exclude`, `depth`, `max_pages`, `delay_ms`. `git`: `url`, `branch`, `folder`, `include`, `exclude`,
    /// `credentials`. `bucket`: `service` (`s3`, `webdav` or `sftp`), `bucket`, `folder`, `endpoint`, `region`,
    /// `include`, `exclude`, `credentials`. `credentials` names a section of the service's settings.
    #[schema(value_type = Object)]
    pub settings: Value,
    /// Seconds between two syncs; 0: only when asked. The service's default if left out.
    pub interval_s: Option<u64>,
    /// Look at the source first, and refuse it if it cannot be read. True if left out.
    pub check: Option<bool>,
}

/// What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceChange {
    pub name: Option<String>,
    /// All of them, as for a new source.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Value>,
    pub interval_s: Option<u64>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncRequest {
    /// Believe an empty listing: everything that the source brought is then removed.
    #[serde(default)]
    pub allow_empty: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SourceView {
    pub id: String,
    pub name: String,
    /// `folder`, `site`, `git` or `bucket`.
    pub kind: String,
    /// Name of its collection.
    pub collection: String,
    #[schema(value_type = Object)]
    pub settings: Value,
    /// Seconds between two syncs; 0: only when asked.
    pub interval_s: u64,
    /// `active`, `paused` or `removing`.
    pub state: String,
    /// Null: only when asked.
    pub next_sync_at: Option<String>,
    /// Syncs that failed since one that did not.
    pub failures: u32,
    pub documents: SourceDocuments,
    /// The sync under way.
    pub running_sync: Option<SyncView>,
    /// The last one that ended.
    pub last_sync: Option<SyncView>,
    /// Of a source that was just added: the first items that were found in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<CheckedView>,
    pub created_at: String,
    pub updated_at: String,
}

/// The documents that a source brought, by status.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct SourceDocuments {
    pub ready: u64,
    pub processing: u64,
    pub failed: u64,
}

/// One comparison of a source with what is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SyncView {
    pub id: String,
    /// `whole`, or `part`: what was noticed to have changed.
    pub extent: String,
    /// `running`, `done`, `failed`, `stopped` or `interrupted`.
    pub state: String,
    pub listed: u64,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub unchanged: u64,
    pub failed: u64,
    /// The first 50.
    pub failures: Vec<FailureView>,
    /// Why the sync failed as a whole.
    pub error: Option<DocumentError>,
    pub started_at: String,
    pub finished_at: Option<String>,
}

/// Why one item was not taken. The older state of its document stays.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureView {
    pub item: String,
    pub code: String,
    pub message: String,
    pub hint: String,
}

/// What a first look found.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckedView {
    pub items: Vec<String>,
    pub more: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RemovedSource {
    pub source: String,
    /// `removing`: it goes when its documents have gone. `removed`: it has gone, and they stay.
    pub state: &'static str,
}

impl From<terroir_store::Sync> for SyncView {
    fn from(from: terroir_store::Sync) -> Self {
        let report = from.report;
        let failures = report.failures.into_iter().map(|failure| FailureView {
            item: failure.item,
            code: failure.code,
            message: failure.message,
            hint: failure.hint,
        });
        Self {
            id: from.id.to_string(),
            extent: from.extent,
            state: from.state.as_str().to_owned(),
            listed: report.listed,
            added: report.added,
            changed: report.changed,
            removed: report.removed,
            unchanged: report.unchanged,
            failed: report.failed,
            failures: failures.collect(),
            error: from.error.map(|(code, message, hint)| DocumentError { code, message, hint }),
            started_at: rfc3339(from.started_at_ms),
            finished_at: from.finished_at_ms.map(rfc3339),
        }
    }
}

impl From<terroir_ingest::sources::Checked> for CheckedView {
    fn from(from: terroir_ingest::sources::Checked) -> Self {
        Self { items: from.items, more: from.more }
    }
}
