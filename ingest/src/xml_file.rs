//! XML of no known vocabulary: what each element holds, with the name of the element where it is short.

use quick_xml::events::BytesStart;

use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::text::{decode, one_line};
use crate::xml::{Dialect, Visitor, walk};

/// A longer text explains itself; a shorter one needs the name of its element.
const MAX_VALUE_CHARS: usize = 120;
/// Longer attributes hold data for programs.
const MAX_ATTRIBUTE_CHARS: usize = 120;
/// Lines of values in one block.
const LINES_PER_BLOCK: usize = 20;
/// Ends of the names of elements that hold headings.
const HEADINGS: &[&str] = &["title", "heading", "head"];
/// Deeper headings are as deep as this one.
const MAX_LEVEL: usize = 6;

const XML: Dialect = Dialect { format: "xml", skips: |name| matches!(name, "script" | "style") };

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let (text, warning) = decode(bytes);
    let mut builder = BlockBuilder::default();
    let mut reader = Reader { builder: &mut builder, open: Vec::new(), lines: Vec::new() };
    walk(&text, limits, &XML, &mut reader)?;
    reader.flush();
    Ok(ParsedDocument::flowing(MediaType::Xml, builder.first_heading(), builder.finish(), warning))
}

struct Reader<'a> {
    builder: &'a mut BlockBuilder,
    open: Vec<Element>,
    /// Values that stand together.
    lines: Vec<String>,
}

#[derive(Default)]
struct Element {
    name: String,
    attributes: String,
    /// All text inside, that of inner elements included, as long as it is one text.
    text: String,
    /// Whether text stands directly in it.
    has_own_text: bool,
    has_elements: bool,
}

impl Reader<'_> {
    /// An element that holds no others, or others inside a text.
    fn end_text(&mut self, element: &Element) {
        let text = one_line(&element.text);
        let name = element.name.as_str();
        let lower = name.to_ascii_lowercase();
        let is_heading = HEADINGS.iter().any(|heading| lower.ends_with(heading));
        if is_heading && text.chars().count() <= MAX_VALUE_CHARS {
            self.flush();
            let level = self.open.len().clamp(1, MAX_LEVEL) as u8;
            return self.builder.push(BlockKind::Heading { level }, &text);
        }
        if text.chars().count() > MAX_VALUE_CHARS {
            self.flush();
            return self.builder.push(BlockKind::Paragraph, &text);
        }
        match (text.is_empty(), element.attributes.is_empty()) {
            (true, true) => {}
            (true, false) => self.line(format!("{name}: {}", element.attributes)),
            (false, true) => self.line(format!("{name}: {text}")),
            (false, false) => self.line(format!("{name} ({}): {text}", element.attributes)),
        }
    }

    fn line(&mut self, line: String) {
        self.lines.push(line);
        if self.lines.len() >= LINES_PER_BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.builder.push(BlockKind::Code, &std::mem::take(&mut self.lines).join("\n"));
    }
}

impl Visitor for Reader<'_> {
    fn start(&mut self, element: &BytesStart<'_>) {
        if let Some(parent) = self.open.last_mut() {
            // What surrounds others says its own attributes before them.
            if !parent.has_elements && !parent.has_own_text && !parent.attributes.is_empty() {
                let line = format!("{}: {}", parent.name, parent.attributes);
                parent.attributes.clear();
                self.lines.push(line);
            }
            parent.has_elements = true;
        }
        let attributes = element.attributes().flatten().filter_map(|attribute| {
            let key = attribute.key.as_ref();
            let is_technical = key.starts_with("xmlns") || key.starts_with("xsi:") || key == "xml:space";
            let value = attribute.value.trim();
            let is_said = !is_technical && !value.is_empty() && value.len() <= MAX_ATTRIBUTE_CHARS;
            is_said.then(|| {
                let value = quick_xml::escape::unescape(value).unwrap_or_else(|_| value.into());
                format!("{} {value}", attribute.key.local_name().as_ref())
            })
        });
        let attributes = attributes.collect::<Vec<_>>().join(", ");
        let name = element.local_name().as_ref().to_owned();
        self.open.push(Element { name, attributes, ..Element::default() });
    }

    fn end(&mut self, _name: &str) {
        let Some(element) = self.open.pop() else { return };
        let in_text = self.open.last().is_some_and(|parent| parent.has_own_text);
        if in_text {
            if let Some(parent) = self.open.last_mut() {
                parent.text.push_str(&element.text);
            }
        } else if element.has_own_text || !element.has_elements {
            self.end_text(&element);
        } else if self.lines.len() >= LINES_PER_BLOCK / 4 {
            // The end of a record.
            self.flush();
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(element) = self.open.last_mut() {
            element.has_own_text |= !text.trim().is_empty();
            element.text.push_str(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_names_and_texts_are_paragraphs() {
        let long = "The mill was built by the monks. ".repeat(5);
        let xml = format!(
            "<?xml version=\"1.0\"?><farm xmlns=\"x\" town=\"Bern\"><title>Mill &amp; well</title><plot id=\"7\"><kind>pear</kind><kg unit=\"kg\">12</kg></plot>\
             <note>See <b>the</b> map.</note><text>{long}<i>End.</i></text><empty/><ref to=\"a&lt;b\"/></farm>"
        );
        let document = parse(xml.as_bytes(), &Limits::default()).unwrap();
        let found: Vec<(&str, &str)> =
            document.blocks.iter().map(|block| (block.kind.as_str(), block.text.as_str())).collect();
        let text = format!("{long}End.");
        assert_eq!(
            found,
            [
                ("code", "farm: town Bern"),
                ("heading", "Mill & well"),
                ("code", "plot: id 7\nkind: pear\nkg (unit kg): 12\nnote: See the map."),
                ("paragraph", text.as_str()),
                ("code", "ref: to a<b"),
            ]
        );
        assert_eq!(document.title.as_deref(), Some("Mill & well"));
    }

    #[test]
    fn entities_of_the_file_are_not_expanded_and_depth_is_bounded() {
        let xml = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>x&c;y</a>";
        assert_eq!(parse(xml.as_bytes(), &Limits::default()).unwrap().blocks[0].text, "a: xy");
        let deep = "<a>".repeat(100_000);
        assert_eq!(parse(deep.as_bytes(), &Limits::default()).unwrap_err().code(), "limit_exceeded");
    }
}
