//! A first look at a source before it is kept: what it lists, or why it cannot.

use std::time::Duration;

use tokio::sync::mpsc;

use super::bucket::Bucket;
use super::folder::Folder;
use super::git::Git;
use super::site::Site;
use super::{Found, Known, Listing, Origin, Reach, Room, SourceError, SourceSettings, Trust, opened};

/// How long a first look may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Items that are shown. Of a site fewer: each costs a request.
const SHOWN: usize = 10;
const SHOWN_OF_SITE: usize = 2;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The first items.
    pub items: Vec<String>,
    /// Whether there may be more.
    pub more: bool,
}

/// Looks at a source as a sync would, keeps nothing, and ends early.
pub async fn check(
    settings: &SourceSettings,
    reach: &Reach,
    trust: Trust,
    room: &Room,
) -> Result<Checked, SourceError> {
    let reach = reach.clone();
    let looking = async {
        match settings.clone() {
            SourceSettings::Folder(settings) => {
                let folder = opened(move || Folder::open(&settings, &reach, trust)).await?;
                first_items(&folder, room, SHOWN).await
            }
            SourceSettings::Site(settings) => {
                first_items(&opened(move || Site::open(&settings)).await?, room, SHOWN_OF_SITE).await
            }
            SourceSettings::Git(settings) => {
                let git = opened(move || Git::open(&settings, &reach, trust, "none")).await?;
                // A copy of the repository is more than a look.
                Ok(Checked { items: vec![git.look().await?], more: true })
            }
            SourceSettings::Bucket(settings) => {
                first_items(&opened(move || Bucket::open(&settings, &reach)).await?, room, SHOWN).await
            }
        }
    };
    let timed_out = || SourceError::TimedOut { what: "the source".into(), seconds: PATIENCE.as_secs() };
    tokio::time::timeout(PATIENCE, looking).await.map_err(|_| timed_out())?
}

async fn first_items<O: Origin>(origin: &O, room: &Room, limit: usize) -> Result<Checked, SourceError> {
    let (sender, mut found) = mpsc::channel(limit);
    let listing = Listing { found: sender, known: Known::nothing(), within: None, room: room.clone() };
    let list = async move {
        let listed = origin.list(&listing).await;
        drop(listing);
        listed
    };
    let gather = async move {
        let mut checked = Checked::default();
        let mut failed = None;
        while let Some(told) = found.recv().await {
            match told {
                Found::Item(_) | Found::Unsettled { .. } if checked.items.len() == limit => {
                    checked.more = true;
                    break;
                }
                Found::Item(item) => checked.items.push(item.key),
                Found::Unsettled { key } => checked.items.push(key),
                Found::Failed { error, .. } | Found::Closed { error, .. } => failed = failed.or(Some(error)),
                Found::Gone { .. } => {}
            }
        }
        // Dropping the other end tells the listing to stop.
        (checked, failed)
    };
    let (listed, (checked, failed)) = tokio::join!(list, gather);
    match (listed, failed) {
        (Err(SourceError::Stopped), _) => Ok(checked),
        (Err(error), _) => Err(error),
        (Ok(_), Some(error)) if checked.items.is_empty() => Err(error),
        (Ok(_), _) => Ok(checked),
    }
}
