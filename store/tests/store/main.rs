//! One binary for all tests of the store: linking it costs more than most of them take.
#![expect(clippy::unwrap_used, reason = "a step that fails, fails its test")]

mod access;
mod backup;
mod bench;
mod filters;
mod finding;
mod lexicon;
mod mending;
mod model;
mod properties;
mod qdrant;
mod queue;
mod receipts;
mod retrieval;
mod sets;
mod sources;
