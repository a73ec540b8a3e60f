//! The format of a file, by its content. The name only decides among text formats, which look alike.

mod containers;
mod texts;

use std::borrow::Cow;

use crate::document::MediaType;
use crate::error::ParseError;
use crate::picture;
use crate::text::decode;

/// Bytes looked at.
const HEAD_BYTES: usize = 8 << 10;

/// Signatures of formats that are not read, and their names for people.
const UNREAD: &[(&[u8], &str)] = &[
    (b"\0\0\0\x18ftypheic", "HEIC image"),
    (b"\0\0\0\x24ftypheic", "HEIC image"),
    (b"RIFF", "audio or video (RIFF)"),
    (b"ID3", "MP3 audio"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"\x1f\x8b", "gzip archive"),
    (b"7z\xbc\xaf", "7-Zip archive"),
    (b"Rar!", "RAR archive"),
];

/// What text recognition can read of a file, by its first bytes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recognisable {
    Pdf,
    Picture,
}

/// Only for files whose parser said that text is missing: the bytes of a PDF may stand in others.
pub(crate) fn recognisable(bytes: &[u8]) -> Option<Recognisable> {
    let head = &bytes[..bytes.len().min(1024)];
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"\xd0\xcf\x11\xe0") {
        return None;
    }
    if find(head, b"%PDF-").is_some() {
        return Some(Recognisable::Pdf);
    }
    picture::detect(bytes).map(|_| Recognisable::Picture)
}

/// What a file is.
pub fn detect(bytes: &[u8], file_name: Option<&str>) -> Result<MediaType, ParseError> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    if head.starts_with(b"PK\x03\x04") {
        return containers::zip(bytes);
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return containers::ole(bytes);
    }
    if head.trim_ascii_start().starts_with(b"{\\rtf") {
        return Ok(MediaType::Rtf);
    }
    // A message may hold a PDF without being one.
    if texts::is_email(&in_utf8(head), file_name) {
        return Ok(MediaType::Email);
    }
    // The signature of a PDF may follow some junk (ISO 32000-2, annex I).
    if find(&head[..head.len().min(1024)], b"%PDF-").is_some() {
        return Ok(MediaType::Pdf);
    }
    if let Some(media_type) = picture::detect(bytes) {
        return Ok(media_type);
    }
    if let Some((_, name)) = UNREAD.iter().find(|(signature, _)| head.starts_with(signature)) {
        return Err(unsupported(name));
    }
    if is_binary(head) {
        return Err(unsupported("unknown binary format"));
    }
    Ok(texts::format(bytes, head, file_name))
}

fn unsupported(name: &str) -> ParseError {
    ParseError::Unsupported { media_type: name.to_owned() }
}

/// What follows the last dot of a file's name, in lower case.
pub(crate) fn extension(file_name: Option<&str>) -> String {
    let extension = file_name.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    extension.unwrap_or_default().to_ascii_lowercase()
}

/// Text has no zero bytes, unless it is UTF-16, and hardly any other control characters.
fn is_binary(head: &[u8]) -> bool {
    if is_utf16(head) {
        return false;
    }
    let control = head.iter().filter(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31)).count();
    head.contains(&0) || control * 50 > head.len()
}

/// Text in UTF-16 as text in UTF-8; anything else as it is.
pub(crate) fn in_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    if is_utf16(&bytes[..bytes.len().min(HEAD_BYTES)]) { decode(bytes).0.into_bytes().into() } else { bytes.into() }
}

fn is_utf16(head: &[u8]) -> bool {
    head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || looks_like_utf16(head)
}

