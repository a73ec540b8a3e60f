//! What no route takes: a file of the page, an address that takes other methods, or nothing at all.

use std::sync::LazyLock;

use actix_web::dev::ResourceDef;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse};

use crate::error::ApiResult;
use crate::{openapi, ui};

static ROUTES: LazyLock<Vec<(ResourceDef, Vec<Method>)>> = LazyLock::new(|| {
    let described = openapi::routes().into_iter();
    described.map(|(pattern, methods)| (ResourceDef::new(pattern), methods)).collect()
});

/// The bodies of these errors are written by the request middleware, as for those that actix answers itself.
pub async fn answer(request: HttpRequest) -> ApiResult<HttpResponse> {
    if let Some((_, methods)) = ROUTES.iter().find(|(pattern, _)| pattern.is_match(request.path())) {
        let allowed = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        return Ok(HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allowed)).finish());
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return ui::file(&request);
    }
    Ok(HttpResponse::NotFound().finish())
}
