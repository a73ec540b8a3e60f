//! Messages as Outlook keeps them (MSG: [MS-OXMSG], an OLE compound file of properties) → blocks.

mod compressed;
mod properties;
#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;
use std::io::{Cursor, Read as _, Seek as _, Write as _};
use std::path::Path;

use cfb::CompoundFile;

use self::properties::Storage;
use crate::document::{MediaType, ParsedDocument};
use crate::enclosed::Enclosure;
use crate::error::ParseError;
use crate::message::{Attachment, Message};

type File<'a> = CompoundFile<Cursor<&'a [u8]>>;

/// Properties, by their numbers in [MS-OXPROPS].
const SUBJECT: u16 = 0x0037;
const SENT: u16 = 0x0039;
const RECIPIENT_TYPE: u16 = 0x0c15;
const SENDER_NAME: u16 = 0x0c1a;
const SENDER_ADDRESS: u16 = 0x0c1f;
const SENDER_SMTP_ADDRESS: u16 = 0x5d01;
const TO: u16 = 0x0e04;
const COPIED: u16 = 0x0e03;
const RECEIVED: u16 = 0x0e06;
const BODY: u16 = 0x1000;
const COMPRESSED_RTF: u16 = 0x1009;
const HTML: u16 = 0x1013;
const NAME: u16 = 0x3001;
const ADDRESS: u16 = 0x3003;
const SMTP_ADDRESS: u16 = 0x39fe;
const DATA: u16 = 0x3701;
const SHORT_FILE_NAME: u16 = 0x3704;
const FILE_NAME: u16 = 0x3707;
const CONTENT_ID: u16 = 0x3712;
/// Recipients and attachments that are read.
const MAX_RECIPIENTS: usize = 500;

pub(crate) fn parse(bytes: &[u8], enclosure: &mut Enclosure<'_>) -> Result<ParsedDocument, ParseError> {
    let mut file = CompoundFile::open(Cursor::new(bytes)).map_err(damaged)?;
    let limits = enclosure.left();
    // No stream is longer than the file, but the same sectors may stand in many.
    let mut left_bytes = limits.max_expanded_bytes;
    let mut message = read_head(&mut Storage::open(&mut file, "/", &mut left_bytes)?)?;
    read_recipients(&mut file, &mut message, &mut left_bytes)?;
    for path in storages(&file, "__attach_version1.0_").into_iter().take(limits.max_entries as usize) {
        message.attachments.extend(read_attachment(&mut file, &path, &mut left_bytes)?);
    }
    Ok(message.read(MediaType::Outlook, enclosure))
}

fn read_head(root: &mut Storage<'_, '_>) -> Result<Message<'static>, ParseError> {
    let name = root.text(SENDER_NAME)?.unwrap_or_default();
    let address = match root.text(SENDER_SMTP_ADDRESS)? {
        Some(address) => Some(address),
        // Inside an organisation it may be a path in a directory.
        None => root.text(SENDER_ADDRESS)?.filter(|address| address.contains('@')),
    };
    let list = |names: Option<String>| -> Vec<String> {
        names.unwrap_or_default().split(';').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let html = match root.bytes(HTML)? {
        Some(html) => Some(html),
        None => root.text(HTML)?.map(String::into_bytes),
    };
    let rtf = root.bytes(COMPRESSED_RTF)?.and_then(|bytes| compressed::expand(&bytes));
    Ok(Message {
        subject: root.text(SUBJECT)?.unwrap_or_default(),
        from: person(&name, address.as_deref()).into_iter().collect(),
        to: list(root.text(TO)?),
        copied: list(root.text(COPIED)?),
        date: root.time(SENT).or_else(|| root.time(RECEIVED)),
        html: html.map(Cow::Owned).into_iter().collect(),
        plain: root.text(BODY)?.map(Cow::Owned).into_iter().collect(),
        rtf,
        ..Message::default()
    })
}

fn person(name: &str, address: Option<&str>) -> Option<String> {
    let name = name.trim().trim_matches('\'');
    match address.map(str::trim).filter(|address| !address.is_empty() && *address != name) {
        Some(address) if name.is_empty() => Some(address.to_owned()),
        Some(address) => Some(format!("{name} <{address}>")),
        None => (!name.is_empty()).then(|| name.to_owned()),
    }
}

