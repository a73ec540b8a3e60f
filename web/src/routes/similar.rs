//! `GET /api/v1/documents/{id}/similar`.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{HitView, SimilarView};
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::request::Caller;

/// Documents in one response, and where nobody says how many.
const MAX_TOP_K: usize = 50;
const TOP_K: usize = 8;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SimilarQuery {
    /// Documents, 1 to 50; 8 if left out.
    top_k: Option<usize>,
    /// A chunk of the document: similar to that alone.
    chunk: Option<String>,
}

/// Other documents that are similar to this one, or to one chunk of it, each with its best passage.
#[utoipa::path(tag = "search", params(("id" = String, Path, description = "Document"), SimilarQuery),
    responses((status = 200, body = SimilarView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[get("/api/v1/documents/{id}/similar")]
pub async fn similar(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    query: web::Query<SimilarQuery>,
) -> ApiResult<web::Json<SimilarView>> {
    let document = id.parse().map_err(|_| ApiError::document_not_found())?;
    let chunk = match query.chunk.as_deref().filter(|chunk| !chunk.is_empty()) {
        Some(chunk) => Some(chunk.parse().map_err(|_| ApiError::chunk_not_found())?),
        None => None,
    };
    let top_k = query.top_k.unwrap_or(TOP_K).clamp(1, MAX_TOP_K);
    let hits = service.store.similar(&caller.principal, document, chunk, top_k).await?;
    Ok(web::Json(SimilarView { hits: hits.into_iter().map(HitView::from).collect() }))
}
