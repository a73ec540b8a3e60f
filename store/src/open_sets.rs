//! The index sets whose indexes are open in this process: the one in use and, if there is one, the one beside it.
//! Which these are is in SQL, so that every process follows the same switch.

use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

use crate::Result;
use crate::error::StoreError;
use crate::ids::SetId;
use crate::indexes::{Indexes, folder_of, root_of_all};
use crate::lock::FolderLock;
use crate::sets::{IndexSet, SetState};
use crate::sql::{Database, now_ms};
use crate::store::StoreOptions;

/// How often a process looks for changes that others made.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(500);
/// How long indexes that are not used any more stay, for searches that are in them and for processes that have not
/// followed a switch yet.
const GRACE: Duration = Duration::from_secs(10);
const GRACE_STEP: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct OpenSets {
    database: Database,
    options: StoreOptions,
    open: RwLock<Open>,
    /// One look at which sets there are at a time.
    refreshing: Mutex<()>,
    wake: Arc<Notify>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
    /// Not searched in any more, and not removed yet. What is deleted is deleted there too.
    leaving: Arc<Leaving>,
    /// Last, so that the folder is free only when the indexes are closed.
    _lock: FolderLock,
}

type Leaving = std::sync::Mutex<Vec<Weak<Indexes>>>;

#[derive(Debug, Clone)]
struct Open {
    in_use: Arc<Indexes>,
    beside: Option<Arc<Indexes>>,
}

/// Which sets SQL says there are.
struct Wanted {
    in_use: IndexSet,
    beside: Option<IndexSet>,
}

impl Wanted {
    async fn read(database: &Database) -> Result<Self> {
        let sets = database.index_sets().await?;
        let found = |state| sets.iter().find(|set| set.state == state).cloned();
        let in_use = found(SetState::InUse).ok_or_else(|| StoreError::damaged("index sets", "none is in use"))?;
        Ok(Self { in_use, beside: found(SetState::Beside) })
    }
}

impl OpenSets {
    /// Opens what SQL names and removes what is left of other sets.
    pub async fn open_all(options: &StoreOptions, database: Database, lock: FolderLock) -> Result<Self> {
        let wanted = Wanted::read(&database).await?;
        remove_strangers(options, &wanted)?;
        let in_use = Arc::new(Indexes::open(options, database.clone(), wanted.in_use).await?);
        let beside = match wanted.beside {
            Some(set) => Some(Arc::new(Indexes::open(options, database.clone(), set).await?)),
            None => None,
        };
        Ok(Self {
            database,
            options: options.clone(),
            open: RwLock::new(Open { in_use, beside }),
            refreshing: Mutex::new(()),
            wake: Arc::new(Notify::new()),
            tasks: std::sync::Mutex::new(Vec::new()),
            leaving: Arc::default(),
            _lock: lock,
        })
    }

