//! `POST /api/v1/search`.

use actix_web::{post, web};
use terroir_store::Mode;

use crate::api::{self, HitView, SearchMode, SearchRequest, SearchView};
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::request::Caller;

/// Passages in one response.
const MAX_TOP_K: usize = 100;

/// The best passages for a query.
#[utoipa::path(tag = "search", request_body = SearchRequest,
    responses((status = 200, body = SearchView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 429, body = ErrorBody)))]
#[post("/api/v1/search")]
pub async fn search(
    service: web::Data<Service>,
    caller: Caller,
    request: web::Json<SearchRequest>,
) -> ApiResult<web::Json<SearchView>> {
    let request = request.into_inner();
    let query = service.check_length(&request.query)?;
    if query.is_empty() {
        return Err(ApiError::new("empty_query", "the query is empty", "send words to look for").param("query"));
    }
    let filter = api::filter(request.filter.as_ref())?;
    let scope = service.scope(&caller, request.collection.as_deref()).await?;
    let mut scope = service.store.filtered(scope, filter).await?;
    if let Some(documents) = request.documents {
        let parsed: Result<Vec<_>, _> = documents.iter().map(|id| id.parse()).collect();
        scope.documents = Some(parsed.map_err(|_| ApiError::document_not_found().param("documents"))?);
    }
    let mode = match request.mode {
        SearchMode::Hybrid => Mode::Hybrid,
        SearchMode::Lexical => Mode::Lexical,
        SearchMode::Dense => Mode::Dense,
    };
    let top_k = request.top_k.unwrap_or(service.settings.search.top_k).clamp(1, MAX_TOP_K);
    let found = service.search(query, scope, mode, top_k, request.facets).await?;
    Ok(web::Json(SearchView {
        hits: found.hits.into_iter().map(HitView::from).collect(),
        took_ms: found.took_ms,
        query_language: found.query_language.as_str().to_owned(),
        corrected: found.corrected,
        expanded: found.expanded,
        facets: found.facets.map(Into::into),
    }))
}
