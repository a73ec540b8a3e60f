//! The lexical leg: BM25 over tantivy, each chunk analysed in its own language.

mod alternatives;
pub mod analysis;
pub mod asked;
mod bm25;
mod compounds;
pub mod facets;
mod filter;
mod in_scope;
pub mod index;
mod query;
mod spelling;
mod sweep;
mod words;

pub use alternatives::Alternatives;
pub use in_scope::View;
pub use index::LexicalIndex;
pub use query::Wanted;
