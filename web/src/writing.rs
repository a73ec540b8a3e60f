//! What `OpenAI`'s two routes for text have in common: how tokens are drawn, the streams of several texts as
//! one, and the shapes of usage and log-probabilities.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use futures::stream::{self, BoxStream, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use terroir_generate::{EndReason, Format, Generator, Piece, Sampling, Usage, WriteRequest, WrittenToken};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::Service;
use crate::error::{ApiError, ApiResult};

/// How the tokens of a text are drawn, with llama.cpp's definitions. In the order in which they act:
/// `logit_bias`, the format, the penalties, `top_k`, `top_p`, `min_p`, `temperature`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct Drawing {
    /// 0 (the most likely token) to 10; 1 if left out.
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    /// 0 and below are off.
    pub top_k: Option<i64>,
    pub min_p: Option<f32>,
    #[serde(alias = "repeat_penalty")]
    pub repetition_penalty: Option<f32>,
    pub frequency_penalty: Option<f32>,
    pub presence_penalty: Option<f32>,
    /// How many of the last tokens, prompt included, the penalties look at; 64 if left out.
    #[serde(alias = "repeat_last_n")]
    pub penalty_last_n: Option<usize>,
    /// Token ids with what is added to their logits, from -100 to 100.
    pub logit_bias: Option<BTreeMap<String, f32>>,
    /// The same seed draws the same text.
    pub seed: Option<i64>,
    /// Up to 16 texts before which the text ends.
    pub stop: Option<Stop>,
    /// Texts for each prompt.
    pub n: Option<usize>,
    pub max_tokens: Option<i64>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct StreamOptions {
    #[serde(default)]
    pub include_usage: bool,
}

const MAX_STOPS: usize = 16;

impl Drawing {
    /// Checked. `max_tokens` is the limit where the request names none.
    pub fn sampling(&self, max_tokens: usize, log_probabilities: Option<usize>) -> ApiResult<Sampling> {
        let plain = Sampling::default();
        let max_tokens = match self.max_tokens {
            None => max_tokens,
            Some(count) => usize::try_from(count)
                .ok()
                .filter(|count| *count > 0)
                .ok_or_else(|| invalid("max_tokens", format!("max_tokens is {count}; it must be at least 1")))?,
        };
        let sampling = Sampling {
            temperature: self.temperature.unwrap_or(1.0),
            top_p: self.top_p.unwrap_or(plain.top_p),
            top_k: self.top_k.map_or(plain.top_k, |count| usize::try_from(count).unwrap_or(0)),
            min_p: self.min_p.unwrap_or(plain.min_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(plain.repetition_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(plain.frequency_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(plain.presence_penalty),
            penalty_last_n: self.penalty_last_n.unwrap_or(plain.penalty_last_n),
            logit_bias: self.bias()?,
            seed: self.seed.map(i64::cast_unsigned),
            log_probabilities,
            max_tokens,
            stop: self.stops()?,
        };
        sampling.check().map_err(|error| ApiError::from(&error))?;
        Ok(sampling)
    }

    fn bias(&self) -> ApiResult<Vec<(u32, f32)>> {
        let entries = self.logit_bias.iter().flatten().map(|(token, bias)| {
            let parsed = token.parse().map(|token| (token, *bias));
            parsed.map_err(|_| invalid("logit_bias", format!("logit_bias names {token:?}, which is no token's number")))
        });
        entries.collect()
    }

    fn stops(&self) -> ApiResult<Vec<String>> {
        let stops = match &self.stop {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop.clone()],
            Some(Stop::Many(stops)) => stops.clone(),
        };
        if stops.len() > MAX_STOPS || stops.iter().any(String::is_empty) {
            return Err(invalid("stop", format!("stop must be up to {MAX_STOPS} texts, none of them empty")));
        }
        Ok(stops)
    }

    /// How many texts of each of `prompts` are wanted. All of them must find a place in the queue.
    pub fn texts(&self, prompts: usize, service: &Service) -> ApiResult<usize> {
        let (texts, places) = (self.n.unwrap_or(1), service.settings.models.queue_capacity.max(1));
        if texts == 0 || texts.saturating_mul(prompts) > places {
            return Err(invalid("n", format!("{prompts} prompts with n {texts} are not from 1 to {places} texts")));
        }
        Ok(texts)
    }
}

/// A value that has no meaning here.
pub fn invalid(param: &'static str, message: String) -> ApiError {
    ApiError::new("invalid_request", message, "see /openapi.json for what it may be").param(param)
}

/// A part of the other API that would change what the answer means, and that is not there.
pub fn unsupported(param: &'static str, hint: &'static str) -> ApiError {
    ApiError::new("unsupported", format!("{param} is not supported here"), hint).param(param)
}

/// `response_format`: `OpenAI`'s types, and `{"type": "regex", "regex": "…"}`.
pub fn format(value: Option<&Value>) -> ApiResult<Format> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(Format::Text);
    };
    let wrong = |message: &str| Err(invalid("response_format", message.to_owned()));
    match value["type"].as_str() {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::JsonObject),
        Some("json_schema") => {
            let described = &value["json_schema"];
            match described.get("schema") {
                Some(schema) => Ok(Format::JsonSchema {
                    schema: schema.clone(),
                    strict: described["strict"].as_bool().unwrap_or(false),
                }),
                None => wrong("response_format.json_schema.schema is missing"),
            }
        }
        Some("regex") => match value["regex"].as_str() {
            Some(pattern) => Ok(Format::Regex(pattern.to_owned())),
            None => wrong("response_format.regex is missing"),
        },
        Some("quotes") => match serde_json::from_value(value["texts"].clone()) {
            Ok(texts) => Ok(Format::Quotes(texts)),
            Err(_) => wrong("response_format.texts must be a list of texts"),
        },
        _ => wrong("response_format.type must be text, json_object, json_schema, regex or quotes"),
    }
}

