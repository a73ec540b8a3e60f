//! The lexical leg: BM25 over tantivy, each chunk analysed in its own language.

pub mod analysis;
mod in_scope;
pub mod index;
mod query;
mod sweep;
mod words;

pub use index::LexicalIndex;
