//! `/api/v1/sources`: what documents stay in step with.

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use serde::Deserialize;
use terroir_ingest::sources::{SourceSettings, Trust};
use terroir_store::SourceState;
use utoipa::IntoParams;

use crate::api::{CheckedView, NewSource, Page, RemovedSource, SourceChange, SourceView, SyncRequest, SyncView};
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::sources::{checked_interval, checked_name};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SourcesQuery {
    /// Name of a collection.
    collection: Option<String>,
    /// 1 to 1000, 50 if left out.
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Sources, newest first.
#[utoipa::path(tag = "sources", params(SourcesQuery),
    responses((status = 200, body = Page<SourceView>), (status = 400, body = ErrorBody)))]
#[get("/api/v1/sources")]
pub async fn list_sources(
    service: web::Data<Service>,
    query: web::Query<SourcesQuery>,
) -> ApiResult<web::Json<Page<SourceView>>> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (collection, cursor) = (filled(&query.collection), filled(&query.cursor));
    let limit = query.limit.unwrap_or(50);
    let page = service.store.sources().list(collection.as_deref(), cursor.as_deref(), limit).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for source in page.items {
        items.push(service.source_view(source).await?);
    }
    Ok(web::Json(Page { items, next_cursor: page.next_cursor }))
}

/// Adds a source, after a look at it. Its first sync begins at once.
#[utoipa::path(tag = "sources", request_body = NewSource,
    responses((status = 201, body = SourceView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
#[post("/api/v1/sources")]
pub async fn create_source(
    service: web::Data<Service>,
    new: web::Json<NewSource>,
    request: HttpRequest,
) -> ApiResult<HttpResponse> {
    let new = new.into_inner();
    let trust = service.trust(&request);
    let settings = SourceSettings::read(&new.kind, &new.settings)?;
    let name = checked_name(&new.name.unwrap_or_else(|| settings.suggested_name()))?;
    let interval_s = checked_interval(new.interval_s.unwrap_or(service.settings.sources.interval_seconds))?;
    service.permit(&settings, trust).await?;
    let collection = new.collection.unwrap_or_else(|| "default".to_owned());
    // Before a look that may take long.
    service.store.scope(&terroir_store::Principal::Operator, Some(&collection)).await?;
    let checked = if new.check.unwrap_or(true) { Some(service.look_at(&settings, trust).await?) } else { None };
    let source = terroir_store::NewSource {
        collection,
        kind: settings.kind().to_owned(),
        name,
        settings: settings.to_json().to_string(),
        place: service.place_of(&settings),
        trusted: trust == Trust::Local,
        interval_s,
    };
    let source = service.store.sources().create(&source).await?;
    let mut view = service.source_view(source).await?;
    view.checked = checked.map(CheckedView::from);
    Ok(HttpResponse::Created().json(view))
}

/// Looks at a source without adding it: its first items, or why it cannot be read.
#[utoipa::path(tag = "sources", request_body = NewSource,
    responses((status = 200, body = CheckedView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 422, body = ErrorBody)))]
#[post("/api/v1/sources/check")]
pub async fn check_source(
    service: web::Data<Service>,
    new: web::Json<NewSource>,
    request: HttpRequest,
) -> ApiResult<web::Json<CheckedView>> {
    let trust = service.trust(&request);
    let settings = SourceSettings::read(&new.kind, &new.settings)?;
    service.permit(&settings, trust).await?;
    Ok(web::Json(service.look_at(&settings, trust).await?.into()))
}

/// A source with its last report, and how far the sync under way is.
#[utoipa::path(tag = "sources", params(("id" = String, Path, description = "Source")),
    responses((status = 200, body = SourceView), (status = 404, body = ErrorBody)))]
