//! A GGUF file becomes metadata and tensors; what is missing or wrong is named, never a panic.
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>

mod header;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use fs_err::File;

pub(crate) use self::header::Value;
use super::tensors::{Tensors, damaged};
use crate::error::{GenerateError, Result};

/// More files than any model is split into.
const MOST_FILES: usize = 1_000;

#[derive(Debug)]
pub(crate) struct Gguf {
    path: PathBuf,
    metadata: HashMap<String, Value>,
    pub(super) tensors: Tensors,
}

impl Gguf {
    /// Reads the headers: metadata and where the tensors are. A split model is opened by its first file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut tensors = Tensors::default();
        let metadata = add(&mut tensors, path)?;
        let mut gguf = Self { path: path.to_owned(), metadata, tensors };
        let files = if gguf.has("split.count") { gguf.count("split.count")? } else { 1 };
        if files > 1 {
            gguf.add_rest(files)?;
        }
        Ok(gguf)
    }

    /// The other files of a split model, which are named `…-00001-of-00003.gguf` and so on.
    fn add_rest(&mut self, files: usize) -> Result<()> {
        let key = "split.count";
        let ending = format!("-00001-of-{files:05}.gguf");
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(stem) = name.strip_suffix(&ending).filter(|_| files <= MOST_FILES) else {
            return Err(self.damaged(key, format!("this is one of {files} files; open the one that ends in {ending}")));
        };
        for number in 2..=files {
            let path = self.path.with_file_name(format!("{stem}-{number:05}-of-{files:05}.gguf"));
            if !path.is_file() {
                return Err(damaged(&path, key, format!("this file, number {number} of {files}, is missing")));
            }
            add(&mut self.tensors, &path)?;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// An error about one key or tensor of this file.
    pub(crate) fn damaged(&self, part: &str, reason: impl Into<String>) -> GenerateError {
        damaged(&self.path, part, reason)
    }

    /// An error about a variant that would be computed wrongly.
    pub(crate) fn unreadable(&self, part: &str, reason: impl Into<String>) -> GenerateError {
        GenerateError::Unreadable { file: self.path.clone(), part: part.to_owned(), reason: reason.into() }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.metadata.contains_key(key)
    }

    fn value(&self, key: &str) -> Result<&Value> {
        self.metadata.get(key).ok_or_else(|| self.damaged(key, "the key is missing"))
    }

    /// Any whole number.
    pub(crate) fn count(&self, key: &str) -> Result<usize> {
        match self.value(key)? {
            Value::Count(number) => usize::try_from(*number).map_err(|_| self.damaged(key, "is out of range")),
            _ => Err(self.damaged(key, "is not a whole number")),
        }
    }

    pub(crate) fn number(&self, key: &str) -> Result<f64> {
        let number = match self.value(key)? {
            Value::Number(number) => *number,
            Value::Count(number) => *number as f64,
            _ => return Err(self.damaged(key, "is not a number")),
        };
        if number.is_finite() { Ok(number) } else { Err(self.damaged(key, "is not a finite number")) }
    }

    pub(crate) fn truth(&self, key: &str) -> Result<bool> {
        match self.value(key)? {
            Value::Truth(truth) => Ok(*truth),
            _ => Err(self.damaged(key, "is neither true nor false")),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Result<&str> {
        match self.value(key)? {
            Value::Text(text) => Ok(text),
            _ => Err(self.damaged(key, "is not a text")),
        }
    }

    pub(crate) fn texts(&self, key: &str) -> Result<Vec<&str>> {
        match self.value(key)? {
            Value::Texts(texts) => Ok(texts.iter().map(String::as_str).collect()),
            Value::Counts(numbers) if numbers.is_empty() => Ok(Vec::new()),
            _ => Err(self.damaged(key, "is not a list of texts")),
        }
    }

    pub(crate) fn counts(&self, key: &str) -> Result<Vec<i64>> {
        match self.value(key)? {
            Value::Counts(numbers) => Ok(numbers.clone()),
            _ => Err(self.damaged(key, "is not a list of whole numbers")),
        }
    }

    pub(crate) fn numbers(&self, key: &str) -> Result<Vec<f32>> {
        match self.value(key)? {
            Value::Numbers(numbers) => Ok(numbers.clone()),
            Value::Counts(numbers) => Ok(numbers.iter().map(|number| *number as f32).collect()),
            _ => Err(self.damaged(key, "is not a list of numbers")),
        }
    }

    pub(crate) fn has_tensor(&self, name: &str) -> bool {
        self.tensors.has(name)
    }
}

/// Adds the tensors of one file; its metadata.
fn add(tensors: &mut Tensors, path: &Path) -> Result<HashMap<String, Value>> {
    let mut file = File::open(path)?;
    let header = header::read(path, &mut file)?;
    tensors.add(path, file, header.places)?;
    Ok(header.metadata)
}
