//! Reading values out of PDF dictionaries, with references followed and wrong types ignored.

use lopdf::{Dictionary, Document, Object, Stream};

use super::budget::Budget;
use super::geometry::{Matrix, Rectangle};
use crate::error::ParseError;

pub(super) fn resolve<'a>(document: &'a Document, object: &'a Object) -> Option<&'a Object> {
    document.dereference(object).ok().map(|(_, object)| object).filter(|object| !object.is_null())
}

pub(super) fn value<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    resolve(document, dictionary.get(key).ok()?)
}

pub(super) fn dictionary<'a>(document: &'a Document, parent: &'a Dictionary, key: &[u8]) -> Option<&'a Dictionary> {
    as_dictionary(value(document, parent, key)?)
}

/// A stream's dictionary counts as well.
pub(super) fn as_dictionary(object: &Object) -> Option<&Dictionary> {
    match object {
        Object::Dictionary(dictionary) => Some(dictionary),
        Object::Stream(stream) => Some(&stream.dict),
        _ => None,
    }
}

pub(super) fn stream<'a>(document: &'a Document, parent: &'a Dictionary, key: &[u8]) -> Option<&'a Stream> {
    value(document, parent, key)?.as_stream().ok()
}

pub(super) fn name<'a>(document: &'a Document, parent: &'a Dictionary, key: &[u8]) -> Option<&'a [u8]> {
    value(document, parent, key)?.as_name().ok()
}

pub(super) fn number(document: &Document, parent: &Dictionary, key: &[u8]) -> Option<f32> {
    as_number(value(document, parent, key)?)
}

pub(super) fn integer(document: &Document, parent: &Dictionary, key: &[u8]) -> Option<i64> {
    number(document, parent, key).map(|number| number as i64)
}

pub(super) fn as_number(object: &Object) -> Option<f32> {
    object.as_float().ok().filter(|number| number.is_finite())
}

pub(super) fn array<'a>(document: &'a Document, parent: &'a Dictionary, key: &[u8]) -> Option<&'a [Object]> {
    Some(value(document, parent, key)?.as_array().ok()?.as_slice())
}

/// Exactly `COUNT` numbers.
pub(super) fn numbers<const COUNT: usize>(
    document: &Document,
    parent: &Dictionary,
    key: &[u8],
) -> Option<[f32; COUNT]> {
    let items = array(document, parent, key)?;
    let mut found = [0.0; COUNT];
    for (index, slot) in found.iter_mut().enumerate() {
        *slot = as_number(resolve(document, items.get(index)?)?)?;
    }
    Some(found)
}

pub(super) fn matrix(document: &Document, parent: &Dictionary, key: &[u8]) -> Option<Matrix> {
    numbers(document, parent, key).map(Matrix::new)
}

pub(super) fn rectangle(document: &Document, parent: &Dictionary, key: &[u8]) -> Option<Rectangle> {
    numbers(document, parent, key).map(Rectangle::from_corners)
}

/// The decoded bytes of a stream, paid from the budget. A stream that does not decode is empty:
/// only a bomb is an error.
pub(super) fn decoded(stream: &Stream, budget: &mut Budget) -> Result<Vec<u8>, ParseError> {
    match stream.decompressed_content_with_limit(budget.stream_bytes()) {
        Ok(bytes) => {
            budget.expanded(bytes.len())?;
            Ok(bytes)
        }
        Err(lopdf::Error::Decompress(
            lopdf::DecompressError::MemoryLimitExceeded { .. } | lopdf::DecompressError::TooManyFilters { .. },
        )) => Err(budget.stream_too_large()),
        Err(_) => Ok(Vec::new()),
    }
}

/// A text string of the file: UTF-16 or UTF-8 by its mark, else `PDFDocEncoding`, unless it is UTF-8 without a mark,
/// as many programs write it: letters of `PDFDocEncoding` seldom come in such pairs.
pub(super) fn text(bytes: &[u8]) -> String {
    if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0.into_owned();
    }
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0.into_owned();
    }
    if let Some(rest) = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]) {
        return String::from_utf8_lossy(rest).into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_ascii() => text.to_owned(),
        _ => bytes.iter().map(|&byte| pdf_doc_char(byte)).collect(),
    }
}

/// `PDFDocEncoding`: Latin-1 but for two ranges (ISO 32000-1, annex D.2).
fn pdf_doc_char(byte: u8) -> char {
    const ACCENTS: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
    const PUNCTUATION: [char; 33] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚', '™', 'ﬁ', 'ﬂ', 'Ł',
        'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', '\u{fffd}', '€',
    ];
    match byte {
        0x18..=0x1f => ACCENTS[usize::from(byte - 0x18)],
        0x80..=0xa0 => PUNCTUATION[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn text_strings_in_every_encoding() {
        assert_eq!(text(b"\xfe\xff\x00A\x20\xac"), "A€");
        assert_eq!(text(b"\xff\xfeA\x00"), "A");
        assert_eq!(text(b"\xef\xbb\xbf\xc3\xa9"), "é");
        assert_eq!(text(b"\xe9 \xa0\x84"), "é €—");
        assert_eq!(text(b"St\xc3\xa9phanie"), "Stéphanie");
    }
}
