//! The file of a backup: a tar archive, compressed with Zstandard, whose frames carry checksums. Any `tar` opens it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};

use super::{Contents, FORMAT, Manifest};
use crate::Result;
use crate::blobs::hexadecimal;
use crate::error::StoreError;
use crate::sql::rows::TableRow;

/// So that unpacking by hand litters nothing.
const ROOT: &str = "terroir-backup/";
const MANIFEST: &str = "manifest.json";
const END: &str = "end.json";
/// Fast, and most originals are compressed already.
const COMPRESSION_LEVEL: i32 = 3;
/// Rows are gathered up to here: an entry of the archive says its length first.
const PART_BYTES: usize = 4 << 20;
/// Of the manifest and the end; both are small.
const MAX_NOTE_BYTES: u64 = 1 << 20;

pub struct ArchiveWriter<W: Write> {
    archive: tar::Builder<zstd::Encoder<'static, Counted<W>>>,
    created_at_s: u64,
}

impl<W: Write> ArchiveWriter<W> {
    pub fn begin(sink: W, manifest: &Manifest) -> Result<Self> {
        let mut encoder = zstd::Encoder::new(Counted { sink, bytes: 0 }, COMPRESSION_LEVEL)?;
        encoder.include_checksum(true)?;
        let created_at_s = manifest.created_at_ms.max(0) as u64 / 1_000;
        let mut writer = Self { archive: tar::Builder::new(encoder), created_at_s };
        writer.entry(MANIFEST, &encoded(manifest)?)?;
        Ok(writer)
    }

    /// Adds an original; none if it is not there.
    pub fn blob(&mut self, sha256: &str, path: &Path) -> Result<Option<u64>> {
        let file = match fs_err::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let bytes = file.metadata()?.len();
        let mut header = self.header(bytes);
        self.archive.append_data(&mut header, format!("{ROOT}blobs/{sha256}"), file.take(bytes))?;
        Ok(Some(bytes))
    }

    pub fn table<'a>(&'a mut self, name: &'a str) -> TableWriter<'a, W> {
        TableWriter { archive: self, name, part: Vec::new(), parts: 0 }
    }

    /// Gives the length of the file.
    pub fn finish(mut self, contents: &Contents) -> Result<u64> {
        self.entry(END, &encoded(contents)?)?;
        let mut counted = self.archive.into_inner()?.finish()?;
        counted.flush()?;
        Ok(counted.bytes)
    }

    fn entry(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let mut header = self.header(content.len() as u64);
        self.archive.append_data(&mut header, format!("{ROOT}{name}"), content)?;
        Ok(())
    }

    fn header(&self, bytes: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes);
        // What is in it is for nobody but the operator.
        header.set_mode(0o600);
        header.set_mtime(self.created_at_s);
        header
    }
}

/// Rows of one table, a line of JSON each, in parts.
pub struct TableWriter<'a, W: Write> {
    archive: &'a mut ArchiveWriter<W>,
    name: &'a str,
    part: Vec<u8>,
    parts: usize,
}

impl<W: Write> TableWriter<'_, W> {
    pub fn add(&mut self, row: &TableRow) -> Result<()> {
        self.part.extend(encoded(row)?);
        self.part.push(b'\n');
        if self.part.len() >= PART_BYTES { self.end_part() } else { Ok(()) }
    }

    pub fn finish(mut self) -> Result<()> {
        if self.part.is_empty() { Ok(()) } else { self.end_part() }
    }

    fn end_part(&mut self) -> Result<()> {
        self.parts += 1;
        self.archive.entry(&format!("tables/{}/{:06}.jsonl", self.name, self.parts), &self.part)?;
        self.part.clear();
        Ok(())
    }
}

/// Counts what comes out of the compression.
struct Counted<W> {
    sink: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}

