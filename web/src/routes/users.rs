//! Users, their groups, and their keys.

use actix_web::{HttpResponse, delete, get, post, put, web};
use serde::{Deserialize, Serialize};
use terroir_store::{KeyRecord, User};
use utoipa::ToSchema;

use crate::api::{Page, rfc3339};
use crate::app::Service;
use crate::error::{ApiResult, ErrorBody};

#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    pub name: String,
    pub groups: Vec<String>,
    pub created_at: String,
}

impl From<User> for UserView {
    fn from(from: User) -> Self {
        Self { name: from.name, groups: from.groups, created_at: rfc3339(from.created_at_ms) }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// Names of groups; a group is there as soon as somebody is in it.
    pub groups: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    pub id: String,
    pub user: String,
    pub label: String,
    pub created_at: String,
    /// The key itself, in the answer to its making and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl KeyView {
    fn new(record: KeyRecord, key: Option<String>) -> Self {
        let KeyRecord { id, user, label, created_at_ms } = record;
        Self { id, user, label, created_at: rfc3339(created_at_ms), key }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Whose key it is.
    pub user: String,
    /// What it is for.
    pub label: String,
}

#[utoipa::path(tag = "access", responses((status = 200, body = Page<UserView>)))]
#[get("/api/v1/users")]
pub async fn list_users(service: web::Data<Service>) -> ApiResult<web::Json<Page<UserView>>> {
    let items = service.store.users().await?.into_iter().map(UserView::from).collect();
    Ok(web::Json(Page { items, next_cursor: None }))
}

/// Makes a user, or puts one into other groups.
#[utoipa::path(tag = "access", request_body = Groups, params(("name" = String, Path, description = "User")),
    responses((status = 200, body = UserView), (status = 400, body = ErrorBody)))]
#[put("/api/v1/users/{name}")]
pub async fn set_user(
    service: web::Data<Service>,
    name: web::Path<String>,
    new: web::Json<Groups>,
) -> ApiResult<web::Json<UserView>> {
    service.store.set_user(&name, &new.groups).await?;
    Ok(web::Json(service.store.user(&name).await?.into()))
}

/// Removes a user with all of its keys. Lists go on naming it.
#[utoipa::path(tag = "access", params(("name" = String, Path, description = "User")),
    responses((status = 204), (status = 404, body = ErrorBody)))]
#[delete("/api/v1/users/{name}")]
pub async fn remove_user(service: web::Data<Service>, name: web::Path<String>) -> ApiResult<HttpResponse> {
    service.store.remove_user(&name).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[utoipa::path(tag = "access", responses((status = 200, body = Page<KeyView>)))]
#[get("/api/v1/keys")]
pub async fn list_keys(service: web::Data<Service>) -> ApiResult<web::Json<Page<KeyView>>> {
    let items = service.store.keys().await?.into_iter().map(|record| KeyView::new(record, None)).collect();
    Ok(web::Json(Page { items, next_cursor: None }))
}

/// Draws a key for a user. Its answer is the only place where the key stands: here it is kept as a hash.
#[utoipa::path(tag = "access", request_body = NewKey,
    responses((status = 201, body = KeyView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[post("/api/v1/keys")]
pub async fn create_key(service: web::Data<Service>, new: web::Json<NewKey>) -> ApiResult<HttpResponse> {
    let (record, key) = service.store.create_key(&new.user, &new.label).await?;
    Ok(HttpResponse::Created().json(KeyView::new(record, Some(key))))
}

/// From the next request on nobody is let in with it.
#[utoipa::path(tag = "access", params(("id" = String, Path, description = "Key")),
    responses((status = 204), (status = 404, body = ErrorBody)))]
#[delete("/api/v1/keys/{id}")]
pub async fn revoke_key(service: web::Data<Service>, id: web::Path<String>) -> ApiResult<HttpResponse> {
    service.store.revoke_key(&id).await?;
    Ok(HttpResponse::NoContent().finish())
}
