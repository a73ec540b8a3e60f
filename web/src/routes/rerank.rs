//! `POST /v1/rerank`, in the shape that Cohere's and Jina's clients know.

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use terroir_embed::Priority;
use utoipa::ToSchema;

use super::unknown_model;
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::reranking::relevance;

/// Texts in one request; more are refused, so that one caller cannot fill the queue.
const MAX_DOCUMENTS: usize = 1000;

#[derive(Debug, Deserialize, ToSchema)]
pub struct RerankRequest {
    pub query: String,
    pub documents: Vec<RerankDocument>,
    pub model: Option<String>,
    /// So many of the best; all of them if left out.
    pub top_n: Option<usize>,
    #[serde(default)]
    pub return_documents: bool,
}

/// A text, by itself or in an object.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum RerankDocument {
    Text(String),
    Object { text: String },
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RerankResult {
    /// Place among the documents sent.
    pub index: usize,
    /// From 0 to 1.
    pub relevance_score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<RerankedDocument>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RerankedDocument {
    pub text: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RerankView {
    pub model: String,
    /// The best first.
    pub results: Vec<RerankResult>,
}

/// How well each text answers the query, by the reranker (`models.rerank`).
#[utoipa::path(tag = "openai", request_body = RerankRequest,
    responses((status = 200, body = RerankView), (status = 400, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
#[post("/v1/rerank")]
pub async fn rerank(service: web::Data<Service>, request: web::Json<RerankRequest>) -> ApiResult<HttpResponse> {
    let RerankRequest { query, documents, model, top_n, return_documents } = request.into_inner();
    let Some(reranker) = &service.reranker else {
        let hint = "import a cross-encoder with `terroir models import` and name it in `models.rerank`";
        return Err(ApiError::new("model_missing", "no reranker is configured", hint));
    };
    let name = reranker.passport().name.clone();
    if let Some(model) = model.filter(|model| *model != name) {
        return Err(unknown_model(&model));
    }
    if documents.is_empty() || documents.len() > MAX_DOCUMENTS {
        let message = format!("documents must hold 1 to {MAX_DOCUMENTS} texts");
        return Err(ApiError::new("invalid_request", message, "send several requests").param("documents"));
    }
    let texts = documents.into_iter().map(|document| match document {
        RerankDocument::Text(text) | RerankDocument::Object { text } => text,
    });
    let texts = texts.collect::<Vec<_>>();
    let scores = reranker.score(&query, texts.clone(), Priority::Interactive).await?;
    let results = scores.into_iter().zip(texts).enumerate().map(|(index, (score, text))| RerankResult {
        index,
        relevance_score: relevance(score),
        document: return_documents.then_some(RerankedDocument { text }),
    });
    let mut results = results.collect::<Vec<_>>();
    results.sort_by(|a, b| b.relevance_score.total_cmp(&a.relevance_score));
    results.truncate(top_n.unwrap_or(usize::MAX));
    Ok(HttpResponse::Ok().json(RerankView { model: name, results }))
}
