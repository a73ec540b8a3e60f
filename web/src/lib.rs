//! HTTP, page and command line: the outside of Terroir.
//!
//! ```text
//! browser, curl, OpenAI clients ──▶ routes ──▶ Service { store, encoder, generator, worker }
//! terroir COMMAND ── cli ── HTTP ─────▲
//! ```
//!
//! Start with `routes::all` (the route table), then [`answer::start`] (a question) and
//! `terroir_ingest::worker` (a document).

pub mod access;
pub mod answer;
pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod error;
pub mod limits;
pub mod local;
pub mod local_key;
pub mod metrics;
pub mod openapi;
pub mod quality;
mod questions;
mod reading;
pub mod request;
mod reranking;
pub mod routes;
mod sources;
pub mod sse;
pub mod telemetry;
mod ui;
mod writing;
