//! The work that lies ahead: how much it is, holding it back, letting it go on, calling it off, trying again.

use actix_web::{get, post, web};
use terroir_store::DocumentId;

use crate::api::{DocumentView, QueueView};
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::request::Caller;

/// What waits, what is under way, and about how long it will take.
#[utoipa::path(tag = "queue", responses((status = 200, body = QueueView)))]
#[get("/api/v1/queue")]
pub async fn show_queue(service: web::Data<Service>) -> ApiResult<web::Json<QueueView>> {
    Ok(web::Json(service.store.queue().await?.into()))
}

/// Stops all ingestion, on every worker, until it is resumed. What is under way stops within seconds, and goes on
/// where it was.
#[utoipa::path(tag = "queue", responses((status = 200, body = QueueView)))]
#[post("/api/v1/queue/pause")]
pub async fn pause_queue(service: web::Data<Service>) -> ApiResult<web::Json<QueueView>> {
    service.store.pause_queue().await?;
    show(&service).await
}

#[utoipa::path(tag = "queue", responses((status = 200, body = QueueView)))]
#[post("/api/v1/queue/resume")]
pub async fn resume_queue(service: web::Data<Service>) -> ApiResult<web::Json<QueueView>> {
    service.store.resume_queue().await?;
    show(&service).await
}

/// Holds the work on a document back, whatever stage it is in.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "Document")),
    responses((status = 200, body = DocumentView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[post("/api/v1/documents/{id}/pause")]
pub async fn pause_document(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> ApiResult<web::Json<DocumentView>> {
    let document = service.document(&caller, &id).await?.id;
    let done = service.store.pause_document(document).await?;
    after(&service, &caller, document, done, "nothing is under way for this document").await
}

/// Lets the work on a document go on that was held back.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "Document")),
    responses((status = 200, body = DocumentView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[post("/api/v1/documents/{id}/resume")]
pub async fn resume_document(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> ApiResult<web::Json<DocumentView>> {
    let document = service.document(&caller, &id).await?.id;
    let done = service.store.resume_document(document).await?;
    after(&service, &caller, document, done, "this document is not held back").await
}

/// Calls the work on a document off, whatever stage it is in. What was searchable before stays so; a document that
/// never was becomes `cancelled`.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "Document")),
    responses((status = 200, body = DocumentView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[post("/api/v1/documents/{id}/cancel")]
pub async fn cancel_document(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> ApiResult<web::Json<DocumentView>> {
    let document = service.document(&caller, &id).await?.id;
    let done = service.store.cancel_document(document).await?;
    after(&service, &caller, document, done, "nothing is under way for this document").await
}

/// Tries a document again that failed or was cancelled. What was kept of the earlier try is used.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "Document")),
    responses((status = 200, body = DocumentView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[post("/api/v1/documents/{id}/retry")]
pub async fn retry_document(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> ApiResult<web::Json<DocumentView>> {
    let document = service.document(&caller, &id).await?.id;
    let done = service.store.retry_document(document).await?;
    after(&service, &caller, document, done, "this document neither failed nor was cancelled").await
}

async fn show(service: &Service) -> ApiResult<web::Json<QueueView>> {
    Ok(web::Json(service.store.queue().await?.into()))
}

/// The document as it is now, or that there was nothing to do.
async fn after(
    service: &Service,
    caller: &Caller,
    document: DocumentId,
    done: bool,
    otherwise: &str,
) -> ApiResult<web::Json<DocumentView>> {
    if !done {
        return Err(ApiError::new("conflict", otherwise, "look at its status with GET /api/v1/documents/{id}"));
    }
    Ok(web::Json(service.store.document(&caller.principal, document).await?.into()))
}
