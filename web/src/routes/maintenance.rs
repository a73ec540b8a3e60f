//! `reindex` and `doctor`, as requests.

use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::Service;
use crate::error::{ApiResult, ErrorBody};

/// Builds both indexes anew from the database; searches go on meanwhile.
#[utoipa::path(tag = "maintenance", responses((status = 200, body = Object)))]
#[post("/api/v1/reindex")]
pub async fn reindex(service: web::Data<Service>) -> ApiResult<HttpResponse> {
    Ok(HttpResponse::Ok().json(service.store.reindex().await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DoctorRequest {
    /// Mend the differences that are found.
    #[serde(default)]
    pub repair: bool,
}

/// Compares the database with both indexes, document by document.
#[utoipa::path(tag = "maintenance", request_body = DoctorRequest,
    responses((status = 200, body = Object), (status = 400, body = ErrorBody)))]
#[post("/api/v1/doctor")]
pub async fn doctor(service: web::Data<Service>, request: web::Json<DoctorRequest>) -> ApiResult<HttpResponse> {
    Ok(HttpResponse::Ok().json(service.store.doctor(request.repair).await?))
}
