//! The properties of a message, a recipient or an attachment: long ones in streams of their own, short ones in
//! one stream together ([MS-OXMSG], 2.4).

use std::path::PathBuf;

use mail_parser::DateTime;

use super::{File, read_stream};
use crate::error::ParseError;
use crate::text::decode;

/// Types of properties, by which their streams are named.
const UNICODE: u16 = 0x001f;
const STRING: u16 = 0x001e;
const BINARY: u16 = 0x0102;
const INTEGER: u16 = 0x0003;
const TIME: u16 = 0x0040;
const CODE_PAGE: u16 = 0x3ffd;
const INTERNET_CODE_PAGE: u16 = 0x3fde;
const ENTRY_BYTES: usize = 16;
/// Seconds from the beginning of 1601, where Windows starts to count, to that of 1970.
const EPOCH_SECONDS: u64 = 11_644_473_600;

pub(super) struct Storage<'f, 'b> {
    file: &'f mut File<'b>,
    left_bytes: &'f mut u64,
    path: PathBuf,
    /// The short properties, in entries of sixteen bytes: type, number, flags, value.
    entries: Vec<u8>,
}

impl<'f, 'b> Storage<'f, 'b> {
    pub(super) fn open(file: &'f mut File<'b>, path: &str, left_bytes: &'f mut u64) -> Result<Self, ParseError> {
        let path = PathBuf::from(path);
        let stream = path.join("__properties_version1.0");
        let mut entries = if file.is_stream(&stream) { read_stream(file, &stream, left_bytes)? } else { Vec::new() };
        // A head comes first, of 8, 24 or 32 bytes; what is left over of whole entries belongs to it.
        entries.drain(..entries.len() % ENTRY_BYTES);
        Ok(Self { file, left_bytes, path, entries })
    }

    pub(super) fn text(&mut self, property: u16) -> Result<Option<String>, ParseError> {
        let text = if let Some(bytes) = self.stream(property, UNICODE)? {
            Some(encoding_rs::UTF_16LE.decode_without_bom_handling(&bytes).0.into_owned())
        } else {
            self.stream(property, STRING)?.map(|bytes| match self.encoding() {
                Some(encoding) => encoding.decode_without_bom_handling(&bytes).0.into_owned(),
                None => decode(&bytes).0,
            })
        };
        Ok(text.map(|text| text.trim_end_matches('\0').to_owned()).filter(|text| !text.trim().is_empty()))
    }

    pub(super) fn bytes(&mut self, property: u16) -> Result<Option<Vec<u8>>, ParseError> {
        Ok(self.stream(property, BINARY)?.filter(|bytes| !bytes.is_empty()))
    }

    pub(super) fn number(&self, property: u16) -> Option<u32> {
        self.short(property, INTEGER).map(|value| value as u32)
    }

    /// A moment, as RFC 3339.
    pub(super) fn time(&self, property: u16) -> Option<String> {
        let seconds = (self.short(property, TIME)? / 10_000_000).checked_sub(EPOCH_SECONDS)?;
        // Beyond the year 9999 a date is a mistake.
        let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds < 253_402_300_800)?;
        Some(DateTime::from_timestamp(seconds).to_rfc3339())
    }

    fn encoding(&self) -> Option<&'static encoding_rs::Encoding> {
        let page = self.number(CODE_PAGE).or_else(|| self.number(INTERNET_CODE_PAGE))?;
        codepage::to_encoding(u16::try_from(page).ok()?)
    }

    fn stream(&mut self, property: u16, kind: u16) -> Result<Option<Vec<u8>>, ParseError> {
        let path = self.path.join(format!("__substg1.0_{property:04X}{kind:04X}"));
        if !self.file.is_stream(&path) {
            return Ok(None);
        }
        read_stream(self.file, &path, self.left_bytes).map(Some)
    }

    fn short(&self, property: u16, kind: u16) -> Option<u64> {
        let tag = [kind.to_le_bytes(), property.to_le_bytes()].concat();
        let entry = self.entries.chunks_exact(ENTRY_BYTES).find(|entry| entry[..4] == tag)?;
        Some(u64::from_le_bytes(entry[8..].try_into().ok()?))
    }
}
