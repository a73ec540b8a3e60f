//! How likely one text is after each of several others: batches of short sequences with a common beginning.

use tokio::sync::oneshot;

use super::ScoreRequest;
use crate::backend::Past;
use crate::error::{GenerateError, Result};
use crate::llama::pages_of;

/// A beginning so short is read with every text: a step of its own costs more.
const SHORT_TOKENS: usize = 8;

pub(super) struct Scoring<Cache> {
    /// What stands before every text; read first.
    prefix: Vec<u32>,
    pub(super) prefix_cache: Cache,
    /// Each given text with all of the target but its last token.
    texts: Vec<Vec<u32>>,
    target: Vec<u32>,
    scores: Vec<f32>,
    /// Taken when it is answered.
    reply: Option<oneshot::Sender<Result<Vec<f32>>>>,
    pub(super) reserved_pages: usize,
}

/// The texts of a step.
pub(super) enum Batch<Cache> {
    Prefix(Vec<u32>),
    Texts(Vec<(Vec<u32>, Cache)>),
}

impl<Cache: Past> Scoring<Cache> {
    /// `prefix_cache` holds the beginning of the prefix.
    pub(super) fn new(
        request: ScoreRequest,
        prefix_cache: Cache,
        reserved_pages: usize,
        reply: oneshot::Sender<Result<Vec<f32>>>,
    ) -> Self {
        let head = request.target.split_last().map_or(&[][..], |(_, head)| head);
        let short = request.prefix.len() < SHORT_TOKENS;
        let begin = if short { request.prefix.as_slice() } else { &[] };
        let texts = request.givens.iter().map(|given| [begin, given, head].concat());
        Self {
            texts: texts.collect(),
            prefix: if short { Vec::new() } else { request.prefix },
            prefix_cache,
            target: request.target,
            scores: Vec::new(),
            reply: Some(reply),
            reserved_pages,
        }
    }

    /// What the request takes at most: every text ends on a page of its own.
    pub(super) fn pages(request: &ScoreRequest) -> usize {
        let texts = request.givens.iter().map(|given| pages_of(SHORT_TOKENS + given.len() + request.target.len()) + 1);
        pages_of(request.prefix.len()) + texts.sum::<usize>()
    }

    pub(super) fn is_over(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    pub(super) fn wanted(&self) -> usize {
        self.target.len()
    }

    /// Texts that fit into `room` rows; at least one where there is room for all of a step.
    pub(super) fn batch(&self, room: usize, whole_step: bool) -> Option<Batch<Cache>> {
        let unread = &self.prefix[self.prefix_cache.tokens().min(self.prefix.len())..];
        if !unread.is_empty() {
            let tokens = unread[..unread.len().min(room)].to_vec();
            return (!tokens.is_empty()).then_some(Batch::Prefix(tokens));
        }
        let mut rows = 0;
        let fitting = self.texts[self.scores.len()..].iter().take_while(|text| {
            let first = rows == 0;
            rows += text.len();
            rows <= room || first && whole_step
        });
        let batch = fitting.map(|text| (text.clone(), self.prefix_cache.clone())).collect::<Vec<_>>();
        (!batch.is_empty()).then_some(Batch::Texts(batch))
    }

    /// `logits` are `(texts × target, vocabulary)`: row `i` of a text is the distribution of `target[i]`.
    pub(super) fn take(&mut self, logits: &[f32], vocabulary: usize) {
        for rows in logits.chunks_exact(vocabulary * self.target.len()) {
            let rows = rows.chunks_exact(vocabulary).zip(&self.target);
            let sum = rows.map(|(row, token)| log_likelihood(row, *token)).sum::<f32>();
            self.scores.push(sum / self.target.len() as f32);
        }
        if self.scores.len() == self.texts.len()
            && let Some(reply) = self.reply.take()
        {
            // Nobody waits for a job that was dropped.
            let _ = reply.send(Ok(std::mem::take(&mut self.scores)));
        }
    }

    pub(super) fn fail(&mut self, error: GenerateError) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(Err(error));
        }
    }
}

fn log_likelihood(logits: &[f32], token: u32) -> f32 {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum = logits.iter().map(|logit| (logit - greatest).exp()).sum::<f32>();
    logits.get(token as usize).map_or(f32::NEG_INFINITY, |logit| logit - greatest - sum.ln())
}
