//! EPUB 2 and 3 → blocks: the chapters in the order of the spine, each read as a page of HTML.

mod publication;
#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;

use self::publication::{Container, Publication};
use crate::blocks::BlockBuilder;
use crate::document::{MediaType, ParsedDocument, Warning};
use crate::dublin_core::Properties;
use crate::error::ParseError;
use crate::html;
use crate::limits::Limits;
use crate::package::{Package, resolved};
use crate::xml::{Dialect, walk};

const CONTAINER: &str = "META-INF/container.xml";
const EPUB: Dialect = Dialect::whole("epub");
/// Elements that XHTML may close at once, and that swallow all that follows when they are read as HTML.
const SWALLOWING: &[&str] =
    &["title", "script", "style", "textarea", "iframe", "noscript", "a", "div", "span", "p", "i", "b"];

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let mut package = Package::open(bytes, EPUB.format, limits)?;
    let mut container = Container::default();
    walk(&package.needed(CONTAINER)?, limits, &EPUB, &mut container)?;
    let path = container.path.ok_or_else(|| ParseError::damaged("epub", "it does not say where its package lies"))?;
    let opf = package.needed(&path)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut publication = Publication::default();
    walk(&opf, limits, &EPUB, &mut publication)?;
    let properties = Properties::read(&opf, EPUB.format, limits)?;
    let mut builder = BlockBuilder::default();
    let mut warnings = Vec::new();
    for reference in publication.chapters() {
        let name = resolved(folder, &unescaped(reference));
        let Some(chapter) = package.bytes(&name)? else {
            warnings.push(Warning::new(
                "missing_chapter",
                format!("the book names {name}, but does not hold it"),
                None,
            ));
            continue;
        };
        // A chapter without a heading does not belong to the one before.
        builder.leave(1);
        html::read_page(&as_html(&chapter), limits, &mut builder)?;
    }
    let title = properties.title.or_else(|| builder.first_heading());
    let document = ParsedDocument::flowing(MediaType::Epub, title, builder.finish(), warnings);
    Ok(ParsedDocument { metadata: properties.metadata, ..document })
}

/// A reference without the part behind `#`, its `%20` and the like undone.
fn unescaped(reference: &str) -> String {
    let reference = reference.split('#').next().unwrap_or_default();
    let mut bytes = Vec::with_capacity(reference.len());
    let mut rest = reference.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Gives elements that are closed at once (`<title/>`) an end of their own.
fn as_html(xhtml: &[u8]) -> Cow<'_, [u8]> {
    if !xhtml.windows(2).any(|two| two == b"/>") {
        return Cow::Borrowed(xhtml);
    }
    let mut html = Vec::with_capacity(xhtml.len());
    let mut rest = xhtml;
    while let Some(start) = rest.iter().position(|byte| *byte == b'<') {
        let Some(length) = rest[start..].iter().position(|byte| *byte == b'>') else { break };
        let tag = &rest[start..start + length];
        let name_end =
            tag.iter().skip(1).position(|byte| !byte.is_ascii_alphanumeric()).map_or(tag.len(), |end| end + 1);
        let name = std::str::from_utf8(&tag[1..name_end]).unwrap_or_default();
        html.extend_from_slice(&rest[..start]);
        match tag.strip_suffix(b"/") {
            Some(open) if SWALLOWING.contains(&name) => {
                html.extend_from_slice(open);
                html.extend_from_slice(format!("></{name}>").as_bytes());
            }
            _ => html.extend_from_slice(&rest[start..=start + length]),
        }
        rest = &rest[start + length + 1..];
    }
    html.extend_from_slice(rest);
    Cow::Owned(html)
}
