//! `POST /api/v1/ask`: typed events, or the whole answer at once.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, post, web};
use tokio::sync::mpsc;

use crate::answer::{self, Event};
use crate::api::{Answer, AskRequest};
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::request::{Caller, RequestId};
use crate::sse;

/// Answers a question from the documents. Events, in order: one `sources`, any number of `delta` and
/// `citation`, one `done` (the whole answer) or `failed` (an error body).
#[utoipa::path(tag = "answers", request_body = AskRequest,
    responses((status = 200, body = Answer), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
#[post("/api/v1/ask")]
pub async fn ask(
    service: web::Data<Service>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<AskRequest>,
) -> ApiResult<HttpResponse> {
    let body = body.into_inner();
    let stream = body.stream.unwrap_or(true);
    let mut events = answer::start(service, body, caller).await?;
    if !stream {
        while let Some(event) = events.recv().await {
            match event {
                Event::Done(answer) => return Ok(HttpResponse::Ok().json(answer)),
                Event::Failed(error) => return Err(error),
                Event::Sources(_) | Event::Delta(_) | Event::Citation(_) => {}
            }
        }
        return Err(ApiError::internal("the answer ended without an outcome"));
    }
    let id = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
    let (sender, receiver) = mpsc::channel(16);
    actix_web::rt::spawn(async move {
        while let Some(event) = events.recv().await {
            let bytes = match event {
                Event::Sources(sources) => sse::event(Some("sources"), &sources),
                Event::Delta(delta) => sse::event(Some("delta"), &delta),
                Event::Citation(citation) => sse::event(Some("citation"), &citation),
                Event::Done(answer) => sse::event(Some("done"), &answer),
                Event::Failed(error) => sse::event(Some("failed"), &error.body(&id)),
            };
            // The reader has left: dropping `events` stops the answer.
            if sender.send(bytes).await.is_err() {
                return;
            }
        }
    });
    Ok(sse::response(receiver))
}
