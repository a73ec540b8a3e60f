//! Documents: list, show, find by source, remove.

use actix_web::{delete, get, post, web};
use serde::Deserialize;
use terroir_store::{DocumentFilter, Status};
use utoipa::{IntoParams, ToSchema};

use crate::api::{DocumentView, Page, ReceiptView};
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::request::Caller;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Name of a collection.
    collection: Option<String>,
    /// `queued`, `processing`, `ready`, `failed` or `cancelled`.
    status: Option<String>,
    /// Part of the title or the file name.
    q: Option<String>,
    /// 1 to 1000, 50 if left out.
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Documents, newest first.
#[utoipa::path(tag = "documents", params(ListQuery),
    responses((status = 200, body = Page<DocumentView>), (status = 400, body = ErrorBody)))]
#[get("/api/v1/documents")]
pub async fn list_documents(
    service: web::Data<Service>,
    caller: Caller,
    query: web::Query<ListQuery>,
) -> ApiResult<web::Json<Page<DocumentView>>> {
    let query = query.into_inner();
    let status = match query.status.as_deref().filter(|status| !status.is_empty()) {
        Some(text) => Some(Status::parse(text).ok_or_else(|| {
            ApiError::new(
                "invalid_request",
                format!("there is no status {text:?}"),
                "queued, processing, ready, failed or cancelled",
            )
            .param("status")
        })?),
        None => None,
    };
    let filter = DocumentFilter {
        collection: query.collection.filter(|name| !name.is_empty()),
        status,
        contains: query.q.filter(|text| !text.is_empty()),
        cursor: query.cursor.filter(|cursor| !cursor.is_empty()),
        limit: query.limit.unwrap_or(50),
    };
    let page = service.store.documents(&caller.principal, &filter).await?;
    Ok(web::Json(Page {
        items: page.items.into_iter().map(DocumentView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct Lookup {
    /// Name of a collection.
    collection: String,
    source_uri: String,
}

/// The document that a source's address stands for.
#[utoipa::path(tag = "documents", request_body = Lookup,
    responses((status = 200, body = DocumentView), (status = 404, body = ErrorBody)))]
#[post("/api/v1/documents/lookup")]
pub async fn lookup_document(
    service: web::Data<Service>,
    caller: Caller,
    lookup: web::Json<Lookup>,
) -> ApiResult<web::Json<DocumentView>> {
    let document = service.store.document_by_source(&caller.principal, &lookup.collection, &lookup.source_uri).await?;
    Ok(web::Json(document.into()))
}

#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "Document")),
    responses((status = 200, body = DocumentView), (status = 404, body = ErrorBody)))]
#[get("/api/v1/documents/{id}")]
pub async fn show_document(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> ApiResult<web::Json<DocumentView>> {
    Ok(web::Json(service.document(&caller, &id).await?.into()))
}

/// Takes a document out of database, both indexes, the originals and the answers that quote it. The receipt says what
/// went, what remains and until when; it is kept.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "Document")),
    responses((status = 200, body = ReceiptView), (status = 404, body = ErrorBody)))]
#[delete("/api/v1/documents/{id}")]
pub async fn remove_document(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> ApiResult<web::Json<ReceiptView>> {
    let document = service.document(&caller, &id).await?;
    Ok(web::Json(service.store.remove_document(document.id).await?.into()))
}
