//! A folder of this machine: looked at without reading what stayed the same, and never left through a link.

use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use walkdir::{DirEntry, WalkDir};

use super::patterns::Patterns;
use super::{Content, FolderSettings, Found, Item, Listed, Listing, Origin, Reach, Room, SourceError, Trust};

/// How long nobody may have written to a file that is taken.
const QUIET: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// As it is on the disk, without links.
    root: PathBuf,
    patterns: Patterns,
    hidden: bool,
    /// A file that was written to more recently is left until it is quiet.
    quiet: Duration,
}

impl Folder {
    /// Blocking: not for an async thread.
    pub(super) fn open(settings: &FolderSettings, reach: &Reach, trust: Trust) -> Result<Self, SourceError> {
        let root = reach.folder(&settings.path, trust)?;
        let metadata = fs_err::metadata(&root).map_err(|error| SourceError::io(root.display().to_string(), &error))?;
        if !metadata.is_dir() {
            return Err(SourceError::Setting { name: "path", reason: "it is no folder".into() });
        }
        let patterns = Patterns::new(&settings.include, &settings.exclude)?;
        Ok(Self { root, patterns, hidden: settings.hidden, quiet: QUIET })
    }

    #[cfg(test)]
    pub(super) fn with_quiet(mut self, quiet: Duration) -> Self {
        self.quiet = quiet;
        self
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn walk(&self, listing: &Listing) -> Result<Listed, SourceError> {
        let metadata = fs_err::metadata(&self.root).map_err(|error| self.root_error(&error))?;
        match &listing.within {
            None => self.walk_from(&self.root, listing)?,
            Some(places) => {
                for place in places.iter().filter(|place| self.is_inside(place)) {
                    self.walk_from(&self.root.join(place), listing)?;
                }
            }
        }
        Ok(Listed { complete: true, landmark: Some(landmark(&metadata)), may_be_empty: false })
    }

    fn walk_from(&self, start: &Path, listing: &Listing) -> Result<(), SourceError> {
        let entries = WalkDir::new(start).follow_links(false).into_iter();
        for entry in entries.filter_entry(|entry| self.wants(entry)) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => self.tell(&entry, listing)?,
                Ok(_) => {}
                Err(error) => self.tell_error(&error, listing)?,
            }
        }
        Ok(())
    }

    /// Whether an entry, or anything below it, can be taken.
    fn wants(&self, entry: &DirEntry) -> bool {
        if entry.path() == self.root {
            return true;
        }
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if hidden && !self.hidden {
            return false;
        }
        !entry.file_type().is_dir() || self.key(entry.path()).is_none_or(|key| !self.patterns.skip_folder(&key))
    }

    /// A place that was said to have changed may lie behind a link, or where nobody should look.
    fn is_inside(&self, place: &str) -> bool {
        let mut path = self.root.clone();
        place.split('/').all(|part| {
            path.push(part);
            let plain = !part.is_empty() && part != "." && part != ".." && (self.hidden || !part.starts_with('.'));
            plain && fs_err::symlink_metadata(&path).map_or(true, |metadata| !metadata.is_symlink())
        })
    }

    fn tell(&self, entry: &DirEntry, listing: &Listing) -> Result<(), SourceError> {
        let Some(key) = self.key(entry.path()) else {
            let name = entry.path().display().to_string();
            return listing.tell_blocking(Found::Failed { key: name.clone(), error: SourceError::Name { name } });
        };
        if !self.patterns.take(&key) {
            return Ok(());
        }
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // It went while it was listed.
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return self.tell_error(&error, listing),
        };
        if !is_quiet(&metadata, self.quiet) {
            return listing.tell_blocking(Found::Unsettled { key });
        }
        listing.tell_blocking(Found::Item(Item {
            source_uri: entry.path().to_string_lossy().into_owned(),
            file_name: entry.file_name().to_string_lossy().into_owned(),
            fingerprint: Some(fingerprint(&metadata)),
            content: Content::OnDemand,
            key,
        }))
    }

    /// What cannot be looked at is told, and what is known below it stays; without the root there is no listing.
    fn tell_error(&self, error: &walkdir::Error, listing: &Listing) -> Result<(), SourceError> {
        let path = error.path().unwrap_or(&self.root);
        let reason = error.io_error().map_or_else(|| std::io::Error::other("a loop"), copy_of);
        if path == self.root {
            return Err(self.root_error(&reason));
        }
        if is_missing(error) {
            return Ok(());
        }
        let key = self.key(path).unwrap_or_else(|| path.display().to_string());
        let error = SourceError::io(key.clone(), &reason);
        listing.tell_blocking(Found::Closed { key, error })
    }

    fn root_error(&self, error: &std::io::Error) -> SourceError {
        SourceError::io(self.root.display().to_string(), error)
    }

    /// `None` where the name cannot be written as text.
    fn key(&self, path: &Path) -> Option<String> {
        path.strip_prefix(&self.root).ok()?.to_str().map(str::to_owned)
    }

    fn copy(&self, key: &str, room: &Room) -> Result<tempfile::NamedTempFile, SourceError> {
        let error = |error: std::io::Error| SourceError::io(key, &error);
        let mut opened = open_beneath(&self.root, key).map_err(error)?;
        let before = opened.metadata().map_err(error)?;
        if !before.is_file() {
            return Err(SourceError::Missing { what: key.to_owned() });
        }
        room.check(key, before.len())?;
        let mut file = room.file()?;
        let copied = std::io::copy(&mut (&mut opened).take(room.max_bytes + 1), &mut file).map_err(error)?;
        room.check(key, copied)?;
        let after = opened.metadata().map_err(error)?;
        if fingerprint(&before) != fingerprint(&after) || copied != after.len() {
            return Err(SourceError::Changing { what: key.to_owned() });
        }
        Ok(file)
    }
}

