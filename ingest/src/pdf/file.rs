//! The bytes of a file as a PDF document and its pages.

use std::collections::HashSet;

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

use super::budget::{Budget, MAX_STREAM_BYTES};
use super::geometry::{Matrix, Rectangle};
use super::lookup;
use crate::error::ParseError;
use crate::layout::PageSize;
use crate::limits::Limits;

const FORMAT: &str = "pdf";
/// The header may stand behind other bytes; viewers look for it this far.
const HEADER_WITHIN_BYTES: usize = 1024;
/// US Letter, for pages that don't say.
const DEFAULT_BOX: Rectangle = Rectangle { x0: 0.0, y0: 0.0, x1: 612.0, y1: 792.0 };

pub(super) struct OpenFile {
    pub document: Document,
    /// Parts were missing and have been found again by searching the file.
    pub repaired: bool,
}

/// One page, with what it inherits.
#[derive(Debug, Clone)]
pub(super) struct Page<'a> {
    pub dictionary: &'a Dictionary,
    pub resources: Option<&'a Dictionary>,
    pub size: PageSize,
    /// From the page's user space to points from the top left of the displayed page, y downwards.
    pub to_display: Matrix,
}

pub(super) fn open(bytes: &[u8], limits: &Limits) -> Result<OpenFile, ParseError> {
    if bytes.is_empty() {
        return Err(ParseError::Empty);
    }
    if bytes.len() as u64 > limits.max_bytes {
        return Err(ParseError::TooLarge { bytes: bytes.len() as u64, max_bytes: limits.max_bytes });
    }
    let head = &bytes[..bytes.len().min(HEADER_WITHIN_BYTES)];
    if !head.windows(5).any(|window| window == b"%PDF-") {
        return Err(ParseError::damaged(FORMAT, "it does not start like a pdf"));
    }
    match load(bytes, limits, false) {
        Ok(document) if has_pages(&document) => {
            let repaired = document.xref_recovery.is_some();
            Ok(OpenFile { document, repaired })
        }
        Err(error @ (ParseError::Encrypted | ParseError::LimitExceeded { .. })) => Err(error),
        first => {
            let Ok(document) = load(bytes, limits, true) else {
                return first.map(|document| OpenFile { document, repaired: true });
            };
            Ok(OpenFile { document, repaired: true })
        }
    }
}

fn load(bytes: &[u8], limits: &Limits, rebuild: bool) -> Result<Document, ParseError> {
    let max_stream_bytes = limits.max_expanded_bytes.min(MAX_STREAM_BYTES);
    let options = LoadOptions {
        password: Some(String::new()),
        max_decompressed_size: Some(usize::try_from(max_stream_bytes).unwrap_or(usize::MAX)),
        force_reconstruct: rebuild,
        ..LoadOptions::default()
    };
    let document = Document::load_mem_with_options(bytes, options).map_err(|error| match error {
        lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_) | lopdf::Error::UnsupportedSecurityHandler(_) => {
            ParseError::Encrypted
        }
        lopdf::Error::Decompress(lopdf::DecompressError::MemoryLimitExceeded { limit }) => {
            ParseError::limit("bytes after decompression", limit as u64)
        }
        other => ParseError::damaged(FORMAT, other),
    })?;
    // Still encrypted: the empty password did not open it.
    if document.is_encrypted() {
        return Err(ParseError::Encrypted);
    }
    Ok(document)
}

fn has_pages(document: &Document) -> bool {
    let Ok(catalog) = document.catalog() else {
        return false;
    };
    lookup::dictionary(document, catalog, b"Pages")
        .and_then(|root| lookup::array(document, root, b"Kids"))
        .is_some_and(|kids| kids.iter().any(|kid| lookup::resolve(document, kid).is_some()))
}

/// What a node of the page tree hands down.
#[derive(Debug, Clone, Copy, Default)]
struct Inherited<'a> {
    resources: Option<&'a Dictionary>,
    media_box: Option<Rectangle>,
    crop_box: Option<Rectangle>,
    rotation: i64,
}

impl<'a> Inherited<'a> {
    fn at(self, document: &'a Document, node: &'a Dictionary) -> Self {
        Self {
            resources: lookup::dictionary(document, node, b"Resources").or(self.resources),
            media_box: lookup::rectangle(document, node, b"MediaBox").or(self.media_box),
            crop_box: lookup::rectangle(document, node, b"CropBox").or(self.crop_box),
            rotation: lookup::integer(document, node, b"Rotate").unwrap_or(self.rotation),
        }
    }
}

