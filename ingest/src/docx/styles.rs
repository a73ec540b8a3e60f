//! Which paragraph styles are headings: by outline level or by the style's name, which stays English in
//! every language of the program, directly or through the style it is based on.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::damaged;
use crate::error::ParseError;

#[derive(Debug, Default)]
pub(super) struct Styles {
    styles: HashMap<String, Style>,
}

#[derive(Debug, Default)]
struct Style {
    name: String,
    based_on: Option<String>,
    outline_level: Option<u8>,
}

/// Longest chain of styles that are based on one another; longer ones are circles.
const MAX_CHAIN: usize = 20;

/// The value of an attribute, by its local name.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == name)?;
    Some(found.value.into_owned())
}

impl Styles {
    pub(super) fn read(xml: &str) -> Result<Self, ParseError> {
        let mut reader = Reader::from_str(xml);
        let mut styles = HashMap::new();
        let mut open: Option<(String, Style)> = None;
        loop {
            match reader.read_event().map_err(damaged)? {
                Event::Start(element) | Event::Empty(element) => match (element.local_name().as_ref(), &mut open) {
                    ("style", _) => open = attribute(&element, "styleId").map(|id| (id, Style::default())),
                    ("name", Some((_, style))) => style.name = attribute(&element, "val").unwrap_or_default().to_lowercase(),
                    ("basedOn", Some((_, style))) => style.based_on = attribute(&element, "val"),
                    ("outlineLvl", Some((_, style))) => {
                        style.outline_level = attribute(&element, "val").and_then(|level| level.parse().ok());
                    }
                    _ => {}
                },
                Event::End(element) if element.local_name().as_ref() == "style" => styles.extend(open.take()),
                Event::Eof => return Ok(Self { styles }),
                _ => {}
            }
        }
    }

    /// The level of a heading style, from 1; none for other styles.
    pub(super) fn heading_level(&self, id: &str) -> Option<u8> {
        let mut id = id;
        for _ in 0..MAX_CHAIN {
            let style = self.styles.get(id)?;
            if let Some(level) = style.outline_level.filter(|level| *level < 9) {
                return Some(level + 1);
            }
            if style.name == "title" {
                return Some(1);
            }
            if let Some(level) = style.name.strip_prefix("heading ").and_then(|level| level.parse().ok()) {
                return Some(level);
            }
            id = style.based_on.as_deref()?;
        }
        None
    }
}

/// The title in the document's properties.
pub(super) fn core_title(xml: &str) -> Result<Option<String>, ParseError> {
    let mut reader = Reader::from_str(xml);
    let (mut inside, mut title) = (false, String::new());
    loop {
        match reader.read_event().map_err(damaged)? {
            Event::Start(element) => inside = element.local_name().as_ref() == "title",
            Event::End(_) => inside = false,
            Event::Text(text) if inside => title.push_str(&text),
            Event::Eof => break,
            _ => {}
        }
    }
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((!title.is_empty()).then_some(title))
}