impl Origin for Folder {
    const PARALLEL: usize = 4;

    async fn list(&self, listing: &Listing) -> Result<Listed, SourceError> {
        let (folder, listing) = (self.clone(), listing.clone());
        let walking = tokio::task::spawn_blocking(move || folder.walk(&listing));
        walking.await.map_err(|error| SourceError::panicked(&error))?
    }

    async fn fetch(&self, item: &Item, room: &Room) -> Result<tempfile::NamedTempFile, SourceError> {
        let (folder, key, room) = (self.clone(), item.key.clone(), room.clone());
        let copying = tokio::task::spawn_blocking(move || folder.copy(&key, &room));
        copying.await.map_err(|error| SourceError::panicked(&error))?
    }
}

/// A disk that is not mounted leaves another folder in its place.
pub(super) fn landmark(root: &Metadata) -> String {
    format!("{}:{}", root.dev(), root.ino())
}

/// Changes with every write: a copy that keeps the old time of a file still gets a new time of change.
fn fingerprint(metadata: &Metadata) -> String {
    let nanoseconds = |seconds: i64, part: i64| i128::from(seconds) * 1_000_000_000 + i128::from(part);
    format!(
        "{}:{}:{}:{}",
        metadata.len(),
        nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        metadata.ino()
    )
}

fn is_quiet(metadata: &Metadata, quiet: Duration) -> bool {
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    // A copy that keeps the old time of a file is still being written.
    let (seconds, nanoseconds) = modified.max((metadata.ctime(), metadata.ctime_nsec()));
    let written = SystemTime::UNIX_EPOCH + Duration::new(seconds.max(0) as u64, nanoseconds as u32);
    // A time in the future is another machine's clock: it says nothing.
    SystemTime::now().duration_since(written).map_or_else(|ahead| ahead.duration() > quiet, |age| age >= quiet)
}

fn is_missing(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn copy_of(error: &std::io::Error) -> std::io::Error {
    error.raw_os_error().map_or_else(|| std::io::Error::from(error.kind()), std::io::Error::from_raw_os_error)
}

/// Opens a file below `root`, though somebody may put a link in its way at this moment. Does not wait for pipes.
#[cfg(target_os = "linux")]
fn open_beneath(root: &Path, key: &str) -> std::io::Result<std::fs::File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
    let folder =
        openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(folder, key, flags, Mode::empty(), resolve) {
        // Linux before 5.6.
        Err(rustix::io::Errno::NOSYS) => open_if_plain(root, key),
        opened => Ok(opened?.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(root: &Path, key: &str) -> std::io::Result<std::fs::File> {
    open_if_plain(root, key)
}

/// The second best: looks for links before it opens.
fn open_if_plain(root: &Path, key: &str) -> std::io::Result<std::fs::File> {
    let path = root.join(key);
    if fs_err::canonicalize(&path)? != path {
        return Err(std::io::ErrorKind::PermissionDenied.into());
    }
    std::fs::File::open(path)
}
