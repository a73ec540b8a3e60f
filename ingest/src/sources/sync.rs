//! [`sync`]: the path of a source, from its listing to its report. Every step may be repeated: a sync that was
//! killed is followed by another, which finds what is done already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use terroir_store::{Claim, DocumentId, KnownItem, LetGo, NewItem, Principal, Report, Status, Store, StoreError};
use tokio::sync::mpsc;

use super::{Content, Found, Item, Known, Listed, Listing, Origin, Room, SourceError, failure};

/// Items that are compared together.
const BATCH: usize = 64;
/// Items that are let go at the same time: they share the indexes' commits.
const LETTING_GO: usize = 16;
/// How long a document that takes another's place may need until it can be found.
const PATIENCE: Duration = Duration::from_mins(10);
const POLL: Duration = Duration::from_millis(200);
/// After this, what was just written is quiet, or it is being written still.
const SETTLING: Duration = Duration::from_millis(1050);

/// What one sync works with.
#[derive(Debug, Clone)]
pub struct Work {
    pub store: Store,
    pub claim: Claim,
    /// The places to look at; `None`: all.
    pub within: Option<Vec<String>>,
    pub room: Room,
    /// Counted while it goes on, for those who watch.
    pub report: Arc<Mutex<Report>>,
}

/// What a sync leaves to do.
#[derive(Debug, Default)]
pub struct Outcome {
    pub landmark: Option<String>,
    /// Items that were being written.
    pub unsettled: Vec<String>,
}

/// Brings the documents of a source to what it holds: list → compare → fetch what changed → blob → job → remember;
/// then what vanished goes. A listing that was cut off, or that lost its root, removes nothing.
pub async fn sync<O: Origin>(work: &Work, origin: &O) -> Result<Outcome, SourceError> {
    // What fetches is large, and is moved between threads: it lies beside.
    let (listed, mut unsettled) = Box::pin(look(work, origin, work.within.clone())).await?;
    if !unsettled.is_empty() {
        // A renamed file counts as just written: it is taken before its old name goes.
        tokio::time::sleep(SETTLING).await;
        (_, unsettled) = Box::pin(look(work, origin, Some(unsettled))).await?;
    }
    if listed.complete && believed(work, &listed).await? {
        remove_vanished(work).await?;
    }
    Ok(Outcome { landmark: listed.landmark, unsettled })
}

/// Lists and compares, without removing anything. Gives the items that were being written.
async fn look<O: Origin>(
    work: &Work,
    origin: &O,
    within: Option<Vec<String>>,
) -> Result<(Listed, Vec<String>), SourceError> {
    let (sender, found) = mpsc::channel(BATCH * 2);
    let listing = Listing {
        found: sender,
        known: Known(Some((work.store.clone(), work.claim.source.id))),
        within,
        room: work.room.clone(),
    };
    let list = async move {
        let listed = origin.list(&listing).await;
        // The other side ends when nobody can tell it anything any more.
        drop(listing);
        listed
    };
    let (listed, compared) = tokio::join!(list, compare(work, origin, found));
    let unsettled = compared?;
    Ok((listed?, unsettled))
}

/// Removes everything that a source brought, then the source.
pub async fn remove_source(work: &Work) -> Result<(), SourceError> {
    // No sync has a number as high as this one's follower.
    let mut all = work.clone();
    all.within = None;
    all.claim.sync += 1;
    remove_vanished(&all).await?;
    if work.counts().failed > 0 {
        let reason = "not all of them could be removed".to_owned();
        return Err(SourceError::Io { what: "its documents".into(), reason });
    }
    Ok(work.store.sources().delete(work.claim.source.id).await?)
}

