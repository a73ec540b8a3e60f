//! Any supported file → a [`ParsedDocument`].

use crate::detect::detect;
use crate::document::{MediaType, ParsedDocument, Warning};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::{docx, html, markdown, pdf, text};

/// Parses a file in this process. Only the cell does that with files of others.
pub fn parse(bytes: &[u8], file_name: Option<&str>, limits: &Limits) -> Result<ParsedDocument, ParseError> {
    if bytes.is_empty() {
        return Err(ParseError::Empty);
    }
    let length = bytes.len() as u64;
    if length > limits.max_bytes {
        return Err(ParseError::TooLarge { bytes: length, max_bytes: limits.max_bytes });
    }
    let media_type = detect(bytes, file_name)?;
    let mut document = match media_type {
        MediaType::Pdf => pdf::parse(bytes, limits)?,
        MediaType::Docx => docx::parse(bytes, limits)?,
        MediaType::Html => html::parse(bytes, limits)?,
        MediaType::Markdown => markdown::parse(bytes, limits)?,
        MediaType::Text => text::parse(bytes, file_name),
    };
    if document.blocks.is_empty() {
        return Err(ParseError::NoText { pages: document.page_count });
    }
    let named_pdf = file_name.is_some_and(|name| name.to_ascii_lowercase().ends_with(".pdf"));
    if named_pdf && media_type != MediaType::Pdf {
        let message = format!("the file is named .pdf, but holds {}", media_type.as_str());
        document.warnings.push(Warning::new("name_says_pdf", message, None));
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_content_are_told_apart() {
        let limits = Limits { max_bytes: 10, ..Limits::default() };
        assert_eq!(parse(b"", None, &limits), Err(ParseError::Empty));
        assert_eq!(parse(b"  \n\t ", None, &limits).unwrap_err().code(), "no_text");
        assert_eq!(parse(b"more than ten bytes", None, &limits).unwrap_err().code(), "too_large");
    }

    #[test]
    fn a_misleading_name_is_a_warning() {
        let document = parse(b"plain text", Some("Report.PDF"), &Limits::default()).unwrap();
        assert_eq!(document.media_type, MediaType::Text);
        assert_eq!(document.warnings[0].code, "name_says_pdf");
    }
}
