//! One error type for every route, one body for every error, one table from code to status.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub type ApiResult<T> = Result<T, ApiError>;

/// What went wrong, in the shape callers see. The text of an internal error stays in the log.
#[derive(Debug, Clone)]
pub struct ApiError {
    pub code: &'static str,
    pub message: String,
    pub hint: &'static str,
    pub param: Option<&'static str>,
    /// From 1.
    pub line: Option<usize>,
}

/// `{"error":{…}}`: the body of every error, of this API and of the OpenAI-compatible routes alike.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// Class of the error: `invalid_request_error`, `not_found`, `conflict`, `too_large`, `unauthorized`, `overloaded`, `unavailable` or `internal`.
    pub r#type: String,
    /// Stable code, for programs.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// The parameter at fault, if one is.
    pub param: Option<String>,
    /// The line at fault, from 1, in a parameter that has lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What to do about it.
    pub hint: String,
    /// Finds the request in the log.
    pub request_id: String,
}

/// Code, class, status. Codes are part of the API: add, never rename.
const TABLE: &[(&str, &str, u16)] = &[
    ("invalid_request", "invalid_request_error", 400),
    ("empty_question", "invalid_request_error", 400),
    ("empty_query", "invalid_request_error", 400),
    ("invalid_json", "invalid_request_error", 400),
    ("unsupported", "invalid_request_error", 400),
    ("context_length_exceeded", "invalid_request_error", 400),
    ("invalid_upload", "invalid_request_error", 400),
    ("invalid_source", "invalid_request_error", 400),
    ("no_credentials", "invalid_request_error", 400),
    ("lexicon_alone", "invalid_request_error", 400),
    ("lexicon_empty", "invalid_request_error", 400),
    ("lexicon_arrows", "invalid_request_error", 400),
    ("lexicon_characters", "invalid_request_error", 400),
    ("lexicon_too_long", "invalid_request_error", 400),
    ("unauthorized", "unauthorized", 401),
    ("forbidden_origin", "unauthorized", 403),
    ("operator_only", "unauthorized", 403),
    ("folder_not_allowed", "unauthorized", 403),
    ("not_found", "not_found", 404),
    ("collection_not_found", "not_found", 404),
    ("document_not_found", "not_found", 404),
    ("chunk_not_found", "not_found", 404),
    ("source_not_found", "not_found", 404),
    ("user_not_found", "not_found", 404),
    ("key_not_found", "not_found", 404),
    ("receipt_not_found", "not_found", 404),
    ("model_not_found", "not_found", 404),
    ("index_set_not_found", "not_found", 404),
    ("evaluation_question_not_found", "not_found", 404),
    ("method_not_allowed", "invalid_request_error", 405),
    ("conflict", "conflict", 409),
    ("worse", "conflict", 409),
    ("not_measured", "conflict", 409),
    ("too_large", "too_large", 413),
    ("question_too_long", "too_large", 413),
    ("unsupported_media_type", "invalid_request_error", 415),
    ("source_unreadable", "invalid_request_error", 422),
    ("overloaded", "overloaded", 429),
    ("internal", "internal", 500),
    ("model_missing", "unavailable", 503),
    ("unavailable", "unavailable", 503),
];

impl ApiError {
    pub fn new(code: &'static str, message: impl Into<String>, hint: &'static str) -> Self {
        Self { code, message: message.into(), hint, param: None, line: None }
    }

    #[must_use]
    pub fn param(mut self, param: &'static str) -> Self {
        self.param = Some(param);
        self
    }

    /// An error that callers cannot mend: its cause goes to the log under the request's id.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self::new("internal", "something went wrong in the service", "look for the request id in the service's log")
    }

    pub fn document_not_found() -> Self {
        Self::new("document_not_found", "there is no such document", "list the documents with GET /api/v1/documents")
    }

    pub fn chunk_not_found() -> Self {
        Self::new("chunk_not_found", "the document has no such chunk", "take the chunk of a passage that was found")
            .param("chunk")
    }

    fn row(&self) -> (&'static str, StatusCode) {
        TABLE
            .iter()
            .find(|(code, _, _)| *code == self.code)
            .and_then(|(_, class, status)| Some((*class, StatusCode::from_u16(*status).ok()?)))
            .unwrap_or(("internal", StatusCode::INTERNAL_SERVER_ERROR))
    }

    pub fn body(&self, request_id: &str) -> ErrorBody {
        ErrorBody {
            error: ErrorDetail {
                r#type: self.row().0.to_owned(),
                code: self.code.to_owned(),
                message: self.message.clone(),
                param: self.param.map(str::to_owned),
                line: self.line,
                hint: self.hint.to_owned(),
                request_id: request_id.to_owned(),
            },
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.row().1
    }

    /// The body is written by the request middleware, which knows the request's id.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if self.code == "overloaded" {
            response.insert_header(("Retry-After", "2"));
        }
        if self.code == "unauthorized" {
            response.insert_header(("WWW-Authenticate", "Basic realm=\"Terroir\""));
        }
        let mut response = response.finish();
        response.extensions_mut().insert(self.clone());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_statuses_valid() {
        for (index, (code, _, status)) in TABLE.iter().enumerate() {
            assert!(StatusCode::from_u16(*status).is_ok(), "{code}");
            assert!(TABLE[index + 1..].iter().all(|(other, _, _)| other != code), "{code} twice");
        }
    }

    #[test]
    fn an_unknown_code_is_an_internal_error() {
        let error = ApiError::new("never_listed", "x", "y");
        assert_eq!(error.status_code(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
