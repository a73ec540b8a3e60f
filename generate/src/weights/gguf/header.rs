//! The header of a GGUF file, byte by byte. Every length is held against what is left of the file before
//! anything is allocated for it.

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::path::Path;

use fs_err::File;

use crate::error::{GenerateError, Result};
use crate::weights::stored::Kind;
use crate::weights::tensors::{Place, damaged};

/// Far above any model.
const MOST_KEYS: u64 = 1 << 16;
const MOST_TENSORS: u64 = 1 << 16;
const MOST_ELEMENTS: u64 = 1 << 22;
const MOST_TEXT_BYTES: u64 = 1 << 24;
const MOST_DIMENSIONS: u32 = 4;
const MOST_NESTED: usize = 4;

/// A value of the metadata; numbers of all widths in one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Count(u64),
    Negative(i64),
    Number(f64),
    Truth(bool),
    Text(String),
    Counts(Vec<i64>),
    Numbers(Vec<f32>),
    Texts(Vec<String>),
    /// Lists that no key of a language model holds; read over.
    Other,
}

pub(super) struct Header {
    pub(super) metadata: HashMap<String, Value>,
    pub(super) places: Vec<(String, Place)>,
}

pub(super) fn read(path: &Path, file: &mut File) -> Result<Header> {
    let left = file.metadata()?.len();
    let mut bytes = Bytes { path, from: BufReader::new(file), left, read: 0, part: "header".to_owned() };
    if bytes.take::<4>()? != *b"GGUF" {
        return Err(bytes.wrong("this is no GGUF file"));
    }
    let version = bytes.u32()?;
    if !(2..=3).contains(&version) {
        return Err(bytes.wrong(format!("version {version} cannot be read, only 2 and 3")));
    }
    let tensors = bytes.length(MOST_TENSORS, 8 + 4 + 4 + 8)?;
    let keys = bytes.length(MOST_KEYS, 8 + 4 + 1)?;
    let mut metadata = HashMap::new();
    for _ in 0..keys {
        "header".clone_into(&mut bytes.part);
        let key = bytes.text()?;
        bytes.part.clone_from(&key);
        let kind = bytes.u32()?;
        let value = bytes.value(kind, 0)?;
        metadata.insert(key, value);
    }
    let mut places = Vec::new();
    for _ in 0..tensors {
        "header".clone_into(&mut bytes.part);
        let name = bytes.text()?;
        bytes.part.clone_from(&name);
        let place = bytes.place()?;
        places.push((name, place));
    }
    let alignment = alignment(path, &metadata)?;
    let data = bytes.read.next_multiple_of(alignment);
    for (name, place) in &mut places {
        place.start = place.start.checked_add(data).ok_or_else(|| damaged(path, name, "its offset is out of range"))?;
    }
    Ok(Header { metadata, places })
}

/// Of the tensors' bytes.
fn alignment(path: &Path, metadata: &HashMap<String, Value>) -> Result<u64> {
    let key = "general.alignment";
    match metadata.get(key) {
        None => Ok(32),
        Some(Value::Count(alignment @ 1..=0x1_0000)) if alignment.is_power_of_two() => Ok(*alignment),
        Some(_) => Err(damaged(path, key, "is no power of two, so that the end of the header is unknown")),
    }
}

struct Bytes<'a> {
    path: &'a Path,
    from: BufReader<&'a mut File>,
    left: u64,
    read: u64,
    /// What an error is about: the key or tensor that is being read.
    part: String,
}

impl Bytes<'_> {
    fn wrong(&self, reason: impl Into<String>) -> GenerateError {
        damaged(self.path, &self.part, reason)
    }

    fn count_off(&mut self, bytes: u64) -> Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| self.wrong("the file ends within the header"))?;
        self.read += bytes;
        Ok(())
    }

    fn take<const BYTES: usize>(&mut self) -> Result<[u8; BYTES]> {
        self.count_off(BYTES as u64)?;
        let mut taken = [0; BYTES];
        self.from.read_exact(&mut taken)?;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// How many follow, each of at least `least_bytes`.
    fn length(&mut self, most: u64, least_bytes: u64) -> Result<u64> {
        let length = self.u64()?;
        if length > most || length * least_bytes > self.left {
            return Err(self.wrong(format!("says that {length} entries follow, which the file cannot hold")));
        }
        Ok(length)
    }

    fn text(&mut self) -> Result<String> {
        let length = self.length(MOST_TEXT_BYTES, 1)?;
        self.count_off(length)?;
        let mut text = vec![0; length as usize];
        self.from.read_exact(&mut text)?;
        // Old writers cut tokens within characters.
        Ok(String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn value(&mut self, kind: u32, nested: usize) -> Result<Value> {
        let whole = |number: i64| u64::try_from(number).map_or(Value::Negative(number), Value::Count);
        Ok(match kind {
            0 => Value::Count(self.take::<1>()?[0].into()),
            1 => whole(i8::from_le_bytes(self.take()?).into()),
            2 => Value::Count(u16::from_le_bytes(self.take()?).into()),
            3 => whole(i16::from_le_bytes(self.take()?).into()),
            4 => Value::Count(self.u32()?.into()),
            5 => whole(i32::from_le_bytes(self.take()?).into()),
            6 => Value::Number(f32::from_le_bytes(self.take()?).into()),
            7 => Value::Truth(self.take::<1>()?[0] != 0),
            8 => Value::Text(self.text()?),
            9 => self.list(nested)?,
            10 => Value::Count(self.u64()?),
            11 => whole(i64::from_le_bytes(self.take()?)),
            12 => Value::Number(f64::from_le_bytes(self.take()?)),
            _ => return Err(self.wrong(format!("is of the unknown type {kind}"))),
        })
    }

    fn list(&mut self, nested: usize) -> Result<Value> {
        let kind = self.u32()?;
        let least_bytes = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            9 if nested < MOST_NESTED => 4 + 8,
            _ => return Err(self.wrong(format!("is a list of the unknown type {kind}"))),
        };
        let length = self.length(MOST_ELEMENTS, least_bytes)?;
        match kind {
            8 => Ok(Value::Texts((0..length).map(|_| self.text()).collect::<Result<_>>()?)),
            6 => Ok(Value::Numbers((0..length).map(|_| self.take().map(f32::from_le_bytes)).collect::<Result<_>>()?)),
            0..=5 | 10 | 11 => {
                let mut numbers = Vec::new();
                for _ in 0..length {
                    numbers.push(match self.value(kind, nested)? {
                        Value::Count(number) => i64::try_from(number).map_err(|_| self.wrong("is out of range"))?,
                        Value::Negative(number) => number,
                        _ => return Err(self.wrong("is not a list of whole numbers")),
                    });
                }
                Ok(Value::Counts(numbers))
            }
            _ => {
                for _ in 0..length {
                    self.value(kind, nested + 1)?;
                }
                Ok(Value::Other)
            }
        }
    }

    /// `start` is still from where the tensors begin.
    fn place(&mut self) -> Result<Place> {
        let dimensions = self.u32()?;
        if dimensions > MOST_DIMENSIONS {
            return Err(self.wrong(format!("has {dimensions} dimensions")));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            let size = self.u64()?;
            shape.push(usize::try_from(size).map_err(|_| self.wrong("has a size that is out of range"))?);
        }
        // The file has the innermost first.
        shape.reverse();
        let kind = self.u32()?;
        let kind = Kind::of_ggml(kind).ok_or_else(|| format!("ggml's format number {kind}"));
        Ok(Place { start: self.u64()?, kind, shape, file: 0 })
    }
}
