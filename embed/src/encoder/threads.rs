//! The threads that compute batches. A panic fails its batch and nothing else.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::queue::{Piece, Queue};
use super::request::Text;
use crate::EmbedError;

/// Closes the queue and joins its threads when dropped: waits for the batches in progress.
#[derive(Debug)]
pub(crate) struct ModelThreads<T: Text> {
    queue: Arc<Queue<T>>,
    handles: Vec<JoinHandle<()>>,
}

impl<T: Text> ModelThreads<T> {
    /// `compute` returns one vector per text, in order.
    pub(crate) fn start(
        count: usize,
        queue: &Arc<Queue<T>>,
        compute: impl Fn(&[&T]) -> Result<Vec<Vec<f32>>, EmbedError> + Send + Sync + 'static,
    ) -> Result<Self, EmbedError> {
        let compute = Arc::new(compute);
        let mut threads = Self { queue: Arc::clone(queue), handles: Vec::with_capacity(count) };
        for index in 0..count {
            let queue = Arc::clone(queue);
            let compute = Arc::clone(&compute);
            let thread = std::thread::Builder::new().name(format!("encoder-{index}"));
            threads.handles.push(thread.spawn(move || {
                while let Some(pieces) = queue.take() {
                    run_batch(&pieces, &*compute);
                }
            })?);
        }
        Ok(threads)
    }

    pub(crate) fn count(&self) -> usize {
        self.handles.len()
    }
}

impl<T: Text> Drop for ModelThreads<T> {
    fn drop(&mut self) {
        self.queue.close();
        for handle in self.handles.drain(..) {
            if handle.join().is_err() {
                tracing::error!("an encoder thread ended with a panic");
            }
        }
    }
}

fn run_batch<T: Text>(pieces: &[Piece<T>], compute: impl Fn(&[&T]) -> Result<Vec<Vec<f32>>, EmbedError>) {
    let texts = pieces.iter().map(Piece::text).collect::<Vec<_>>();
    // The model is read-only and scratch memory belongs to the call: nothing half-written survives a panic.
    let vectors = match catch_unwind(AssertUnwindSafe(|| compute(&texts))) {
        Ok(Ok(vectors)) if vectors.len() == pieces.len() => vectors,
        Ok(Ok(vectors)) => {
            let reason = format!("{} vectors for {} texts", vectors.len(), pieces.len());
            return fail(pieces, || EmbedError::Inference { reason: reason.clone() });
        }
        Ok(Err(error)) => {
            let reason = error.to_string();
            return fail(pieces, || EmbedError::Inference { reason: reason.clone() });
        }
        Err(panic) => {
            let reason = panic_message(panic.as_ref());
            tracing::error!(reason, "an encoder batch panicked");
            return fail(pieces, || EmbedError::Crashed { reason: reason.clone() });
        }
    };
    for (piece, vector) in pieces.iter().zip(vectors) {
        piece.request.deliver(piece.index, vector);
    }
}

fn fail<T: Text>(pieces: &[Piece<T>], error: impl Fn() -> EmbedError) {
    for piece in pieces {
        piece.request.fail(error());
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned())
}
