//! Both indexes of an index set, following the sequence of changes; and how they are built anew beside themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tokio::sync::{Mutex, RwLock};

use crate::Result;
use crate::access::revision_of;
use crate::dense::DenseIndex;
use crate::error::StoreError;
use crate::ids::RevisionId;
use crate::lexical::LexicalIndex;
use crate::lexical::index::Batch;
use crate::sets::IndexSet;
use crate::sql::Database;
use crate::sql::changes::{Change, ChangeKind};
use crate::sql::chunks::{IndexedRevision, StoredRevision};
use crate::store::StoreOptions;

/// Changes read at once, and chunks after which a batch is written.
const CHANGES_PER_READ: u32 = 256;
const CHUNKS_PER_BATCH: usize = 2_000;

/// The two indexes in use.
#[derive(Debug)]
pub struct IndexPair {
    pub lexical: LexicalIndex,
    pub dense: DenseIndex,
    folder: PathBuf,
}

/// How far each index has come.
#[derive(Debug, Clone, Copy)]
struct Position {
    lexical: i64,
    dense: i64,
}

#[derive(Debug)]
pub struct Indexes {
    pub set: IndexSet,
    database: Database,
    options: StoreOptions,
    database_id: String,
    pair: RwLock<Arc<IndexPair>>,
    position: Mutex<Position>,
}

/// What a rebuild did.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Reindexed {
    pub documents: u64,
    pub chunks: u64,
    pub took_ms: u64,
}

