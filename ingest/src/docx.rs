//! DOCX (ECMA-376) → blocks: paragraphs with their styles and numbers, lists, tables, notes.

mod notes;
mod numbering;
mod paragraphs;
mod styles;
#[cfg(test)]
mod tests;
mod walk;

use std::io::{Cursor, Read as _};

use quick_xml::events::BytesStart;

use self::notes::Notes;
use self::numbering::Numbering;
use self::paragraphs::{Body, Parts};
use self::styles::Styles;
use self::walk::{Visitor, attribute, walk};
use crate::blocks::BlockBuilder;
use crate::document::{MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::text::decode;

/// Where the body lies unless the package says otherwise.
const MAIN_PART: &str = "word/document.xml";
/// A part may grow to this size, whatever it is packed into.
const FREE_BYTES: u64 = 16 << 20;
/// Beyond that, a part may be this many times as long as its packed form. Text of real documents shrinks to
/// a tenth, repetitive tables to a fiftieth.
const MAX_EXPANSION: u64 = 200;

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let mut package = Package::open(bytes, limits)?;
    let main = package.main_part()?;
    let body = package.part(&main)?.ok_or_else(|| ParseError::damaged("docx", format!("it has no {main}")))?;
    // Parts refer to one another by folder: the body and what belongs to it lie together.
    let folder = main.rsplit_once('/').map_or("word", |(folder, _)| folder).to_owned();
    let mut beside = |name: &str| package.part(&format!("{folder}/{name}"));
    let styles = beside("styles.xml")?.map(|xml| Styles::read(&xml, limits)).transpose()?;
    let numbering = beside("numbering.xml")?.map(|xml| Numbering::read(&xml, limits)).transpose()?;
    let footnotes = beside("footnotes.xml")?.map(|xml| Notes::read(&xml, limits)).transpose()?;
    let endnotes = beside("endnotes.xml")?.map(|xml| Notes::read(&xml, limits)).transpose()?;
    let parts = Parts {
        styles: styles.unwrap_or_default(),
        numbering: numbering.unwrap_or_default(),
        footnotes: footnotes.unwrap_or_default(),
        endnotes: endnotes.unwrap_or_default(),
    };
    let mut builder = BlockBuilder::default();
    let mut reader = Body::new(parts, &mut builder);
    walk(&body, limits, &mut reader)?;
    let visible_title = reader.title();
    let properties = package.part("docProps/core.xml")?.map(|xml| core_title(&xml, limits)).transpose()?;
    Ok(ParsedDocument {
        media_type: MediaType::Docx,
        // What a reader sees first: properties are often those of a template.
        title: visible_title.or(properties.flatten()).or_else(|| builder.first_heading()),
        page_count: None,
        page_sizes: Vec::new(),
        blocks: builder.finish(),
        warnings: Vec::new(),
    })
}

/// The archive, unpacked as far as the limit for the whole file goes.
struct Package<'a> {
    archive: zip::ZipArchive<Cursor<&'a [u8]>>,
    limits: &'a Limits,
    left_bytes: u64,
}

impl<'a> Package<'a> {
    fn open(bytes: &'a [u8], limits: &'a Limits) -> Result<Self, ParseError> {
        let archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
        Ok(Self { archive, limits, left_bytes: limits.max_expanded_bytes })
    }

    fn part(&mut self, name: &str) -> Result<Option<String>, ParseError> {
        let file = match self.archive.by_name(name) {
            Ok(file) => file,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(damaged(error)),
        };
        let allowed = file.compressed_size().saturating_mul(MAX_EXPANSION).max(FREE_BYTES).min(self.left_bytes);
        let mut bytes = Vec::new();
        file.take(allowed + 1).read_to_end(&mut bytes).map_err(damaged)?;
        if bytes.len() as u64 > allowed {
            return Err(ParseError::limit("expanded bytes", allowed));
        }
        self.left_bytes -= bytes.len() as u64;
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => decode(error.as_bytes()).0,
        };
        Ok(Some(text))
    }

    /// The package's own word for where the body lies.
    fn main_part(&mut self) -> Result<String, ParseError> {
        let mut relations = Relations::default();
        if let Some(xml) = self.part("_rels/.rels")? {
            walk(&xml, self.limits, &mut relations)?;
        }
        let found = relations.main.map(|target| target.trim_start_matches('/').to_owned());
        Ok(found.filter(|name| self.archive.index_for_name(name).is_some()).unwrap_or_else(|| MAIN_PART.to_owned()))
    }
}

#[derive(Default)]
struct Relations {
    main: Option<String>,
}

impl Visitor for Relations {
    fn start(&mut self, element: &BytesStart<'_>) {
        if attribute(element, "Type").is_some_and(|kind| kind.ends_with("/officeDocument")) {
            self.main = attribute(element, "Target");
        }
    }

    fn end(&mut self, _name: &str) {}
}

/// The title in the document's properties.
fn core_title(xml: &str, limits: &Limits) -> Result<Option<String>, ParseError> {
    let mut properties = Properties::default();
    walk(xml, limits, &mut properties)?;
    let title = properties.title.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((!title.is_empty()).then_some(title))
}

#[derive(Default)]
struct Properties {
    in_title: bool,
    title: String,
}

impl Visitor for Properties {
    fn start(&mut self, element: &BytesStart<'_>) {
        self.in_title = element.local_name().as_ref() == "title";
    }

    fn end(&mut self, _name: &str) {
        self.in_title = false;
    }

    fn text(&mut self, text: &str) {
        if self.in_title {
            self.title.push_str(text);
        }
    }
}

/// What a broken part is reported as.
fn damaged(error: impl std::fmt::Display) -> ParseError {
    ParseError::damaged("docx", error)
}
