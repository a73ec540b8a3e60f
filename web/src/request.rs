//! What happens around every request: an id, a log line without content, metrics, access, error bodies
//! and the headers that keep a browser from doing what the page did not ask for.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use terroir_store::Principal;
use uuid::Uuid;

use crate::access::{self, Access, Shown};
use crate::app::Service;
use crate::error::ApiError;
use crate::limits;
use crate::metrics::Metrics;

/// The id under which a request is found in the log.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// On whose behalf a request is answered.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Who asks; nobody known, if the middleware said nothing.
    pub principal: Principal,
    /// Whose share of the model's time the request takes: the user's, or that of the address that it comes from. Time
    /// is shared between owners, not between requests.
    pub owner: String,
}

impl FromRequest for Caller {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let principal = request.extensions().get::<Principal>().cloned().unwrap_or_default();
        let owner = match &principal {
            Principal::User { name, .. } => format!("user:{name}"),
            Principal::Operator | Principal::Anonymous => {
                request.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default()
            }
        };
        ready(Ok(Self { principal, owner }))
    }
}

const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The outermost middleware.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = RequestId(Uuid::now_v7().to_string());
    request.extensions_mut().insert(id.clone());
    let started = Instant::now();
    let method = request.method().clone();
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let refused = match admit(&request).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            oversized(&request)
        }
        Err(error) => Some(error),
    };

    let response = match refused {
        Some(error) => request.into_response(HttpResponse::from_error(error)).map_into_boxed_body(),
        None => match next.call(request).await {
            Ok(response) => response.map_into_boxed_body(),
            Err(error) => return Err(error),
        },
    };
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".into());
    let response = finish(response, &id);
    let elapsed = started.elapsed();
    let status = response.status().as_u16();
    if let Some(metrics) = metrics {
        metrics.request(&route, method.as_str(), status, elapsed);
    }
    tracing::info!(
        request_id = %id.0,
        %method,
        route,
        status,
        duration_ms = elapsed.as_millis() as u64,
        "request"
    );
    Ok(response)
}

/// Who makes the request, if it may be made.
async fn admit(request: &ServiceRequest) -> Result<Principal, ApiError> {
    let parts = request.app_data::<web::Data<Access>>().zip(request.app_data::<web::Data<Service>>());
    let Some((access, service)) = parts else {
        return Err(ApiError::internal("a request without the service's state"));
    };
    let header_text = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let principal = match (access.check(request)?, header_text(access::AS_HEADER)) {
        (Shown::Nobody, _) => return Ok(Principal::Anonymous),
        (Shown::Operator, None) => Principal::Operator,
        (Shown::Operator, Some(name)) => service.store.principal(&named(name)?).await?,
        (Shown::Key(key), None) => service.store.principal_of_key(&key).await?.ok_or_else(access::unauthorized)?,
        (Shown::Key(_), Some(_)) => {
            return Err(ApiError::new(
                "operator_only",
                "only the operator asks in another's name",
                "leave the header X-Terroir-As out",
            ));
        }
    };
    access::may_call(&principal, request.method(), request.match_pattern().as_deref())?;
    Ok(principal)
}

/// A name as a header can carry it: percent-encoded UTF-8.
fn named(value: &str) -> Result<String, ApiError> {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| {
        ApiError::new("invalid_request", "X-Terroir-As is not percent-encoded UTF-8", "encode the user's name")
    })
}

/// An upload that says it is too long is refused before it is sent.
fn oversized(request: &ServiceRequest) -> Option<ApiError> {
    let service = request.app_data::<web::Data<Service>>()?;
    let max_bytes = service.settings.ingest.max_file_bytes;
    let length = request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
    (length > max_bytes.saturating_add(1 << 20)).then(|| limits::too_large(max_bytes))
}

/// Writes the error body if the response carries an error, and the headers that every response has.
fn finish(response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    let error = response.response().extensions().get::<ApiError>().cloned();
    let error = error.or_else(|| plain_error(&response));
    let mut response = match error {
        Some(error) => {
            let (request, mut head) = response.into_parts();
            let body = serde_json::to_vec(&error.body(&id.0)).unwrap_or_default();
            head.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            ServiceResponse::new(request, head.set_body(BoxBody::new(body)))
        }
        None => response,
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("content-security-policy", CONTENT_SECURITY_POLICY),
    ] {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// Errors that actix answers by itself (no such route, wrong method, unreadable input), in our shape.
fn plain_error(response: &ServiceResponse<BoxBody>) -> Option<ApiError> {
    let json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    if json {
        return None;
    }
    let detail = || response.response().error().map_or_else(String::new, |error| format!(": {error}"));
    Some(match response.status().as_u16() {
        404 => ApiError::new("not_found", "there is nothing at this address", "see /openapi.json for what there is"),
        405 => ApiError::new(
            "method_not_allowed",
            "this address does not take that method",
            "see /openapi.json for what it takes",
        ),
        400 => ApiError::new(
            "invalid_request",
            format!("the request could not be read{}", detail()),
            "see /openapi.json for its shape",
        ),
        413 => ApiError::new("too_large", "the request is larger than this address takes", "send less at once"),
        415 => ApiError::new(
            "unsupported_media_type",
            format!("the body is of another type than this address takes{}", detail()),
            "see /openapi.json for what it takes",
        ),
        500 => ApiError::internal(detail()),
        _ => return None,
    })
}
