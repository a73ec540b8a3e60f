//! The language model on its own thread: all texts advance together, a step at a time, from a bounded queue.
//!
//! ```text
//! score, complete ─▶ bounded queue (full: Busy) ─▶ scheduler ─▶ steps of the model ─▶ reply | stream of text
//! ```

mod complete;
mod drafts;
mod model;
mod prefixes;
mod queue;
#[cfg(test)]
mod references;
mod scheduler;
mod scoring;
#[cfg(test)]
mod tests;
mod writing;

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use serde::Deserialize;
use terroir_embed::{ModelFiles, Passport};
use tokio::sync::{mpsc, oneshot};

pub use self::complete::{EndReason, Piece, WrittenToken};
use self::model::{Model, Opened};
use self::queue::Place;
use self::scheduler::Scheduler;
use crate::Sampling;
use crate::backend::Backend;
use crate::constraint::{Constraint, Vocabulary};
use crate::error::{GenerateError, Result};
use crate::template::ChatTemplate;
use crate::tokens::Tokens;

/// Pieces of text that may wait for a reader.
const STREAM_CAPACITY: usize = 64;

/// What a model is computed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    #[default]
    Cpu,
    /// The first NVIDIA GPU, in builds with the feature `cuda`.
    Cuda,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneratorOptions {
    pub device: Device,
    /// Cores that the model computes on, where it does so on the CPU.
    pub threads: usize,
    /// Jobs that may wait; one more is `Busy`.
    pub queue_capacity: usize,
    /// Jobs that advance together.
    pub texts: usize,
    /// Prompt and answer together. The model's own limit holds as well.
    pub context_tokens: usize,
    /// Memory for what all texts remember: reserved before a text is begun, never exceeded. None chooses: 512 MiB
    /// on the CPU, most of what is free on a GPU.
    pub cache_bytes: Option<usize>,
    /// Guesses tokens from the prompt and checks several at once; the text is the same with it and without.
    pub speculates: bool,
}

impl Default for GeneratorOptions {
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            queue_capacity: 64,
            texts: 16,
            context_tokens: 4096,
            cache_bytes: None,
            speculates: true,
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
    jobs: Option<Sender<(Job, Place)>>,
    waiting: Arc<AtomicUsize>,
    queue_capacity: usize,
    thread: Option<JoinHandle<()>>,
    tokens: Arc<Tokens>,
    template: ChatTemplate,
    /// Made when a text is constrained for the first time.
    vocabulary: OnceLock<Vocabulary>,
    passport: Passport,
    context_tokens: usize,
    weights_bytes: u64,
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
    /// Who waits for it: owners are served in turn.
    pub(crate) owner: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct CompleteRequest {
    pub(crate) prompt: Vec<u32>,
    pub(crate) sampling: Sampling,
    /// Who waits for it: owners are served in turn.
    pub(crate) owner: String,
    /// The adapter of this name, where there is one; else the model by itself.
    pub(crate) voice: Option<String>,
    pub(crate) constraint: Option<Constraint>,
}

enum Job {
    Score(ScoreRequest, oneshot::Sender<Result<Vec<f32>>>),
    Complete(CompleteRequest, mpsc::Sender<Result<Piece>>),
}

impl Job {
    fn owner(&self) -> &str {
        match self {
            Self::Score(request, _) => &request.owner,
            Self::Complete(request, _) => &request.owner,
        }
    }

    fn is_abandoned(&self) -> bool {
        match self {
            Self::Score(_, reply) => reply.is_closed(),
            Self::Complete(_, to) => to.is_closed(),
        }
    }

    /// Before anything was sent: there is room for one piece.
    fn refuse(self, error: GenerateError) {
        match self {
            Self::Score(_, reply) => drop(reply.send(Err(error))),
            Self::Complete(_, to) => drop(to.try_send(Err(error))),
        }
    }
}

impl Generator {
    /// Loads the weights (some seconds) and starts the model thread.
    pub fn open(files: &ModelFiles, options: GeneratorOptions) -> Result<Self> {
        Self::open_with_voices(files, options, &BTreeMap::new())
    }