/// UTF-16 without a mark: every other byte of Latin text is zero.
pub(crate) fn looks_like_utf16(head: &[u8]) -> bool {
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let half = head.len() / 2;
    half >= 4 && (zeros(0) * 10 > half * 7 && zeros(1) * 10 < half || zeros(1) * 10 > half * 7 && zeros(0) * 10 < half)
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_the_name_only_among_texts() {
        for (bytes, name, expected) in [
            (&b"%PDF-1.4 ..."[..], "a.txt", MediaType::Pdf),
            (b"junk\n%PDF-1.4", "a", MediaType::Pdf),
            (b"plain words", "a.pdf", MediaType::Text),
            (b"# heading", "a.md", MediaType::Markdown),
            (b"# heading", "a", MediaType::Text),
            (b"\n<!DOCTYPE HTML><p>x", "a.txt", MediaType::Html),
            (b"<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD\"><html><p>x", "a.xml", MediaType::Html),
            (b"<p>x", "a.html", MediaType::Html),
            (b"no tags", "a.html", MediaType::Text),
            (b"\xff\xfeh\0i\0", "a.txt", MediaType::Text),
            (b"h\0e\0l\0l\0o\0 \0y\0o\0u\0", "a.txt", MediaType::Text),
            (b"{\\rtf1 x}", "a.doc", MediaType::Rtf),
            (b"{\"a\": [1, 2]}", "a.txt", MediaType::Json),
            (b"{\"a\": [1, 2]", "a.txt", MediaType::Text),
            (b"{not json}", "a.json", MediaType::Code),
            (b"{\"a\": 1}\n{\"a\": 2}\n", "a", MediaType::JsonLines),
            (b"<?xml version=\"1.0\"?><r>x</r>", "a.txt", MediaType::Xml),
            (b"<!DOCTYPE article PUBLIC \"JATS\"><article><front/></article>", "a", MediaType::Jats),
            (b"Received: by x\nFrom: a@b\nSubject: c\n\ntext", "a.txt", MediaType::Email),
            (b"\xff\xfeF\0r\0o\0m\0:\0a\0\n\0T\0o\0:\0b\0\n\0D\0a\0t\0e\0:\0c\0\n\0", "a.txt", MediaType::Email),
            (b"From: the editor\n\nDear reader", "a.txt", MediaType::Text),
            (b"a;b\n1;2\n", "a.csv", MediaType::Csv),
            (b"a\tb\n1\t2\n", "a.tsv", MediaType::Tsv),
            (b"a,b,c\n1,2,3\n4,5,6\n7,8,9\n", "data", MediaType::Csv),
            (b"One, two, three.\nFour, five.\nSix, seven, eight, nine.\nTen.", "data", MediaType::Text),
            (b"fn main() {}", "main.rs", MediaType::Code),
            (b"Title\n=====\n", "a.rst", MediaType::ReStructuredText),
            (b"= Title\n", "a.adoc", MediaType::AsciiDoc),
            (b"* Title\n", "a.org", MediaType::Org),
            (b"\\documentclass{article}", "a.txt", MediaType::Latex),
            (b"WEBVTT\n\n00:01.000 --> 00:02.000\nx", "a.txt", MediaType::Subtitles),
            (b"\x89PNG\r\n\x1a\n\0", "a.txt", MediaType::Png),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "a", MediaType::Webp),
            (b"BMW and others\nP4 is a picture", "a.txt", MediaType::Text),
            (b"1\n00:00:01,000 --> 00:00:02,000\nx\n", "a.txt", MediaType::Subtitles),
        ] {
            assert_eq!(detect(bytes, Some(name)), Ok(expected), "{name} {:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn what_is_not_read_is_named() {
        for (bytes, name) in
            [(&b"\x00\x00\x00\x18ftypheic"[..], "HEIC"), (b"\x7fELF\x02", "program"), (b"ab\0\0\0\x01\x02cd", "binary")]
        {
            let error = detect(bytes, None).unwrap_err();
            assert_eq!(error.code(), "unsupported_format");
            assert!(error.to_string().contains(name), "{error}");
        }
        assert_eq!(detect(b"PK\x03\x04cut off", None).unwrap_err().code(), "damaged_file");
        assert_eq!(detect(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1cut off", None).unwrap_err().code(), "damaged_file");
    }
}
