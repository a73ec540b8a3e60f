//! For load balancers, service managers and Prometheus.

use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use terroir_store::Principal;

use crate::app::Service;
use crate::error::{ApiError, ApiResult};

/// The process runs.
#[utoipa::path(tag = "health", responses((status = 200, body = String)))]
#[get("/livez")]
pub async fn livez() -> &'static str {
    "ok"
}

/// Documents can be searched.
#[utoipa::path(tag = "health", responses((status = 200, body = String)))]
#[get("/readyz")]
pub async fn readyz(service: web::Data<Service>) -> ApiResult<&'static str> {
    service.store.ping().await?;
    Ok("ok")
}

/// As `/readyz`.
#[utoipa::path(tag = "health", responses((status = 200, body = String)))]
#[get("/healthz")]
pub async fn healthz(service: web::Data<Service>) -> ApiResult<&'static str> {
    service.store.ping().await?;
    Ok("ok")
}

/// Prometheus text format.
#[utoipa::path(tag = "health", responses((status = 200, body = String)))]
#[get("/metrics")]
pub async fn metrics(service: web::Data<Service>) -> ApiResult<HttpResponse> {
    let counts = service.store.counts(&Principal::Operator).await?;
    let by_status = [
        ("ready", counts.ready),
        ("processing", counts.processing),
        ("failed", counts.failed),
        ("cancelled", counts.cancelled),
    ];
    for (status, count) in by_status {
        service.metrics.documents(status, count as i64);
    }
    let text = service.metrics.text().map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4")).body(text))
}
