//! `/v1/chat/completions`: an answer from the documents in `OpenAI`'s shape. The last user message is the
//! question; `sources` and `citations` are extra fields, in the response and in the stream.

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::web::Bytes;
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::openai::unknown_model;
use crate::answer::{self, Event};
use crate::api::{AskRequest, Style, Usage};
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::sse;

#[derive(Debug, Deserialize, ToSchema)]
pub struct ChatRequest {
    pub model: Option<String>,
    pub messages: Vec<Message>,
    #[serde(default)]
    pub stream: bool,
    pub stream_options: Option<StreamOptions>,
    pub temperature: Option<f32>,
    pub max_tokens: Option<usize>,
    pub max_completion_tokens: Option<usize>,
    pub seed: Option<u64>,
    /// Terroir's own: name of a collection.
    pub collection: Option<String>,
    /// Terroir's own: `quote` or `compose`.
    pub style: Option<Style>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct Message {
    pub role: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub content: Content,
}

/// A text, or parts of which the text ones count.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum Content {
    Text(String),
    Parts(Vec<Value>),
    #[default]
    None,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct StreamOptions {
    #[serde(default)]
    pub include_usage: bool,
}

impl Content {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"),
            Self::None => String::new(),
        }
    }
}

/// What every chunk and the whole response have in common.
struct Head {
    id: String,
    created: u64,
    model: String,
}

#[utoipa::path(tag = "openai", request_body = ChatRequest,
    responses((status = 200, body = Value), (status = 400, body = ErrorBody), (status = 429, body = ErrorBody)))]
#[post("/v1/chat/completions")]
pub async fn chat_completions(service: web::Data<Service>, request: web::Json<ChatRequest>) -> ApiResult<HttpResponse> {
    let request = request.into_inner();
    let model = service.settings.models.generate.clone();
    if let Some(other) = request.model.as_ref().filter(|name| **name != model) {
        return Err(unknown_model(other));
    }
    let question = request.messages.iter().rev().find(|message| message.role == "user");
    let question = question.map(|message| message.content.text()).ok_or_else(|| {
        ApiError::new(
            "invalid_request",
            "there is no message with the role user",
            "send the question as a user message",
        )
        .param("messages")
    })?;
    let events = answer::start(
        service,
        AskRequest {
            question,
            collection: request.collection,
            style: request.style,
            top_k: None,
            stream: None,
            seed: request.seed,
            temperature: request.temperature,
            max_tokens: request.max_completion_tokens.or(request.max_tokens),
        },
    )
    .await?;
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let head = Head { id: format!("chatcmpl-{}", uuid::Uuid::now_v7().simple()), created, model };
    if !request.stream {
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
                return Ok(HttpResponse::Ok().json(json!({
                    "id": head.id, "object": "chat.completion", "created": head.created, "model": head.model,
                    "choices": [{
                        "index": 0,
                        "message": {"role": "assistant", "content": answer.text, "refusal": null},
                        "logprobs": null,
                        "finish_reason": "stop",
                    }],
                    "usage": usage(&answer.usage),
                    "outcome": answer.outcome,
                    "sources": answer.passages,
                    "citations": answer.citations,
                })));
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

impl Head {
    fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> Value {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
        })
    }
}

async fn stream(head: Head, mut events: mpsc::Receiver<Event>, to: mpsc::Sender<Bytes>, include_usage: bool) {
    while let Some(event) = events.recv().await {
        let mut last = false;
        let mut chunks = Vec::new();
        match event {
            Event::Sources(sources) => {
                let mut chunk = head.chunk(&json!({"role": "assistant", "content": ""}), None);
                chunk["sources"] = json!(sources.passages);
                chunks.push(sse::event(None, &chunk));
            }
            Event::Delta(delta) => chunks.push(sse::event(None, &head.chunk(&json!({"content": delta.text}), None))),
            Event::Citation(citation) => {
                let mut chunk = head.chunk(&json!({}), None);
                chunk["citations"] = json!([citation]);
                chunks.push(sse::event(None, &chunk));
            }
            Event::Done(answer) => {
                let mut chunk = head.chunk(&json!({}), Some("stop"));
                chunk["outcome"] = json!(answer.outcome);
                chunk["citations"] = json!(answer.citations);
                chunks.push(sse::event(None, &chunk));
                if include_usage {
                    let mut chunk = head.chunk(&json!({}), None);
                    chunk["choices"] = json!([]);
                    chunk["usage"] = usage(&answer.usage);
                    chunks.push(sse::event(None, &chunk));
                }
                last = true;
            }
            // Clients look for an error in the data, not for the name of an event.
            Event::Failed(error) => {
                chunks.push(sse::event(None, &error.body(&head.id)));
                last = true;
            }
        }
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
