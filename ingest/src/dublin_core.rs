//! Properties of a document in the words of Dublin Core, as Office documents, `OpenDocument` and EPUB hold
//! them.

use quick_xml::events::BytesStart;

use crate::document::Metadata;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::text::one_line;
use crate::title::sensible;
use crate::xml::{Dialect, Visitor, walk};

/// What the properties of a document say.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    pub(crate) title: Option<String>,
    pub(crate) metadata: Metadata,
    /// The open element that means something, and its text.
    open: Option<(Field, String)>,
    created: Option<i32>,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Title,
    Author,
    Date,
    /// When the file was made, which is not always when the text was.
    Created,
    Language,
    Identifier,
}

impl Properties {
    pub(crate) fn read(xml: &str, format: &'static str, limits: &Limits) -> Result<Self, ParseError> {
        let mut properties = Self::default();
        walk(xml, limits, &Dialect::whole(format), &mut properties)?;
        properties.metadata.year = properties.metadata.year.or(properties.created);
        Ok(properties)
    }
}

impl Visitor for Properties {
    fn start(&mut self, element: &BytesStart<'_>) {
        let field = match element.local_name().as_ref() {
            "title" => Field::Title,
            "creator" => Field::Author,
            "initial-creator" if self.metadata.authors.is_empty() => Field::Author,
            "date" => Field::Date,
            "created" | "creation-date" => Field::Created,
            "language" => Field::Language,
            "identifier" => Field::Identifier,
            _ => return,
        };
        self.open = Some((field, String::new()));
    }

    fn end(&mut self, _name: &str) {
        let Some((field, text)) = self.open.take() else { return };
        let text = one_line(&text);
        if text.is_empty() {
            return;
        }
        match field {
            Field::Title => self.title = self.title.take().or_else(|| sensible(&text)),
            Field::Author => self.metadata.add_authors(&text),
            Field::Date => self.metadata.year = self.metadata.year.or_else(|| year(&text)),
            Field::Created => self.created = self.created.or_else(|| year(&text)),
            Field::Language => drop(self.metadata.language.get_or_insert(text)),
            Field::Identifier => self.metadata.doi = self.metadata.doi.take().or_else(|| doi(&text)),
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, open)) = &mut self.open {
            open.push_str(text);
        }
    }
}

/// The year of a date, however it is written: the first run of four digits that can be one.
pub(crate) fn year(date: &str) -> Option<i32> {
    let numbers = date.split(|character: char| !character.is_ascii_digit());
    // Dates of PDF and others run on: D:20240131.
    let years = numbers.filter(|number| matches!(number.len(), 4 | 8 | 14));
    years.filter_map(|number| number.get(..4)?.parse().ok()).find(|year| (1400..=2200).contains(year))
}

/// A digital object identifier, without what stands before it.
pub(crate) fn doi(text: &str) -> Option<String> {
    let start = text.find("10.")?;
    let doi: String = text[start..].chars().take_while(|character| !character.is_whitespace()).collect();
    let (registrant, rest) = doi.split_once('/')?;
    let is_doi = registrant.len() >= 7 && registrant[3..].chars().all(|c| c.is_ascii_digit() || c == '.');
    (is_doi && !rest.is_empty()).then(|| doi.trim_end_matches(['.', ',', ';', ')', '>', '"']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_by_their_local_names() {
        let xml = "<m xmlns:dc=\"d\"><dc:title> The  mill </dc:title><dc:creator>A. Roche; B. Vidal</dc:creator>\
            <dcterms:created>2019-03-04T00:00:00Z</dcterms:created><dc:date>2018</dc:date><dc:language>fr</dc:language>\
            <dc:identifier>https://doi.org/10.1234/abc.5</dc:identifier></m>";
        let properties = Properties::read(xml, "docx", &Limits::default()).unwrap();
        assert_eq!(properties.title.as_deref(), Some("The mill"));
        let metadata = properties.metadata;
        assert_eq!(metadata.authors, ["A. Roche", "B. Vidal"]);
        assert_eq!((metadata.year, metadata.language.as_deref()), (Some(2018), Some("fr")));
        assert_eq!(metadata.doi.as_deref(), Some("10.1234/abc.5"));
    }

    #[test]
    fn years_and_identifiers_are_found_in_what_people_write() {
        for (date, expected) in [
            ("D:20240131120000", Some(2024)),
            ("4 March 1999", Some(1999)),
            ("12:30", None),
            ("0001-01-01", None),
            ("été", None),
        ] {
            assert_eq!(year(date), expected, "{date}");
        }
        assert_eq!(doi("doi:10.1000/182."), Some("10.1000/182".to_owned()));
        assert_eq!(doi("version 10.4"), None);
        assert_eq!(doi("10.é/x"), None);
    }
}
