//! The page: the files of `web/ui/dist`, inside the binary.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;

use crate::error::{ApiError, ApiResult};

#[derive(RustEmbed)]
#[folder = "ui/dist"]
struct Page;

/// Serves a file of the page; `/` is `index.html`.
pub fn file(request: &HttpRequest) -> ApiResult<HttpResponse> {
    let path = match request.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let Some(file) = Page::get(path) else {
        return Err(missing(path));
    };
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    let known = request.headers().get(header::IF_NONE_MATCH);
    if known.is_some_and(|value| value.as_bytes() == etag.as_bytes()) {
        return Ok(HttpResponse::NotModified().finish());
    }
    // Names under assets/ carry a hash of their content.
    let caching = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, media_type(path)))
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::ETAG, etag))
        .body(file.data.into_owned()))
}

fn missing(path: &str) -> ApiError {
    if path == "index.html" {
        return ApiError::new(
            "unavailable",
            "this binary was built without the page",
            "run `make page` and build again",
        );
    }
    ApiError::new("not_found", "there is nothing at this address", "see /openapi.json for what there is")
}

fn media_type(path: &str) -> String {
    // Module scripts are refused by browsers under any other type.
    if path.rsplit('.').next().is_some_and(|extension| extension == "mjs") {
        return "text/javascript".into();
    }
    mime_guess::from_path(path).first_or_octet_stream().to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