impl Indexes {
    /// Opens the indexes in use. Damaged ones, and ones that have followed another database further than
    /// this one goes, are left aside: new ones follow the changes from the first.
    pub async fn open(options: &StoreOptions, database: Database, set: IndexSet) -> Result<Self> {
        let root = folder_of(options, &set);
        fs_err::create_dir_all(&root)?;
        let folder = root.join(current_name(&root)?);
        remove_others(&root, &folder)?;
        let database_id = database.id().await?;
        let last = database.last_change().await?;
        let pair = match open_pair(options, &set, folder, &database_id).await {
            Ok(pair) if pair.lexical.opened_at.max(pair.dense.opened_at()) <= last => pair,
            Ok(ahead) => {
                tracing::warn!("the indexes belong to another database; they are built anew");
                drop(ahead);
                open_new(options, &set, &root, &database_id).await?
            }
            Err(error @ StoreError::Unreachable { .. }) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "the indexes cannot be opened; they are built anew");
                open_new(options, &set, &root, &database_id).await?
            }
        };
        let position = Position { lexical: pair.lexical.opened_at, dense: pair.dense.opened_at() };
        Ok(Self {
            set,
            database,
            options: options.clone(),
            database_id,
            pair: RwLock::new(Arc::new(pair)),
            position: Mutex::new(position),
        })
    }

    /// A vector of another length or with a number that is none would stop the index that follows.
    pub fn check_vector(&self, vector: &[f32]) -> Result<()> {
        let expected = self.set.dimensions;
        if vector.len() == expected && vector.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(StoreError::Vector { expected })
    }

    pub async fn pair(&self) -> Arc<IndexPair> {
        Arc::clone(&*self.pair.read().await)
    }

    /// Returns when both indexes have followed the changes up to `sequence`. Callers that wait at the same
    /// time share one commit.
    pub async fn catch_up(&self, sequence: i64) -> Result<()> {
        let mut position = self.position.lock().await;
        let pair = self.pair().await;
        if pair.dense.is_in_doubt() {
            self.compare_dense(&pair, &mut position).await?;
        }
        while position.lexical.min(position.dense) < sequence {
            let from = position.lexical.min(position.dense);
            let changes = self.database.changes_after(self.set.id, from, CHANGES_PER_READ).await?;
            if changes.is_empty() {
                // What else there is concerns other sets.
                *position = Position { lexical: sequence, dense: sequence };
                break;
            }
            self.follow_changes(&pair, &changes, &mut position).await?;
        }
        Ok(())
    }

    async fn follow_changes(&self, pair: &IndexPair, changes: &[Change], position: &mut Position) -> Result<()> {
        // A revision that was written twice is put in once, in its last place: the database is asked for what
        // it has now, and twice the same would be there double.
        let last: BTreeMap<RevisionId, i64> = changes.iter().map(|change| (change.revision, change.sequence)).collect();
        let mut batch = Pending::default();
        for change in changes {
            if last.get(&change.revision) == Some(&change.sequence) {
                // Taken out before it is put in: what a crash left half done is done again.
                batch.removed.push(change.revision);
                if change.kind == ChangeKind::Add {
                    batch.add(self.database.indexed_revision(self.set.id, change.revision).await?);
                }
            }
            batch.sequence = change.sequence;
            if batch.chunks >= CHUNKS_PER_BATCH {
                std::mem::take(&mut batch).write(pair, position).await?;
            }
        }
        batch.write(pair, position).await
    }

    /// Closes them for good.
    pub async fn discard(&self) -> Result<()> {
        self.close().await?;
        self.pair().await.dense.discard().await
    }

    /// Writes nothing any more; what is applied is on disk already.
    pub async fn close(&self) -> Result<()> {
        // Never in the middle of a batch.
        let _position = self.position.lock().await;
        self.pair().await.dense.close().await
    }

    /// Makes both indexes hold of these revisions what the database has of them, whatever is there now.
    pub async fn mend(&self, revisions: &[RevisionId]) -> Result<()> {
        let mut position = self.position.lock().await;
        let pair = self.pair().await;
        let sequence = position.lexical.min(position.dense);
        self.rewrite(&pair, Which::Both, revisions, sequence).await?;
        *position = Position { lexical: sequence, dense: sequence };
        Ok(())
    }

    /// Makes the dense index hold what the database has, revision by revision.
    async fn compare_dense(&self, pair: &IndexPair, position: &mut Position) -> Result<()> {
        let started = Instant::now();
        pair.dense.prepare().await?;
        // In this order: what comes in between is in the database already, and followed from here.
        let sequence = self.database.last_change().await?;
        let mut indexed = pair.dense.stamps().await?;
        let stored = self.database.stored_revisions(self.set.id).await?;
        let mut as_it_should = |stored: &StoredRevision| indexed.remove(&stored.stamp) == Some(stored.chunks);
        let mut differing: Vec<RevisionId> =
            stored.iter().filter(|&stored| !as_it_should(stored)).map(|stored| stored.revision).collect();
        // Stamps that nothing has any more: of revisions that went, or for readers that they are not for now.
        differing.extend(indexed.keys().filter_map(|stamp| revision_of(stamp)));
        differing.sort_unstable();
        differing.dedup();
        self.rewrite(pair, Which::Dense, &differing, sequence).await?;
        pair.dense.is_compared();
        position.dense = sequence;
        let (revisions, took_ms) = (differing.len(), started.elapsed().as_millis());
        tracing::info!(revisions, took_ms, "the dense index was compared with the database; revisions that differed");
        Ok(())
    }

    /// Takes revisions out and puts them in again as the database has them, in batches. Gives the number of
    /// their chunks.
    async fn rewrite(&self, pair: &IndexPair, which: Which, revisions: &[RevisionId], sequence: i64) -> Result<u64> {
        let mut chunks = 0;
        let mut batch = Pending { sequence, ..Pending::default() };
        for revision in revisions {
            let added = self.database.indexed_revision(self.set.id, *revision).await?;
            chunks += added.chunks.len() as u64;
            batch.removed.push(*revision);
            batch.add(added);
            if batch.chunks.max(batch.removed.len()) >= CHUNKS_PER_BATCH {
                let full = std::mem::replace(&mut batch, Pending { sequence, ..Pending::default() });
                full.write_whatever_the_position(pair, which).await?;
            }
        }
        batch.write_whatever_the_position(pair, which).await?;
        Ok(chunks)
    }

    /// Builds both anew from SQL in a folder of its own; searches go on in the old ones until the switch. A
    /// server's collection is written over where it stands: others search in it too.
    pub async fn rebuild(&self) -> Result<Reindexed> {
        let started = Instant::now();
        let mut position = self.position.lock().await;
        let sequence = self.database.last_change().await?;
        let root = folder_of(&self.options, &self.set);
        let name = new_name();
        let folder = root.join(&name);
        let pair = open_pair(&self.options, &self.set, folder, &self.database_id).await?;
        if pair.dense.is_in_doubt() {
            self.compare_dense(&pair, &mut position).await?;
        }
        let revisions = self.database.all_revisions().await?;
        let chunks = self.rewrite(&pair, Which::Both, &revisions, sequence).await?;
        write_current_name(&root, &name)?;
        let old = std::mem::replace(&mut *self.pair.write().await, Arc::new(pair));
        *position = Position { lexical: sequence, dense: sequence };
        drop(position);
        let old_folder = old.folder.clone();
        drop(old);
        // Readers may hold the old files open for a moment; on Unix they outlive their names.
        if let Err(error) = fs_err::remove_dir_all(&old_folder) {
            tracing::warn!(%error, "the old indexes stay on disk until the next start");
        }
        Ok(Reindexed { documents: revisions.len() as u64, chunks, took_ms: started.elapsed().as_millis() as u64 })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Both,
    Dense,
}

