//! What a document holds: the original, its text, and the place of a quote on its pages.

use actix_files::NamedFile;
use actix_web::http::header::{self, ContentDisposition, DispositionParam, DispositionType, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Deserialize;
use terroir_ingest::document::BlockKind;
use utoipa::IntoParams;

use crate::api::{BlockView, BoxesView, ContentText, PageSizeView};
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::request::Caller;

/// An original is shown, never run: no scripts, no forms, no connections, an origin of its own.
const ORIGINAL_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The bytes as they were added. Understands `Range`.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "Document")),
    responses((status = 200, body = [u8]), (status = 404, body = ErrorBody)))]
#[get("/api/v1/documents/{id}/content")]
pub async fn original(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    request: HttpRequest,
) -> ApiResult<HttpResponse> {
    let document = service.document(&caller, &id).await?;
    let path = service.store.blobs().path(&document.sha256);
    let media_type = document.media_type.as_deref().and_then(|name| name.parse().ok());
    let file = NamedFile::open_async(&path).await.map_err(ApiError::internal)?;
    let file = file
        .set_content_type(media_type.unwrap_or(mime_guess::mime::APPLICATION_OCTET_STREAM))
        .set_content_disposition(ContentDisposition {
            disposition: DispositionType::Inline,
            parameters: vec![DispositionParam::Filename(document.file_name.clone())],
        });
    let mut response = file.into_response(&request);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(ORIGINAL_POLICY));
    Ok(response)
}

/// The text of the current revision, with its blocks.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "Document")),
    responses((status = 200, body = ContentText), (status = 404, body = ErrorBody)))]
#[get("/api/v1/documents/{id}/text")]
pub async fn text(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> ApiResult<web::Json<ContentText>> {
    let document = service.document(&caller, &id).await?;
    let (revision, structure) = service.current_revision(&document).await?;
    Ok(web::Json(ContentText {
        revision: revision.id.to_string(),
        title: document.title.clone(),
        media_type: revision.media_type.clone(),
        text: revision.text.clone(),
        blocks: structure
            .blocks
            .iter()
            .map(|block| BlockView {
                kind: block.kind.as_str().to_owned(),
                level: match block.kind {
                    BlockKind::Heading { level } => Some(level),
                    _ => None,
                },
                char_start: block.char_start,
                char_end: block.char_end,
                page: block.page,
                heading_path: block.heading_path.clone(),
            })
            .collect(),
        pages: page_sizes(&structure.layout),
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
pub struct Range {
    /// First character.
    char_start: u32,
    /// One past the last character.
    char_end: u32,
}

/// The rectangles that a character range covers on the pages of the current revision.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "Document"), Range),
    responses((status = 200, body = BoxesView), (status = 404, body = ErrorBody)))]
#[get("/api/v1/documents/{id}/boxes")]
pub async fn boxes(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    range: web::Query<Range>,
) -> ApiResult<web::Json<BoxesView>> {
    let document = service.document(&caller, &id).await?;
    let (_, structure) = service.current_revision(&document).await?;
    let layout = structure.layout;
    Ok(web::Json(BoxesView {
        page: layout.page_of(range.char_start),
        boxes: layout.boxes(range.char_start, range.char_end).into_iter().map(Into::into).collect(),
        pages: page_sizes(&layout),
    }))
}

fn page_sizes(layout: &terroir_ingest::layout::Layout) -> Vec<PageSizeView> {
    layout.pages.iter().map(|page| PageSizeView { width: page.width, height: page.height }).collect()
}
