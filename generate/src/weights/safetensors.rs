//! A folder with safetensors: `config.json`, and one file of weights or shards with an index. The header of
//! every file is read and held against its length; the tensors get the names of GGUF.
//! Format: <https://github.com/huggingface/safetensors#format>

mod config;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::File;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) use self::config::Config;
use super::names::translate;
use super::stored::Kind;
use super::tensors::{Place, Tensors, damaged};
use crate::error::Result;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Far above any model: the largest have some hundred kilobytes.
const MOST_HEADER_BYTES: u64 = 1 << 24;
const MOST_JSON_BYTES: u64 = 1 << 28;

#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) directory: PathBuf,
    pub(super) config: Config,
    pub(super) tensors: Tensors,
}

impl Folder {
    /// By its path, or by that of its only file of weights.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let directory = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        let config = Config::open(&directory.join("config.json"))?;
        let index = directory.join(INDEX);
        let files = if path.is_file() && !index.is_file() {
            vec![path.to_owned()]
        } else if path.is_dir() && directory.join(SINGLE).is_file() {
            vec![directory.join(SINGLE)]
        } else {
            shards(&index)?.into_iter().map(|name| directory.join(name)).collect()
        };
        let mut tensors = Tensors::default();
        for path in files {
            let mut file = File::open(&path)?;
            let places = places(&path, &mut file, translate)?;
            tensors.add(&path, file, places)?;
        }
        Ok(Self { directory: directory.to_owned(), config, tensors })
    }
}

/// The files that the index names, each once.
fn shards(index: &Path) -> Result<BTreeSet<String>> {
    let json = read_json(index)?;
    let Some(map) = json.get("weight_map").and_then(Value::as_object) else {
        return Err(damaged(index, "weight_map", "the key is missing"));
    };
    let names = map.iter().map(|(tensor, file)| {
        let name = file.as_str().filter(|name| !name.contains(['/', '\\']) && !name.starts_with('.'));
        name.map(str::to_owned).ok_or_else(|| damaged(index, tensor, "is not in a file of this folder"))
    });
    names.collect()
}

/// A JSON object of bounded size.
pub(crate) fn read_json(path: &Path) -> Result<Map<String, Value>> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !path.is_file() {
        return Err(damaged(path, &name, "the file is missing beside the weights"));
    }
    let mut text = String::new();
    File::open(path)?.take(MOST_JSON_BYTES).read_to_string(&mut text)?;
    serde_json::from_str(&text).map_err(|error| damaged(path, &name, error.to_string()))
}

/// As [`read_json`]; none where there is no such file.
pub(crate) fn read_json_if_there(path: &Path) -> Result<Option<Map<String, Value>>> {
    if fs::exists(path)? { read_json(path).map(Some) } else { Ok(None) }
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    /// From the end of the header.
    data_offsets: (u64, u64),
}

pub(super) fn places(
    path: &Path,
    file: &mut File,
    rename: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, Place)>> {
    let wrong = |reason: String| damaged(path, "header", reason);
    let length = file.metadata()?.len();
    if length < 8 {
        return Err(wrong("the file ends within the header".into()));
    }
    let mut size = [0; 8];
    file.read_exact(&mut size)?;
    let size = u64::from_le_bytes(size);
    if size > MOST_HEADER_BYTES || size > length - 8 {
        return Err(wrong(format!("says that it has {size} bytes, which the file cannot hold")));
    }
    let mut header = vec![0; size as usize];
    file.read_exact(&mut header)?;
    let header = serde_json::from_slice::<Map<String, Value>>(&header).map_err(|error| wrong(error.to_string()))?;
    let mut places = Vec::new();
    for (name, entry) in header {
        if name == "__metadata__" {
            continue;
        }
        let entry = serde_json::from_value::<Entry>(entry).map_err(|error| damaged(path, &name, error.to_string()))?;
        let Some(ours) = rename(&name) else {
            continue;
        };
        places.push((ours, place(path, &name, entry, 8 + size)?));
    }
    Ok(places)
}

fn place(path: &Path, name: &str, entry: Entry, data: u64) -> Result<Place> {
    let (start, end) = entry.data_offsets;
    let kind = Kind::of_safetensors(&entry.dtype).ok_or(entry.dtype);
    let bytes = end.checked_sub(start);
    if let Ok(kind) = kind
        && (bytes.is_none() || kind.bytes(&entry.shape) != bytes)
    {
        return Err(damaged(path, name, "its shape and its bytes do not agree"));
    }
    let start = start.checked_add(data).ok_or_else(|| damaged(path, name, "its offset is out of range"))?;
    Ok(Place { start, kind, shape: entry.shape, file: 0 })
}
