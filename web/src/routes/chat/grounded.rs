//! An answer from the documents: the last user message is the question; `sources` and `citations` are extra
//! fields, in the response and in the stream.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use terroir_generate::Generator;
use tokio::sync::mpsc;

use super::ChatRequest;
use crate::answer::{self, Event};
use crate::api::{AskRequest, Usage};
use crate::app::Service;
use crate::error::{ApiError, ApiResult};
use crate::request::Caller;
use crate::sse;
use crate::writing::Head;

pub async fn answer(
    service: web::Data<Service>,
    generator: &Generator,
    mut request: ChatRequest,
    model: String,
    caller: Caller,
) -> ApiResult<HttpResponse> {
    let (question, earlier) = (request.question()?, request.earlier_questions()?);
    let drawing = request.drawing();
    let ask = AskRequest {
        question,
        earlier,
        seed: drawing.seed.map(i64::cast_unsigned),
        temperature: drawing.temperature,
        max_tokens: drawing.max_tokens.and_then(|count| usize::try_from(count).ok()),
        collection: request.collection,
        style: request.style,
        top_k: None,
        stream: None,
        filter: request.filter,
    };
    let events = answer::start(service, ask, caller).await?;
    let head = Head::new("chatcmpl", model, generator);
    if request.stream != Some(true) {
        return whole(&head, events).await;
    }
    let include_usage = request.stream_options.is_some_and(|options| options.include_usage);
    let (sender, receiver) = mpsc::channel(16);
    actix_web::rt::spawn(stream(head, events, sender, include_usage));
    Ok(sse::response(receiver))
}

async fn whole(head: &Head, mut events: mpsc::Receiver<Event>) -> ApiResult<HttpResponse> {
    while let Some(event) = events.recv().await {
        match event {
            Event::Done(answer) => {
                let choice = json!({
                    "index": 0,
                    "message": {"role": "assistant", "content": answer.text, "refusal": null},
                    "logprobs": null,
                    "finish_reason": "stop",
                });
                let mut body = head.object("chat.completion", &json!([choice]));
                body["usage"] = usage(&answer.usage);
                body["grounded"] = json!(true);
                body["outcome"] = json!(answer.outcome);
                body["sources"] = json!(answer.passages);
                body["citations"] = json!(answer.citations);
                return Ok(HttpResponse::Ok().json(body));
            }
            Event::Failed(error) => return Err(error),
            Event::Sources(_) | Event::Delta(_) | Event::Citation(_) => {}
        }
    }
    Err(ApiError::internal("the answer ended without an outcome"))
}

fn usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.prompt_tokens + usage.output_tokens,
    })
}

fn chunk(head: &Head, delta: &Value, finish_reason: Option<&str>) -> Value {
    let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
    head.object("chat.completion.chunk", &json!([choice]))
}

async fn stream(head: Head, mut events: mpsc::Receiver<Event>, to: mpsc::Sender<Bytes>, include_usage: bool) {
    while let Some(event) = events.recv().await {
        let last = matches!(event, Event::Done(_) | Event::Failed(_));
        let mut chunks = chunks(&head, event, include_usage);
        if last {
            chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
        }
        for chunk in chunks {
            if to.send(chunk).await.is_err() {
                return;
            }
        }
        if last {
            return;
        }
    }
}

fn chunks(head: &Head, event: Event, include_usage: bool) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    match event {
        Event::Sources(sources) => {
            let mut chunk = chunk(head, &json!({"role": "assistant", "content": ""}), None);
            chunk["grounded"] = json!(true);
            chunk["sources"] = json!(sources.passages);
            chunks.push(sse::event(None, &chunk));
        }
        Event::Delta(delta) => chunks.push(sse::event(None, &chunk(head, &json!({"content": delta.text}), None))),
        Event::Citation(citation) => {
            let mut chunk = chunk(head, &json!({}), None);
            chunk["citations"] = json!([citation]);
            chunks.push(sse::event(None, &chunk));
        }
        Event::Done(answer) => {
            let mut chunk = chunk(head, &json!({}), Some("stop"));
            chunk["outcome"] = json!(answer.outcome);
            chunk["citations"] = json!(answer.citations);
            chunks.push(sse::event(None, &chunk));
            if include_usage {
                let mut chunk = head.object("chat.completion.chunk", &json!([]));
                chunk["usage"] = usage(&answer.usage);
                chunks.push(sse::event(None, &chunk));
            }
        }
        // Clients look for an error in the data, not for the name of an event.
        Event::Failed(error) => chunks.push(sse::event(None, &error.body(&head.id))),
    }
    chunks
}
