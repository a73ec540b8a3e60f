//! Receipts of removals, and the erasure of a person.

use actix_web::{get, post, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{Page, ReceiptView};
use crate::app::Service;
use crate::error::{ApiResult, ErrorBody};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReceiptsQuery {
    /// 1 to 1000, 50 if left out.
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Receipts of what was removed, newest first.
#[utoipa::path(tag = "receipts", params(ReceiptsQuery),
    responses((status = 200, body = Page<ReceiptView>), (status = 400, body = ErrorBody)))]
#[get("/api/v1/receipts")]
pub async fn list_receipts(
    service: web::Data<Service>,
    query: web::Query<ReceiptsQuery>,
) -> ApiResult<web::Json<Page<ReceiptView>>> {
    let cursor = query.cursor.as_deref().filter(|cursor| !cursor.is_empty());
    let page = service.store.receipts(cursor, query.limit.unwrap_or(50)).await?;
    Ok(web::Json(Page {
        items: page.items.into_iter().map(ReceiptView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

#[utoipa::path(tag = "receipts", params(("id" = String, Path, description = "Receipt")),
    responses((status = 200, body = ReceiptView), (status = 404, body = ErrorBody)))]
#[get("/api/v1/receipts/{id}")]
pub async fn show_receipt(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<web::Json<ReceiptView>> {
    Ok(web::Json(service.store.receipt(&id).await?.into()))
}

/// Erases a person: the user, its keys and groups, its place on every list, and the answers that it asked for. The
/// receipt lists the documents that nobody else could read; they are not removed.
#[utoipa::path(tag = "access", params(("name" = String, Path, description = "User")),
    responses((status = 200, body = ReceiptView), (status = 404, body = ErrorBody)))]
#[post("/api/v1/users/{name}/erase")]
pub async fn erase_user(service: web::Data<Service>, name: web::Path<String>) -> ApiResult<web::Json<ReceiptView>> {
    Ok(web::Json(service.store.erase_user(&name).await?.into()))
}
