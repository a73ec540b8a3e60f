//! From the bytes of a file to chunks in the store, each with its place in the original.
//!
//! ```text
//! bytes ─ cell (a process of its own) ─ parse ─▶ ParsedDocument { blocks, layout }
//! ParsedDocument ─ chunk ─▶ chunks that tile its text ─ worker ─▶ embed, store
//! ```
//!
//! Start with [`worker`] for the path of a document, with [`parse::parse`] for what a file becomes. A
//! document is hostile: parsers run in [`cell`], never in the service.

pub mod archive;
mod blocks;
pub mod cell;
pub mod chunk;
pub mod code;
pub mod conversion;
pub mod delimited;
pub mod detect;
pub mod document;
pub mod docx;
mod dublin_core;
pub mod email;
mod enclosed;
pub mod epub;
pub mod error;
pub mod fence;
pub mod html;
pub mod jats;
pub mod json;
#[cfg(feature = "worker")]
mod language;
pub mod layout;
pub mod limits;
#[cfg(test)]
mod made;
pub mod markdown;
mod media_type;
mod message;
pub mod opendocument;
pub mod outlook;
mod package;
pub mod parse;
pub mod pdf;
pub mod picture;
pub mod plain_markup;
pub mod pptx;
#[cfg(feature = "worker")]
pub mod reader;
pub mod recognition;
pub mod rtf;
mod sentence;
#[cfg(feature = "worker")]
pub mod sets;
#[cfg(feature = "worker")]
pub mod sources;
pub mod structure;
pub mod subtitles;
mod tables;
#[cfg(feature = "worker")]
mod task;
pub mod text;
mod title;
pub mod workbook;
#[cfg(feature = "worker")]
pub mod worker;
mod xml;
pub mod xml_file;
