//! Routes that `OpenAI`'s clients know: `/v1/models` and `/v1/embeddings`. `/v1/chat/completions` and
//! `/v1/completions` are beside this file.

use actix_web::{HttpResponse, get, post, web};
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use terroir_embed::{Input as Role, Passport, Priority, Reranker};
use utoipa::ToSchema;

use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};

/// One text or several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Input {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct EmbeddingsRequest {
    pub input: Input,
    pub model: Option<String>,
    /// `float` or `base64` (little-endian 32-bit floats).
    pub encoding_format: Option<String>,
}

/// Texts in one request; more are refused, so that one caller cannot fill the queue.
const MAX_INPUTS: usize = 2048;

#[derive(Debug, Serialize, ToSchema)]
pub struct ModelObject {
    pub id: String,
    pub object: &'static str,
    pub created: u64,
    pub owned_by: String,
}

/// What the generating model's name ends with where it writes by itself, without the documents.
pub const PLAIN: &str = ":plain";

/// The models that are in use: the embedding one, the reranker where there is one, the generating one, which answers from the documents,
/// and the same under its name with `:plain`, which writes by itself.
#[utoipa::path(tag = "openai", responses((status = 200, body = Value)))]
#[get("/v1/models")]
pub async fn models(service: web::Data<Service>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"object": "list", "data": known(&service).await}))
}

/// One of the models.
#[utoipa::path(tag = "openai", params(("id" = String, Path,)),
    responses((status = 200, body = ModelObject), (status = 404, body = ErrorBody)))]
#[get("/v1/models/{id}")]
pub async fn show_model(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<HttpResponse> {
    let found = known(&service).await.into_iter().find(|model| model.id == *id);
    found.map(|model| HttpResponse::Ok().json(model)).ok_or_else(|| unknown_model(&id))
}

async fn known(service: &Service) -> Vec<ModelObject> {
    let object = |id: String, passport: &Passport| ModelObject {
        id,
        object: "model",
        created: 0,
        owned_by: passport.source.clone(),
    };
    let encoder = service.encoders.in_use().await.ok().map(|(_, encoder)| encoder.passport().clone());
    let reranker = service.reranker.as_ref().map(Reranker::passport);
    // While it is being loaded, whoever asks for the models waits for it.
    let generator = service.generator().await.ok().map(|generator| generator.passport().clone());
    let generator = generator.iter().flat_map(|passport| {
        [passport.name.clone(), format!("{}{PLAIN}", passport.name)].map(|id| object(id, passport))
    });
    let retrieval = encoder.iter().chain(reranker);
    retrieval.map(|passport| object(passport.name.clone(), passport)).chain(generator).collect()
}

/// Vectors of texts, of length 1.
#[utoipa::path(tag = "openai", request_body = EmbeddingsRequest,
    responses((status = 200, body = Value), (status = 429, body = ErrorBody)))]
#[post("/v1/embeddings")]
pub async fn embeddings(service: web::Data<Service>, request: web::Json<EmbeddingsRequest>) -> ApiResult<HttpResponse> {
    let request = request.into_inner();
    let (_, encoder) = service.encoders.in_use().await?;
    let name = encoder.passport().name.clone();
    if let Some(model) = request.model.filter(|model| *model != name) {
        return Err(unknown_model(&model));
    }
    let texts = match request.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    if texts.is_empty() || texts.len() > MAX_INPUTS {
        return Err(ApiError::new(
            "invalid_request",
            format!("input must hold 1 to {MAX_INPUTS} texts"),
            "send several requests",
        )
        .param("input"));
    }
    let base64 = match request.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => {
            return Err(ApiError::new(
                "invalid_request",
                "encoding_format must be float or base64",
                "leave it out for float",
            )
            .param("encoding_format"));
        }
    };
    // Milliseconds for long texts: too long for an async thread.
    let counting = encoder.clone();
    let (texts, tokens) = web::block(move || {
        let tokens: usize = texts.iter().map(|text| counting.count_tokens(text, Role::Plain)).sum();
        (texts, tokens)
    })
    .await
    .map_err(ApiError::internal)?;
    // The route has no word for queries and passages: a caller who knows the model's prompts sends them.
    let vectors = encoder.encode(texts, Role::Plain, Priority::Interactive).await?;
    let data: Vec<Value> = vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": embedding(vector, base64)}))
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "object": "list",
        "data": data,
        "model": name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })))
}

fn embedding(vector: &[f32], base64: bool) -> Value {
    if !base64 {
        return json!(vector);
    }
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    json!(base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// The generating model that a request asks for, by its name or the plain one's; the configured one where it
/// names none.
pub fn generating_model(service: &Service, asked: Option<&str>) -> ApiResult<String> {
    let name = &service.settings.models.generate;
    let model = asked.unwrap_or(name);
    if model.strip_suffix(PLAIN).unwrap_or(model) == name { Ok(model.to_owned()) } else { Err(unknown_model(model)) }
}

pub fn unknown_model(name: &str) -> ApiError {
    ApiError::new("model_not_found", format!("there is no model {name:?} here"), "GET /v1/models lists the models")
        .param("model")
}
