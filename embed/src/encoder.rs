//! Texts → vectors: a handle to a model that lives on its own threads behind a bounded queue.
//!
//! ```text
//! encode ─▶ Prompts ─▶ Queue (interactive before bulk, bounded) ─▶ model threads ─▶ Tokens ─▶ Network ─▶ reply
//! ```

mod architecture;
mod background;
mod bert;
mod bert_config;
mod checkpoint;
mod classifier;
mod input;
mod layers;
mod padded;
mod padded_config;
mod pooling;
mod queue;
mod request;
mod reranker;
mod threads;
mod tokens;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tiny;

use std::sync::Arc;
use std::thread::available_parallelism;

use self::architecture::Network;
pub use self::background::Background;
use self::checkpoint::Checkpoint;
pub use self::input::Input;
use self::input::Prompts;
use self::queue::Queue;
use self::request::Request;
pub use self::reranker::Reranker;
use self::threads::ModelThreads;
use self::tokens::Tokens;
pub use crate::compute::linear::Precision;
use crate::{EmbedError, ModelFiles, Passport};

/// Cheap to clone. The model threads end, and are joined, when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Encoder {
    model: Arc<Model>,
    queue: Arc<Queue<String>>,
    threads: Arc<ModelThreads<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderOptions {
    /// Model threads; each computes a batch of its own on one core.
    pub threads: usize,
    /// Requests that may wait; one more is `Busy`.
    pub queue_capacity: usize,
    /// Tokens computed at once by a thread. Bounds how long an interactive request waits behind bulk work, and how
    /// long one thread computes alone at the end of it; from about 150 on, more make nothing faster.
    pub max_batch_tokens: usize,
    /// Texts are cut here even where the model reads more: time and memory of attention grow with the square.
    pub max_tokens: usize,
    pub precision: Precision,
}

impl Default for EncoderOptions {
    fn default() -> Self {
        let threads = available_parallelism().map_or(1, std::num::NonZero::get);
        Self { threads, queue_capacity: 64, max_batch_tokens: 256, max_tokens: 512, precision: Precision::Fast }
    }
}

/// Whom a request belongs to. Interactive requests are computed before bulk requests that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A person waits: a question, a search.
    Interactive,
    /// Nobody waits: documents being indexed.
    Bulk,
}

/// What every model thread shares, read-only.
#[derive(Debug)]
struct Model {
    tokens: Tokens,
    prompts: Prompts,
    network: Network,
    passport: Passport,
}

impl Encoder {
    /// Loads the weights (about a second for 90 MB) and starts the model threads.
    pub fn open(files: &ModelFiles, options: EncoderOptions) -> Result<Self, EmbedError> {
        let checkpoint = Checkpoint::open(files, "embed")?;
        let tokens = checkpoint.tokens(options.max_tokens)?;
        let model = Arc::new(Model {
            prompts: checkpoint.prompts()?,
            network: checkpoint.network(tokens.max_tokens(), options.precision)?,
            tokens,
            passport: files.passport.clone(),
        });
        let max_batch_tokens = options.max_batch_tokens.max(model.tokens.max_tokens());
        let queue = Arc::new(Queue::new(options.queue_capacity, max_batch_tokens, model.tokens.max_tokens()));
        let shared = Arc::clone(&model);
        let threads =
            ModelThreads::start(options.threads.max(1), &queue, move |texts| shared.encode(texts, max_batch_tokens))?;
        Ok(Self { model, queue, threads: Arc::new(threads) })
    }

    /// One vector per text, in order: L2-normalised, [`dimensions`](Self::dimensions) long. Longer texts
    /// are cut at [`max_tokens`](Self::max_tokens). Dropping the future takes its texts off the queue.
    pub async fn encode(
        &self,
        texts: Vec<String>,
        input: Input,
        priority: Priority,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let (request, reply) = Request::awaited(self.model.prompts.put_before(input, texts));
        self.queue.push(request, priority)?;
        reply.await.unwrap_or(Err(EmbedError::Closed))
    }

    /// [`encode`](Self::encode) for a thread that may wait; never call it on an async thread.
    pub fn encode_blocking(
        &self,
        texts: Vec<String>,
        input: Input,
        priority: Priority,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let (request, reply) = Request::blocking(self.model.prompts.put_before(input, texts));
        self.queue.push(request, priority)?;
        reply.recv().unwrap_or(Err(EmbedError::Closed))
    }

    /// Tokens of the whole text, its prompt and special tokens included, uncut. Runs on the caller's thread.
    pub fn count_tokens(&self, text: &str, input: Input) -> usize {
        match self.model.prompts.before(input) {
            "" => self.model.tokens.count(text),
            prompt => self.model.tokens.count(&format!("{prompt}{text}")),
        }
    }

    /// Length of a vector.
    pub fn dimensions(&self) -> usize {
        self.model.network.hidden()
    }

    /// Tokens that a vector can depend on, prompt and special tokens included.
    pub fn max_tokens(&self) -> usize {
        self.model.tokens.max_tokens()
    }

    pub fn passport(&self) -> &Passport {
        &self.model.passport
    }

    /// Model threads.
    pub fn threads(&self) -> usize {
        self.threads.count()
    }
}

impl Model {
    /// Batches by what the tokenizer found, so that the token budget holds for any script.
    fn encode(&self, texts: &[&String], max_batch_tokens: usize) -> Result<Vec<Vec<f32>>, EmbedError> {
        let sequences = texts.iter().map(|text| self.tokens.ids(text)).collect::<Result<Vec<_>, _>>()?;
        in_batches(&sequences, Vec::len, max_batch_tokens, |batch| self.network.forward(batch))
    }
}

fn in_batches<T>(
    sequences: &[T],
    tokens: impl Fn(&T) -> usize,
    max_batch_tokens: usize,
    compute: impl Fn(&[T]) -> candle_core::Result<Vec<Vec<f32>>>,
) -> Result<Vec<Vec<f32>>, EmbedError> {
    let mut vectors = Vec::with_capacity(sequences.len());
    let mut rest = sequences;
    while !rest.is_empty() {
        let mut sum = 0;
        let fitting = rest.iter().take_while(|sequence| {
            sum += tokens(sequence);
            sum <= max_batch_tokens
        });
        let (batch, later) = rest.split_at(fitting.count().max(1));
        let computed = compute(batch).map_err(|error| EmbedError::Inference { reason: error.to_string() })?;
        vectors.extend(computed);
        rest = later;
    }
    Ok(vectors)
}
