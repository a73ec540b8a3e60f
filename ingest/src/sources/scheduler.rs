//! Keeps sources in step: claims those that are due, one sync per source at a time however many processes there
//! are, and watches folders.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use terroir_store::{Claim, Ended, Report, Source, SourceState, Store, StoreError, SyncState, due_after, due_in};
use tokio::sync::watch as told;
use tokio::task::JoinHandle;

use super::bucket::Bucket;
use super::folder::Folder;
use super::git::Git;
use super::site::Site;
use super::sync::{Outcome, Work, remove_source, sync};
use super::watch::{Hint, Watches};
use super::{Reach, Room, SourceError, SourceSettings, Trust, opened};
use crate::task::{AbortOnDrop, pause, stopped};

/// How long a source stays this process's without a sign of life.
const LEASE: Duration = Duration::from_mins(1);
const IDLE: Duration = Duration::from_millis(200);
/// How often progress is told, and whether somebody wants it to stop is asked.
const PROGRESS: Duration = Duration::from_secs(1);
/// How often it is looked which folders are to be watched.
const REVIEW: Duration = Duration::from_secs(3);
/// The first pause after a failure; it doubles with each further one.
const BACKOFF: Duration = Duration::from_secs(30);
const MAX_BACKOFF: Duration = Duration::from_hours(1);

#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// Sources that are synced at the same time.
    pub concurrency: usize,
    /// The data folder of this process: some sources only its service can see.
    pub place: String,
    /// Longest item.
    pub max_bytes: u64,
    pub reach: Reach,
}

/// Works on sources until it is stopped.
#[derive(Debug)]
pub struct Scheduler {
    stop: told::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug, Clone)]
struct Bench {
    store: Store,
    options: Arc<SchedulerOptions>,
    watches: Arc<Watches>,
    name: String,
}

impl Scheduler {
    /// Starts the tasks; call it inside a tokio runtime.
    pub fn start(store: Store, options: SchedulerOptions) -> Self {
        let (stop, stopping) = told::channel(false);
        let concurrency = options.concurrency.max(1);
        let name = format!("{}-{}", std::process::id(), options.place);
        let bench = Bench { store, options: Arc::new(options), watches: Arc::default(), name };
        let mut tasks = vec![tokio::spawn(review(bench.clone(), stopping.clone()))];
        for number in 0..concurrency {
            let mut bench = bench.clone();
            bench.name = format!("{}-{number}", bench.name);
            tasks.push(tokio::spawn(work(bench, stopping.clone())));
        }
        Self { stop, tasks: Mutex::new(tasks) }
    }

    /// Lets go of the syncs under way, which the next process takes up again, and waits for the tasks.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let tasks = self.tasks.lock().map(|mut tasks| std::mem::take(&mut *tasks)).unwrap_or_default();
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task for sources broke off");
            }
        }
    }
}

async fn work(bench: Bench, mut stopping: told::Receiver<bool>) {
    while !*stopping.borrow() {
        match next(&bench).await {
            Ok(Some((claim, within))) => run(&bench, &claim, within, &mut stopping).await,
            Ok(None) => pause(&mut stopping, IDLE).await,
            Err(error) => {
                tracing::warn!(%error, "no source could be claimed; trying again");
                pause(&mut stopping, IDLE * 5).await;
            }
        }
    }
}

/// The next source to look at, and where in it: what is due comes before what was noticed.
async fn next(bench: &Bench) -> Result<Option<(Claim, Option<Vec<String>>)>, StoreError> {
    let sources = bench.store.sources();
    if let Some(claim) = sources.claim(&bench.name, &bench.options.place, LEASE).await? {
        return Ok(Some((claim, None)));
    }
    match bench.watches.hints.take() {
        None => Ok(None),
        Some((source, Hint::Everything)) => match sources.request(source, false).await {
            Ok(()) | Err(StoreError::NoSuchSource(_)) => Ok(None),
            Err(error) => Err(error),
        },
        Some((source, Hint::Places(places))) => {
            let claim = sources.claim_part(source, &bench.name, LEASE).await?;
            if claim.is_none() && sources.get(source).await.is_ok_and(|source| source.state == SourceState::Active) {
                // Somebody looks at it now, and may have passed these places.
                bench.watches.hints.add(source, places.clone());
            }
            Ok(claim.map(|claim| (claim, Some(places))))
        }
    }
}

async fn run(bench: &Bench, claim: &Claim, within: Option<Vec<String>>, stopping: &mut told::Receiver<bool>) {
    let whole = within.is_none();
    let work = Work {
        store: bench.store.clone(),
        claim: claim.clone(),
        within,
        room: Room { folder: bench.store.blobs().incoming(), max_bytes: bench.options.max_bytes },
        report: Arc::default(),
    };
    let task = tokio::spawn({
        let (bench, work) = (bench.clone(), work.clone());
        async move { bring_into_step(&bench, &work).await }
    });
    let aborted = AbortOnDrop(task.abort_handle());
    let result = tokio::select! {
        result = task => result.unwrap_or_else(|error| Err(SourceError::panicked(&error))),
        error = keep(&work) => Err(error),
        () = stopped(stopping) => Err(SourceError::Stopped),
    };
    drop(aborted);
    let interrupted = *stopping.borrow();
    let ended = ending(claim, work.counts(), &result, whole, interrupted);
    if let Ok(outcome) = &result {
        bench.watches.hints.add_later(claim.source.id, &outcome.unsettled);
    }
    log_end(claim, &ended);
    match bench.store.sources().finish(claim, &ended).await {
        Ok(()) | Err(StoreError::SyncLost) => {}
        Err(error) => {
            tracing::warn!(%error, source.id = %claim.source.id, "the end of a sync could not be recorded; its lease will end");
        }
    }
}

