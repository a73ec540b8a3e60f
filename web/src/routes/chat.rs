//! `/v1/chat/completions`: an answer from the documents in `OpenAI`'s shape, or the model by itself.
//!
//! Answers are grounded unless the request asks for something that quotes cannot be: see [`ChatRequest::plain`].

mod grounded;
mod plain;
mod request;

use actix_web::{HttpResponse, post, web};

pub use self::request::ChatRequest;
use super::openai::{PLAIN, generating_model};
use crate::app::Service;
use crate::error::{ApiResult, ErrorBody};
use crate::request::Caller;

/// Without more, the last user message is a question that is answered from the documents, with `sources`
/// and `citations` as extra fields. The model writes by itself, from the whole conversation, when the model
/// is named with `:plain`, when `grounded` is false, or when the request has `tools`, a `response_format`
/// other than text, `n` above 1, or `logprobs`. The response says which it was in `grounded`.
#[utoipa::path(tag = "openai", request_body = ChatRequest,
    responses((status = 200, body = Value), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
#[post("/v1/chat/completions")]
pub async fn chat_completions(
    service: web::Data<Service>,
    caller: Caller,
    request: web::Json<ChatRequest>,
) -> ApiResult<HttpResponse> {
    let request = request.into_inner();
    let model = generating_model(&service, request.model.as_deref())?;
    request.check()?;
    let generator = service.generator().await?;
    if request.plain(model.ends_with(PLAIN))? {
        plain::answer(&service, &generator, request, model, caller).await
    } else {
        grounded::answer(service, &generator, request, model, caller).await
    }
}
