//! Server-sent events (WHATWG HTML, section 9.2): typed events to bytes.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures::stream::{self, StreamExt as _};
use serde::Serialize;
use tokio::sync::mpsc;

/// Proxies close what stays silent for longer than about half a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// `event: name` and `data: {json}`. Without a name only the data line is written.
pub fn event(name: Option<&str>, data: &impl Serialize) -> Bytes {
    let json = serde_json::to_string(data).unwrap_or_else(|error| {
        tracing::error!(%error, "an event could not be written as JSON");
        "null".into()
    });
    Bytes::from(match name {
        Some(name) => format!("event: {name}\ndata: {json}\n\n"),
        None => format!("data: {json}\n\n"),
    })
}

/// A response that sends what arrives, and a comment when nothing does. Dropping it, which happens when
/// the reader leaves, closes the channel: the sender sees that and stops its work.
pub fn response(receiver: mpsc::Receiver<Bytes>) -> HttpResponse {
    let body = stream::unfold(receiver, |mut receiver| async move {
        let bytes = match tokio::time::timeout(KEEP_ALIVE, receiver.recv()).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return None,
            Err(_) => Bytes::from_static(b": keep-alive\n\n"),
        };
        Some((bytes, receiver))
    });
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        // Compression would hold events back.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .streaming(body.map(Ok::<_, actix_web::Error>))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_in_data_stay_inside_one_line() {
        let bytes = event(Some("delta"), &serde_json::json!({"text": "a\nb\r\n"}));
        assert_eq!(bytes, "event: delta\ndata: {\"text\":\"a\\nb\\r\\n\"}\n\n");
    }
}
