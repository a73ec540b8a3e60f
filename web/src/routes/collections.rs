//! Collections: list and create.

use actix_web::{HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{Page, rfc3339};
use crate::app::Service;
use crate::error::{ApiResult, ErrorBody};
use crate::request::Caller;

#[derive(Debug, Serialize, ToSchema)]
pub struct CollectionView {
    pub id: String,
    pub name: String,
    pub documents: u64,
    pub created_at: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCollection {
    /// 1 to 100 characters.
    pub name: String,
}

impl From<terroir_store::Collection> for CollectionView {
    fn from(from: terroir_store::Collection) -> Self {
        Self {
            id: from.id.to_string(),
            name: from.name,
            documents: from.documents,
            created_at: rfc3339(from.created_at_ms),
        }
    }
}

#[utoipa::path(tag = "collections", responses((status = 200, body = Page<CollectionView>)))]
#[get("/api/v1/collections")]
pub async fn list_collections(
    service: web::Data<Service>,
    caller: Caller,
) -> ApiResult<web::Json<Page<CollectionView>>> {
    let items = service.store.collections(&caller.principal).await?.into_iter().map(CollectionView::from).collect();
    Ok(web::Json(Page { items, next_cursor: None }))
}

#[utoipa::path(tag = "collections", request_body = NewCollection,
    responses((status = 201, body = CollectionView), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[post("/api/v1/collections")]
pub async fn create_collection(
    service: web::Data<Service>,
    caller: Caller,
    new: web::Json<NewCollection>,
) -> ApiResult<HttpResponse> {
    service.store.create_collection(&new.name).await?;
    let all = service.store.collections(&caller.principal).await?;
    let created = all.into_iter().find(|collection| collection.name == new.name).map(CollectionView::from);
    Ok(HttpResponse::Created().json(created))
}
