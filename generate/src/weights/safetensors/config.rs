//! `config.json` of a folder with safetensors, key by key.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::read_json;
use crate::error::{GenerateError, Result};
use crate::weights::tensors::damaged;

#[derive(Debug, Clone)]
pub(crate) struct Config {
    path: PathBuf,
    /// Before the key in messages: empty, or `rope_scaling.` and the like.
    prefix: String,
    values: Map<String, Value>,
}

impl Config {
    pub(super) fn open(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), prefix: String::new(), values: read_json(path)? })
    }

    pub(crate) fn damaged(&self, key: &str, reason: impl Into<String>) -> GenerateError {
        damaged(&self.path, &format!("{}{key}", self.prefix), reason)
    }

    pub(crate) fn unreadable(&self, key: &str, reason: impl Into<String>) -> GenerateError {
        let part = format!("{}{key}", self.prefix);
        GenerateError::Unreadable { file: self.path.clone(), part, reason: reason.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Null is absent.
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Whether the key is there, be it null.
    pub(crate) fn names(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    fn typed<'a, T>(&'a self, key: &str, what: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>> {
        let value = self.value(key);
        value.map(|value| read(value).ok_or_else(|| self.damaged(key, format!("is not {what}")))).transpose()
    }

    pub(crate) fn count(&self, key: &str) -> Result<Option<usize>> {
        let read = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
        self.typed(key, "a whole number", read)
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a number", |value| value.as_f64().filter(|number| number.is_finite()))
    }

    pub(crate) fn truth(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>> {
        self.typed(key, "a text", Value::as_str)
    }

    pub(crate) fn texts(&self, key: &str) -> Result<Option<Vec<&str>>> {
        self.typed(key, "a list of texts", |value| value.as_array()?.iter().map(Value::as_str).collect())
    }

    /// The same file with nothing in it.
    pub(crate) fn without_values(&self) -> Self {
        Self { path: self.path.clone(), prefix: self.prefix.clone(), values: Map::new() }
    }

    /// An object within this one.
    pub(crate) fn inner(&self, key: &str) -> Result<Option<Self>> {
        let values = self.typed(key, "an object", Value::as_object)?;
        let prefix = format!("{}{key}.", self.prefix);
        Ok(values.map(|values| Self { path: self.path.clone(), prefix, values: values.clone() }))
    }
}
