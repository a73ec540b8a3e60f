//! The language model on its own thread: scores and completes, one job at a time, from a bounded queue.
//!
//! ```text
//! score, complete ─▶ bounded queue (full: Busy) ─▶ model thread ─▶ reply | stream of text
//! ```

mod complete;
mod model;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use terroir_embed::{ModelFiles, Passport};
use tokio::sync::{mpsc, oneshot};

pub use self::complete::{EndReason, Piece, WrittenToken};
use self::model::Model;
use crate::Sampling;
use crate::constraint::{Constraint, Vocabulary};
use crate::error::{GenerateError, Result};
use crate::template::ChatTemplate;
use crate::tokens::Tokens;

/// Pieces of text that may wait for a reader.
const STREAM_CAPACITY: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneratorOptions {
    /// Cores that the model computes on.
    pub threads: usize,
    /// Jobs that may wait; one more is `Busy`.
    pub queue_capacity: usize,
    /// Prompt and answer together. The model's own limit holds as well.
    pub context_tokens: usize,
}

impl Default for GeneratorOptions {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            queue_capacity: 16,
            context_tokens: 4096,
        }
    }
}

/// Cheap to clone. The model thread ends, and is joined, when the last clone is dropped.
#[derive(Clone)]
pub struct Generator {
    inner: Arc<Inner>,
}

struct Inner {
    /// Taken when dropped: the thread ends when there is no sender.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    tokens: Arc<Tokens>,
    template: ChatTemplate,
    /// Made when a text is constrained for the first time.
    vocabulary: OnceLock<Vocabulary>,
    passport: Passport,
    context_tokens: usize,
    threads: usize,
}

/// How likely a text is after each of several others.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScoreRequest {
    /// Stands before every one of `givens`; computed once.
    pub(crate) prefix: Vec<u32>,
    /// None is empty.
    pub(crate) givens: Vec<Vec<u32>>,
    pub(crate) target: Vec<u32>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct CompleteRequest {
    pub(crate) prompt: Vec<u32>,
    pub(crate) sampling: Sampling,
    pub(crate) constraint: Option<Constraint>,
}

enum Job {
    Score(ScoreRequest, oneshot::Sender<Result<Vec<f32>>>),
    Complete(CompleteRequest, mpsc::Sender<Result<Piece>>),
}

impl Generator {
    /// Loads the weights (some seconds) and starts the model thread.
    pub fn open(files: &ModelFiles, options: GeneratorOptions) -> Result<Self> {
        let model = Model::open(&files.weights, options)?;
        let (tokens, template) = (model.tokens(), model.template().clone());
        let context_tokens = model.context_tokens();
        let (jobs, queue) = sync_channel(options.queue_capacity.max(1));
        let thread = std::thread::Builder::new().name("generator".into());
        let thread = thread.spawn(move || run(model, &queue))?;
        Ok(Self {
            inner: Arc::new(Inner {
                jobs: Some(jobs),
                thread: Some(thread),
                tokens,
                template,
                vocabulary: OnceLock::new(),
                passport: files.passport.clone(),
                context_tokens,
                threads: options.threads.max(1),
            }),
        })
    }

    pub fn passport(&self) -> &Passport {
        &self.inner.passport
    }

    /// Prompt and answer together.
    pub fn context_tokens(&self) -> usize {
        self.inner.context_tokens
    }

    pub fn threads(&self) -> usize {
        self.inner.threads
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.inner.tokens
    }

    pub(crate) fn template(&self) -> &ChatTemplate {
        &self.inner.template
    }

    pub(crate) fn vocabulary(&self) -> Result<Vocabulary> {
        if let Some(vocabulary) = self.inner.vocabulary.get() {
            return Ok(vocabulary.clone());
        }
        // Two at once make it twice, and one is kept.
        let vocabulary = Vocabulary::new(Arc::clone(&self.inner.tokens))?;
        Ok(self.inner.vocabulary.get_or_init(|| vocabulary).clone())
    }

    /// Mean log-likelihood per token of the target after each of `givens`, in order. Dropping the future
    /// stops the work.
    pub(crate) async fn score(&self, request: ScoreRequest) -> Result<Vec<f32>> {
        let (reply, scores) = oneshot::channel();
        self.push(Job::Score(request, reply))?;
        scores.await.unwrap_or(Err(GenerateError::Closed))
    }

    /// Text piece by piece, then how it ended. Dropping the receiver stops the model within a token.
    pub(crate) fn complete(&self, request: CompleteRequest) -> Result<mpsc::Receiver<Result<Piece>>> {
        request.sampling.check()?;
        if request.prompt.len() >= self.inner.context_tokens {
            return Err(GenerateError::PromptTooLong {
                tokens: request.prompt.len(),
                limit_tokens: self.inner.context_tokens,
            });
        }
        let (sender, receiver) = mpsc::channel(STREAM_CAPACITY);
        self.push(Job::Complete(request, sender))?;
        Ok(receiver)
    }

    fn push(&self, job: Job) -> Result<()> {
        let jobs = self.inner.jobs.as_ref().ok_or(GenerateError::Closed)?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => GenerateError::Busy,
            TrySendError::Disconnected(_) => GenerateError::Closed,
        })
    }
}

impl std::fmt::Debug for Generator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.debug_struct("Generator").field("passport", &self.inner.passport).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        if thread.join().is_err() {
            tracing::error!("the generating thread ended with a panic");
        }
    }
}

/// Until every handle is gone. A panic fails its job and nothing else.
fn run(mut model: Model, queue: &Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        match job {
            Job::Score(request, reply) => {
                let scores = contained(|| model.score(&request, || reply.is_closed()));
                // Nobody waits for a job that was dropped.
                let _ = reply.send(scores);
            }
            Job::Complete(request, to) => {
                if let Err(error) = contained(|| model.complete(&request, &to)) {
                    let _ = to.blocking_send(Err(error));
                }
            }
        }
    }
}

/// Caches belong to the call, and the model's own prefix is replaced only as a whole.
fn contained<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let reason = panic_message(panic.as_ref());
        tracing::error!(reason, "a generating job panicked");
        Err(GenerateError::Crashed { reason })
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
    message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown panic".to_owned())
}
