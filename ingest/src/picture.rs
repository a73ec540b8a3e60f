//! Pictures as documents: one page per picture. They are decoded by the program that recognises their text,
//! never here; without that text they say nothing.

use crate::document::{MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::pdf;
use crate::recognition::RecognisedPage;

/// Which picture it is, by its first bytes.
pub(crate) fn detect(bytes: &[u8]) -> Option<MediaType> {
    let starts = |signature: &[u8]| bytes.starts_with(signature);
    let at = |offset: usize, signature: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(signature));
    if starts(b"\x89PNG") {
        Some(MediaType::Png)
    } else if starts(b"\xff\xd8\xff") {
        Some(MediaType::Jpeg)
    } else if starts(b"II*\0") || starts(b"MM\0*") {
        Some(MediaType::Tiff)
    } else if starts(b"RIFF") && at(8, b"WEBP") {
        Some(MediaType::Webp)
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        Some(MediaType::Gif)
    } else if starts(b"BM") && at(6, &[0; 4]) && at(15, &[0; 3]) {
        // Two letters are too little: two reserved numbers are zero, and the header behind is short.
        Some(MediaType::Bmp)
    } else if is_portable_anymap(bytes) {
        Some(MediaType::Pnm)
    } else {
        None
    }
}

pub(crate) fn is_picture(media_type: MediaType) -> bool {
    media_type.as_str().starts_with("image/")
}

/// The document that recognised pages make. Without any there is no text.
pub(crate) fn parse(
    media_type: MediaType,
    bytes: &[u8],
    limits: &Limits,
    recognised: &[RecognisedPage],
) -> Result<ParsedDocument, ParseError> {
    let page_count = if media_type == MediaType::Tiff { tiff_pages(bytes, limits)? } else { 1 };
    // Pages of unknown size are shown like sheets of paper.
    let unread = RecognisedPage { width: 612, height: 792, dots_per_inch: 72, ..RecognisedPage::default() };
    let pages: Vec<&RecognisedPage> = (1..=page_count)
        .map(|number| recognised.iter().find(|page| page.number == number).unwrap_or(&unread))
        .collect();
    let (page_sizes, blocks) = pdf::assemble_recognised(&pages);
    if blocks.is_empty() {
        return Err(ParseError::NoText { pages: Some(page_count) });
    }
    let mut warnings: Vec<_> = pages.iter().filter_map(|page| pdf::doubt(page)).collect();
    warnings.extend(pdf::notice(&pages));
    let document = ParsedDocument::flowing(media_type, None, blocks, warnings);
    Ok(ParsedDocument { page_count: Some(page_count), page_sizes, ..document })
}

/// A binary one (P4 to P6) whose header is whole: width, height, and but for P4 the greatest value.
fn is_portable_anymap(bytes: &[u8]) -> bool {
    let [b'P', kind @ b'4'..=b'6', b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = bytes else {
        return false;
    };
    let numbers = if *kind == b'4' { 2 } else { 3 };
    let head = String::from_utf8_lossy(&rest[..rest.len().min(512)]);
    let lines = head.lines().map(|line| line.split('#').next().unwrap_or_default());
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).take(numbers).collect();
    // Text that begins so is followed by text; pixels are not, or the picture is as long as it says.
    words.len() == numbers
        && words.iter().all(|word| word.parse::<u32>().is_ok_and(|number| number > 0))
        && is_as_long_as_it_says(*kind, &words, bytes.len())
}

fn is_as_long_as_it_says(kind: u8, words: &[&str], length: usize) -> bool {
    let number = |index: usize| words.get(index).and_then(|word| word.parse::<u64>().ok()).unwrap_or(1);
    let (width, height) = (number(0), number(1));
    let row = match kind {
        b'4' => width.div_ceil(8),
        b'5' => width,
        _ => width.saturating_mul(3),
    };
    row.saturating_mul(height) < length as u64
}