/// The recipients with their addresses, where the message holds them: the fields of its head only have names.
fn read_recipients(file: &mut File<'_>, message: &mut Message<'_>, left_bytes: &mut u64) -> Result<(), ParseError> {
    let (mut to, mut copied) = (Vec::new(), Vec::new());
    for path in storages(file, "__recip_version1.0_").into_iter().take(MAX_RECIPIENTS) {
        let mut recipient = Storage::open(file, &path, left_bytes)?;
        let name = recipient.text(NAME)?.unwrap_or_default();
        let address = match recipient.text(SMTP_ADDRESS)? {
            Some(address) => Some(address),
            None => recipient.text(ADDRESS)?.filter(|address| address.contains('@')),
        };
        match recipient.number(RECIPIENT_TYPE) {
            Some(2) => copied.extend(person(&name, address.as_deref())),
            // Who was copied in secret stays secret.
            Some(3) => {}
            _ => to.extend(person(&name, address.as_deref())),
        }
    }
    if !to.is_empty() || !copied.is_empty() {
        (message.to, message.copied) = (to, copied);
    }
    Ok(())
}

fn read_attachment(
    file: &mut File<'_>,
    path: &str,
    left_bytes: &mut u64,
) -> Result<Option<Attachment<'static>>, ParseError> {
    let (name, data, is_inline) = {
        let mut storage = Storage::open(file, path, left_bytes)?;
        let name = match storage.text(FILE_NAME)? {
            Some(name) => Some(name),
            None => storage.text(SHORT_FILE_NAME)?,
        };
        let name = match name {
            Some(name) => Some(name),
            None => storage.text(NAME)?,
        };
        (name.unwrap_or_default(), storage.bytes(DATA)?, storage.text(CONTENT_ID)?.is_some())
    };
    let embedded = format!("{path}/__substg1.0_{DATA:04X}000D");
    let bytes = match data {
        // Pictures of the body.
        Some(data) if is_inline && is_image(&data) => return Ok(None),
        Some(data) => data,
        None if file.is_storage(&embedded) => extract(file, &embedded, left_bytes)?,
        None => return Ok(None),
    };
    Ok(Some(Attachment { name, bytes: Cow::Owned(bytes) }))
}

fn is_image(data: &[u8]) -> bool {
    [&b"\x89PNG"[..], b"\xff\xd8\xff", b"GIF8", b"BM"].iter().any(|signature| data.starts_with(signature))
}

/// Paths of the storages at the root whose names begin like this.
fn storages(file: &File<'_>, prefix: &str) -> Vec<String> {
    let entries = file.read_root_storage();
    let named = entries.filter(|entry| entry.is_storage() && entry.name().starts_with(prefix));
    named.map(|entry| format!("/{}", entry.name())).collect()
}

/// A message that is attached as a storage, as a file of its own.
fn extract(file: &mut File<'_>, storage: &str, left_bytes: &mut u64) -> Result<Vec<u8>, ParseError> {
    let entries: Vec<cfb::Entry> = file.walk_storage(storage).map_err(damaged)?.collect();
    let mut copy = CompoundFile::create(Cursor::new(Vec::new())).map_err(damaged)?;
    for entry in entries {
        let path = entry.path().strip_prefix(storage).map_err(damaged)?;
        let path = Path::new("/").join(path);
        if entry.is_stream() {
            let bytes = read_stream(file, entry.path(), left_bytes)?;
            copy.create_stream(&path).and_then(|mut stream| stream.write_all(&bytes)).map_err(damaged)?;
        } else if path != Path::new("/") {
            copy.create_storage(&path).map_err(damaged)?;
        }
    }
    copy.flush().map_err(damaged)?;
    Ok(copy.into_inner().into_inner())
}

fn read_stream(file: &mut File<'_>, path: &Path, left_bytes: &mut u64) -> Result<Vec<u8>, ParseError> {
    let mut stream = file.open_stream(path).map_err(damaged)?;
    stream.rewind().map_err(damaged)?;
    let mut bytes = Vec::new();
    stream.take(left_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(damaged)?;
    *left_bytes =
        left_bytes.checked_sub(bytes.len() as u64).ok_or_else(|| ParseError::limit("expanded bytes", *left_bytes))?;
    Ok(bytes)
}

fn damaged(error: impl std::fmt::Display) -> ParseError {
    ParseError::damaged("msg", error)
}
