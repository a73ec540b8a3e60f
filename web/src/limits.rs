//! What one request or one file may cost.

use actix_web::error::{InternalError, JsonPayloadError};
use actix_web::web;
use terroir_ingest::limits::Limits;

use crate::config::Settings;
use crate::error::ApiError;

/// Longest JSON body: a question, a query, texts to embed.
const MAX_JSON_BYTES: usize = 4 << 20;

/// The limits of a parse.
pub fn of(settings: &Settings) -> Limits {
    let ingest = &settings.ingest;
    Limits {
        max_bytes: ingest.max_file_bytes,
        max_pages: ingest.max_pages,
        max_memory_bytes: ingest.cell_memory_bytes,
        max_cpu_seconds: ingest.cell_cpu_seconds,
        max_wall_seconds: ingest.cell_wall_seconds,
        ..Limits::default()
    }
}

/// How JSON bodies are read, and what is said when they cannot be.
pub fn json() -> web::JsonConfig {
    web::JsonConfig::default().limit(MAX_JSON_BYTES).error_handler(|error, _| {
        let reply = match &error {
            JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => ApiError::new(
                "too_large",
                format!("the body is longer than {MAX_JSON_BYTES} bytes"),
                "send less at once",
            ),
            JsonPayloadError::ContentType => ApiError::new(
                "invalid_json",
                "the body is not declared as JSON",
                "send the header \"Content-Type: application/json\"",
            ),
            other => ApiError::new("invalid_json", other.to_string(), "see /openapi.json for the shape of the body"),
        };
        InternalError::from_response(error, actix_web::ResponseError::error_response(&reply)).into()
    })
}
