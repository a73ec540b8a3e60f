//! Text recognition: pages that are pictures become pages with text, every character with its place.
//!
//! ```text
//! unread pages ─ drawn in a cell ─ tesseract behind the fence ─ hOCR read in a cell ─ RecognisedPage
//! file + RecognisedPages ─ parsed in a cell, through the same layout as drawn text ─ ParsedDocument
//! ```
//!
//! Start with [`Recogniser::complete`].

mod hocr;
#[cfg(feature = "worker")]
mod languages;
mod page;
#[cfg(feature = "worker")]
mod progress;
#[cfg(feature = "worker")]
mod reading;
#[cfg(feature = "worker")]
mod recogniser;
#[cfg(feature = "worker")]
mod tesseract;

pub(crate) use self::hocr::read_hocr;
pub use self::page::{PixelBox, RecognisedLine, RecognisedPage, RecognisedWord};
#[cfg(feature = "worker")]
pub use self::progress::PageDone;
#[cfg(feature = "worker")]
pub use self::recogniser::{Original, Recogniser, RecognitionOptions};
