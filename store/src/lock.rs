//! One process owns the indexes of a data folder.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::Path;

use crate::Result;
use crate::error::StoreError;

/// Held until dropped. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub fn take(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("lock");
        let mut file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?.into_file();
        match file.try_lock() {
            Ok(()) => {
                // Whoever is refused can say which process to stop.
                file.set_len(0)?;
                write!(file, "{}", std::process::id())?;
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
                folder: data_dir.to_owned(),
                process: fs_err::read_to_string(path).unwrap_or_default(),
            }),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_owner_is_refused_until_the_first_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let refused = FolderLock::take(folder.path()).unwrap_err();
        let own = std::process::id().to_string();
        assert!(matches!(&refused, StoreError::InUse { process, .. } if *process == own), "{refused}");
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }
}