fn log_end(claim: &Claim, ended: &Ended) {
    let report = &ended.report;
    let code = ended.error.as_ref().map(|(code, _, _)| code.as_str());
    tracing::info!(
        source.id = %claim.source.id,
        sync = claim.sync,
        state = ended.state.as_str(),
        report.added,
        report.changed,
        report.removed,
        report.unchanged,
        report.failed,
        code,
        "sync"
    );
}

/// Keeps the lease and tells how far the sync is. Returns when it must end.
async fn keep(work: &Work) -> SourceError {
    let sources = work.store.sources();
    loop {
        tokio::time::sleep(PROGRESS).await;
        let kept = match sources.extend(&work.claim, LEASE).await {
            Ok(()) => sources.progress(&work.claim, &work.counts()).await,
            Err(error) => Err(error),
        };
        match kept {
            Ok(false) => {}
            Ok(true) => return SourceError::Stopped,
            Err(StoreError::SyncLost) => return StoreError::SyncLost.into(),
            // The lease is long enough for some of these.
            Err(error) => tracing::debug!(%error, "the lease of a source was not extended"),
        }
    }
}

async fn bring_into_step(bench: &Bench, work: &Work) -> Result<Outcome, SourceError> {
    let source = &work.claim.source;
    if source.state == SourceState::Removing {
        remove_source(work).await?;
        let copy = bench.options.reach.clones.join(source.id.to_string());
        // Nobody needs it any more; what stays behind is named after a source that is gone.
        let _ = tokio::fs::remove_dir_all(copy).await;
        return Ok(Outcome::default());
    }
    let settings = serde_json::from_str(&source.settings)
        .map_err(|error| SourceError::Setting { name: "settings", reason: error.to_string() })?;
    let reach = bench.options.reach.clone();
    match SourceSettings::read(&source.kind, &settings)? {
        SourceSettings::Folder(settings) => {
            let trust = Trust::of(source);
            let (watches, id) = (Arc::clone(&bench.watches), source.id);
            let folder = opened(move || {
                let folder = Folder::open(&settings, &reach, trust)?;
                // Before the first look: what changes meanwhile is noticed.
                if settings.watch
                    && let Err(error) = watches.ensure(id, folder.root())
                {
                    tracing::warn!(kind = ?error.kind, source.id = %id, "a folder cannot be watched; it is scanned by its interval alone");
                }
                Ok(folder)
            });
            sync(work, &folder.await?).await
        }
        SourceSettings::Site(settings) => sync(work, &opened(move || Site::open(&settings)).await?).await,
        SourceSettings::Git(settings) => {
            let (trust, name) = (Trust::of(source), source.id.to_string());
            sync(work, &opened(move || Git::open(&settings, &reach, trust, &name)).await?).await
        }
        SourceSettings::Bucket(settings) => sync(work, &opened(move || Bucket::open(&settings, &reach)).await?).await,
    }
}

fn ending(
    claim: &Claim,
    report: Report,
    result: &Result<Outcome, SourceError>,
    whole: bool,
    interrupted: bool,
) -> Ended {
    let regular = due_in(claim.source.interval_s);
    let (state, error, next) = match result {
        Ok(_) => (SyncState::Done, None, regular),
        // At once, by whoever comes next.
        Err(_) if interrupted => (SyncState::Interrupted, None, Some(due_after(Duration::ZERO))),
        Err(SourceError::Stopped) => (SyncState::Stopped, None, regular),
        Err(error) => {
            let error = (error.code().to_owned(), error.to_string(), error.hint().to_owned());
            (SyncState::Failed, Some(error), retry(claim))
        }
    };
    let landmark = result.as_ref().ok().and_then(|outcome| outcome.landmark.clone()).filter(|_| whole);
    // A look at a part says nothing about when the whole is due.
    let next_sync_at_ms = if whole || interrupted { next } else { None };
    Ended { state, report, error, landmark, next_sync_at_ms, whole }
}

/// Sooner than usual where that is long, later where it is short.
fn retry(claim: &Claim) -> Option<i64> {
    let most = MAX_BACKOFF.max(Duration::from_secs(claim.source.interval_s));
    let pause = BACKOFF.saturating_mul(1 << claim.source.failures.min(10)).min(most);
    let again = claim.source.interval_s > 0 || claim.source.state == SourceState::Removing;
    again.then(|| due_after(pause))
}

/// Watches the folders that this process keeps in step, for as long as they are active.
async fn review(bench: Bench, mut stopping: told::Receiver<bool>) {
    let mut first = true;
    while !*stopping.borrow() {
        match bench.store.sources().active_at("folder", &bench.options.place).await {
            Ok(active) => {
                let ids: Vec<_> = active.iter().map(|source| source.id).collect();
                let watches = Arc::clone(&bench.watches);
                // Ending a watch waits for its thread.
                let retained = tokio::task::spawn_blocking(move || watches.retain(&ids)).await;
                if let Err(error) = retained {
                    tracing::error!(%error, "reviewing the watched folders broke off");
                }
                // What changed while nobody watched.
                for source in active.iter().filter(|source| first && is_watched(source)) {
                    if let Err(error) = bench.store.sources().request(source.id, false).await {
                        tracing::debug!(%error, "a source was not made due");
                    }
                }
                first = false;
            }
            Err(error) => tracing::warn!(%error, "the watched folders could not be reviewed"),
        }
        pause(&mut stopping, REVIEW).await;
    }
}

fn is_watched(source: &Source) -> bool {
    serde_json::from_str::<serde_json::Value>(&source.settings).is_ok_and(|settings| settings["watch"] == true)
}

/// Finds a program as a shell would, in the folders of `path`.
pub fn find_program(name: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}
