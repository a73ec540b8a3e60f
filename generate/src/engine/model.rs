//! The model as the thread owns it: weights, tokens, cores and one remembered prefix.

use std::path::Path;
use std::sync::Arc;

use candle_core::Tensor;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::mpsc;

use super::complete::{self, Piece};
use super::{CompleteRequest, GeneratorOptions, ScoreRequest};
use crate::error::{GenerateError, Result};
use crate::gguf::Gguf;
use crate::llama::{Cache, Llama, Sequence, Wanted};
use crate::template::ChatTemplate;
use crate::tokens::Tokens;

/// Rows computed at once: bounds memory, and how long a cancelled job goes on.
const BATCH_ROWS: usize = 512;

pub(super) struct Model {
    llama: Llama,
    tokens: Arc<Tokens>,
    template: ChatTemplate,
    cores: ThreadPool,
    context_tokens: usize,
    /// The instruction before every scored text is the same from question to question.
    prefix: Option<(Vec<u32>, Cache)>,
}

impl Model {
    pub(super) fn open(path: &Path, options: GeneratorOptions) -> Result<Self> {
        let mut file = Gguf::open(path)?;
        let llama = Llama::load(&mut file)?;
        let tokens = Tokens::load(&file)?;
        let template = ChatTemplate::load(&file, &tokens)?;
        let cores = ThreadPoolBuilder::new()
            .num_threads(options.threads.max(1))
            .thread_name(|index| format!("generator-{index}"));
        let cores = cores.build().map_err(|error| GenerateError::Io(std::io::Error::other(error)))?;
        Ok(Self {
            context_tokens: options.context_tokens.min(llama.shape().context_tokens),
            llama,
            tokens: Arc::new(tokens),
            template,
            cores,
            prefix: None,
        })
    }

    pub(super) fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    pub(super) fn template(&self) -> &ChatTemplate {
        &self.template
    }

    pub(super) fn context_tokens(&self) -> usize {
        self.context_tokens
    }

    /// See [`Generator::score`](super::Generator::score).
    pub(super) fn score(&mut self, request: &ScoreRequest, cancelled: impl Fn() -> bool + Sync) -> Result<Vec<f32>> {
        let Some((_, head)) = request.target.split_last() else {
            return Ok(vec![0.0; request.givens.len()]);
        };
        let longest = request.givens.iter().map(Vec::len).max().unwrap_or(0);
        let tokens = request.prefix.len() + longest + request.target.len();
        if tokens > self.context_tokens {
            let limit_tokens = self.context_tokens;
            return Err(GenerateError::PromptTooLong { tokens, limit_tokens });
        }
        let mut prefix = self.remembered(&request.prefix)?;
        let texts = request.givens.iter().map(|given| [given, head].concat()).collect::<Vec<_>>();
        let mut scores = Vec::with_capacity(texts.len());
        let mut rest = texts.as_slice();
        while !rest.is_empty() && !cancelled() {
            let (batch, later) = split_batch(rest);
            let mut caches = batch.iter().map(|_| prefix.fork()).collect::<Vec<_>>();
            let sequences = batch.iter().zip(&mut caches);
            let mut sequences = sequences.map(|(tokens, cache)| Sequence { tokens, cache }).collect::<Vec<_>>();
            let wanted = Wanted::Tail(request.target.len());
            let llama = &self.llama;
            let logits = self.cores.install(|| llama.forward(&mut sequences, wanted))?;
            scores.extend(mean_log_likelihoods(&logits, &request.target)?);
            rest = later;
        }
        Ok(scores)
    }

    /// A cache of `tokens`: the remembered one where it is the same.
    fn remembered(&mut self, tokens: &[u32]) -> Result<Cache> {
        if tokens.is_empty() {
            return Ok(self.llama.cache());
        }
        if let Some((known, cache)) = &mut self.prefix
            && known == tokens
        {
            return Ok(cache.fork());
        }
        let mut cache = self.llama.cache();
        let llama = &self.llama;
        self.cores.install(|| llama.next(tokens, &mut cache))?;
        let fork = cache.fork();
        self.prefix = Some((tokens.to_vec(), cache));
        Ok(fork)
    }

    /// Writes until the end token, a stop text, the limit, or until nobody reads.
    pub(super) fn complete(&mut self, request: &CompleteRequest, to: &mpsc::Sender<Result<Piece>>) -> Result<()> {
        let mut cache = self.llama.cache();
        let mut logits = Vec::new();
        let llama = &self.llama;
        for tokens in request.prompt.chunks(BATCH_ROWS) {
            if to.is_closed() {
                return Ok(());
            }
            logits = self.cores.install(|| llama.next(tokens, &mut cache))?;
        }
        let room = self.context_tokens.saturating_sub(request.prompt.len());
        let next = |tokens: &[u32]| self.cores.install(|| llama.next(tokens, &mut cache));
        complete::write(request, &self.tokens, room, logits, next, to)
    }
}

/// As many texts as fit into a batch, at least one.
fn split_batch(texts: &[Vec<u32>]) -> (&[Vec<u32>], &[Vec<u32>]) {
    let mut rows = 0;
    let fitting = texts.iter().take_while(|tokens| {
        rows += tokens.len();
        rows <= BATCH_ROWS
    });
    texts.split_at(fitting.count().max(1))
}

/// `logits` are `(texts × target, vocabulary)`: row `i` of a text is the distribution of `target[i]`.
fn mean_log_likelihoods(logits: &Tensor, target: &[u32]) -> Result<Vec<f32>> {
    let vocabulary = logits.dim(1)?;
    let logits = logits.flatten_all()?.to_vec1::<f32>()?;
    let means = logits.chunks(vocabulary * target.len()).map(|rows| {
        let rows = rows.chunks(vocabulary).zip(target);
        rows.map(|(row, token)| log_likelihood(row, *token)).sum::<f32>() / target.len() as f32
    });
    Ok(means.collect())
}

fn log_likelihood(logits: &[f32], token: u32) -> f32 {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum = logits.iter().map(|logit| (logit - greatest).exp()).sum::<f32>();
    logits[token as usize] - greatest - sum.ln()
}
