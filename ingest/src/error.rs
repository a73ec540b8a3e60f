//! Why a file could not be parsed, and what its owner can do about it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

/// Names of formats that are not read, but that their programs can save as ones that are.
pub(crate) const OLDER_WORD: &str = "Word 97 document (DOC)";
pub(crate) const OLDER_POWERPOINT: &str = "PowerPoint 97 presentation (PPT)";

/// A parse that gave no document. [`Self::code`] is stable, [`Self::hint`] is for the person who
/// added the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum ParseError {
    #[error("file is empty")]
    Empty,
    #[error("cannot read files of type {media_type}")]
    Unsupported { media_type: String },
    #[error("pdf is encrypted with a password")]
    Encrypted,
    /// A document of another format that is.
    #[error("{format} file is encrypted with a password")]
    Locked { format: String },
    #[error("damaged {format} file: {reason}")]
    Damaged { format: String, reason: String },
    /// `pages` where the format has any.
    #[error("{}", no_text(*pages))]
    NoText { pages: Option<u32> },
    /// Text recognition was tried.
    #[error("text recognition finds no text on any of {pages} pages")]
    NothingRecognised { pages: u32 },
    #[error("text recognition failed: {reason}")]
    NotRecognised { reason: String },
    #[error("cannot convert the file: {reason}")]
    NotConverted { reason: String },
    #[error("file has {bytes} bytes, more than the limit of {max_bytes}")]
    TooLarge { bytes: u64, max_bytes: u64 },
    /// `limit` says what was counted, for example `pages`; `allowed` how many there may be.
    #[error("file exceeds the limit of {allowed} {limit}")]
    LimitExceeded { limit: String, allowed: u64 },
    #[error("parsing took longer than {seconds} seconds")]
    TimedOut { seconds: u64 },
    #[error("parser process died: {reason}")]
    Crashed { reason: String },
    #[error("cannot read or pass on the file: {message}")]
    Io { message: String },
}

impl ParseError {
    /// Stable identifier for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_file",
            Self::Unsupported { .. } => "unsupported_format",
            Self::Encrypted => "encrypted_pdf",
            Self::Locked { .. } => "encrypted_file",
            Self::Damaged { .. } => "damaged_file",
            Self::NoText { .. } => "no_text",
            Self::NothingRecognised { .. } => "nothing_recognised",
            Self::NotRecognised { .. } => "recognition_failed",
            Self::NotConverted { .. } => "conversion_failed",
            Self::TooLarge { .. } => "too_large",
            Self::LimitExceeded { .. } => "limit_exceeded",
            Self::TimedOut { .. } => "timed_out",
            Self::Crashed { .. } => "parser_crashed",
            Self::Io { .. } => "io",
        }
    }

    /// What the person who added the file can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "check that the file was copied completely, then add it again",
            Self::Unsupported { media_type } if media_type == OLDER_WORD => {
                "install LibreOffice (soffice) to have it converted; or open it in a word processor, save it as DOCX and add that"
            }
            Self::Unsupported { media_type } if media_type == OLDER_POWERPOINT => {
                "install LibreOffice (soffice) to have it converted; or open it in a program for presentations, save it as PPTX and add that"
            }
            Self::Unsupported { .. } => {
                "save it as PDF, DOCX, XLSX, PPTX, OpenDocument, HTML or plain text and add that"
            }
            Self::Encrypted | Self::Locked { .. } => "save a copy without a password and add that",
            Self::Damaged { .. } => "open it in its own program, save it again and add the new copy",
            Self::NoText { pages: Some(_) } => {
                "the pages are probably images, which text recognition (OCR) reads: install tesseract, leave ingest.recognition on and add it again"
            }
            Self::NoText { pages: None } => "pictures are not read: add their text in a file of its own",
            Self::NothingRecognised { .. } => {
                "if you can read text on it, add a sharper picture (200 to 300 dots per inch), upright and in good contrast"
            }
            Self::NotRecognised { .. } => "see docs/operating.md on text recognition, then add the file again",
            Self::NotConverted { .. } => "open it in its own program, save it as DOCX, PPTX or PDF and add that",
            Self::TooLarge { .. } => "split it into smaller files",
            Self::LimitExceeded { .. } => "split it into smaller files; if it comes from somebody else, don't trust it",
            Self::TimedOut { .. } => "split it into smaller files, or raise the time limit",
            Self::Crashed { .. } => "save it again in its own program; if it comes from somebody else, don't trust it",
            Self::Io { .. } => "check the disk and the file's permissions, then try again",
        }
    }

    /// A file of a readable format that breaks the rules of that format.
    pub fn damaged(format: &str, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { format: format.to_owned(), reason: reason.to_string() }
    }

    /// More of something than [`Limits`](crate::limits::Limits) or a parser's own bound allows.
    pub fn limit(limit: &str, allowed: u64) -> Self {
        Self::LimitExceeded { limit: limit.to_owned(), allowed }
    }
}

/// Does what may panic on a damaged file: parsers of others are not all as careful as they should be.
pub(crate) fn guarded<T>(format: &str, work: impl FnOnce() -> Result<T, ParseError>) -> Result<T, ParseError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(ParseError::damaged(format, "it cannot be interpreted")))
}

fn no_text(pages: Option<u32>) -> String {
    pages.map_or_else(|| "the file holds no text".to_owned(), |pages| format!("no text on any of {pages} pages"))
}