#[derive(Default)]
struct Pending {
    removed: Vec<RevisionId>,
    added: Vec<IndexedRevision>,
    /// Of those that are added.
    chunks: usize,
    sequence: i64,
}

impl Pending {
    fn add(&mut self, revision: IndexedRevision) {
        self.chunks += revision.chunks.len();
        self.added.push(revision);
    }

    /// Writes to the indexes that are not as far yet.
    async fn write(self, pair: &IndexPair, position: &mut Position) -> Result<()> {
        let sequence = self.sequence;
        if position.lexical < sequence {
            let batch = Batch { removed: self.removed.clone(), added: self.added.clone(), sequence };
            pair.lexical.apply(batch).await?;
            position.lexical = sequence;
        }
        if position.dense < sequence {
            pair.dense.apply(self.removed, self.added, sequence).await?;
            position.dense = sequence;
        }
        Ok(())
    }

    async fn write_whatever_the_position(self, pair: &IndexPair, which: Which) -> Result<()> {
        if which == Which::Both {
            let batch = Batch { removed: self.removed.clone(), added: self.added.clone(), sequence: self.sequence };
            pair.lexical.apply(batch).await?;
        }
        pair.dense.apply(self.removed, self.added, self.sequence).await
    }
}

async fn open_pair(options: &StoreOptions, set: &IndexSet, folder: PathBuf, database_id: &str) -> Result<IndexPair> {
    Ok(IndexPair {
        lexical: LexicalIndex::open(&folder.join("lexical"))?,
        dense: DenseIndex::open(options, set, &folder.join("dense"), database_id).await?,
        folder,
    })
}

/// An empty pair in a folder of its own, which is in use from now on. The old one goes at the next start.
async fn open_new(options: &StoreOptions, set: &IndexSet, root: &Path, database_id: &str) -> Result<IndexPair> {
    let name = new_name();
    let pair = open_pair(options, set, root.join(&name), database_id).await?;
    write_current_name(root, &name)?;
    Ok(pair)
}

/// Where the indexes of all sets are.
pub fn root_of_all(data_dir: &Path) -> PathBuf {
    data_dir.join("indexes")
}

/// Where those of a set are.
pub fn folder_of(options: &StoreOptions, set: &IndexSet) -> PathBuf {
    root_of_all(&options.data_dir).join(set.place())
}

fn new_name() -> String {
    format!("pair-{}", uuid::Uuid::new_v4().simple())
}

/// Which folder is in use; the name changes with each rebuild.
fn current_name(root: &Path) -> Result<String> {
    match fs_err::read_to_string(root.join("current")) {
        Ok(name) => Ok(name),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            write_current_name(root, "pair-0")?;
            Ok("pair-0".into())
        }
        Err(error) => Err(error.into()),
    }
}

fn write_current_name(root: &Path, name: &str) -> Result<()> {
    fs_err::write(root.join("current.new"), name)?;
    fs_err::rename(root.join("current.new"), root.join("current"))?;
    Ok(())
}

/// What a rebuild left behind that was broken off.
fn remove_others(root: &Path, current: &Path) -> Result<()> {
    for entry in fs_err::read_dir(root)? {
        let path = entry?.path();
        if path.is_dir() && path != current {
            fs_err::remove_dir_all(path)?;
        }
    }
    Ok(())
}