/// What every part of a response has in common.
pub struct Head {
    pub id: String,
    pub created: u64,
    pub model: String,
    /// Changes with the model's weights.
    pub fingerprint: String,
}

impl Head {
    pub fn new(prefix: &str, model: String, generator: &Generator) -> Self {
        let sha256 = &generator.passport().sha256;
        Self {
            id: format!("{prefix}-{}", Uuid::now_v7().simple()),
            created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs()),
            model,
            fingerprint: format!("fp_{}", sha256.get(..12).unwrap_or(sha256)),
        }
    }

    /// An object of this response; other fields are added to it.
    pub fn object(&self, object: &str, choices: &Value) -> Value {
        json!({
            "id": self.id, "object": object, "created": self.created, "model": self.model,
            "system_fingerprint": self.fingerprint, "choices": choices,
        })
    }
}

/// Pieces of several texts as they come, with the number of the text. Dropping it stops the model.
pub type Pieces = BoxStream<'static, (usize, ApiResult<Piece>)>;

/// Starts the texts of several requests and numbers them through.
pub async fn start(generator: &Generator, requests: Vec<WriteRequest>) -> ApiResult<Pieces> {
    let mut receivers = Vec::new();
    for request in requests {
        receivers.extend(generator.write(request).await.map_err(|error| ApiError::from(&error))?);
    }
    let streams = receivers.into_iter().enumerate().map(|(index, receiver)| {
        let pieces = stream::unfold(receiver, |mut receiver| async move {
            let piece = receiver.recv().await?;
            Some((piece.map_err(|error| ApiError::from(&error)), receiver))
        });
        pieces.map(move |piece| (index, piece)).boxed()
    });
    Ok(stream::select_all(streams).boxed())
}

/// Sums of several texts; each of `prompts` was read once, however many texts it has.
#[derive(Debug, Default)]
pub struct Sum {
    usage: Usage,
}

impl Sum {
    /// `first`: the text is the first one of its prompt.
    pub fn add(&mut self, usage: Usage, first: bool) {
        self.usage.output_tokens += usage.output_tokens;
        if first {
            self.usage.prompt_tokens += usage.prompt_tokens;
            if let Some(cached) = usage.cached_tokens {
                *self.usage.cached_tokens.get_or_insert(0) += cached;
            }
        }
    }

    pub fn json(&self) -> Value {
        let Usage { prompt_tokens, output_tokens, cached_tokens } = self.usage;
        let mut usage = json!({
            "prompt_tokens": prompt_tokens,
            "completion_tokens": output_tokens,
            "total_tokens": prompt_tokens + output_tokens,
        });
        if let Some(cached) = cached_tokens {
            usage["prompt_tokens_details"] = json!({"cached_tokens": cached});
        }
        usage
    }
}

pub fn finish_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Finished | EndReason::Stopped => "stop",
        EndReason::Length => "length",
    }
}

/// Bytes as text; where they are no whole character, `bytes` beside it has them.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// In the shape of `/v1/chat/completions`.
pub fn token_json(token: &WrittenToken) -> Value {
    let shape = |bytes: &[u8], logprob: f32| json!({"token": lossy(bytes), "logprob": logprob, "bytes": bytes});
    let mut value = shape(&token.bytes, token.log_probability);
    value["top_logprobs"] = token.top.iter().map(|(bytes, logprob)| shape(bytes, *logprob)).collect();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(body: Value) -> ApiResult<Sampling> {
        serde_json::from_value::<Drawing>(body).expect("the shape is right").sampling(100, None)
    }

    #[test]
    fn values_without_meaning_name_their_parameter() {
        for (body, param) in [
            (json!({"temperature": 11}), "temperature"),
            (json!({"top_p": 0}), "top_p"),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"max_tokens": -1}), "max_tokens"),
            (json!({"stop": ["a", ""]}), "stop"),
            (json!({"logit_bias": {"the": 1}}), "logit_bias"),
            (json!({"logit_bias": {"5": 101}}), "logit_bias"),
            (json!({"presence_penalty": -3}), "presence_penalty"),
        ] {
            let error = drawing(body.clone()).expect_err("it is refused");
            assert_eq!((error.code, error.param), ("invalid_request", Some(param)), "{body}");
        }
        let sampling =
            drawing(json!({"stop": "x", "repeat_penalty": 1.2, "seed": -1, "top_k": -1, "n": null})).unwrap();
        assert_eq!((sampling.stop, sampling.repetition_penalty, sampling.top_k), (vec!["x".to_owned()], 1.2, 0));
        assert_eq!((sampling.max_tokens, sampling.seed), (100, Some(u64::MAX)));
    }

    #[test]
    fn formats_are_those_of_the_api() {
        let schema = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {}, "strict": true}});
        assert_eq!(format(Some(&schema)).unwrap(), Format::JsonSchema { schema: json!({}), strict: true });
        assert_eq!(format(Some(&json!({"type": "regex", "regex": "a"}))).unwrap(), Format::Regex("a".into()));
        assert_eq!(format(Some(&Value::Null)).unwrap(), Format::Text);
        for wrong in [json!({"type": "xml"}), json!({"type": "json_schema"}), json!({"type": "regex"}), json!("text")] {
            assert_eq!(format(Some(&wrong)).unwrap_err().param, Some("response_format"), "{wrong}");
        }
    }
}
