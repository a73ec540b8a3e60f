//! From the bytes of a file to blocks of text with their place in the original.

pub mod document;
pub mod error;
pub mod layout;
pub mod limits;
pub mod pdf;
