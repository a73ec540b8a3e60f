//! `/v1/completions`: the model goes on with a text. Neither documents nor the chat template are involved.

use std::collections::HashMap;

use actix_web::web::Bytes;
use actix_web::{HttpResponse, post, web};
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use terroir_generate::{Generator, Piece, Prompt, WriteRequest, WrittenToken};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::openai::generating_model;
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::request::Caller;
use crate::sse;
use crate::writing::{self, Drawing, Head, Pieces, StreamOptions, Sum, finish_reason, invalid, lossy, unsupported};

/// Fields that are not listed are ignored; listed ones that cannot be served are refused.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CompletionsRequest {
    pub model: Option<String>,
    /// A text, several, or their tokens.
    #[schema(value_type = Object)]
    pub prompt: Option<Prompts>,
    pub stream: Option<bool>,
    pub stream_options: Option<StreamOptions>,
    /// 16 tokens are written where `max_tokens` is left out.
    #[serde(flatten)]
    pub drawing: Drawing,
    /// Report the log-probability of every token, and of this many alternatives, up to 20.
    pub logprobs: Option<usize>,
    /// As in `/v1/chat/completions`.
    #[schema(value_type = Option<Object>)]
    pub response_format: Option<Value>,
    /// Refused, unless it is false.
    pub echo: Option<bool>,
    /// Refused, unless it is empty.
    pub suffix: Option<String>,
    /// Refused, unless it is 1.
    pub best_of: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Prompts {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    TokenLists(Vec<Vec<u32>>),
}

/// `OpenAI`'s default.
const MAX_TOKENS: usize = 16;

impl CompletionsRequest {
    fn check(&self) -> ApiResult<()> {
        if self.echo == Some(true) {
            return Err(unsupported("echo", "put the prompt before the text yourself"));
        }
        if self.suffix.as_ref().is_some_and(|suffix| !suffix.is_empty()) {
            return Err(unsupported("suffix", "the model cannot fill gaps: send what comes before"));
        }
        if self.best_of.is_some_and(|count| count != 1) {
            return Err(unsupported("best_of", "send n, and choose by logprobs"));
        }
        Ok(())
    }

    fn prompts(&mut self) -> ApiResult<Vec<Prompt>> {
        let prompts = match self.prompt.take() {
            None => Vec::new(),
            Some(Prompts::Text(text)) => vec![Prompt::Text(text)],
            Some(Prompts::Texts(texts)) => texts.into_iter().map(Prompt::Text).collect(),
            Some(Prompts::Tokens(tokens)) => vec![Prompt::Tokens(tokens)],
            Some(Prompts::TokenLists(lists)) => lists.into_iter().map(Prompt::Tokens).collect(),
        };
        if prompts.is_empty() {
            return Err(invalid("prompt", "there is no prompt".to_owned()));
        }
        Ok(prompts)
    }
}

