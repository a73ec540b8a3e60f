//! One call: its texts, or pairs of texts, the vectors found so far, and who waits for them.

use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use tokio::sync::oneshot;

use crate::EmbedError;

type Vectors = Result<Vec<Vec<f32>>, EmbedError>;

/// What a model computes one vector for.
pub(crate) trait Text: Send + Sync + 'static {
    fn bytes(&self) -> usize;
}

impl Text for String {
    fn bytes(&self) -> usize {
        self.len()
    }
}

/// Its texts may be computed in several batches, by several threads.
#[derive(Debug)]
pub(crate) struct Request<T> {
    texts: Vec<T>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// Empty where not yet computed.
    vectors: Vec<Vec<f32>>,
    missing: usize,
    /// Taken when answered.
    reply: Option<Reply>,
}

#[derive(Debug)]
enum Reply {
    Awaited(oneshot::Sender<Vectors>),
    Blocking(mpsc::SyncSender<Vectors>),
}

impl<T: Text> Request<T> {
    pub(crate) fn awaited(texts: Vec<T>) -> (Self, oneshot::Receiver<Vectors>) {
        let (sender, receiver) = oneshot::channel();
        (Self::new(texts, Reply::Awaited(sender)), receiver)
    }

    pub(crate) fn blocking(texts: Vec<T>) -> (Self, mpsc::Receiver<Vectors>) {
        let (sender, receiver) = mpsc::sync_channel(1);
        (Self::new(texts, Reply::Blocking(sender)), receiver)
    }

    fn new(texts: Vec<T>, reply: Reply) -> Self {
        let progress = Progress { vectors: vec![Vec::new(); texts.len()], missing: texts.len(), reply: Some(reply) };
        Self { texts, progress: Mutex::new(progress) }
    }

    pub(crate) fn texts(&self) -> &[T] {
        &self.texts
    }

    /// Nobody waits any more: the caller went away, or was answered with an error.
    pub(crate) fn is_abandoned(&self) -> bool {
        match &self.progress().reply {
            Some(Reply::Awaited(sender)) => sender.is_closed(),
            Some(Reply::Blocking(_)) => false,
            None => true,
        }
    }

    /// Answers the caller when this was the last vector missing.
    pub(crate) fn deliver(&self, index: usize, vector: Vec<f32>) {
        let mut progress = self.progress();
        progress.vectors[index] = vector;
        progress.missing -= 1;
        if progress.missing == 0 {
            let vectors = std::mem::take(&mut progress.vectors);
            progress.answer(Ok(vectors));
        }
    }

    pub(crate) fn fail(&self, error: EmbedError) {
        self.progress().answer(Err(error));
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Nothing here panics while the lock is held, so a poisoned value is still whole.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn answer(&mut self, vectors: Vectors) {
        // The caller may have gone away in the meantime: then the answer is dropped with the error.
        match self.reply.take() {
            Some(Reply::Awaited(sender)) => drop(sender.send(vectors)),
            Some(Reply::Blocking(sender)) => drop(sender.send(vectors)),
            None => {}
        }
    }
}
