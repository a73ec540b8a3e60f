//! One integration binary: what holds for the whole of Terroir.
#![expect(clippy::unwrap_used, reason = "a step that fails, fails its test")]

mod access;
mod answers;
mod architecture;
mod backup;
mod bad_input;
mod commands;
mod crash;
mod documents;
mod filters;
mod fixtures;
mod lexicon;
mod made_models;
mod openai;
mod openapi;
mod queue;
mod receipts;
mod rerank;
mod service;
mod sets;
mod sources;
