//! Everything that is kept, as one file.

use std::io::{Error, ErrorKind, Write};
use std::sync::mpsc::{SyncSender, sync_channel};

use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use futures::stream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::app::Service;

/// Pieces that wait for a slow reader; what writes waits then.
const PIECES: usize = 16;
const PIECE_BYTES: usize = 256 << 10;

/// A backup, made while the service goes on: what `terroir restore` takes. It is whole if its end can be read, which
/// `terroir backup` sees to; a backup that fails breaks the connection off.
#[utoipa::path(tag = "maintenance", responses((status = 200, body = [u8], content_type = "application/zstd")))]
#[get("/api/v1/backup")]
pub async fn back_up(service: web::Data<Service>) -> HttpResponse {
    let (written, pieces) = sync_channel(1);
    let (sender, receiver) = mpsc::channel(PIECES);
    // What waits for the database must not wait for the reader by tokio's means.
    tokio::task::spawn_blocking(move || {
        while let Ok(piece) = pieces.recv() {
            if sender.blocking_send(piece).is_err() {
                // The reader has gone, and the writer finds out.
                return;
            }
        }
    });
    let (store, place) = (service.store.clone(), service.local_key.place());
    let runtime = Handle::current();
    // The writing blocks, and asks the database in between.
    tokio::task::spawn_blocking(move || {
        let sink = Pieces { written: written.clone(), piece: Vec::with_capacity(PIECE_BYTES) };
        match runtime.block_on(store.back_up(&place, sink)) {
            Ok(contents) => tracing::info!(documents = contents.documents(), "a backup was made"),
            Err(error) => {
                tracing::error!(%error, "a backup could not be made");
                // The reader may have gone: that is then what went wrong.
                let _ = written.send(Err(Error::other("the backup could not be made; see the log")));
            }
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece: Option<Piece> = receiver.recv().await;
        piece.map(|piece| (piece, receiver))
    });
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/zstd"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"terroir-backup.tar.zst\""))
        // It is compressed already.
        .insert_header(ContentEncoding::Identity)
        .streaming(pieces)
}

type Piece = Result<Bytes, Error>;

struct Pieces {
    written: SyncSender<Piece>,
    piece: Vec<u8>,
}

impl Pieces {
    fn send(&mut self) -> std::io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        let gone = |_| Error::new(ErrorKind::BrokenPipe, "whoever took the backup has gone");
        self.written.send(Ok(Bytes::from(piece))).map_err(gone)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.send()
    }
}
