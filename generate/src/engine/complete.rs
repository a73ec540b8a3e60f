//! Tokens become text piece by piece; the text ends before a stop text, however tokens cut it.

mod stop;

use std::collections::VecDeque;

use self::stop::StopTexts;
use super::CompleteRequest;
use crate::Usage;
use crate::constraint::Constraint;
use crate::error::Result;
use crate::sampling::{Choice, Sampler};
use crate::tokens::{Detokenizer, Tokens};

/// Part of a text that the model writes.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Text {
        text: String,
        /// Where log-probabilities were asked for: the tokens that the text so far is made of and that
        /// were not reported yet.
        tokens: Vec<WrittenToken>,
    },
    /// The last piece.
    End { reason: EndReason, usage: Usage },
}

/// A token with its log-probability by the model's own distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenToken {
    pub token: u32,
    /// Not always whole characters; empty for the end token.
    pub bytes: Vec<u8>,
    pub log_probability: f32,
    /// The most likely tokens, best first, with their bytes.
    pub top: Vec<(Vec<u8>, f32)>,
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The model ended it, or its format left nothing to add.
    Finished,
    /// Before a stop text.
    Stopped,
    /// No more tokens were asked for, or fit.
    Length,
}

/// Tokens that a format forces and that are read at once.
const FORCED_TOKENS: usize = 128;

/// One text while it is written: logits go in, pieces come out. Knows nothing of how logits are computed.
pub(super) struct Text {
    sampler: Sampler,
    constraint: Option<Constraint>,
    detokenizer: Detokenizer,
    stops: StopTexts,
    /// The prompt, and what was written.
    history: Vec<u32>,
    prompt_tokens: usize,
    cached_tokens: usize,
    limit_tokens: usize,
    reports: bool,
    /// Tokens to report, with the length of the text that they complete.
    waiting: VecDeque<(WrittenToken, usize)>,
    reason: EndReason,
}

impl Text {
    /// `cached_tokens` of the prompt were known before.
    pub(super) fn new(request: &CompleteRequest, room_tokens: usize, cached_tokens: usize) -> Self {
        Self {
            sampler: Sampler::new(request.sampling.clone()),
            constraint: request.constraint.clone(),
            detokenizer: Detokenizer::default(),
            stops: StopTexts::new(&request.sampling.stop),
            history: request.prompt.clone(),
            prompt_tokens: request.prompt.len(),
            cached_tokens,
            limit_tokens: request.sampling.max_tokens.min(room_tokens),
            reports: request.sampling.log_probabilities.is_some(),
            waiting: VecDeque::new(),
            reason: EndReason::Length,
        }
    }

    fn written_tokens(&self) -> usize {
        self.history.len() - self.prompt_tokens
    }

    /// Draws a token. Gives the tokens after which logits are wanted (it, and what its format forces after
    /// it), none at the end of the text; and the text that may go out.
    pub(super) fn next(&mut self, tokens: &Tokens, logits: &mut [f32]) -> Result<(Vec<u32>, Option<Piece>)> {
        if self.written_tokens() >= self.limit_tokens {
            return Ok((Vec::new(), None));
        }
        let allowed = self.constraint.as_mut().map(Constraint::allowed).transpose()?;
        let choice = self.sampler.next(logits, &self.history, allowed)?;
        let mut read = Vec::new();
        let mut text = String::new();
        let mut choices = VecDeque::from([choice]);
        while let Some(choice) = choices.pop_front() {
            read.push(choice.token);
            let (more, goes_on) = self.take(tokens, choice)?;
            text.push_str(&more);
            if !goes_on {
                return Ok((Vec::new(), self.piece(text)));
            }
            // A forced token has no probability to report: it is drawn like the others then.
            if choices.is_empty() && !self.reports && read.len() < FORCED_TOKENS {
                let forced = self.constraint.as_mut().map(Constraint::forced).unwrap_or_default();
                choices.extend(forced.into_iter().map(Choice::forced));
            }
        }
        Ok((read, self.piece(text)))
    }

    /// The text that may go out with a token, and whether others follow.
    fn take(&mut self, tokens: &Tokens, choice: Choice) -> Result<(String, bool)> {
        let token = choice.token;
        self.history.push(token);
        if let Some(constraint) = &mut self.constraint {
            constraint.accept(token)?;
        }
        if tokens.is_end(token) {
            self.reason = EndReason::Finished;
            return Ok((String::new(), false));
        }
        let text = self.stops.push(&self.detokenizer.push(tokens.bytes(token)));
        self.report(tokens, choice);
        if self.stops.met() {
            self.reason = EndReason::Stopped;
        } else if self.constraint.as_ref().is_some_and(Constraint::is_finished) {
            self.reason = EndReason::Finished;
        } else if self.written_tokens() < self.limit_tokens {
            return Ok((text, true));
        }
        Ok((text, false))
    }

    fn report(&mut self, tokens: &Tokens, choice: Choice) {
        let Some(log_probability) = choice.log_probability.filter(|_| self.reports) else {
            return;
        };
        let bytes = |token: u32| tokens.bytes(token).to_vec();
        let top = choice.top.into_iter().map(|(token, probability)| (bytes(token), probability)).collect();
        let token = WrittenToken { token: choice.token, bytes: bytes(choice.token), log_probability, top };
        self.waiting.push_back((token, self.stops.read_bytes()));
    }

    fn piece(&mut self, text: String) -> Option<Piece> {
        let sent = self.stops.sent_bytes();
        let count = self.waiting.iter().take_while(|(_, end)| *end <= sent).count();
        let tokens = self.waiting.drain(..count).map(|(token, _)| token).collect::<Vec<_>>();
        (!text.is_empty() || !tokens.is_empty()).then_some(Piece::Text { text, tokens })
    }

    /// What was held back, and the end.
    pub(super) fn finish(mut self) -> impl Iterator<Item = Piece> {
        let rest = self.stops.finish();
        let last = self.piece(rest);
        let usage = Usage {
            prompt_tokens: self.prompt_tokens,
            output_tokens: self.written_tokens(),
            cached_tokens: Some(self.cached_tokens),
        };
        last.into_iter().chain([Piece::End { reason: self.reason, usage }])
    }
}
