//! Tensors by name, spread over one or more files: where each one's bytes are, checked before they are read.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use fs_err::File;

use super::stored::{Kind, READABLE, Stored};
use crate::error::{GenerateError, Result};

/// In the order in which their files were given.
#[derive(Debug, Default)]
pub(crate) struct Tensors {
    files: Vec<Opened>,
    places: BTreeMap<String, Place>,
}

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    file: File,
    bytes: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Place {
    /// From the beginning of the file.
    pub(super) start: u64,
    /// Or what its format is called.
    pub(super) kind: std::result::Result<Kind, String>,
    /// Outermost first.
    pub(super) shape: Vec<usize>,
    /// The number of its file; given by [`Tensors::add`].
    pub(super) file: usize,
}

impl Tensors {
    /// Another file and what is in it, by the names that the model's code knows.
    pub(super) fn add(&mut self, path: &Path, file: File, places: Vec<(String, Place)>) -> Result<()> {
        let number = self.files.len();
        let bytes = file.metadata()?.len();
        self.files.push(Opened { path: path.to_owned(), file, bytes });
        for (name, place) in places {
            if self.places.contains_key(&name) {
                return Err(damaged(path, &name, "the tensor is there twice"));
            }
            self.places.insert(name, Place { file: number, ..place });
        }
        Ok(())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.places.remove(name);
    }

    /// The file of the tensor; the first one where it has none.
    pub(super) fn path_of(&self, name: &str) -> &Path {
        let number = self.places.get(name).map_or(0, |place| place.file);
        self.files.get(number).map_or(Path::new(""), |opened| &opened.path)
    }

    fn damaged(&self, name: &str, reason: impl Into<String>) -> GenerateError {
        damaged(self.path_of(name), name, reason)
    }

    fn place(&self, name: &str) -> Result<&Place> {
        self.places.get(name).ok_or_else(|| self.damaged(name, "the tensor is missing"))
    }

    pub(super) fn kind(&self, name: &str) -> Result<Kind> {
        let place = self.place(name)?;
        place.kind.clone().map_err(|format| {
            let reason = format!("is stored as {format}; only {READABLE}");
            GenerateError::Unreadable { file: self.path_of(name).to_owned(), part: name.to_owned(), reason }
        })
    }

    pub(super) fn shape(&self, name: &str) -> Result<&[usize]> {
        Ok(&self.place(name)?.shape)
    }

    /// Name, shape, format, and that the bytes are in the file.
    pub(super) fn check(&self, name: &str, shape: &[usize]) -> Result<()> {
        let place = self.place(name)?;
        if place.shape != shape {
            return Err(self.damaged(name, format!("has the shape {:?} instead of {shape:?}", place.shape)));
        }
        self.extent(name).map(|_| ())
    }

    /// Of all tensors that can be read.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = |place: &Place| place.kind.as_ref().ok()?.bytes(&place.shape);
        self.places.values().filter_map(bytes).sum()
    }

    /// Start and length in bytes, within the file.
    fn extent(&self, name: &str) -> Result<(u64, usize)> {
        let (place, kind) = (self.place(name)?, self.kind(name)?);
        let Some(bytes) = kind.bytes(&place.shape) else {
            return Err(self.damaged(name, format!("the shape {:?} cannot be stored as {kind:?}", place.shape)));
        };
        let end = place.start.checked_add(bytes);
        let file = self.files.get(place.file).map_or(0, |opened| opened.bytes);
        match (end, usize::try_from(bytes)) {
            (Some(end), Ok(bytes)) if end <= file => Ok((place.start, bytes)),
            _ => Err(self.damaged(name, "its bytes are not all in the file")),
        }
    }

    pub(crate) fn read(&mut self, name: &str) -> Result<Stored> {
        let (start, length) = self.extent(name)?;
        let kind = self.kind(name)?;
        let place = self.place(name)?;
        let (number, shape) = (place.file, place.shape.clone());
        let mut bytes = vec![0; length];
        if let Some(opened) = self.files.get_mut(number) {
            opened.file.seek(SeekFrom::Start(start))?;
            opened.file.read_exact(&mut bytes)?;
        }
        Ok(Stored { kind, shape, bytes })
    }
}

pub(super) fn damaged(file: &Path, part: &str, reason: impl Into<String>) -> GenerateError {
    GenerateError::Damaged { file: file.to_owned(), part: part.to_owned(), reason: reason.into() }
}