/// Goes on with texts. The choices of the second prompt follow those of the first.
#[utoipa::path(tag = "openai", request_body = CompletionsRequest,
    responses((status = 200, body = Value), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
#[post("/v1/completions")]
pub async fn completions(
    service: web::Data<Service>,
    caller: Caller,
    request: web::Json<CompletionsRequest>,
) -> ApiResult<HttpResponse> {
    let mut request = request.into_inner();
    let model = generating_model(&service, request.model.as_deref())?;
    request.check()?;
    let prompts = request.prompts()?;
    let texts = request.drawing.texts(prompts.len(), &service)?;
    let sampling = request.drawing.sampling(MAX_TOKENS, request.logprobs)?;
    let format = writing::format(request.response_format.as_ref())?;
    let generator: Generator = service.generator().await?;
    let requests = prompts.into_iter().map(|prompt| WriteRequest {
        prompt,
        sampling: sampling.clone(),
        format: format.clone(),
        texts,
        owner: caller.owner.clone(),
        voice: None,
    });
    let pieces = writing::start(&generator, requests.collect()).await;
    let pieces = pieces.map_err(|error| match error.param {
        Some("messages") => error.param("prompt"),
        _ => error,
    })?;
    let completion = Completion { head: Head::new("cmpl", model, &generator), texts, reports: request.logprobs };
    if request.stream != Some(true) {
        return completion.whole(pieces).await;
    }
    let include_usage = request.stream_options.is_some_and(|options| options.include_usage);
    let (sender, receiver) = mpsc::channel(16);
    actix_web::rt::spawn(async move { completion.stream(pieces, &sender, include_usage).await });
    Ok(sse::response(receiver))
}

struct Completion {
    head: Head,
    /// For each prompt.
    texts: usize,
    reports: Option<usize>,
}

/// A text as far as it has come.
#[derive(Default)]
struct Written {
    text: String,
    tokens: Vec<WrittenToken>,
    finish_reason: Option<&'static str>,
}

impl Completion {
    async fn whole(self, mut pieces: Pieces) -> ApiResult<HttpResponse> {
        let (mut sum, mut written) = (Sum::default(), Vec::<Written>::new());
        while let Some((index, piece)) = pieces.next().await {
            if written.len() <= index {
                written.resize_with(index + 1, Written::default);
            }
            match piece? {
                Piece::Text { text, tokens } => {
                    written[index].text.push_str(&text);
                    written[index].tokens.extend(tokens);
                }
                Piece::End { reason, usage } => {
                    sum.add(usage, index.is_multiple_of(self.texts));
                    written[index].finish_reason = Some(finish_reason(reason));
                }
            }
        }
        if written.iter().any(|text| text.finish_reason.is_none()) {
            return Err(ApiError::internal("a text ended without a reason"));
        }
        let choices = written.iter().enumerate().map(|(index, text)| self.choice(index, text, 0));
        let mut body = self.head.object("text_completion", &choices.collect());
        body["usage"] = sum.json();
        Ok(HttpResponse::Ok().json(body))
    }

    /// `offset`: characters of the text before this one.
    fn choice(&self, index: usize, text: &Written, offset: usize) -> Value {
        let logprobs = self.reports.map_or(Value::Null, |_| log_probabilities(&text.tokens, offset));
        json!({"index": index, "text": text.text, "logprobs": logprobs, "finish_reason": text.finish_reason})
    }

    async fn stream(self, mut pieces: Pieces, to: &mpsc::Sender<Bytes>, include_usage: bool) {
        let (mut sum, mut offsets) = (Sum::default(), HashMap::<usize, usize>::new());
        let mut events = Vec::new();
        while let Some((index, piece)) = pieces.next().await {
            let offset = offsets.entry(index).or_insert(0);
            let before = *offset;
            let (part, failed) = match piece {
                Ok(Piece::Text { text, tokens }) => {
                    *offset += text.chars().count();
                    (Ok(Written { text, tokens, finish_reason: None }), false)
                }
                Ok(Piece::End { reason, usage }) => {
                    sum.add(usage, index.is_multiple_of(self.texts));
                    (Ok(Written { finish_reason: Some(finish_reason(reason)), ..Written::default() }), false)
                }
                Err(error) => (Err(error), true),
            };
            events.push(match part {
                Ok(part) => {
                    let choice = self.choice(index, &part, before);
                    sse::event(None, &self.head.object("text_completion", &json!([choice])))
                }
                Err(error) => sse::event(None, &error.body(&self.head.id)),
            });
            for event in events.drain(..) {
                // The reader has left: dropping `pieces` stops the model.
                if to.send(event).await.is_err() {
                    return;
                }
            }
            if failed {
                return;
            }
        }
        if include_usage {
            let mut chunk = self.head.object("text_completion", &json!([]));
            chunk["usage"] = sum.json();
            events.push(sse::event(None, &chunk));
        }
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));
        for event in events {
            if to.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// In the shape of `/v1/completions`.
fn log_probabilities(tokens: &[WrittenToken], mut offset: usize) -> Value {
    let mut offsets = Vec::new();
    for token in tokens {
        offsets.push(offset);
        offset += lossy(&token.bytes).chars().count();
    }
    let top = |token: &WrittenToken| {
        let top = token.top.iter().map(|(bytes, logprob)| (lossy(bytes), json!(logprob)));
        Value::Object(top.collect())
    };
    json!({
        "tokens": tokens.iter().map(|token| lossy(&token.bytes)).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|token| token.log_probability).collect::<Vec<_>>(),
        "top_logprobs": tokens.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}