impl Work {
    fn counted(&self, count: impl FnOnce(&mut Report)) {
        count(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub fn counts(&self) -> Report {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, item: &str, error: &SourceError) {
        self.counted(|report| failure::count(report, item, error));
    }
}

/// Compares what is found with what is known, batch by batch. Gives the items that were being written.
async fn compare<O: Origin>(
    work: &Work,
    origin: &O,
    mut found: mpsc::Receiver<Found>,
) -> Result<Vec<String>, SourceError> {
    let mut unsettled = Vec::new();
    let mut batch = Vec::with_capacity(BATCH);
    while found.recv_many(&mut batch, BATCH).await > 0 {
        let changed = sort_out(work, std::mem::take(&mut batch), &mut unsettled).await?;
        let mut reading = futures::stream::iter(changed)
            .map(|(item, known)| async move {
                let key = item.key.clone();
                (key, read(work, origin, item).await, known)
            })
            .buffer_unordered(O::PARALLEL);
        while let Some((key, read, known)) = reading.next().await {
            // One after the other: two items with the same bytes shall see each other.
            let taken = match read {
                Ok(new) => take(work, &new, known.as_ref()).await,
                Err(error) => Err(error),
            };
            match taken {
                Ok(()) => {}
                Err(SourceError::Changing { .. }) => {
                    work.store.sources().mark_seen(&work.claim, &[&key]).await?;
                    unsettled.push(key);
                }
                Err(error) => keep_as_it_is(work, &key, error).await?,
            }
        }
    }
    Ok(unsettled)
}

/// Gives the items that need a look at their bytes. Of all others it is remembered that they were seen.
async fn sort_out(
    work: &Work,
    batch: Vec<Found>,
    unsettled: &mut Vec<String>,
) -> Result<Vec<(Item, Option<KnownItem>)>, SourceError> {
    let sources = work.store.sources();
    let keys: Vec<&str> = batch
        .iter()
        .filter_map(|found| match found {
            Found::Item(Item { key, .. }) | Found::Gone { key } => Some(key.as_str()),
            _ => None,
        })
        .collect();
    let known = sources.known(work.claim.source.id, &keys).await?;
    let mut known: HashMap<String, KnownItem> = known.into_iter().map(|item| (item.key.clone(), item)).collect();
    let mut seen = Vec::new();
    let mut changed = Vec::new();
    for found in batch {
        match found {
            Found::Item(item) => {
                work.counted(|report| report.listed += 1);
                let before = known.remove(&item.key);
                if before.as_ref().is_some_and(|before| is_same(before, &item)) {
                    work.counted(|report| report.unchanged += 1);
                    seen.push(item.key);
                } else {
                    changed.push((item, before));
                }
            }
            Found::Unsettled { key } => {
                seen.push(key.clone());
                unsettled.push(key);
            }
            Found::Failed { key, error } => {
                work.failed(&key, &error);
                seen.push(key);
            }
            Found::Closed { key, error } => {
                sources.mark_seen_below(&work.claim, &key).await?;
                work.failed(&key, &error);
            }
            Found::Gone { key } => {
                if let Some(item) = known.remove(&key) {
                    let_go(work, item).await?;
                }
            }
        }
    }
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    sources.mark_seen(&work.claim, &seen).await?;
    Ok(changed)
}

fn is_same(known: &KnownItem, item: &Item) -> bool {
    known.in_step && item.fingerprint.is_some() && known.fingerprint == item.fingerprint
}

/// Brings the bytes of an item into the blobs.
async fn read<O: Origin>(work: &Work, origin: &O, mut item: Item) -> Result<NewItem, SourceError> {
    let file = match std::mem::replace(&mut item.content, Content::OnDemand) {
        Content::Here(file) => file,
        Content::OnDemand => origin.fetch(&item, &work.room).await?,
    };
    let blobs = work.store.blobs().clone();
    let kept = tokio::task::spawn_blocking(move || blobs.add_file(file));
    let blob = kept.await.map_err(|error| SourceError::panicked(&error))??;
    Ok(NewItem {
        key: item.key,
        source_uri: item.source_uri,
        file_name: item.file_name,
        fingerprint: item.fingerprint,
        sha256: blob.sha256,
        bytes: blob.bytes,
    })
}

/// Puts an item's document into the queue, if the bytes are others than its document has.
async fn take(work: &Work, new: &NewItem, known: Option<&KnownItem>) -> Result<(), SourceError> {
    let same = known.is_some_and(|known| known.in_step && known.sha256.as_ref() == Some(&new.sha256));
    work.store.take_item(&work.claim, new).await?;
    work.counted(|report| match known {
        Some(_) if same => report.unchanged += 1,
        Some(_) => report.changed += 1,
        None => report.added += 1,
    });
    Ok(())
}

/// An item that could not be taken: counted with its reason, and what is known of it stays.
async fn keep_as_it_is(work: &Work, key: &str, error: SourceError) -> Result<(), SourceError> {
    if let SourceError::Store(StoreError::Database(_) | StoreError::SyncLost) = error {
        return Err(error);
    }
    work.failed(key, &error);
    Ok(work.store.sources().mark_seen(&work.claim, &[key]).await?)
}

/// Whether what was not listed is gone. A root that became another, or an empty one, is no reason to remove
/// everything: its disk may not be mounted.
async fn believed(work: &Work, listed: &Listed) -> Result<bool, SourceError> {
    let source = &work.claim.source;
    if work.claim.empty_is_meant {
        return Ok(true);
    }
    let other_root = listed.landmark.is_some() && source.landmark.is_some() && listed.landmark != source.landmark;
    if work.within.is_some() {
        // The next look at the whole decides.
        return Ok(!other_root);
    }
    let (known, seen) = work.store.sources().count_known(&work.claim).await?;
    let nothing_left = known > 0 && seen == 0;
    let suspicious = if listed.landmark.is_some() {
        other_root && nothing_left
    } else {
        !listed.may_be_empty && nothing_left && work.counts().listed == 0
    };
    if suspicious {
        return Err(SourceError::Emptied { what: "the source".into(), known });
    }
    Ok(true)
}

async fn remove_vanished(work: &Work) -> Result<(), SourceError> {
    let sources = work.store.sources();
    let source = work.claim.source.id;
    loop {
        let vanished = sources.unseen(source, work.claim.sync, work.within.as_deref(), BATCH as u32).await?;
        if vanished.is_empty() {
            return Ok(());
        }
        let mut going = futures::stream::iter(vanished).map(|item| let_go(work, item)).buffer_unordered(LETTING_GO);
        while let Some(result) = going.next().await {
            result?;
        }
    }
}

/// Removes what an item brought. Where another item has the same bytes (it was renamed, say), that one's document
/// can be found before this one's goes.
async fn let_go(work: &Work, item: KnownItem) -> Result<(), SourceError> {
    let collection = &work.claim.source.collection;
    let mut waited = false;
    loop {
        match work.store.let_go(collection, &item).await {
            Ok(LetGo::Gone { .. }) => {
                work.counted(|report| report.removed += 1);
                return Ok(());
            }
            Ok(LetGo::After(heir)) if !waited => {
                waited = true;
                wait_until_found(work, heir).await?;
            }
            // It took too long: the next sync comes back to it.
            Ok(LetGo::After(_)) => return Ok(work.store.sources().mark_seen(&work.claim, &[&item.key]).await?),
            Err(error) => return keep_as_it_is(work, &item.key, error.into()).await,
        }
    }
}

async fn wait_until_found(work: &Work, document: DocumentId) -> Result<(), SourceError> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match work.store.document(&Principal::Operator, document).await {
            Ok(document) if matches!(document.status, Status::Ready | Status::Failed | Status::Cancelled) => {
                return Ok(());
            }
            Err(StoreError::NoSuchDocument(_)) => return Ok(()),
            Ok(_) => tokio::time::sleep(POLL).await,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