/// What an archive holds, in its order. `end` comes last, or the archive is refused.
pub enum Part<'a> {
    Blob { sha256: String, content: &'a mut dyn Read },
    Row { table: &'a str, row: TableRow },
}

/// Reads an archive: its manifest to `begin`, then each part to `each`. Gives what it says it holds, which is what
/// it held.
pub fn read<T>(
    source: impl Read,
    begin: impl FnOnce(&Manifest) -> Result<T>,
    mut each: impl FnMut(&mut T, Part<'_>) -> Result<()>,
) -> Result<(T, Manifest, Contents)> {
    let mut archive = tar::Archive::new(zstd::Decoder::new(source).map_err(unreadable)?);
    let mut entries = archive.entries().map_err(unreadable)?;
    let first = entries.next().ok_or_else(|| StoreError::Backup("it is empty".into()))?.map_err(unreadable)?;
    if name_of(&first)? != MANIFEST {
        return Err(StoreError::Backup("it is no backup of Terroir".into()));
    }
    let manifest: Manifest = note(first)?;
    if manifest.format > FORMAT {
        return Err(StoreError::NewerBackup(manifest.terroir));
    }
    let mut taken = begin(&manifest)?;
    let mut found = Contents::default();
    let mut end = None;
    for entry in entries {
        let mut entry = entry.map_err(unreadable)?;
        let name = name_of(&entry)?;
        if name == END {
            end = Some(note::<Contents>(entry)?);
            break;
        }
        if let Some(sha256) = name.strip_prefix("blobs/") {
            found.blobs += 1;
            found.blob_bytes += entry.size();
            let mut content = Hashed { content: &mut entry, hash: Sha256::new() };
            each(&mut taken, Part::Blob { sha256: sha256.to_owned(), content: &mut content })?;
            std::io::copy(&mut content, &mut std::io::sink()).map_err(unreadable)?;
            if hexadecimal(&content.hash.finalize()) != sha256 {
                return Err(StoreError::Backup(format!("the original {sha256} is damaged")));
            }
        } else if let Some((table, _)) = name.strip_prefix("tables/").and_then(|rest| rest.split_once('/')) {
            let rows = rows(entry, |row| each(&mut taken, Part::Row { table, row }))?;
            *found.rows.entry(table.to_owned()).or_default() += rows;
        }
        // Anything else is of a later version that this format allows for.
    }
    let contents = end.ok_or_else(|| StoreError::Backup("it is cut off".into()))?;
    // To the very end: there the compression keeps the checksum of all that came before.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(unreadable)?;
    if (Contents { missing_blobs: contents.missing_blobs, ..found }) == contents {
        Ok((taken, manifest, contents))
    } else {
        Err(StoreError::Backup("it does not hold what it says it holds".into()))
    }
}

/// Reads an archive through without keeping anything: whether it can be restored, and what it holds.
pub fn inspect(source: impl Read) -> Result<(Manifest, Contents)> {
    let nothing = |(): &mut (), _: Part<'_>| Ok(());
    read(source, |_| Ok(()), nothing).map(|((), manifest, contents)| (manifest, contents))
}

fn rows(content: impl Read, mut each: impl FnMut(TableRow) -> Result<()>) -> Result<u64> {
    let mut count = 0;
    for line in BufReader::new(content).split(b'\n') {
        let line = line.map_err(unreadable)?;
        each(serde_json::from_slice(&line).map_err(unreadable)?)?;
        count += 1;
    }
    Ok(count)
}

fn name_of<R: Read>(entry: &tar::Entry<'_, R>) -> Result<String> {
    let path = entry.path().map_err(unreadable)?;
    Ok(path.to_str().and_then(|path| path.strip_prefix(ROOT)).unwrap_or_default().to_owned())
}

fn note<T: serde::de::DeserializeOwned>(content: impl Read) -> Result<T> {
    serde_json::from_reader(content.take(MAX_NOTE_BYTES)).map_err(unreadable)
}

fn encoded(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| StoreError::damaged("row", error))
}

fn unreadable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Backup(error.to_string())
}

struct Hashed<R> {
    content: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.content.read(buffer)?;
        self.hash.update(&buffer[..length]);
        Ok(length)
    }
}
