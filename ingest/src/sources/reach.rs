//! What sources may reach: folders of this machine, credentials, the program git. Deny by default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use terroir_store::Source;

use super::folder::Folder;
use super::git::Git;
use super::{Credential, SourceError, SourceSettings};

#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Folders below which anybody who may add sources may add folders.
    pub folders: Vec<PathBuf>,
    pub credentials: BTreeMap<String, Credential>,
    /// The program; `None` where it is not installed.
    pub git: Option<PathBuf>,
    /// Where copies of repositories are kept.
    pub clones: PathBuf,
}

/// Who asks for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Somebody at the API: only what the settings allow.
    Caller,
    /// Somebody who can read the data folder, and so what the service reads.
    Local,
}

impl Reach {
    /// Refuses what every sync would refuse. Blocking: not for an async thread.
    pub fn permit(&self, settings: &SourceSettings, trust: Trust) -> Result<(), SourceError> {
        match settings {
            SourceSettings::Folder(settings) => drop(Folder::open(settings, self, trust)?),
            SourceSettings::Git(settings) => drop(Git::open(settings, self, trust, "none")?),
            SourceSettings::Site(_) | SourceSettings::Bucket(_) => {}
        }
        match settings.credentials() {
            Some(name) => self.credential(name).map(drop),
            None => Ok(()),
        }
    }

    /// The folder as it is on the disk, if it may be read.
    pub(super) fn folder(&self, path: &Path, trust: Trust) -> Result<PathBuf, SourceError> {
        let shown = || path.display().to_string();
        let real = fs_err::canonicalize(path).map_err(|error| match trust {
            // Whether a folder exists is nobody's business who may not read it.
            Trust::Caller if !self.allows(path) => SourceError::Forbidden { what: shown() },
            _ => SourceError::io(shown(), &error),
        })?;
        if trust == Trust::Caller && !self.allows(&real) {
            return Err(SourceError::Forbidden { what: shown() });
        }
        Ok(real)
    }

    fn allows(&self, path: &Path) -> bool {
        let inside = |root: &PathBuf| path.starts_with(fs_err::canonicalize(root).unwrap_or_else(|_| root.clone()));
        self.folders.iter().any(inside)
    }

    pub(super) fn credential(&self, name: &str) -> Result<&Credential, SourceError> {
        self.credentials.get(name).ok_or_else(|| SourceError::NoCredentials { name: name.to_owned() })
    }

    /// The place of a source: only the service of the data folder `here` sees this machine's files.
    pub fn place(settings: &SourceSettings, here: &str) -> Option<String> {
        let sees_files = match settings {
            SourceSettings::Folder(_) => true,
            SourceSettings::Git(git) => git.url.starts_with("file:"),
            SourceSettings::Site(_) | SourceSettings::Bucket(_) => false,
        };
        sees_files.then(|| here.to_owned())
    }
}

impl Trust {
    pub(super) fn of(source: &Source) -> Self {
        if source.trusted { Self::Local } else { Self::Caller }
    }
}
