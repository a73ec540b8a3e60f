//! `POST /api/v1/documents`: files in, jobs out.

use actix_multipart::form::MultipartForm;
use actix_multipart::form::tempfile::TempFile;
use actix_multipart::form::text::Text;
use actix_web::{HttpResponse, post, web};
use serde_json::json;
use terroir_store::{Enqueued, NewDocument, Reader};

use crate::api::UploadedItem;
use crate::app::Service;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::limits;

/// People wait for what they upload.
const WAITED_FOR: i64 = 10;
const BULK: i64 = 0;

#[derive(Debug, MultipartForm)]
pub struct Upload {
    #[multipart(rename = "file")]
    files: Vec<TempFile>,
    collection: Option<Text<String>>,
    source_uri: Option<Text<String>>,
    bulk: Option<Text<bool>>,
    #[multipart(rename = "reader")]
    readers: Vec<Text<String>>,
}

/// Adds files: form fields `file` (one or more), `collection` (name, `default` if left out), `source_uri` (what makes
/// it the same document next time; the file's name if left out), `bulk` (`true` for part of a large load: files that
/// somebody waits for go before it) and `reader` (`public`, `user:NAME` or `group:NAME`, one or more: of those who may
/// read the collection, only these may read the documents).
#[utoipa::path(tag = "documents", request_body(content = Vec<u8>, content_type = "multipart/form-data"),
    responses((status = 202, body = Vec<UploadedItem>), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 413, body = ErrorBody)))]
#[post("/api/v1/documents")]
pub async fn upload(service: web::Data<Service>, form: MultipartForm<Upload>) -> ApiResult<HttpResponse> {
    let Upload { files, collection, source_uri, bulk, readers } = form.into_inner();
    let readers: Vec<Reader> = readers.iter().map(|reader| reader.parse()).collect::<Result<_, _>>()?;
    if files.is_empty() {
        return Err(ApiError::new(
            "invalid_upload",
            "the form has no field file",
            "send each file in a form field named file",
        )
        .param("file"));
    }
    let max_bytes = service.settings.ingest.max_file_bytes;
    if files.iter().any(|file| file.size as u64 > max_bytes) {
        return Err(limits::too_large(max_bytes).param("file"));
    }
    let collection = collection.map_or_else(|| "default".to_owned(), Text::into_inner);
    let source_uri = source_uri.map(Text::into_inner).filter(|_| files.len() == 1);
    let priority = if bulk.is_some_and(|bulk| *bulk) { BULK } else { WAITED_FOR };
    let mut items = Vec::with_capacity(files.len());
    for file in files {
        let path = file.file_name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "unnamed".into());
        let blobs = service.store.blobs().clone();
        let blob =
            tokio::task::spawn_blocking(move || blobs.add_file(file.file)).await.map_err(ApiError::internal)??;
        let new = NewDocument {
            collection: collection.clone(),
            source_uri: source_uri.clone().unwrap_or_else(|| format!("upload:{path}")),
            source: None,
            file_name: path.rsplit(['/', '\\']).next().unwrap_or(&path).to_owned(),
            sha256: blob.sha256,
            bytes: blob.bytes,
            priority,
        };
        let enqueued = if readers.is_empty() {
            service.store.enqueue(&new).await?
        } else {
            service.store.enqueue_narrowed(&new, &readers).await?
        };
        items.push(match enqueued {
            Enqueued::Queued { document, job } => {
                UploadedItem { path, document: document.to_string(), job: Some(job.to_string()), status: "queued" }
            }
            Enqueued::Duplicate { document } => {
                UploadedItem { path, document: document.to_string(), job: None, status: "duplicate" }
            }
        });
    }
    Ok(HttpResponse::Accepted().json(json!({"items": items})))
}
