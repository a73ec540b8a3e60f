//! The format of a file, by its content. The name only decides among text formats, which look alike.

use std::io::Cursor;

use crate::document::MediaType;
use crate::error::ParseError;

/// Bytes looked at.
const HEAD_BYTES: usize = 8 << 10;

/// Signatures of formats that are not read, and their names for people.
const UNREAD: &[(&[u8], &str)] = &[
    (b"\x89PNG", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"BM", "BMP image"),
    (b"II*\0", "TIFF image"),
    (b"MM\0*", "TIFF image"),
    (b"RIFF", "audio or video (RIFF)"),
    (b"ID3", "MP3 audio"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"\x1f\x8b", "gzip archive"),
    (b"7z\xbc\xaf", "7-Zip archive"),
    (b"Rar!", "RAR archive"),
    (b"{\\rtf", "RTF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "older Microsoft Office or Outlook file"),
];

/// What a file is.
pub fn detect(bytes: &[u8], file_name: Option<&str>) -> Result<MediaType, ParseError> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    // The signature of a PDF may follow some junk (ISO 32000-2, annex I).
    if find(&head[..head.len().min(1024)], b"%PDF-").is_some() {
        return Ok(MediaType::Pdf);
    }
    if head.starts_with(b"PK\x03\x04") {
        return zip_format(bytes);
    }
    if let Some((_, name)) = UNREAD.iter().find(|(signature, _)| head.starts_with(signature)) {
        return Err(unsupported(name));
    }
    if is_binary(head) {
        return Err(unsupported("unknown binary format"));
    }
    Ok(text_format(head, file_name))
}

fn unsupported(name: &str) -> ParseError {
    ParseError::Unsupported { media_type: name.to_owned() }
}

fn zip_format(bytes: &[u8]) -> Result<MediaType, ParseError> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| ParseError::damaged("zip", error))?;
    let has = |name: &str| archive.index_for_name(name).is_some();
    let starts = |prefix: &str| archive.file_names().flatten().any(|name| name.starts_with(prefix));
    if has("word/document.xml") || starts("word/") {
        return Ok(MediaType::Docx);
    }
    Err(unsupported(if starts("ppt/") {
        "PowerPoint (PPTX)"
    } else if starts("xl/") {
        "Excel (XLSX)"
    } else if has("META-INF/container.xml") {
        "EPUB"
    } else if has("mimetype") {
        "OpenDocument"
    } else {
        "ZIP archive"
    }))
}

/// Text has no zero bytes, unless it is UTF-16, and hardly any other control characters.
fn is_binary(head: &[u8]) -> bool {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || looks_like_utf16(head) {
        return false;
    }
    let control = head.iter().filter(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31)).count();
    head.contains(&0) || control * 50 > head.len()
}

/// UTF-16 without a mark: every other byte of Latin text is zero.
pub(crate) fn looks_like_utf16(head: &[u8]) -> bool {
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let half = head.len() / 2;
    half >= 4 && (zeros(0) * 10 > half * 7 && zeros(1) * 10 < half || zeros(1) * 10 > half * 7 && zeros(0) * 10 < half)
}

fn text_format(head: &[u8], file_name: Option<&str>) -> MediaType {
    let lower = head.to_ascii_lowercase();
    let trimmed = lower.trim_ascii_start();
    let extension =
        file_name.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension.to_ascii_lowercase());
    let extension = extension.as_deref().unwrap_or_default();
    let marked_html =
        [&b"<!doctype html"[..], b"<html"].iter().any(|mark| find(trimmed, mark).is_some_and(|at| at < 2048));
    if marked_html || (matches!(extension, "html" | "htm" | "xhtml") && find(trimmed, b"<").is_some()) {
        return MediaType::Html;
    }
    if matches!(extension, "md" | "markdown" | "mdown") {
        return MediaType::Markdown;
    }
    MediaType::Text
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
            (b"<p>x", "a.html", MediaType::Html),
            (b"no tags", "a.html", MediaType::Text),
            (b"\xff\xfeh\0i\0", "a.txt", MediaType::Text),
            (b"h\0e\0l\0l\0o\0 \0y\0o\0u\0", "a.txt", MediaType::Text),
        ] {
            assert_eq!(detect(bytes, Some(name)), Ok(expected), "{name} {bytes:?}");
        }
    }

    #[test]
    fn what_is_not_read_is_named() {
        for (bytes, name) in
            [(&b"\x89PNG\r\n"[..], "PNG"), (b"\x7fELF\x02", "program"), (b"ab\0\0\0\x01\x02cd", "binary")]
        {
            let error = detect(bytes, None).unwrap_err();
            assert_eq!(error.code(), "unsupported_format");
            assert!(error.to_string().contains(name), "{error}");
        }
        assert_eq!(detect(b"PK\x03\x04cut off", None).unwrap_err().code(), "damaged_file");
    }
}
