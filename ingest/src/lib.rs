//! From the bytes of a file to chunks in the store, each with its place in the original.
//!
//! ```text
//! bytes ─ cell (a process of its own) ─ parse ─▶ ParsedDocument { blocks, layout }
//! ParsedDocument ─ chunk ─▶ chunks that tile its text ─ worker ─▶ embed, store
//! ```
//!
//! Start with [`worker`] for the path of a document, with [`parse::parse`] for what a file becomes. A
//! document is hostile: parsers run in [`cell`], never in the service.

mod blocks;
pub mod cell;
pub mod chunk;
pub mod detect;
pub mod document;
pub mod docx;
pub mod error;
pub mod html;
pub mod layout;
pub mod limits;
pub mod markdown;
pub mod parse;
pub mod pdf;
mod sentence;
pub mod structure;
pub mod text;
pub mod worker;
