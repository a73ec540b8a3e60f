//! What one request or one file may cost.

use actix_multipart::MultipartError;
use actix_multipart::form::MultipartFormConfig;
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

/// Room for the form around the files.
const FORM_BYTES: u64 = 1 << 20;

/// How uploads are read.
pub fn form(settings: &Settings) -> MultipartFormConfig {
    let max_bytes = settings.ingest.max_file_bytes;
    MultipartFormConfig::default()
        .total_limit((max_bytes + FORM_BYTES) as usize)
        .memory_limit(FORM_BYTES as usize)
        .error_handler(move |error, _| {
            let reply = match &error {
                MultipartError::Payload(actix_web::error::PayloadError::Overflow) => too_large(max_bytes),
                other => ApiError::new(
                    "invalid_upload",
                    other.to_string(),
                    "send multipart/form-data with a field named file",
                ),
            };
            InternalError::from_response(error, actix_web::ResponseError::error_response(&reply)).into()
        })
}

/// An upload longer than a file may be.
pub fn too_large(max_bytes: u64) -> ApiError {
    ApiError::new(
        "too_large",
        format!("an upload may have {max_bytes} bytes"),
        "split the file, or raise ingest.max_file_bytes",
    )
}
