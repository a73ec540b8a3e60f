//! A text that is being written, between two steps of the model.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::CompleteRequest;
use super::complete::{Piece, Text};
use super::drafts::Drafts;
use super::prefixes::Entry;
use crate::backend::{Backend, Past as _};
use crate::error::{GenerateError, Result};
use crate::tokens::Tokens;

pub(super) struct Writing<B: Backend> {
    /// Taken when the text ends.
    text: Option<Text>,
    drafts: Drafts,
    pub(super) cache: B::Cache,
    pub(super) adapter: Option<Arc<B::Adapter>>,
    /// Tokens to read before the next one can be drawn: the rest of the prompt, or the last one drawn.
    unread: VecDeque<u32>,
    prompt_tokens: usize,
    limit_tokens: usize,
    to: mpsc::Sender<Result<Piece>>,
    /// What the reader has no room for yet.
    unsent: VecDeque<Result<Piece>>,
    /// What it may grow to, reserved from the beginning: a text that was begun can always be ended.
    pub(super) reserved_pages: usize,
    speculates: bool,
}

/// What a text may take.
pub(super) struct Room {
    pub(super) context_tokens: usize,
    pub(super) reserved_pages: usize,
    pub(super) speculates: bool,
}

/// What a text asks of the next step.
pub(super) struct Wish {
    pub(super) tokens: Vec<u32>,
    /// Logits after so many of the last tokens.
    pub(super) wanted: usize,
}

impl<B: Backend> Writing<B> {
    /// `cache` holds the beginning of the prompt.
    pub(super) fn new(
        request: &CompleteRequest,
        cache: B::Cache,
        adapter: Option<Arc<B::Adapter>>,
        room: &Room,
        to: mpsc::Sender<Result<Piece>>,
    ) -> Self {
        let Room { context_tokens, reserved_pages, speculates } = *room;
        let room = context_tokens.saturating_sub(request.prompt.len());
        Self {
            text: Some(Text::new(request, room, cache.tokens())),
            drafts: Drafts::new(&request.prompt),
            unread: request.prompt[cache.tokens()..].iter().copied().collect(),
            prompt_tokens: request.prompt.len(),
            limit_tokens: request.prompt.len() + request.sampling.max_tokens.min(room),
            cache,
            adapter,
            to,
            unsent: VecDeque::new(),
            reserved_pages,
            speculates,
        }
    }

    /// Still reading the prompt.
    pub(super) fn reads(&self) -> bool {
        self.cache.tokens() + 1 < self.prompt_tokens
    }

    /// Everything is said, or nobody listens.
    pub(super) fn is_over(&self) -> bool {
        self.to.is_closed() || self.text.is_none() && self.unsent.is_empty()
    }

    /// At most `room` tokens; none while the reader is behind.
    pub(super) fn wish(&self, room: usize) -> Option<Wish> {
        if self.text.is_none() || !self.unsent.is_empty() || room == 0 {
            return None;
        }
        let mut tokens = self.unread.iter().take(room).copied().collect::<Vec<_>>();
        if tokens.len() < self.unread.len() {
            return Some(Wish { tokens, wanted: 0 });
        }
        let mut wanted = 1;
        if self.speculates && !self.reads() {
            let known = self.cache.tokens() + tokens.len();
            // The last token that may be written need not be read.
            let guess = self.drafts.guess((room - tokens.len()).min(self.limit_tokens.saturating_sub(known + 1)));
            wanted += guess.len();
            tokens.extend(guess);
        }
        Some(Wish { tokens, wanted })
    }

    /// What the model made of the wish: `logits` are `(wanted, vocabulary)`. Tokens are drawn until one is not
    /// the guessed one, so the text is the same with guesses and without.
    pub(super) fn take(&mut self, tokens: &Tokens, wish: &Wish, logits: &mut [f32], vocabulary: usize) {
        self.unread.drain(..(wish.tokens.len() + 1 - wish.wanted.max(1)).min(self.unread.len()));
        if wish.wanted == 0 {
            return;
        }
        let guesses = &wish.tokens[wish.tokens.len() + 1 - wish.wanted..];
        let before = self.cache.tokens() - guesses.len();
        let mut right = 0;
        while let Some(logits) = logits.get_mut(right * vocabulary..(right + 1) * vocabulary) {
            let Some(text) = &mut self.text else { break };
            let (next, piece) = match text.next(tokens, logits) {
                Ok(next) => next,
                Err(error) => {
                    self.fail(error);
                    break;
                }
            };
            self.unsent.extend(piece.map(Ok));
            if next.is_empty() {
                self.end();
                break;
            }
            for token in &next {
                self.drafts.push(*token);
            }
            let known = next.iter().zip(&guesses[right..]).take_while(|(next, guess)| next == guess).count();
            right += known;
            if known < next.len() {
                self.unread.extend(&next[known..]);
                break;
            }
        }
        self.drafts.learn(guesses.len(), right);
        self.cache.truncate(before + right);
    }

    fn end(&mut self) {
        if let Some(text) = self.text.take() {
            self.unsent.extend(text.finish().map(Ok));
        }
    }

    /// Gives the reader what it has room for.
    pub(super) fn send(&mut self) {
        while let Some(piece) = self.unsent.pop_front() {
            match self.to.try_send(piece) {
                Ok(()) => {}
                Err(TrySendError::Full(piece)) => {
                    self.unsent.push_front(piece);
                    return;
                }
                // Nobody listens any more; `is_over` says so.
                Err(TrySendError::Closed(_)) => return,
            }
        }
    }

    /// The error is the last piece.
    pub(super) fn fail(&mut self, error: GenerateError) {
        self.text = None;
        self.unsent.push_back(Err(error));
    }

    /// What the cache holds, for whoever begins the same.
    pub(super) fn remembered(self) -> Entry<B> {
        let known = self.drafts.tokens();
        let tokens = known[..self.cache.tokens().min(known.len())].to_vec();
        Entry { tokens, cache: self.cache, adapter: self.adapter }
    }
}
