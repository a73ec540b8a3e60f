//! What no route takes: a file of the page, an address that takes other methods, or nothing at all.

use std::sync::LazyLock;

use actix_web::dev::ResourceDef;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, Responder as _, ResponseError as _};

use crate::error::{ApiError, ApiResult};
use crate::{openapi, ui};

static ROUTES: LazyLock<Vec<(ResourceDef, Vec<Method>)>> = LazyLock::new(|| {
    let described = openapi::routes().into_iter();
    described.map(|(pattern, methods)| (ResourceDef::new(pattern), methods)).collect()
});

pub async fn answer(request: HttpRequest) -> ApiResult<HttpResponse> {
    if let Some((_, methods)) = ROUTES.iter().find(|(pattern, _)| pattern.is_match(request.path())) {
        let allowed = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let error = ApiError::new(
            "method_not_allowed",
            "this address does not take that method",
            "see /openapi.json for what it takes",
        );
        let response = error.error_response().customize().insert_header((header::ALLOW, allowed));
        return Ok(response.respond_to(&request).map_into_boxed_body());
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return ui::file(&request);
    }
    Err(ApiError::new("not_found", "there is nothing at this address", "see /openapi.json for what there is"))
}