/// How many pictures a TIFF file holds: its directories are a chain (TIFF 6.0, section 2).
fn tiff_pages(bytes: &[u8], limits: &Limits) -> Result<u32, ParseError> {
    let little_endian = bytes.starts_with(b"II");
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        let add = |number: usize, byte: &u8| number << 8 | usize::from(*byte);
        Some(if little_endian { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let mut pages = 0;
    let mut directory = number(4, 4).unwrap_or(0);
    while directory != 0 && directory < bytes.len() {
        pages += 1;
        // A chain that is a circle ends here as well.
        if pages > limits.max_pages {
            return Err(ParseError::limit("pages", u64::from(limits.max_pages)));
        }
        let next = number(directory, 2).and_then(|entries| number(directory + 2 + 12 * entries, 4));
        directory = next.unwrap_or(0);
    }
    if pages == 0 { Err(ParseError::damaged("tiff", "it holds no picture")) } else { Ok(pages) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognition::{PixelBox, RecognisedLine, RecognisedWord};

    fn tiff(pages: u8) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        for page in 1..=pages {
            let next = if page == pages { 0 } else { bytes.len() as u8 + 6 };
            bytes.extend([0, 0, next, 0, 0, 0]);
        }
        bytes
    }

    #[test]
    fn pictures_are_told_from_text_that_begins_like_them() {
        let bmp = [b"BM".as_slice(), &[9, 9, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0]].concat();
        for (bytes, expected) in [
            (&b"\xff\xd8\xff\xe0"[..], Some(MediaType::Jpeg)),
            (b"GIF89a", Some(MediaType::Gif)),
            (&bmp, Some(MediaType::Bmp)),
            (b"P5 2 2 255\n\x01\x02\x03\x04", Some(MediaType::Pnm)),
            (b"P4\n# scanned\n8 2\n\xff\0", Some(MediaType::Pnm)),
            (b"P5 12 14 people came to the meeting", None),
            (b"P5 people came to the meeting", None),
            (b"BMW announced", None),
            (b"RIFF\x10\0\0\0WAVE", None),
            (b"", None),
        ] {
            assert_eq!(detect(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_tiff_has_as_many_pages_as_directories() {
        let limits = Limits { max_pages: 9, ..Limits::default() };
        assert_eq!(tiff_pages(&tiff(3), &limits), Ok(3));
        assert_eq!(tiff_pages(&tiff(3)[..20], &limits), Ok(2));
        // A directory that is its own successor.
        let circle = b"MM\0*\0\0\0\x08\0\0\0\0\0\x08";
        assert_eq!(tiff_pages(circle, &limits).unwrap_err().code(), "limit_exceeded");
        assert_eq!(tiff_pages(b"II*\0\xff\xff\xff\xff", &limits).unwrap_err().code(), "damaged_file");
        assert_eq!(tiff_pages(b"II*\0", &limits).unwrap_err().code(), "damaged_file");
    }

    #[test]
    fn recognised_pages_become_the_pages_of_the_document() {
        let bounds = PixelBox { left: 100, top: 100, right: 400, bottom: 130 };
        let word = RecognisedWord { text: "Quinces".into(), confidence: 90, bounds, edges: Vec::new() };
        let line = RecognisedLine { degrees: 0, bounds, rise: 6, size: 30, words: vec![word] };
        let page = RecognisedPage {
            number: 2,
            width: 1000,
            height: 500,
            dots_per_inch: 144,
            language: "eng".into(),
            lines: vec![line],
        };
        let document = parse(MediaType::Tiff, &tiff(3), &Limits::default(), &[page]).unwrap();
        assert_eq!(document.page_count, Some(3));
        assert_eq!((document.page_sizes[1].width, document.page_sizes[1].height), (500.0, 250.0));
        assert_eq!(document.blocks[0].page, Some(2));
        let found = document.layout().boxes(0, 7);
        assert_eq!((found[0].x, found[0].width, found[0].page), (50.0, 150.0, 2));
        assert_eq!(document.warnings[0].code, "recognised_text");
        let error = parse(MediaType::Tiff, &tiff(3), &Limits::default(), &[]).unwrap_err();
        assert_eq!(error, ParseError::NoText { pages: Some(3) });
    }
}
