//! Sources: folders, web sites, git repositories and buckets that documents stay in step with.
//!
//! ```text
//! Scheduler ─ claim ─▶ sync: Origin::list ─▶ compare ─▶ Origin::fetch ─▶ blob ─▶ job;  what vanished goes
//! ```
//!
//! Start with [`sync::sync`], the path of a source from listing to report. An [`Origin`] says what a source
//! lists and gives; each kind has a folder or file here.

mod bucket;
mod check;
mod credential;
mod error;
mod failure;
mod folder;
mod git;
mod http;
mod listing;
mod patterns;
mod reach;
mod receive;
mod scheduler;
mod settings;
mod site;
pub mod sync;
#[cfg(test)]
mod tests;
mod watch;

use std::future::Future;

pub use self::check::{Checked, check};
pub use self::credential::Credential;
pub use self::error::SourceError;
pub use self::listing::{Content, Found, Item, Known, Listed, Listing};
pub use self::reach::{Reach, Trust};
pub use self::receive::Room;
pub use self::scheduler::{Scheduler, SchedulerOptions, find_program};
pub use self::settings::{BucketService, BucketSettings, FolderSettings, GitSettings, SiteSettings, SourceSettings};

/// Opens an origin off the async threads: disks and certificates are read.
async fn opened<O: Send + 'static>(
    open: impl FnOnce() -> Result<O, SourceError> + Send + 'static,
) -> Result<O, SourceError> {
    tokio::task::spawn_blocking(open).await.map_err(|error| SourceError::panicked(&error))?
}

/// What a source lists and gives.
pub trait Origin: Send + Sync {
    /// Items that may be fetched at the same time.
    const PARALLEL: usize;

    /// Tells `listing` of every item there is. An error says that the listing was cut off: nothing vanished then.
    fn list(&self, listing: &Listing) -> impl Future<Output = Result<Listed, SourceError>> + Send;

    /// The bytes of an item, in a file that the blobs can take over.
    fn fetch(
        &self,
        item: &Item,
        room: &Room,
    ) -> impl Future<Output = Result<tempfile::NamedTempFile, SourceError>> + Send;
}
