//! One pass over XML. Nothing recurses, and no entity is ever expanded but the five of XML and numbers.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use crate::error::ParseError;
use crate::limits::Limits;

/// Elements may nest this many times deeper than `Limits::max_nesting`: a cell of a table is four deep.
const ELEMENTS_PER_NESTING: usize = 4;

/// What there is to know about a format before its XML is read.
pub(crate) struct Dialect {
    /// What broken XML is reported as.
    pub(crate) format: &'static str,
    /// Elements, by local name, of which nothing is told: their content is not text of the document.
    pub(crate) skips: fn(&str) -> bool,
}

impl Dialect {
    /// All elements count.
    pub(crate) const fn whole(format: &'static str) -> Self {
        Self { format, skips: |_| false }
    }
}

/// What is told of the elements of a part, by local names.
pub(crate) trait Visitor {
    fn start(&mut self, element: &BytesStart<'_>);
    fn end(&mut self, name: &str);
    fn text(&mut self, _text: &str) {}
}

/// The value of an attribute, by its local name.
pub(crate) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == name)?;
    Some(unescape(&found.value).map_or_else(|_| found.value.to_string(), std::borrow::Cow::into_owned))
}

pub(crate) fn walk(
    xml: &str,
    limits: &Limits,
    dialect: &Dialect,
    visitor: &mut impl Visitor,
) -> Result<(), ParseError> {
    let mut reader = Reader::from_str(xml);
    let max_depth = limits.max_nesting as usize * ELEMENTS_PER_NESTING;
    let (mut depth, mut skipped_at) = (0_usize, None);
    loop {
        match reader.read_event().map_err(|error| ParseError::damaged(dialect.format, error))? {
            Event::Start(element) => {
                depth += 1;
                if depth > max_depth {
                    return Err(ParseError::limit("nested elements", max_depth as u64));
                }
                if skipped_at.is_none() {
                    if (dialect.skips)(element.local_name().as_ref()) {
                        skipped_at = Some(depth);
                    } else {
                        visitor.start(&element);
                    }
                }
            }
            Event::Empty(element) if skipped_at.is_none() => {
                visitor.start(&element);
                visitor.end(element.local_name().as_ref());
            }
            Event::End(element) => {
                if skipped_at == Some(depth) {
                    skipped_at = None;
                } else if skipped_at.is_none() {
                    visitor.end(element.local_name().as_ref());
                }
                depth = depth.saturating_sub(1);
            }
            Event::Text(text) if skipped_at.is_none() => visitor.text(&text),
            Event::CData(text) if skipped_at.is_none() => visitor.text(&text),
            Event::GeneralRef(reference) if skipped_at.is_none() => {
                if let Some(character) = character(&reference) {
                    visitor.text(character.encode_utf8(&mut [0; 4]));
                }
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The five predefined entities and numbers; no others exist here.
pub(crate) fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
