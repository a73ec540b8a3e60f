//! A question and a passage, read together → how well the passage answers: a cross-encoder (Nogueira and Cho 2019,
//! arXiv:1901.04085). Slower than comparing vectors by as many passages as there are, and better.

use std::sync::Arc;

use super::architecture::CrossEncoder;
use super::checkpoint::Checkpoint;
use super::queue::Queue;
use super::request::{Request, Text};
use super::threads::ModelThreads;
use super::tokens::Tokens;
use super::{EncoderOptions, Priority, in_batches};
use crate::{EmbedError, ModelFiles, Passport};

/// Cheap to clone. The model threads end, and are joined, when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Reranker {
    model: Arc<Model>,
    queue: Arc<Queue<Pair>>,
    /// Joined when dropped.
    _threads: Arc<ModelThreads<Pair>>,
}

#[derive(Debug)]
struct Model {
    tokens: Tokens,
    network: CrossEncoder,
    passport: Passport,
}

#[derive(Debug)]
struct Pair {
    query: Arc<str>,
    passage: String,
}

impl Text for Pair {
    fn bytes(&self) -> usize {
        self.query.len() + self.passage.len()
    }
}

impl Reranker {
    /// Loads the weights and starts the model threads.
    pub fn open(files: &ModelFiles, options: EncoderOptions) -> Result<Self, EmbedError> {
        let checkpoint = Checkpoint::open(files, "rerank")?;
        let tokens = checkpoint.tokens(options.max_tokens)?;
        let network = checkpoint.cross_encoder(options.precision)?;
        let model = Arc::new(Model { tokens, network, passport: files.passport.clone() });
        let max_batch_tokens = options.max_batch_tokens.max(model.tokens.max_tokens());
        let queue = Arc::new(Queue::new(options.queue_capacity, max_batch_tokens, model.tokens.max_tokens()));
        let shared = Arc::clone(&model);
        let threads =
            ModelThreads::start(options.threads.max(1), &queue, move |pairs| shared.score(pairs, max_batch_tokens))?;
        Ok(Self { model, queue, _threads: Arc::new(threads) })
    }

    /// One number per passage, in order: the greater the better it answers, on no scale of its own (the model's
    /// logit). A pair that is too long is cut, the longer text first. Dropping the future takes it off the queue.
    pub async fn score(&self, query: &str, passages: Vec<String>, priority: Priority) -> Result<Vec<f32>, EmbedError> {
        if passages.is_empty() {
            return Ok(Vec::new());
        }
        let (request, reply) = Request::awaited(pairs(query, passages));
        self.queue.push(request, priority)?;
        Ok(reply.await.unwrap_or(Err(EmbedError::Closed))?.concat())
    }

    /// [`score`](Self::score) for a thread that may wait; never call it on an async thread.
    pub fn score_blocking(
        &self,
        query: &str,
        passages: Vec<String>,
        priority: Priority,
    ) -> Result<Vec<f32>, EmbedError> {
        if passages.is_empty() {
            return Ok(Vec::new());
        }
        let (request, reply) = Request::blocking(pairs(query, passages));
        self.queue.push(request, priority)?;
        Ok(reply.recv().unwrap_or(Err(EmbedError::Closed))?.concat())
    }

    /// Tokens of a pair, special tokens included.
    pub fn max_tokens(&self) -> usize {
        self.model.tokens.max_tokens()
    }

    pub fn passport(&self) -> &Passport {
        &self.model.passport
    }
}

fn pairs(query: &str, passages: Vec<String>) -> Vec<Pair> {
    let query = Arc::<str>::from(query);
    passages.into_iter().map(|passage| Pair { query: Arc::clone(&query), passage }).collect()
}

impl Model {
    fn score(&self, pairs: &[&Pair], max_batch_tokens: usize) -> Result<Vec<Vec<f32>>, EmbedError> {
        let pairs = pairs.iter().map(|pair| self.tokens.pair(&pair.query, &pair.passage));
        let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
        in_batches(
            &pairs,
            |pair| pair.ids.len(),
            max_batch_tokens,
            |batch| Ok(self.network.scores(batch)?.into_iter().map(|score| vec![score]).collect()),
        )
    }
}