    /// As [`open`](Self::open), with folders of low-rank adapters by name. All share the model's weights.
    pub fn open_with_voices(
        files: &ModelFiles,
        options: GeneratorOptions,
        voices: &BTreeMap<String, PathBuf>,
    ) -> Result<Self> {
        let mut opened = Opened::new(&files.weights)?;
        match options.device {
            Device::Cpu => {
                let model = opened.on_cpu(options, voices)?;
                Self::start(files, opened, model, options)
            }
            #[cfg(feature = "cuda")]
            Device::Cuda => {
                let model = opened.on_device(&crate::gpu::device()?, options, voices)?;
                Self::start(files, opened, model, options)
            }
            #[cfg(not(feature = "cuda"))]
            Device::Cuda => {
                let reason = "this build computes on the CPU only, one with `--features cuda` is needed";
                Err(GenerateError::Device { reason: reason.to_owned() })
            }
        }
    }

    /// Computed on candle's CPU, as on any of its devices.
    #[cfg(test)]
    pub(crate) fn open_on(
        files: &ModelFiles,
        device: &candle_core::Device,
        options: GeneratorOptions,
        voices: &BTreeMap<String, PathBuf>,
    ) -> Result<Self> {
        let mut opened = Opened::new(&files.weights)?;
        let model = opened.on_device(device, options, voices)?;
        Self::start(files, opened, model, options)
    }

    fn start<B: Backend + Send + 'static>(
        files: &ModelFiles,
        opened: Opened,
        model: Model<B>,
        options: GeneratorOptions,
    ) -> Result<Self>
    where
        B::Cache: Send,
        B::Adapter: Send + Sync,
    {
        let (context_tokens, weights_bytes) = (model.context_tokens, opened.weights.bytes());
        let (jobs, queue) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("generator".into());
        let thread = thread.spawn(move || Scheduler::new(model, options, queue).run())?;
        Ok(Self {
            inner: Arc::new(Inner {
                jobs: Some(jobs),
                waiting: Arc::default(),
                queue_capacity: options.queue_capacity.max(1),
                thread: Some(thread),
                tokens: opened.tokens,
                template: opened.template,
                vocabulary: OnceLock::new(),
                passport: files.passport.clone(),
                context_tokens,
                weights_bytes,
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

    /// Of the model's file.
    pub(crate) fn weights_bytes(&self) -> u64 {
        self.inner.weights_bytes
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
        let longest = request.givens.iter().map(Vec::len).max().unwrap_or(0);
        if longest == 0 || request.target.is_empty() {
            return Ok(vec![0.0; request.givens.len()]);
        }
        self.check_length(request.prefix.len() + longest + request.target.len())?;
        let (reply, scores) = oneshot::channel();
        self.push(Job::Score(request, reply))?;
        scores.await.unwrap_or(Err(GenerateError::Closed))
    }

    /// Text piece by piece, then how it ended. Dropping the receiver stops the model within a token.
    pub(crate) fn complete(&self, request: CompleteRequest) -> Result<mpsc::Receiver<Result<Piece>>> {
        request.sampling.check()?;
        // A token is written at least.
        self.check_length(request.prompt.len() + 1)?;
        let (sender, receiver) = mpsc::channel(STREAM_CAPACITY);
        self.push(Job::Complete(request, sender))?;
        Ok(receiver)
    }

    fn check_length(&self, tokens: usize) -> Result<()> {
        let limit_tokens = self.inner.context_tokens;
        if tokens <= limit_tokens { Ok(()) } else { Err(GenerateError::PromptTooLong { tokens, limit_tokens }) }
    }

    fn push(&self, job: Job) -> Result<()> {
        let jobs = self.inner.jobs.as_ref().ok_or(GenerateError::Closed)?;
        let place = Place::take(&self.inner.waiting, self.inner.queue_capacity).ok_or(GenerateError::Busy)?;
        jobs.send((job, place)).map_err(|_| GenerateError::Closed)
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

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
    message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown panic".to_owned())
}
