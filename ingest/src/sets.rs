//! Index sets, as far as they need a model: which encoder belongs to which set, and the one that stands beside filled
//! from what the store has of each document. Nothing is parsed or recognised again.

mod builder;
mod encoders;

pub use builder::Builder;
pub use encoders::Encoders;