/// All pages in order. Each node of the tree is visited once, so cycles and shared branches end.
/// A file whose tree leads nowhere gives its page objects in the order of their numbers.
pub(super) fn pages<'a>(
    document: &'a Document,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Vec<Page<'a>>, ParseError> {
    let mut pages = Vec::new();
    let mut seen: HashSet<ObjectId> = HashSet::new();
    let root = document.catalog().ok().and_then(|catalog| catalog.get(b"Pages").ok());
    let mut open: Vec<(&Object, Inherited)> = root.map(|root| (root, Inherited::default())).into_iter().collect();
    while let Some((object, above)) = open.pop() {
        budget.operator()?;
        if let Ok(id) = object.as_reference()
            && !seen.insert(id)
        {
            continue;
        }
        let Some(node) = lookup::resolve(document, object).and_then(lookup::as_dictionary) else {
            continue;
        };
        let here = above.at(document, node);
        if let Some(kids) = lookup::array(document, node, b"Kids") {
            open.extend(kids.iter().rev().map(|kid| (kid, here)));
            continue;
        }
        add_page(&mut pages, node, here, limits)?;
    }
    if pages.is_empty() {
        for object in document.objects.values() {
            if let Ok(node) = object.as_dict()
                && node.has_type(b"Page")
            {
                let here = Inherited::default().at(document, node);
                add_page(&mut pages, node, here, limits)?;
            }
        }
    }
    if pages.is_empty() {
        return Err(ParseError::damaged(FORMAT, "it has no pages"));
    }
    Ok(pages)
}

fn add_page<'a>(
    pages: &mut Vec<Page<'a>>,
    dictionary: &'a Dictionary,
    inherited: Inherited<'a>,
    limits: &Limits,
) -> Result<(), ParseError> {
    if pages.len() >= limits.max_pages as usize {
        return Err(ParseError::limit("pages", u64::from(limits.max_pages)));
    }
    let is_sane = |area: &Rectangle| area.width() >= 1.0 && area.height() >= 1.0;
    let media_box = inherited.media_box.filter(is_sane).unwrap_or(DEFAULT_BOX);
    let visible =
        inherited.crop_box.and_then(|crop_box| crop_box.intersection(&media_box)).filter(is_sane).unwrap_or(media_box);
    let (size, to_display) = display(visible, inherited.rotation);
    pages.push(Page { dictionary, resources: inherited.resources, size, to_display });
    Ok(())
}

/// Size of the displayed page, and the map onto it, y downwards. `rotation` is clockwise.
fn display(visible: Rectangle, rotation: i64) -> (PageSize, Matrix) {
    let (width, height) = (visible.width(), visible.height());
    let Rectangle { x0, y0, x1, y1 } = visible;
    let (map, width, height) = match rotation.rem_euclid(360) {
        90 => ([0.0, 1.0, 1.0, 0.0, -y0, -x0], height, width),
        180 => ([-1.0, 0.0, 0.0, 1.0, x1, -y0], width, height),
        270 => ([0.0, -1.0, -1.0, 0.0, y1, x1], height, width),
        _ => ([1.0, 0.0, 0.0, -1.0, -x0, y1], width, height),
    };
    (PageSize { width, height }, Matrix::new(map))
}

/// The decoded content of a page, its parts joined.
pub(super) fn content(document: &Document, page: &Page, budget: &mut Budget) -> Result<Vec<u8>, ParseError> {
    let Some(contents) = lookup::value(document, page.dictionary, b"Contents") else {
        return Ok(Vec::new());
    };
    let parts = match contents {
        Object::Array(parts) => parts.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut joined = Vec::new();
    for part in parts {
        budget.operator()?;
        if let Some(Object::Stream(stream)) = lookup::resolve(document, part) {
            joined.extend(lookup::decoded(stream, budget)?);
            joined.push(b'\n');
            if joined.len() as u64 > MAX_STREAM_BYTES {
                return Err(budget.stream_too_large());
            }
        }
    }
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use super::{Rectangle, display};

    #[test]
    fn rotated_pages_are_mapped_as_displayed() {
        let visible = Rectangle::from_corners([10.0, 20.0, 110.0, 220.0]);
        // The corner at the top left of the unrotated page, as it is displayed.
        let cases = [
            (0, (0.0, 0.0), (100.0, 200.0)),
            (90, (200.0, 0.0), (200.0, 100.0)),
            (180, (100.0, 200.0), (100.0, 200.0)),
            (270, (0.0, 100.0), (200.0, 100.0)),
            (-90, (0.0, 100.0), (200.0, 100.0)),
        ];
        for (rotation, expected, (width, height)) in cases {
            let (size, map) = display(visible, rotation);
            assert_eq!(map.point(10.0, 220.0), expected, "{rotation}");
            assert_eq!((size.width, size.height), (width, height), "{rotation}");
        }
    }
}
