//! The model by itself: the conversation through its chat template, held to a format, with calls of tools.

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures::StreamExt as _;
use serde_json::{Value, json};
use terroir_generate::{EndReason, Generator, Piece, Prompt, ToolCall, ToolReader, WriteRequest, WrittenToken};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{ChatRequest, request};
use crate::app::Service;
use crate::error::{ApiError, ApiResult};
use crate::request::Caller;
use crate::sse;
use crate::writing::{self, Head, Pieces, Sum, finish_reason, token_json};

pub async fn answer(
    service: &Service,
    generator: &Generator,
    mut request: ChatRequest,
    model: String,
    caller: Caller,
) -> ApiResult<HttpResponse> {
    let messages = request.conversation()?;
    let tools = request.tools()?;
    let choice = request.choice(&tools)?;
    let format = request::format(&request, &choice, &tools)?;
    let texts = request.drawing.texts(1, service)?;
    let log_probabilities = request.log_probabilities()?;
    let sampling = request.drawing().sampling(generator.context_tokens(), log_probabilities)?;
    let names = tools.iter().map(|tool| tool.name.clone()).collect::<Vec<_>>();
    let forced = !matches!(choice, terroir_generate::ToolChoice::Auto | terroir_generate::ToolChoice::None);
    let callable = choice != terroir_generate::ToolChoice::None && !names.is_empty();
    let prompt = Prompt::Conversation { messages, tools, choice };
    let (owner, voice) = (caller.owner, request.collection.clone());
    let write = WriteRequest { prompt, sampling, format, texts, owner, voice };
    let written = writing::start(generator, vec![write]).await;
    let pieces = written.map_err(|error| match error.param {
        // The format was that of a tool's arguments.
        Some("response_format") if forced => error.param("tools"),
        Some("prompt") => error.param("messages"),
        _ => error,
    })?;
    let head = Head::new("chatcmpl", model, generator);
    let choice = || Choice {
        tools: callable.then(|| ToolReader::new(names.iter().cloned())),
        most_calls: if request.parallel_tool_calls == Some(false) { 1 } else { usize::MAX },
        reports: log_probabilities.is_some(),
        ..Choice::default()
    };
    let choices = (0..texts).map(|_| choice()).collect::<Vec<_>>();
    if request.stream != Some(true) {
        return whole(&head, choices, pieces).await;
    }
    let include_usage = request.stream_options.is_some_and(|options| options.include_usage);
    let (sender, receiver) = mpsc::channel(16);
    actix_web::rt::spawn(stream(head, choices, pieces, sender, include_usage));
    Ok(sse::response(receiver))
}

/// One text on its way, or whole.
#[derive(Default)]
struct Choice {
    tools: Option<ToolReader>,
    most_calls: usize,
    reports: bool,
    begun: bool,
    text: String,
    tokens: Vec<WrittenToken>,
    calls: Vec<ToolCall>,
    finish_reason: Option<&'static str>,
}

impl Choice {
    /// The text that may go out of what came in.
    fn push(&mut self, text: &str) -> String {
        match &mut self.tools {
            Some(tools) => tools.push(text),
            None => text.to_owned(),
        }
    }

    /// The text that was held back.
    fn end(&mut self, reason: EndReason) -> String {
        let (rest, calls) = self.tools.take().map(ToolReader::finish).unwrap_or_default();
        self.calls = calls;
        self.calls.truncate(self.most_calls);
        let reason = finish_reason(reason);
        self.finish_reason = Some(if self.calls.is_empty() { reason } else { "tool_calls" });
        rest
    }

    fn calls_json(&self, numbered: bool) -> Value {
        let calls = self.calls.iter().enumerate().map(|(index, call)| {
            let mut value = json!({
                "id": format!("call_{}", Uuid::now_v7().simple()),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            });
            if numbered {
                value["index"] = json!(index);
            }
            value
        });
        calls.collect()
    }

    fn log_probabilities(&self, tokens: &[WrittenToken]) -> Value {
        if !self.reports {
            return Value::Null;
        }
        json!({"content": tokens.iter().map(token_json).collect::<Vec<_>>(), "refusal": null})
    }

