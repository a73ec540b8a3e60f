//! Messages as they travel (RFC 5322, MIME) → blocks: head, body, and attachments as documents of their own.

#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;

use mail_parser::{Address, MessageParser, MessagePart, MimeHeaders as _, PartType};

use crate::detect::in_utf8;
use crate::document::{MediaType, ParsedDocument};
use crate::enclosed::Enclosure;
use crate::error::ParseError;
use crate::message::{Attachment, Message};

pub(crate) fn parse(bytes: &[u8], enclosure: &mut Enclosure<'_>) -> Result<ParsedDocument, ParseError> {
    let bytes = in_utf8(bytes);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii_start();
    let parsed = MessageParser::default().parse(bytes).ok_or_else(|| ParseError::damaged("email", "it has no head"))?;
    let mut message = Message {
        subject: parsed.subject().unwrap_or_default().to_owned(),
        from: parsed.from().map(people).unwrap_or_default(),
        to: parsed.to().map(people).unwrap_or_default(),
        copied: parsed.cc().map(people).unwrap_or_default(),
        date: parsed.date().map(mail_parser::DateTime::to_rfc3339),
        ..Message::default()
    };
    for part in parsed.html_bodies() {
        match &part.body {
            PartType::Html(html) => message.html.push(Cow::Borrowed(html.as_bytes())),
            // Plain text between pages of HTML is part of the body in HTML, too.
            PartType::Text(text) if parsed.html_body.len() > 1 => message.html.push(as_html(text)),
            _ => {}
        }
    }
    for part in parsed.text_bodies() {
        if let PartType::Text(text) = &part.body {
            message.plain.push(Cow::Borrowed(text.as_ref()));
        }
    }
    message.attachments = parsed.attachments().filter(|part| !is_decoration(part)).map(attachment).collect();
    Ok(message.read(MediaType::Email, enclosure))
}

fn as_html(text: &str) -> Cow<'static, [u8]> {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace("\n\n", "<p>").replace('\n', "<br>");
    Cow::Owned(format!("<p>{escaped}").into_bytes())
}

/// Names with addresses.
fn people(address: &Address<'_>) -> Vec<String> {
    let person = |person: &mail_parser::Addr<'_>| match (person.name(), person.address()) {
        (Some(name), Some(address)) if name != address => format!("{name} <{address}>"),
        (name, address) => name.or(address).unwrap_or_default().to_owned(),
    };
    address.iter().map(person).filter(|person| !person.is_empty()).collect()
}

/// Pictures inside the body, and signatures: nobody attached them to be read.
fn is_decoration(part: &MessagePart<'_>) -> bool {
    let Some(kind) = part.content_type() else { return false };
    let is_inline = matches!(part.body, PartType::InlineBinary(_)) || part.content_id().is_some();
    let subtype = kind.subtype().unwrap_or_default();
    is_inline && kind.ctype().eq_ignore_ascii_case("image") || subtype.to_ascii_lowercase().ends_with("-signature")
}

fn attachment<'a>(part: &'a MessagePart<'a>) -> Attachment<'a> {
    let subject = match &part.body {
        PartType::Message(message) => Some(message.subject().unwrap_or("message")),
        _ => None,
    };
    let extension = part.content_type().map_or("", |kind| match kind.subtype().unwrap_or_default() {
        "html" => ".html",
        "calendar" => ".ics",
        "plain" => ".txt",
        _ => "",
    });
    let name = part.attachment_name().or(subject).map_or_else(|| format!("attachment{extension}"), str::to_owned);
    Attachment { name, bytes: Cow::Borrowed(part.contents()) }
}
