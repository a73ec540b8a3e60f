//! Originals, kept under the hash of their content: `blobs/ab/abcdef…`. The same bytes are kept once.

use std::io::{Read, Write as _};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use crate::Result;

#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
}

/// Bytes that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Lowercase hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

impl Blobs {
    pub fn open(folder: PathBuf) -> Result<Self> {
        fs_err::create_dir_all(folder.join("incoming"))?;
        Ok(Self { folder })
    }

    /// Where a caller may write a file that [`Self::add_file`] will take over without copying.
    pub fn incoming(&self) -> PathBuf {
        self.folder.join("incoming")
    }

    /// Keeps what a reader gives. Blocking: not for an async thread.
    pub fn add(&self, mut reader: impl Read) -> Result<Blob> {
        let mut file = tempfile::NamedTempFile::new_in(self.incoming())?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut bytes = 0;
        loop {
            let length = reader.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            hash.update(&buffer[..length]);
            file.write_all(&buffer[..length])?;
            bytes += length as u64;
        }
        let blob = Blob { sha256: hexadecimal(&hash.finalize()), bytes };
        self.keep(file, &blob)?;
        Ok(blob)
    }

    /// Takes over a file that lies in [`Self::incoming`]. Blocking: not for an async thread.
    pub fn add_file(&self, mut file: tempfile::NamedTempFile) -> Result<Blob> {
        use std::io::Seek as _;
        file.rewind()?;
        let mut hash = Sha256::new();
        let bytes = std::io::copy(file.as_file_mut(), &mut hash)?;
        let blob = Blob { sha256: hexadecimal(&hash.finalize()), bytes };
        self.keep(file, &blob)?;
        Ok(blob)
    }

    fn keep(&self, file: tempfile::NamedTempFile, blob: &Blob) -> Result<()> {
        let path = self.path(&blob.sha256);
        if path.exists() {
            return Ok(());
        }
        file.as_file().sync_all()?;
        let parent = path.parent().expect("a blob's path has a folder").to_owned();
        fs_err::create_dir_all(&parent)?;
        file.persist(&path).map_err(|error| error.error)?;
        // The name is durable only when its folder is.
        fs_err::File::open(parent)?.sync_all()?;
        Ok(())
    }

    pub fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(sha256.get(..2).unwrap_or("__")).join(sha256)
    }

    /// Whether it was there.
    pub(crate) fn remove(&self, sha256: &str) -> Result<bool> {
        match fs_err::remove_file(self.path(sha256)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_kept_once_under_their_hash() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().to_owned()).unwrap();
        let first = blobs.add(&b"abc"[..]).unwrap();
        assert_eq!(first.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let mut file = tempfile::NamedTempFile::new_in(blobs.incoming()).unwrap();
        file.write_all(b"abc").unwrap();
        assert_eq!(blobs.add_file(file).unwrap(), first);
        assert_eq!(fs_err::read(blobs.path(&first.sha256)).unwrap(), b"abc");
        assert_eq!(std::fs::read_dir(blobs.incoming()).unwrap().count(), 0, "nothing is left behind");
        assert!(blobs.remove(&first.sha256).unwrap());
        assert!(!blobs.remove(&first.sha256).unwrap());
    }
}
