//! Local models for retrieval: text becomes vectors on this machine, from files whose origin is known.
//!
//! ```text
//! file, folder, package ─ ModelStore::import ─▶ <models dir>/<name>/…, passport.json
//! <models dir>/<name>/… ─ ModelStore::files ──▶ ModelFiles ─ Encoder::open ─▶ Encoder
//! texts ─ queue ─ tokens ─ network ─ pooling ─▶ L2-normalised vectors
//! ```
//!
//! Start with [`Encoder::encode`] for the path of a text, with [`ModelStore`] for the files. `compute`
//! holds the kernels: the instruction set is chosen at run time, and one line is `unsafe`, for the one instruction without a safe name.

pub mod bench;
mod catalogue;
mod compute;
mod encoder;
mod error;
mod model_store;
mod passport;

pub use catalogue::{Catalogue, CatalogueFile, CatalogueModel, Package};
pub use encoder::{Background, Encoder, EncoderOptions, Input, Precision, Priority, Reranker};
pub use error::EmbedError;
pub use model_store::{ModelEntry, ModelFiles, ModelState, ModelStore};
pub use passport::Passport;
