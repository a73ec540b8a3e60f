//! The lexical leg: BM25 over tantivy, each chunk analysed in its own language.

pub mod analysis;
pub mod index;
mod in_scope;
mod query;
mod words;

pub use index::LexicalIndex;