    fn json(&self, index: usize) -> Value {
        let content = if self.text.is_empty() && !self.calls.is_empty() { Value::Null } else { json!(self.text) };
        let mut message = json!({"role": "assistant", "content": content, "refusal": null});
        if !self.calls.is_empty() {
            message["tool_calls"] = self.calls_json(false);
        }
        json!({
            "index": index,
            "message": message,
            "logprobs": self.log_probabilities(&self.tokens),
            "finish_reason": self.finish_reason,
        })
    }
}

async fn whole(head: &Head, mut choices: Vec<Choice>, mut pieces: Pieces) -> ApiResult<HttpResponse> {
    let mut sum = Sum::default();
    while let Some((index, piece)) = pieces.next().await {
        let Some(choice) = choices.get_mut(index) else { continue };
        let more = match piece? {
            Piece::Text { text, tokens } => {
                choice.tokens.extend(tokens);
                choice.push(&text)
            }
            Piece::End { reason, usage } => {
                sum.add(usage, index == 0);
                choice.end(reason)
            }
        };
        choice.text.push_str(&more);
    }
    if choices.iter().any(|choice| choice.finish_reason.is_none()) {
        return Err(ApiError::internal("a text ended without a reason"));
    }
    let choices = choices.iter().enumerate().map(|(index, choice)| choice.json(index)).collect::<Value>();
    let mut body = head.object("chat.completion", &choices);
    body["usage"] = sum.json();
    body["grounded"] = json!(false);
    Ok(HttpResponse::Ok().json(body))
}

async fn stream(
    head: Head,
    mut choices: Vec<Choice>,
    mut pieces: Pieces,
    to: mpsc::Sender<Bytes>,
    include_usage: bool,
) {
    let mut sum = Sum::default();
    while let Some((index, piece)) = pieces.next().await {
        let Some(choice) = choices.get_mut(index) else { continue };
        let chunks = match piece {
            Ok(piece) => {
                if let Piece::End { usage, .. } = &piece {
                    sum.add(*usage, index == 0);
                }
                chunks(&head, index, choice, piece)
            }
            // Clients look for an error in the data, not for the name of an event.
            Err(error) => vec![serde_json::to_value(error.body(&head.id)).unwrap_or_default()],
        };
        let failed = chunks.iter().any(|chunk| chunk.get("error").is_some());
        for chunk in chunks {
            // The reader has left: dropping `pieces` stops the model.
            if to.send(sse::event(None, &chunk)).await.is_err() {
                return;
            }
        }
        if failed {
            return;
        }
    }
    let mut last = Vec::new();
    if include_usage {
        let mut chunk = head.object("chat.completion.chunk", &json!([]));
        chunk["usage"] = sum.json();
        last.push(sse::event(None, &chunk));
    }
    last.push(Bytes::from_static(b"data: [DONE]\n\n"));
    for bytes in last {
        if to.send(bytes).await.is_err() {
            return;
        }
    }
}

fn chunks(head: &Head, index: usize, choice: &mut Choice, piece: Piece) -> Vec<Value> {
    let chunk = |delta: Value, logprobs: Value, finish_reason: Option<&str>| {
        let choice = json!({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason});
        head.object("chat.completion.chunk", &json!([choice]))
    };
    let mut chunks = Vec::new();
    if !std::mem::replace(&mut choice.begun, true) {
        let mut first = chunk(json!({"role": "assistant", "content": ""}), Value::Null, None);
        first["grounded"] = json!(false);
        chunks.push(first);
    }
    match piece {
        Piece::Text { text, tokens } => {
            let text = choice.push(&text);
            if !text.is_empty() || (choice.reports && !tokens.is_empty()) {
                chunks.push(chunk(json!({"content": text}), choice.log_probabilities(&tokens), None));
            }
        }
        Piece::End { reason, .. } => {
            let rest = choice.end(reason);
            if !rest.is_empty() {
                chunks.push(chunk(json!({"content": rest}), Value::Null, None));
            }
            if !choice.calls.is_empty() {
                chunks.push(chunk(json!({"tool_calls": choice.calls_json(true)}), Value::Null, None));
            }
            chunks.push(chunk(json!({}), Value::Null, choice.finish_reason));
        }
    }
    chunks
}
