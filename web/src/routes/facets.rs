//! `GET /api/v1/facets`: what there is, before anything is looked for.

use actix_web::{get, web};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::api::{self, FacetsView};
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::request::Caller;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FacetsQuery {
    /// Name of a collection; all of them if left out.
    collection: Option<String>,
    /// As in a search, as JSON.
    filter: Option<String>,
}

/// How many documents in scope have each type, language, source, author and year.
#[utoipa::path(tag = "search", params(FacetsQuery),
    responses((status = 200, body = FacetsView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[get("/api/v1/facets")]
pub async fn facets(
    service: web::Data<Service>,
    caller: Caller,
    query: web::Query<FacetsQuery>,
) -> ApiResult<web::Json<FacetsView>> {
    let filter: Option<Value> = match query.filter.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Some(serde_json::from_str(text).map_err(|error| {
            ApiError::new("invalid_request", format!("filter is not JSON: {error}"), "send the filter of a search")
                .param("filter")
        })?),
        None => None,
    };
    let filter = api::filter(filter.as_ref())?;
    let scope = service.scope(&caller, query.collection.as_deref()).await?;
    let scope = service.store.filtered(scope, filter).await?;
    Ok(web::Json(service.store.facets(&scope).await?.into()))
}
