//! Any supported file → a [`ParsedDocument`].

#[cfg(test)]
mod tests;

use crate::detect::detect;
use crate::document::{MediaType, ParsedDocument, Warning};
use crate::enclosed::Enclosure;
use crate::error::{OLDER_POWERPOINT, OLDER_WORD, ParseError, guarded};
use crate::limits::Limits;
use crate::recognition::RecognisedPage;
use crate::{
    archive, code, delimited, docx, email, epub, html, jats, json, markdown, opendocument, outlook, pdf, picture,
    plain_markup, pptx, rtf, subtitles, text, workbook, xml_file,
};

/// Parses a file in this process. Only the cell does that with files of others.
pub fn parse(bytes: &[u8], file_name: Option<&str>, limits: &Limits) -> Result<ParsedDocument, ParseError> {
    parse_enclosed(bytes, file_name, &mut Enclosure::outermost(limits))
}

/// The same with pages of the file that text recognition has read.
pub(crate) fn parse_recognised(
    bytes: &[u8],
    file_name: Option<&str>,
    limits: &Limits,
    recognised: &[RecognisedPage],
) -> Result<ParsedDocument, ParseError> {
    let media_type = detect(bytes, file_name)?;
    let document = if media_type == MediaType::Pdf {
        pdf::parse_recognised(bytes, limits, recognised)
    } else if picture::is_picture(media_type) {
        guarded(media_type.as_str(), || picture::parse(media_type, bytes, limits, recognised))
    } else {
        return parse(bytes, file_name, limits);
    };
    checked(document?, file_name)
}

/// Parses a file that may lie in another.
pub(crate) fn parse_enclosed(
    bytes: &[u8],
    file_name: Option<&str>,
    enclosure: &mut Enclosure<'_>,
) -> Result<ParsedDocument, ParseError> {
    if bytes.is_empty() {
        return Err(ParseError::Empty);
    }
    let (length, limits) = (bytes.len() as u64, enclosure.limits);
    if length > limits.max_bytes {
        return Err(ParseError::TooLarge { bytes: length, max_bytes: limits.max_bytes });
    }
    let media_type = detect(bytes, file_name)?;
    let document = guarded(media_type.as_str(), || read(media_type, bytes, enclosure))?;
    checked(document, file_name)
}

fn checked(mut document: ParsedDocument, file_name: Option<&str>) -> Result<ParsedDocument, ParseError> {
    if document.blocks.is_empty() {
        return Err(ParseError::NoText { pages: document.page_count });
    }
    let named_pdf = file_name.is_some_and(|name| name.to_ascii_lowercase().ends_with(".pdf"));
    if named_pdf && document.media_type != MediaType::Pdf {
        let message = format!("the file is named .pdf, but holds {}", document.media_type.as_str());
        document.warnings.push(Warning::new("name_says_pdf", message, None));
    }
    Ok(document)
}

fn read(media_type: MediaType, bytes: &[u8], enclosure: &mut Enclosure<'_>) -> Result<ParsedDocument, ParseError> {
    let limits = enclosure.limits;
    match media_type {
        MediaType::Pdf => pdf::parse(bytes, limits),
        MediaType::Docx => docx::parse(bytes, limits),
        MediaType::Pptx => pptx::parse(bytes, limits),
        MediaType::Xlsx | MediaType::Xls => workbook::parse(media_type, bytes, limits),
        MediaType::Odt | MediaType::Ods | MediaType::Odp => opendocument::parse(media_type, bytes, limits),
        MediaType::Rtf => rtf::parse(bytes, limits),
        MediaType::Epub => epub::parse(bytes, limits),
        MediaType::Html => html::parse(bytes, limits),
        MediaType::Markdown => markdown::parse(bytes, limits),
        MediaType::Csv | MediaType::Tsv => delimited::parse(media_type, bytes, limits),
        MediaType::Json | MediaType::JsonLines => json::parse(media_type, bytes, limits),
        MediaType::Xml => xml_file::parse(bytes, limits),
        MediaType::Jats => jats::parse(bytes, limits),
        MediaType::Email => email::parse(bytes, enclosure),
        MediaType::Outlook => outlook::parse(bytes, enclosure),
        MediaType::Zip => archive::parse(bytes, enclosure),
        MediaType::Code => Ok(code::parse(bytes)),
        MediaType::ReStructuredText | MediaType::AsciiDoc | MediaType::Org | MediaType::Latex => {
            Ok(plain_markup::parse(media_type, bytes))
        }
        MediaType::Subtitles => Ok(subtitles::parse(bytes)),
        MediaType::Text => Ok(text::parse(bytes)),
        MediaType::Doc => Err(ParseError::Unsupported { media_type: OLDER_WORD.into() }),
        MediaType::Ppt => Err(ParseError::Unsupported { media_type: OLDER_POWERPOINT.into() }),
        MediaType::Png
        | MediaType::Jpeg
        | MediaType::Tiff
        | MediaType::Webp
        | MediaType::Gif
        | MediaType::Bmp
        | MediaType::Pnm => picture::parse(media_type, bytes, limits, &[]),
    }
}
