//! The XMP packet of a file: Dublin Core, and what publishers add to it (PRISM).

use lopdf::Document;
use quick_xml::events::BytesStart;

use super::budget::Budget;
use super::lookup;
use crate::dublin_core::{doi, year};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::text::one_line;
use crate::title::sensible;
use crate::xml::{Dialect, Visitor, walk};

/// Longer packets hold pictures and histories; what matters stands at their beginning.
const MAX_BYTES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Packet {
    pub title: Option<String>,
    pub authors: Vec<String>,
    /// Of publication.
    pub year: Option<i32>,
    pub doi: Option<String>,
    pub language: Option<String>,
    open: Option<Field>,
    text: String,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Title,
    Author,
    Date,
    Language,
    Identifier,
}

impl Field {
    fn named(local_name: &str) -> Option<Self> {
        Some(match local_name {
            "title" => Self::Title,
            "creator" => Self::Author,
            "date" | "publicationDate" | "coverDate" => Self::Date,
            "language" => Self::Language,
            "identifier" | "doi" | "DOI" => Self::Identifier,
            _ => return None,
        })
    }
}

impl Packet {
    /// A packet that is broken is read as far as it is whole.
    pub(super) fn read(document: &Document, limits: &Limits, budget: &mut Budget) -> Result<Self, ParseError> {
        let mut packet = Self::default();
        let stream = document.catalog().ok().and_then(|catalog| lookup::stream(document, catalog, b"Metadata"));
        if let Some(stream) = stream {
            let mut bytes = lookup::decoded(stream, budget)?;
            bytes.truncate(MAX_BYTES);
            packet.fill(&String::from_utf8_lossy(&bytes), limits);
        }
        Ok(packet)
    }

    fn fill(&mut self, xml: &str, limits: &Limits) {
        let _ = walk(xml, limits, &Dialect::whole("pdf"), self);
    }

    fn add(&mut self, field: Field, text: &str) {
        let text = one_line(text);
        if text.is_empty() {
            return;
        }
        match field {
            // The first is the one for every language.
            Field::Title => self.title = self.title.take().or_else(|| sensible(&text)),
            Field::Author => self.authors.push(text),
            Field::Date => self.year = self.year.or_else(|| year(&text)),
            Field::Language => drop(self.language.get_or_insert(text)),
            Field::Identifier => self.doi = self.doi.take().or_else(|| doi(&text)),
        }
    }
}

impl Visitor for Packet {
    fn start(&mut self, element: &BytesStart<'_>) {
        self.text.clear();
        let name = element.local_name();
        if let Some(field) = Field::named(name.as_ref()) {
            self.open = Some(field);
        } else if name.as_ref() == "Description" {
            for attribute in element.attributes().flatten() {
                if let Some(field) = Field::named(attribute.key.local_name().as_ref()) {
                    self.add(field, &attribute.value);
                }
            }
        }
    }

    fn end(&mut self, name: &str) {
        let Some(field) = self.open else { return };
        let text = std::mem::take(&mut self.text);
        self.add(field, &text);
        if Field::named(name).is_some() {
            self.open = None;
        }
    }

    fn text(&mut self, text: &str) {
        if self.open.is_some() {
            self.text.push_str(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, Packet};

    #[test]
    fn elements_lists_and_attributes() {
        let mut packet = Packet::default();
        let xml = "<?xpacket begin=''?><x:xmpmeta><rdf:RDF><rdf:Description prism:doi=\"10.1234/ab.5\" xmp:CreateDate=\"2001\">\
            <dc:title>\n<rdf:Alt><rdf:li xml:lang=\"x-default\">A &amp; B, a study</rdf:li><rdf:li>Other</rdf:li></rdf:Alt></dc:title>\
            <dc:creator><rdf:Seq><rdf:li>Anna Roche</rdf:li><rdf:li>Paul Vidal</rdf:li></rdf:Seq></dc:creator>\
            <prism:coverDate>2019-05-01</prism:coverDate><dc:language><rdf:Bag><rdf:li>fr</rdf:li></rdf:Bag></dc:language>\
            </rdf:Description></rdf:RDF></x:xmpmeta>";
        packet.fill(xml, &Limits::default());
        assert_eq!(packet.title.as_deref(), Some("A & B, a study"));
        assert_eq!(packet.authors, ["Anna Roche", "Paul Vidal"]);
        assert_eq!((packet.year, packet.language.as_deref()), (Some(2019), Some("fr")));
        assert_eq!(packet.doi.as_deref(), Some("10.1234/ab.5"));
    }

    #[test]
    fn broken_packets_are_read_as_far_as_they_go() {
        let mut packet = Packet::default();
        packet.fill("<a><dc:title>The valley</dc:title><b </a>", &Limits::default());
        assert_eq!(packet.title.as_deref(), Some("The valley"));
    }
}
