//! Watched folders: what the operating system says has changed, gathered until it is quiet for a moment. Only a
//! hint of where to look: the scan of the whole remains the truth.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use terroir_store::SourceId;

/// How long nothing may happen before it is looked at.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// How long it may go on happening.
const PATIENCE: Duration = Duration::from_secs(3);
/// More places than this are looked at as a whole.
const MAX_PLACES: usize = 500;

/// Places that may have changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Hints(Arc<Mutex<HashMap<SourceId, Gathered>>>);

#[derive(Debug)]
struct Gathered {
    places: BTreeSet<String>,
    /// There were too many, or the system lost count.
    everything: bool,
    first: Instant,
    last: Instant,
}

/// Where to look.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hint {
    Everything,
    Places(Vec<String>),
}

impl Hints {
    pub(super) fn add(&self, source: SourceId, places: impl IntoIterator<Item = String>) {
        let mut all = self.lock();
        let gathered = all.entry(source).or_insert_with(Gathered::now);
        gathered.last = Instant::now();
        gathered.places.extend(places);
        if gathered.places.len() > MAX_PLACES {
            gathered.everything();
        }
    }

    /// Places that were being written: looked at again once they can be quiet.
    pub(super) fn add_later(&self, source: SourceId, places: &[String]) {
        if !places.is_empty() {
            self.add(source, places.iter().cloned());
        }
    }

    pub(super) fn add_everything(&self, source: SourceId) {
        let mut all = self.lock();
        let gathered = all.entry(source).or_insert_with(Gathered::now);
        gathered.last = Instant::now();
        gathered.everything();
    }

    /// A source with changes that have become quiet.
    pub(super) fn take(&self) -> Option<(SourceId, Hint)> {
        let mut all = self.lock();
        let source = *all.iter().find(|(_, gathered)| gathered.is_due()).map(|(source, _)| source)?;
        let gathered = all.remove(&source)?;
        Some((source, if gathered.everything { Hint::Everything } else { Hint::Places(topmost(gathered.places)) }))
    }

    fn forget(&self, source: SourceId) {
        self.lock().remove(&source);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SourceId, Gathered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathered {
    fn now() -> Self {
        let now = Instant::now();
        Self { places: BTreeSet::new(), everything: false, first: now, last: now }
    }

    fn everything(&mut self) {
        self.everything = true;
        self.places.clear();
    }

    fn is_due(&self) -> bool {
        self.last.elapsed() >= DEBOUNCE || self.first.elapsed() >= PATIENCE
    }
}

/// Without those that lie below others.
fn topmost(places: BTreeSet<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for place in places {
        let below = |above: &String| place.strip_prefix(above.as_str()).is_some_and(|rest| rest.starts_with('/'));
        // Not only the last one: `a-b` stands between `a` and `a/b`.
        if !kept.iter().any(below) {
            kept.push(place);
        }
    }
    kept
}

/// The folders that are watched.
#[derive(Debug, Default)]
pub(super) struct Watches {
    pub(super) hints: Hints,
    watched: Mutex<HashMap<SourceId, Watch>>,
}

#[derive(Debug)]
struct Watch {
    root: PathBuf,
    landmark: String,
    _watcher: RecommendedWatcher,
}

impl Watches {
    /// Watches a folder from now on. Blocking, for as long as its folders take to read.
    pub(super) fn ensure(&self, source: SourceId, root: &Path) -> Result<(), notify::Error> {
        let landmark = super::folder::landmark(&std::fs::metadata(root)?);
        let is_watched = self.lock().get(&source).is_some_and(|watch| watch.root == root && watch.landmark == landmark);
        if is_watched {
            return Ok(());
        }
        let (hints, below) = (self.hints.clone(), root.to_owned());
        let heard = move |event: Result<Event, notify::Error>| hear(&hints, source, &below, event);
        let mut watcher = RecommendedWatcher::new(heard, Config::default().with_follow_symlinks(false))?;
        watcher.watch(root, RecursiveMode::Recursive)?;
        self.lock().insert(source, Watch { root: root.to_owned(), landmark, _watcher: watcher });
        Ok(())
    }

    /// Lets go of folders that are not to be watched any more.
    pub(super) fn retain(&self, wanted: &[SourceId]) {
        let gone: Vec<Watch> = {
            let mut watched = self.lock();
            let sources: Vec<SourceId> = watched.keys().copied().filter(|source| !wanted.contains(source)).collect();
            sources
                .into_iter()
                .filter_map(|source| {
                    self.hints.forget(source);
                    watched.remove(&source)
                })
                .collect()
        };
        // Ends their threads, outside of the lock.
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SourceId, Watch>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hear(hints: &Hints, source: SourceId, root: &Path, event: Result<Event, notify::Error>) {
    let Ok(event) = event else { return hints.add_everything(source) };
    if event.need_rescan() {
        return hints.add_everything(source);
    }
    // Reading changes nothing, and syncs read.
    let closed_after_writing = EventKind::Access(AccessKind::Close(AccessMode::Write));
    if matches!(event.kind, EventKind::Access(_)) && event.kind != closed_after_writing {
        return;
    }
    let places: Option<Vec<String>> = event
        .paths
        .iter()
        .map(|path| path.strip_prefix(root).ok()?.to_str().map(str::to_owned).filter(|place| !place.is_empty()))
        .collect();
    match places {
        Some(places) => hints.add(source, places),
        // The root itself, or a name that cannot be written.
        None => hints.add_everything(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_another_place_is_looked_at_with_it() {
        let places = ["a", "a-b", "a/b", "a/b/c", "d/e"].map(str::to_owned);
        assert_eq!(topmost(BTreeSet::from(places)), ["a", "a-b", "d/e"]);
    }

    #[test]
    fn hints_are_given_when_they_are_quiet() {
        let store = Hints::default();
        let source = "00000000-0000-7000-8000-000000000000".parse().unwrap();
        store.add(source, ["a".to_owned()]);
        assert_eq!(store.take(), None, "it may go on");
        std::thread::sleep(DEBOUNCE);
        assert_eq!(store.take(), Some((source, Hint::Places(vec!["a".into()]))));
        store.add(source, (0..=MAX_PLACES).map(|number| number.to_string()));
        std::thread::sleep(DEBOUNCE);
        assert_eq!(store.take(), Some((source, Hint::Everything)));
    }
}