#[get("/api/v1/sources/{id}")]
pub async fn show_source(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<web::Json<SourceView>> {
    let source = service.source(&id).await?;
    Ok(web::Json(service.source_view(source).await?))
}

/// Changes a source. New settings are looked at by the next sync, which begins at once.
#[utoipa::path(tag = "sources", params(("id" = String, Path, description = "Source")), request_body = SourceChange,
    responses((status = 200, body = SourceView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[patch("/api/v1/sources/{id}")]
pub async fn change_source(
    service: web::Data<Service>,
    id: web::Path<String>,
    change: web::Json<SourceChange>,
    request: HttpRequest,
) -> ApiResult<web::Json<SourceView>> {
    let source = service.source(&id).await?;
    let change = change.into_inner();
    let settings = match &change.settings {
        Some(settings) => {
            let trust = service.trust(&request);
            let settings = SourceSettings::read(&source.kind, settings)?;
            service.permit(&settings, trust).await?;
            Some((settings.to_json().to_string(), service.place_of(&settings), trust == Trust::Local))
        }
        None => None,
    };
    let change = terroir_store::SourceChange {
        name: change.name.as_deref().map(checked_name).transpose()?,
        settings,
        interval_s: change.interval_s.map(checked_interval).transpose()?,
    };
    let source = service.store.sources().change(source.id, &change).await?;
    Ok(web::Json(service.source_view(source).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RemoveQuery {
    /// `remove` (if left out): its documents go with it. `keep`: they stay.
    documents: Option<String>,
}

/// Removes a source, and its documents unless they are to be kept. Documents go in the background.
#[utoipa::path(tag = "sources", params(("id" = String, Path, description = "Source"), RemoveQuery),
    responses((status = 202, body = RemovedSource), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[delete("/api/v1/sources/{id}")]
pub async fn remove_source(
    service: web::Data<Service>,
    id: web::Path<String>,
    query: web::Query<RemoveQuery>,
) -> ApiResult<HttpResponse> {
    let source = service.source(&id).await?;
    let state = match query.documents.as_deref().unwrap_or("remove") {
        "remove" => {
            service.store.sources().set_state(source.id, SourceState::Removing).await?;
            "removing"
        }
        "keep" => {
            service.store.sources().delete(source.id).await?;
            "removed"
        }
        other => {
            let message = format!("documents cannot be {other:?}");
            return Err(ApiError::new("invalid_request", message, "remove or keep").param("documents"));
        }
    };
    Ok(HttpResponse::Accepted().json(RemovedSource { source: source.id.to_string(), state }))
}

/// Makes a source due now, paused or not. One that is being synced is looked at again afterwards.
#[utoipa::path(tag = "sources", params(("id" = String, Path, description = "Source")), request_body = SyncRequest,
    responses((status = 202, body = SourceView), (status = 404, body = ErrorBody)))]
#[post("/api/v1/sources/{id}/sync")]
pub async fn sync_source(
    service: web::Data<Service>,
    id: web::Path<String>,
    body: web::Bytes,
) -> ApiResult<HttpResponse> {
    let wanted: SyncRequest = if body.is_empty() {
        SyncRequest::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| {
            ApiError::new("invalid_json", error.to_string(), "see /openapi.json for the shape of the body")
        })?
    };
    let source = service.source(&id).await?;
    service.store.sources().request(source.id, wanted.allow_empty).await?;
    Ok(HttpResponse::Accepted().json(service.source_view(source).await?))
}

/// Stops the sync under way, if there is one. What it has done stays done.
#[utoipa::path(tag = "sources", params(("id" = String, Path, description = "Source")),
    responses((status = 202, body = SourceView), (status = 404, body = ErrorBody)))]
#[post("/api/v1/sources/{id}/stop")]
pub async fn stop_source(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<HttpResponse> {
    let source = service.source(&id).await?;
    service.store.sources().stop(source.id).await?;
    Ok(HttpResponse::Accepted().json(service.source_view(source).await?))
}

/// No syncs until it is resumed, unless they are asked for. The one under way is stopped.
#[utoipa::path(tag = "sources", params(("id" = String, Path, description = "Source")),
    responses((status = 200, body = SourceView), (status = 404, body = ErrorBody)))]
#[post("/api/v1/sources/{id}/pause")]
pub async fn pause_source(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<web::Json<SourceView>> {
    set_state(&service, &id, SourceState::Paused).await
}

/// Syncs again, at once and by its interval.
#[utoipa::path(tag = "sources", params(("id" = String, Path, description = "Source")),
    responses((status = 200, body = SourceView), (status = 404, body = ErrorBody)))]
#[post("/api/v1/sources/{id}/resume")]
pub async fn resume_source(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<web::Json<SourceView>> {
    set_state(&service, &id, SourceState::Active).await
}

async fn set_state(service: &Service, id: &str, state: SourceState) -> ApiResult<web::Json<SourceView>> {
    let source = service.source(id).await?;
    let source = service.store.sources().set_state(source.id, state).await?;
    Ok(web::Json(service.source_view(source).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SyncsQuery {
    /// 1 to 1000, 20 if left out.
    limit: Option<u32>,
    cursor: Option<String>,
}

/// The reports of a source, newest first. The last hundred are kept.
#[utoipa::path(tag = "sources", params(("id" = String, Path, description = "Source"), SyncsQuery),
    responses((status = 200, body = Page<SyncView>), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[get("/api/v1/sources/{id}/syncs")]
pub async fn list_syncs(
    service: web::Data<Service>,
    id: web::Path<String>,
    query: web::Query<SyncsQuery>,
) -> ApiResult<web::Json<Page<SyncView>>> {
    let source = service.source(&id).await?;
    let cursor = query.cursor.as_deref().filter(|cursor| !cursor.is_empty());
    let page = service.store.sources().syncs(source.id, cursor, query.limit.unwrap_or(20)).await?;
    Ok(web::Json(Page { items: page.items.into_iter().map(SyncView::from).collect(), next_cursor: page.next_cursor }))
}
