//! Index sets: what there is, another one beside the one in use, and which is in use.

use actix_web::{HttpResponse, delete, get, post, web};
use terroir_embed::{ModelEntry, ModelState};
use terroir_store::SetId;

use crate::api::{IndexSetView, NewIndexSet, UseIndexSet};
use crate::app::{Service, new_set};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::quality::Comparison;

/// Shorter chunks say nothing by themselves.
const MIN_CHUNK_TOKENS: usize = 32;

#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct IndexSets {
    /// Newest first.
    pub items: Vec<IndexSetView>,
    /// Embedding models that are installed, by name.
    pub models: Vec<String>,
}

#[utoipa::path(tag = "index sets", responses((status = 200, body = IndexSets)))]
#[get("/api/v1/index-sets")]
pub async fn list_index_sets(service: web::Data<Service>) -> ApiResult<web::Json<IndexSets>> {
    let items = service.store.sets().await?.into_iter().map(IndexSetView::from).collect();
    let models = service.models.clone();
    // Hashes files that changed since they were looked at last.
    let models = web::block(move || {
        let usable = |entry: &ModelEntry| entry.role == "embed" && entry.state == ModelState::Present;
        models.list().into_iter().filter(usable).map(|entry| entry.name).collect()
    })
    .await
    .map_err(ApiError::internal)?;
    Ok(web::Json(IndexSets { items, models }))
}

#[utoipa::path(tag = "index sets", params(("id" = String, Path, description = "Index set")),
    responses((status = 200, body = IndexSetView), (status = 404, body = ErrorBody)))]
#[get("/api/v1/index-sets/{id}")]
pub async fn show_index_set(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<web::Json<IndexSetView>> {
    Ok(web::Json(service.store.set(parse(&id)?).await?.into()))
}

/// Makes a set beside the one in use. It is filled from what is kept of each document, while searches go on in the
/// other one; there can be one at a time.
#[utoipa::path(tag = "index sets", request_body = NewIndexSet,
    responses((status = 202, body = IndexSetView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
#[post("/api/v1/index-sets")]
pub async fn create_index_set(service: web::Data<Service>, new: web::Json<NewIndexSet>) -> ApiResult<HttpResponse> {
    let in_use = service.store.set_in_use();
    let encoder = match &new.model {
        Some(name) if *name != in_use.model => service.encoders.opened(name).await?,
        _ => service.encoders.of(&in_use).await?,
    };
    let chunk_tokens = new.chunk_tokens.unwrap_or(in_use.chunk_tokens.min(encoder.max_tokens()));
    if !(MIN_CHUNK_TOKENS..=encoder.max_tokens()).contains(&chunk_tokens) {
        return Err(ApiError::new(
            "invalid_request",
            format!("chunks of this model can have {MIN_CHUNK_TOKENS} to {} tokens", encoder.max_tokens()),
            "choose a number in between",
        )
        .param("chunk_tokens"));
    }
    let passport = encoder.passport();
    if passport.sha256 == in_use.model_sha256 && chunk_tokens == in_use.chunk_tokens {
        return Err(ApiError::new(
            "invalid_request",
            "the set in use has this model and this chunk length already",
            "name another model or another chunk length; POST /api/v1/reindex builds the indexes anew",
        ));
    }
    let set = new_set(&encoder, chunk_tokens).await?;
    let begun = service.store.begin_set(&set).await?;
    Ok(HttpResponse::Accepted().json(IndexSetView::from(service.store.set(begun.id).await?)))
}

/// Takes up a set that is kept: what came since is put into it, beside the one in use.
#[utoipa::path(tag = "index sets", params(("id" = String, Path, description = "Index set")),
    responses((status = 202, body = IndexSetView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[post("/api/v1/index-sets/{id}/resume")]
pub async fn resume_index_set(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<HttpResponse> {
    let set = parse(&id)?;
    service.store.resume_set(set).await?;
    Ok(HttpResponse::Accepted().json(IndexSetView::from(service.store.set(set).await?)))
}

/// Searches every confirmed evaluation question in the set in use and in the one beside it.
#[utoipa::path(tag = "index sets", params(("id" = String, Path, description = "Index set")),
    responses((status = 200, body = Comparison), (status = 404, body = ErrorBody)))]
#[get("/api/v1/index-sets/{id}/comparison")]
pub async fn compare_index_set(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<web::Json<Comparison>> {
    Ok(web::Json(service.compare_sets(parse(&id)?).await?))
}

/// Puts a set in use that stands beside and has every document. Refused if it finds less by the evaluation questions,
/// or there are too few of these to tell, unless it is forced. The set that was in use is kept.
#[utoipa::path(tag = "index sets", request_body = UseIndexSet,
    params(("id" = String, Path, description = "Index set")),
    responses((status = 200, body = IndexSetView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[post("/api/v1/index-sets/{id}/use")]
pub async fn use_index_set(
    service: web::Data<Service>,
    id: web::Path<String>,
    request: web::Json<UseIndexSet>,
) -> ApiResult<web::Json<IndexSetView>> {
    let set = parse(&id)?;
    if !request.force && service.store.set_in_use().id != set {
        service.gate(set).await?;
    }
    service.store.switch_to(set).await?;
    tracing::info!(set = %set, forced = request.force, "an index set was put in use");
    Ok(web::Json(service.store.set(set).await?.into()))
}

/// Forgets a set that is not in use, with its chunks and vectors.
#[utoipa::path(tag = "index sets", params(("id" = String, Path, description = "Index set")),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[delete("/api/v1/index-sets/{id}")]
pub async fn drop_index_set(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<HttpResponse> {
    service.store.drop_set(parse(&id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn parse(id: &str) -> ApiResult<SetId> {
    id.parse().map_err(|_| terroir_store::StoreError::NoSuchSet(id.to_owned()).into())
}
