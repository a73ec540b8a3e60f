//! `GET /api/v1/status`: the service at a glance.

use actix_web::{get, web};
use serde::Serialize;
use terroir_embed::Passport;
use terroir_store::Principal;
use utoipa::ToSchema;

use crate::app::Service;
use crate::error::ApiResult;
use crate::request::Caller;

#[derive(Debug, Serialize, ToSchema)]
pub struct StatusView {
    pub version: &'static str,
    pub ready: bool,
    pub caller: CallerView,
    /// Those that the caller may read.
    pub documents: DocumentCounts,
    pub chunks: u64,
    pub models: Models,
    pub uptime_s: u64,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallerView {
    /// `operator`, `user` or `anonymous`.
    pub kind: &'static str,
    /// The user's name.
    pub name: Option<String>,
}

impl From<&Principal> for CallerView {
    fn from(principal: &Principal) -> Self {
        match principal {
            Principal::Operator => Self { kind: "operator", name: None },
            Principal::User { name, .. } => Self { kind: "user", name: Some(name.clone()) },
            Principal::Anonymous => Self { kind: "anonymous", name: None },
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentCounts {
    pub total: u64,
    pub ready: u64,
    pub processing: u64,
    pub failed: u64,
    pub cancelled: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Models {
    #[schema(value_type = Object)]
    pub embed: Passport,
    /// Null while it is loaded, or when it is not installed.
    #[schema(value_type = Option<Object>)]
    pub generate: Option<Passport>,
}

#[utoipa::path(tag = "health", responses((status = 200, body = StatusView)))]
#[get("/api/v1/status")]
pub async fn status(service: web::Data<Service>, caller: Caller) -> ApiResult<web::Json<StatusView>> {
    let (_, encoder) = service.encoders.in_use().await?;
    let embed = encoder.passport().clone();
    let counts = service.store.counts(&caller.principal).await?;
    Ok(web::Json(StatusView {
        version: env!("CARGO_PKG_VERSION"),
        ready: true,
        caller: CallerView::from(&caller.principal),
        documents: DocumentCounts {
            total: counts.ready + counts.processing + counts.failed + counts.cancelled,
            ready: counts.ready,
            processing: counts.processing,
            failed: counts.failed,
            cancelled: counts.cancelled,
        },
        chunks: counts.chunks,
        models: Models { embed, generate: service.generator_passport() },
        uptime_s: service.started.elapsed().as_secs(),
    }))
}
