//! Text formats: by what can only stand in one of them, then by the file's name.

use serde::de::IgnoredAny;

use super::{extension, find, in_utf8};
use crate::code;
use crate::delimited;
use crate::document::MediaType;

/// Marks of an HTML page stand near its beginning.
const MARK_BYTES: usize = 2048;
/// Lines of a message's head that are looked at for names of fields.
const FIELDS: usize = 40;
/// Fields that only messages have, and fields that also stand at the head of letters.
const MAIL_FIELDS: &[&str] = &[
    "received",
    "return-path",
    "message-id",
    "mime-version",
    "delivered-to",
    "content-type",
    "x-mailer",
    "dkim-signature",
];
const LETTER_FIELDS: &[&str] = &["from", "to", "subject", "date", "cc", "reply-to", "sender"];
/// Names of files that hold XML and often do not say so.
const XML: &[&str] = &[
    "xml", "nxml", "xsd", "xsl", "xslt", "rss", "atom", "rdf", "svg", "kml", "gpx", "tei", "dita", "fb2", "opml",
    "plist",
];
const HTML: &[&str] = &["html", "htm", "xhtml"];

pub(super) fn format(bytes: &[u8], head: &[u8], file_name: Option<&str>) -> MediaType {
    // What stands in UTF-16 looks the same once it is decoded.
    let (bytes, head) = (in_utf8(bytes), in_utf8(head));
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    let extension = extension(file_name);
    let lower = head.to_ascii_lowercase();
    let trimmed = lower.trim_ascii_start();
    if let Some(media_type) = markup(trimmed, &extension) {
        return media_type;
    }
    if let Some(media_type) = json(bytes) {
        return media_type;
    }
    if trimmed.starts_with(b"webvtt") || is_subrip(trimmed) {
        return MediaType::Subtitles;
    }
    let begins_latex = [&b"\\documentclass"[..], b"\\documentstyle"].iter().any(|mark| find(trimmed, mark).is_some());
    match extension.as_str() {
        "md" | "markdown" | "mdown" => MediaType::Markdown,
        "csv" => MediaType::Csv,
        "tsv" | "tab" => MediaType::Tsv,
        "rst" | "rest" => MediaType::ReStructuredText,
        "adoc" | "asciidoc" | "asc" => MediaType::AsciiDoc,
        "org" => MediaType::Org,
        "tex" | "ltx" | "latex" => MediaType::Latex,
        extension if code::is_code(extension, file_name) => MediaType::Code,
        _ if begins_latex => MediaType::Latex,
        "txt" | "text" => MediaType::Text,
        _ if delimited::is_table(&String::from_utf8_lossy(head)) => MediaType::Csv,
        _ => MediaType::Text,
    }
}

/// XML and HTML; `head` is in lower case.
fn markup(head: &[u8], extension: &str) -> Option<MediaType> {
    let declared = head.starts_with(b"<?xml");
    let root = root_element(head);
    if declared || XML.contains(&extension) {
        match root.as_deref() {
            Some("html") => return Some(MediaType::Html),
            Some("article") => return Some(MediaType::Jats),
            Some(_) => return Some(MediaType::Xml),
            None => {}
        }
    }
    let is_article = [&b"jats"[..], b"//nlm//dtd", b"<front"].iter().any(|mark| find(head, mark).is_some());
    if root.as_deref() == Some("article") && is_article {
        return Some(MediaType::Jats);
    }
    let marked = |mark: &[u8]| find(head, mark).is_some_and(|at| at < MARK_BYTES);
    let is_html = marked(b"<!doctype html") || marked(b"<html");
    if is_html || HTML.contains(&extension) && head.contains(&b'<') {
        return Some(MediaType::Html);
    }
    (declared && root.is_some()).then_some(MediaType::Xml)
}

/// The local name of the first element, behind declarations and comments.
fn root_element(head: &[u8]) -> Option<String> {
    let mut rest = head;
    loop {
        rest = rest.trim_ascii_start();
        let end = if rest.starts_with(b"<!--") {
            find(rest, b"-->")? + 3
        } else if rest.starts_with(b"<?") {
            find(rest, b"?>")? + 2
        } else if rest.starts_with(b"<!doctype") {
            // An internal subset ends with a bracket.
            let close = find(rest, b">")?;
            match find(&rest[..close], b"[") {
                Some(_) => find(rest, b"]>").or_else(|| find(rest, b"]")).map(|at| at + 2)?,
                None => close + 1,
            }
        } else {
            break;
        };
        rest = rest.get(end..)?;
    }
    let name = rest.strip_prefix(b"<")?;
    let end = name.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b":_-.".contains(byte)))?;
    let name = std::str::from_utf8(&name[..end]).ok()?;
    let local = name.rsplit(':').next().unwrap_or_default();
    local.starts_with(|character: char| character.is_ascii_alphabetic()).then(|| local.to_owned())
}

/// One JSON value, or one on each line. Values alone, such as a number, are text.
fn json(bytes: &[u8]) -> Option<MediaType> {
    let trimmed = bytes.trim_ascii();
    if !trimmed.starts_with(b"{") && !trimmed.starts_with(b"[") {
        return None;
    }
    if serde_json::from_slice::<IgnoredAny>(trimmed).is_ok() {
        return Some(MediaType::Json);
    }
    let lines = trimmed.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let first: Vec<&[u8]> = lines.take(2).collect();
    let all_read = first.iter().all(|line| serde_json::from_slice::<IgnoredAny>(line).is_ok());
    (first.len() == 2 && all_read).then_some(MediaType::JsonLines)
}

/// A number, then a line of two times.
fn is_subrip(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let number = lines.next().is_some_and(|line| line.iter().all(u8::is_ascii_digit));
    number && lines.next().is_some_and(|line| line[0].is_ascii_digit() && find(line, b" --> ").is_some())
}

/// Whether a head begins with the fields of a message (RFC 5322).
pub(super) fn is_email(head: &[u8], file_name: Option<&str>) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let (mut of_mail, mut of_letters) = (0, 0);
    for line in head.split(|byte| *byte == b'\n').take(FIELDS) {
        let line = line.trim_ascii_end();
        let is_continuation = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        // The first line of a message in a mailbox.
        if is_continuation || line.starts_with(b"From ") || line.starts_with(b">From ") {
            continue;
        }
        let name = line.iter().position(|byte| *byte == b':').map(|colon| line[..colon].to_ascii_lowercase());
        let Some(name) = name.filter(|name| name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-'))
        else {
            break;
        };
        let is = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
        of_mail += u32::from(is(MAIL_FIELDS));
        of_letters += u32::from(is(LETTER_FIELDS));
    }
    let named = extension(file_name) == "eml";
    of_mail + of_letters >= 2 && (named || of_mail >= 1 || of_letters >= 3)
}
