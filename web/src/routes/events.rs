//! `GET /api/v1/events`: what happens to documents, as it happens.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use serde_json::json;
use terroir_store::{DocumentId, Principal, StoreError};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use crate::api::DocumentView;
use crate::app::Service;
use crate::request::Caller;
use crate::sse;

/// Server-sent events: `document` (a document whose state changed) and `removed` (`{"id"}`). Endless. Users are told
/// of documents that they may read, and not of what went: that would say that it had been there.
#[utoipa::path(tag = "documents", responses((status = 200, content_type = "text/event-stream", body = DocumentView)))]
#[get("/api/v1/events")]
pub async fn events(service: web::Data<Service>, caller: Caller) -> HttpResponse {
    let mut changes = service.store.subscribe();
    let (sender, receiver) = mpsc::channel(64);
    actix_web::rt::spawn(async move {
        loop {
            let changed = tokio::select! {
                changed = changes.recv() => changed,
                () = sender.closed() => return,
            };
            let bytes = match changed {
                Ok(id) => described(&service, &caller.principal, id).await,
                // The reader asks for the list again.
                Err(RecvError::Lagged(_)) => Some(sse::event(Some("missed"), &json!({}))),
                Err(RecvError::Closed) => return,
            };
            if let Some(bytes) = bytes
                && sender.send(bytes).await.is_err()
            {
                return;
            }
        }
    });
    sse::response(receiver)
}

async fn described(service: &Service, principal: &Principal, id: DocumentId) -> Option<Bytes> {
    match service.store.document(principal, id).await {
        Ok(document) => Some(sse::event(Some("document"), &DocumentView::from(document))),
        Err(StoreError::NoSuchDocument(_)) if *principal != Principal::Operator => None,
        Err(StoreError::NoSuchDocument(_)) => Some(sse::event(Some("removed"), &json!({"id": id.to_string()}))),
        Err(error) => {
            tracing::warn!(%error, "an event could not be read");
            None
        }
    }
}
