//! Files that are ZIP archives of parts: unpacked part by part, as far as the limit for the whole file goes.

mod relations;

use std::io::{Cursor, ErrorKind, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

pub(crate) use self::relations::{Relations, resolved};
use crate::dublin_core::Properties;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::text::decode;

/// A part may grow to this size, whatever it is packed into.
pub(crate) const FREE_BYTES: u64 = 16 << 20;
/// Beyond that, a part may be this many times as long as its packed form. Text of real documents shrinks to
/// a tenth, repetitive tables to a fiftieth.
const MAX_EXPANSION: u64 = 200;

pub(crate) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    format: &'static str,
    pub(crate) limits: &'a Limits,
    left_bytes: u64,
}

impl<'a> Package<'a> {
    /// `format` is what a broken archive is reported as.
    pub(crate) fn open(bytes: &'a [u8], format: &'static str, limits: &'a Limits) -> Result<Self, ParseError> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| ParseError::damaged(format, error))?;
        if archive.len() as u64 > limits.max_entries {
            return Err(ParseError::limit("entries of an archive", limits.max_entries));
        }
        Ok(Self { archive, format, limits, left_bytes: limits.max_expanded_bytes })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.archive.index_for_name(name).is_some()
    }

    /// Bytes that may still be unpacked.
    pub(crate) fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    /// Names of all parts, in the order of the archive.
    pub(crate) fn names(&self) -> Vec<String> {
        self.archive.file_names().flatten().map(std::borrow::Cow::into_owned).collect()
    }

    /// `None` if there is no such part.
    pub(crate) fn bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, ParseError> {
        let file = match self.archive.by_name(name) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(ParseError::damaged(self.format, error)),
        };
        let allowed = file.compressed_size().saturating_mul(MAX_EXPANSION).max(FREE_BYTES).min(self.left_bytes);
        let mut bytes = Vec::new();
        let read = file.take(allowed + 1).read_to_end(&mut bytes);
        // What is refused was unpacked all the same.
        self.left_bytes = self.left_bytes.saturating_sub(bytes.len() as u64);
        read.map_err(|error| match error.kind() {
            // The process may hold less than a file may unpack.
            ErrorKind::OutOfMemory => ParseError::limit("bytes of memory", self.limits.max_memory_bytes),
            _ => ParseError::damaged(self.format, error),
        })?;
        if bytes.len() as u64 > allowed {
            return Err(ParseError::limit("expanded bytes", allowed));
        }
        Ok(Some(bytes))
    }

    /// A part that holds text, in whatever encoding.
    pub(crate) fn part(&mut self, name: &str) -> Result<Option<String>, ParseError> {
        let text = self.bytes(name)?.map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => decode(error.as_bytes()).0,
        });
        Ok(text)
    }

    /// A part without which there is no document.
    pub(crate) fn needed(&mut self, name: &str) -> Result<String, ParseError> {
        self.part(name)?.ok_or_else(|| ParseError::damaged(self.format, format!("it has no {name}")))
    }

    /// What the parts of an Office document that a part refers to are, and where.
    pub(crate) fn relations(&mut self, part: &str) -> Result<Relations, ParseError> {
        let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
        let path = format!("{folder}/_rels/{name}.rels");
        let xml = self.part(path.trim_start_matches('/'))?;
        Relations::read(xml.as_deref().unwrap_or_default(), folder, self.format, self.limits)
    }

    /// Where the main part of an Office document lies: by its own word, or where it always does.
    pub(crate) fn main_part(&mut self, usual: &str) -> Result<String, ParseError> {
        let main = self.relations("")?.of_kind("officeDocument").map(|relation| relation.target.clone());
        Ok(main.filter(|name| self.has(name)).unwrap_or_else(|| usual.to_owned()))
    }

    /// The properties of an Office document.
    pub(crate) fn properties(&mut self) -> Result<Properties, ParseError> {
        match self.part("docProps/core.xml")? {
            Some(xml) => Properties::read(&xml, self.format, self.limits),
            None => Ok(Properties::default()),
        }
    }
}
