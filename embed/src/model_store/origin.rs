//! Where an import reads from: a folder, one file with its neighbours, or a package (`.whl`, `.zip`),
//! all as one list of named files.

use std::cell::RefCell;
use std::io::Read;
use std::path::{Path, PathBuf};

use fs_err as fs;
use zip::ZipArchive;

use crate::EmbedError;

/// Deeper folders and longer lists are not a model's.
const MAX_DEPTH: usize = 6;
const MAX_FILES: usize = 10_000;

#[derive(Debug)]
pub(super) struct Origin {
    /// Only weights with this name count when one file was named; its neighbours are side files.
    pub(super) only_weights: Option<String>,
    /// What an unknown model is called: the folder's or the file's name.
    pub(super) label: String,
    pub(super) entries: Vec<Entry>,
    container: Container,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Relative to the origin, `/` between parts. Only compared, never used as a path to write to.
    pub(super) name: String,
    pub(super) bytes: u64,
}

#[derive(Debug)]
enum Container {
    Folder(PathBuf),
    Package { path: PathBuf, archive: RefCell<ZipArchive<fs::File>> },
}

impl Origin {
    pub(super) fn open(path: &Path) -> Result<Self, EmbedError> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return Self::folder(path, None);
        }
        match extension(path).as_str() {
            "whl" | "zip" => Self::package(path),
            _ => Self::folder(path.parent().unwrap_or(Path::new("")), Some(path)),
        }
    }

    /// Opens one entry for reading, at most as many bytes as its listing says (and one more, so that a
    /// package which lies about sizes is seen).
    pub(super) fn read<T>(
        &self,
        entry: &Entry,
        read: impl FnOnce(&mut dyn Read) -> Result<T, EmbedError>,
    ) -> Result<T, EmbedError> {
        match &self.container {
            Container::Folder(folder) => {
                let file = fs::File::open(folder.join(&entry.name))?;
                read(&mut file.take(entry.bytes + 1))
            }
            Container::Package { path, archive } => {
                let mut archive = archive.borrow_mut();
                let file = archive.by_name(&entry.name).map_err(|error| package_error(path, &error))?;
                read(&mut file.take(entry.bytes + 1))
            }
        }
    }

    fn folder(folder: &Path, only: Option<&Path>) -> Result<Self, EmbedError> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut entries = Vec::new();
        // Beside one named file only its own side files matter: at most one folder deeper.
        let depth = if only.is_some() { 2 } else { MAX_DEPTH };
        walk(folder, "", depth, &mut entries)?;
        let named = only.unwrap_or(folder);
        let named = fs::canonicalize(named).unwrap_or_else(|_| named.to_owned());
        let label = if only.is_some() { named.file_stem() } else { named.file_name() };
        Ok(Self {
            only_weights: only.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()),
            label: label.map(|label| label.to_string_lossy().into_owned()).unwrap_or_default(),
            entries,
            container: Container::Folder(folder.to_owned()),
        })
    }

    fn package(path: &Path) -> Result<Self, EmbedError> {
        let mut archive = ZipArchive::new(fs::File::open(path)?).map_err(|error| package_error(path, &error))?;
        let mut entries = Vec::new();
        for index in 0..archive.len().min(MAX_FILES) {
            let file = archive.by_index_raw(index).map_err(|error| package_error(path, &error))?;
            // A name that is no text is none of a model's files.
            if let Ok(name) = file.name()
                && file.is_file()
            {
                entries.push(Entry { name: name.into_owned(), bytes: file.size() });
            }
        }
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self {
            only_weights: None,
            label: stem,
            entries,
            container: Container::Package { path: path.to_owned(), archive: RefCell::new(archive) },
        })
    }
}

fn walk(folder: &Path, prefix: &str, depth: usize, entries: &mut Vec<Entry>) -> Result<(), EmbedError> {
    if depth == 0 || entries.len() >= MAX_FILES {
        return Ok(());
    }
    for item in fs::read_dir(folder)? {
        let item = item?;
        let Some(file_name) = item.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        let name = format!("{prefix}{file_name}");
        // Follows links: model caches are folders of links.
        let Ok(metadata) = fs::metadata(item.path()) else {
            continue;
        };
        if metadata.is_dir() {
            // A neighbouring folder that may not be read is nothing to do with the model.
            let _unreadable = walk(&item.path(), &format!("{name}/"), depth - 1, entries);
        } else {
            entries.push(Entry { name, bytes: metadata.len() });
        }
    }
    Ok(())
}

/// Lowercase, without the dot.
pub(super) fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn package_error(path: &Path, error: &zip::result::ZipError) -> EmbedError {
    EmbedError::Package { path: path.to_owned(), reason: error.to_string() }
}