    fn now(&self) -> Open {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn in_use(&self) -> Arc<Indexes> {
        self.now().in_use
    }

    /// The indexes of a set, if they are open.
    pub fn open(&self, set: SetId) -> Option<Arc<Indexes>> {
        self.each().into_iter().find(|indexes| indexes.set.id == set)
    }

    /// The one in use first.
    pub fn each(&self) -> Vec<Arc<Indexes>> {
        let open = self.now();
        std::iter::once(open.in_use).chain(open.beside).collect()
    }

    /// Those that are on their way out too.
    pub fn everywhere(&self) -> Vec<Arc<Indexes>> {
        let leaving: Vec<Arc<Indexes>> = held(&self.leaving).iter().filter_map(Weak::upgrade).collect();
        self.each().into_iter().chain(leaving).collect()
    }

    /// Returns when all indexes have followed the changes up to `sequence`.
    pub async fn catch_up(&self, sequence: i64) -> Result<()> {
        for indexes in self.everywhere() {
            indexes.catch_up(sequence).await?;
        }
        Ok(())
    }

    /// Follows soon, without anybody waiting for it.
    pub fn catch_up_later(&self) {
        self.wake.notify_one();
    }

    /// Opens and closes indexes until those are open that SQL names. A set that was put in use takes the other's
    /// place when its indexes have everything.
    pub async fn refresh(&self) -> Result<()> {
        let _one = self.refreshing.lock().await;
        let wanted = Wanted::read(&self.database).await?;
        let open = self.now();
        let mut next = open.clone();
        if open.in_use.set.place() != wanted.in_use.place() {
            let beside = open.beside.clone().filter(|beside| beside.set.place() == wanted.in_use.place());
            next.in_use = match beside {
                Some(indexes) => indexes,
                None => self.opened(wanted.in_use).await?,
            };
            next.in_use.catch_up(self.database.last_change().await?).await?;
        }
        let beside = next.beside.as_ref().map(|indexes| indexes.set.place());
        if beside != wanted.beside.as_ref().map(IndexSet::place) {
            next.beside = match wanted.beside {
                Some(set) => Some(self.opened(set).await?),
                None => None,
            };
        }
        let kept: Vec<String> =
            std::iter::once(&next.in_use).chain(&next.beside).map(|indexes| indexes.set.place()).collect();
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = next;
        for old in std::iter::once(open.in_use).chain(open.beside) {
            if !kept.contains(&old.set.place()) {
                self.retire(old);
            }
        }
        Ok(())
    }

    async fn opened(&self, set: IndexSet) -> Result<Arc<Indexes>> {
        let folder = folder_of(&self.options, &set);
        // What is there of it is from before it was kept.
        if folder.exists() {
            fs_err::remove_dir_all(&folder)?;
        }
        tracing::info!(set = %set.id, model = set.model, "an index set is opened");
        Ok(Arc::new(Indexes::open(&self.options, self.database.clone(), set).await?))
    }

    /// Takes indexes off the disk, or off the server, when nobody searches in them any more.
    fn retire(&self, old: Arc<Indexes>) {
        tracing::info!(set = %old.set.id, model = old.set.model, "an index set is not open any more");
        held(&self.leaving).push(Arc::downgrade(&old));
        let (leaving, folder) = (Arc::clone(&self.leaving), folder_of(&self.options, &old.set));
        let task = tokio::spawn(async move {
            tokio::time::sleep(GRACE).await;
            while !has_left(&leaving, &old) {
                tokio::time::sleep(GRACE_STEP).await;
            }
            if let Err(error) = old.discard().await {
                tracing::warn!(%error, "points of an index set stay on the server until the next start");
            }
            // Before its folder: the engine writes out what it holds.
            drop(old);
            if let Err(error) = fs_err::remove_dir_all(&folder) {
                tracing::warn!(%error, "indexes that nobody uses stay on disk until the next start");
            }
        });
        self.keep(task);
    }

    fn keep(&self, task: JoinHandle<()>) {
        if let Ok(mut tasks) = self.tasks.lock() {
            tasks.retain(|task| !task.is_finished());
            tasks.push(task);
        }
    }

    /// Starts the task that follows changes nobody waits for, and those that other processes made.
    pub fn follow(self: &Arc<Self>) {
        let (sets, wake) = (Arc::downgrade(self), Arc::clone(&self.wake));
        let task = tokio::spawn(async move {
            loop {
                // Woken, or because it is time to look. Nothing is kept open while waiting.
                let _ = tokio::time::timeout(FOLLOW_INTERVAL, wake.notified()).await;
                let Some(sets) = sets.upgrade() else {
                    return;
                };
                if let Err(error) = sets.follow_once().await {
                    tracing::warn!(%error, "the indexes could not follow the database; trying again");
                }
            }
        });
        self.keep(task);
    }

    /// Takes from a server, some time after the start, what processes left there that ended before they had discarded
    /// it.
    pub fn tidy(self: &Arc<Self>) {
        let sets = Arc::downgrade(self);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(GRACE).await;
                let Some(sets) = sets.upgrade() else { return };
                match sets.remove_strangers().await {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "what is on the server of no index set stays there for now"),
                }
            }
        });
        self.keep(task);
    }

    /// False shortly after a switch: other processes may still search in the set that was in use.
    async fn remove_strangers(&self) -> Result<bool> {
        let dense = &self.in_use().pair().await.dense;
        // First: a set that is begun meanwhile is known then.
        let collections = dense.collections().await?;
        let wanted = Wanted::read(&self.database).await?;
        if now_ms() - wanted.in_use.used_at_ms.unwrap_or(0) < GRACE.as_millis() as i64 {
            return Ok(false);
        }
        let known: Vec<IndexSet> = std::iter::once(wanted.in_use).chain(wanted.beside).collect();
        dense.remove_strangers(collections, &known).await?;
        Ok(true)
    }

    async fn follow_once(&self) -> Result<()> {
        self.refresh().await?;
        let last = self.database.last_change().await?;
        self.catch_up(last).await
    }

    /// Ends the following; what is applied is on disk already.
    pub async fn close(&self) -> Result<()> {
        let tasks = self.tasks.lock().map(|mut tasks| std::mem::take(&mut *tasks)).unwrap_or_default();
        // Never in the middle of a batch: each waits for the one that is being written.
        let mut closed = Ok(());
        for indexes in self.each() {
            closed = closed.and(indexes.close().await);
        }
        for task in tasks {
            task.abort();
            // What it held is closed when it has ended.
            let _ = task.await;
        }
        closed
    }
}

fn held(leaving: &Leaving) -> MutexGuard<'_, Vec<Weak<Indexes>>> {
    leaving.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether nobody else has the indexes; nobody gets them after that.
fn has_left(leaving: &Leaving, indexes: &Arc<Indexes>) -> bool {
    let mut leaving = held(leaving);
    let is_last = Arc::strong_count(indexes) == 1;
    if is_last {
        leaving.retain(|other| other.as_ptr() != Arc::as_ptr(indexes));
    }
    is_last
}

/// Removes indexes of sets that are neither in use nor beside, and those that older versions kept elsewhere.
fn remove_strangers(options: &StoreOptions, wanted: &Wanted) -> Result<()> {
    let root = root_of_all(&options.data_dir);
    fs_err::create_dir_all(&root)?;
    let known: Vec<String> = std::iter::once(&wanted.in_use).chain(&wanted.beside).map(IndexSet::place).collect();
    for entry in fs_err::read_dir(&root)? {
        let path = entry?.path();
        if path.file_name().is_none_or(|name| !known.iter().any(|known| Path::new(known) == name)) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs_err::remove_dir_all(path) } else { fs_err::remove_file(path) };
    Ok(removed?)
}
