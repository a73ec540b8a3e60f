//! What messages of all formats become: subject, fields of the head, body, and what is attached to them.

use std::borrow::Cow;

use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, MediaType, Metadata, ParsedDocument, Warning};
use crate::dublin_core::year;
use crate::enclosed::Enclosure;
use crate::text::one_line;
use crate::{html, rtf, text};

/// A body in HTML says less than this share of what the same body in plain text says: it is a picture of it.
const MIN_HTML_SHARE: usize = 2;

#[derive(Default)]
pub(crate) struct Message<'a> {
    pub(crate) subject: String,
    pub(crate) from: Vec<String>,
    pub(crate) to: Vec<String>,
    pub(crate) copied: Vec<String>,
    /// As RFC 3339.
    pub(crate) date: Option<String>,
    pub(crate) html: Vec<Cow<'a, [u8]>>,
    pub(crate) plain: Vec<Cow<'a, str>>,
    pub(crate) rtf: Option<Vec<u8>>,
    pub(crate) attachments: Vec<Attachment<'a>>,
}

pub(crate) struct Attachment<'a> {
    pub(crate) name: String,
    pub(crate) bytes: Cow<'a, [u8]>,
}

/// `Anna Keller <anna@example.org>` is Anna Keller; who has no name is known by the address.
fn name_of(sender: &str) -> &str {
    let name = sender.split_once('<').map_or(sender, |(name, _)| name).trim().trim_matches('"').trim();
    if name.is_empty() { sender } else { name }
}

impl Message<'_> {
    pub(crate) fn read(self, media_type: MediaType, enclosure: &mut Enclosure<'_>) -> ParsedDocument {
        let mut builder = BlockBuilder::default();
        let mut warnings = Vec::new();
        builder.push(BlockKind::Heading { level: 1 }, &self.subject);
        for (name, values) in
            [("From", self.from.join(", ")), ("To", self.to.join(", ")), ("Cc", self.copied.join(", "))]
        {
            if !values.is_empty() {
                builder.push(BlockKind::Paragraph, &format!("{name}: {values}"));
            }
        }
        if let Some(date) = &self.date {
            builder.push(BlockKind::Paragraph, &format!("Date: {date}"));
        }
        self.read_body(enclosure, &mut builder, &mut warnings);
        for attachment in &self.attachments {
            enclosure.read(2, &attachment.name, &attachment.bytes, &mut builder, &mut warnings);
        }
        let subject = one_line(&self.subject);
        let mut metadata = Metadata { year: self.date.as_deref().and_then(year), ..Metadata::default() };
        self.from.iter().for_each(|sender| metadata.add_authors(name_of(sender)));
        let title = (!subject.is_empty()).then_some(subject);
        let document = ParsedDocument::flowing(media_type, title, builder.finish(), warnings);
        ParsedDocument { metadata, ..document }
    }

    /// The body in the form that says most about its structure.
    fn read_body(&self, enclosure: &Enclosure<'_>, builder: &mut BlockBuilder, warnings: &mut Vec<Warning>) {
        let mut of_html = BlockBuilder::default();
        for page in &self.html {
            if let Err(error) = html::read_page(page, enclosure.limits, &mut of_html) {
                warnings.push(Warning::new("unread_body", format!("the body in HTML: {error}"), None));
            }
        }
        let mut of_text = BlockBuilder::default();
        self.plain.iter().for_each(|body| text::prose(&mut of_text, body));
        let (of_html, of_text) = (of_html.finish(), of_text.finish());
        let chars = |blocks: &[crate::document::Block]| blocks.iter().map(|block| block.text.len()).sum::<usize>();
        if !of_html.is_empty() && chars(&of_html) * MIN_HTML_SHARE >= chars(&of_text) {
            return builder.append(of_html);
        }
        if !of_text.is_empty() {
            return builder.append(of_text);
        }
        if let Some(rtf) = &self.rtf
            && let Err(error) = rtf::read_fragment(rtf, enclosure.limits, builder)
        {
            warnings.push(Warning::new("unread_body", format!("the body in RTF: {error}"), None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_a_name_where_there_is_one() {
        for (sender, name) in [
            ("José García <jose@example.org>", "José García"),
            ("\"Keller, Anna\" <anna@example.org>", "Keller, Anna"),
            ("anna@example.org", "anna@example.org"),
            ("<anna@example.org>", "<anna@example.org>"),
            ("", ""),
        ] {
            assert_eq!(name_of(sender), name);
        }
    }
}
