//! Tokens become text piece by piece; the text ends before a stop text, however tokens cut it.

use super::CompleteRequest;
use crate::error::Result;
use crate::sampling::Sampler;
use crate::tokens::{Detokenizer, Tokens};

/// Part of a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    /// The last piece.
    End {
        output_tokens: usize,
    },
}

/// One text while it is written: logits go in, pieces come out. Knows nothing of how logits are computed.
pub(super) struct Text {
    sampler: Sampler,
    detokenizer: Detokenizer,
    stops: StopTexts,
    history: Vec<u32>,
    prompt_tokens: usize,
    limit_tokens: usize,
}

impl Text {
    pub(super) fn new(request: &CompleteRequest, room_tokens: usize) -> Self {
        Self {
            sampler: Sampler::new(request.sampling.clone()),
            detokenizer: Detokenizer::default(),
            stops: StopTexts::new(&request.sampling.stop),
            history: request.prompt.clone(),
            prompt_tokens: request.prompt.len(),
            limit_tokens: request.sampling.max_tokens.min(room_tokens),
        }
    }

    /// Draws a token. Gives it where the logits after it are wanted, and the text that may go out.
    pub(super) fn next(&mut self, tokens: &Tokens, logits: &mut [f32]) -> Result<(Option<u32>, Option<Piece>)> {
        let written = self.history.len() - self.prompt_tokens;
        if written >= self.limit_tokens {
            return Ok((None, None));
        }
        let token = self.sampler.next(logits, &self.history[self.prompt_tokens..]);
        self.history.push(token);
        if tokens.is_end(token) {
            return Ok((None, None));
        }
        let text = self.stops.push(&self.detokenizer.push(tokens.bytes(token)));
        let piece = (!text.is_empty()).then_some(Piece::Text(text));
        let goes_on = !self.stops.met && written + 1 < self.limit_tokens;
        Ok((goes_on.then_some(token), piece))
    }

    /// What was held back, and the end.
    pub(super) fn finish(mut self) -> impl Iterator<Item = Piece> {
        let rest = self.stops.finish();
        let last = (!rest.is_empty()).then_some(Piece::Text(rest));
        let output_tokens = self.history.len() - self.prompt_tokens;
        last.into_iter().chain([Piece::End { output_tokens }])
    }
}

/// Holds back text that may be the beginning of a stop text.
struct StopTexts {
    stops: Vec<String>,
    held: String,
    met: bool,
}

impl StopTexts {
    fn new(stops: &[String]) -> Self {
        Self { stops: stops.to_vec(), held: String::new(), met: false }
    }

    /// What may go out.
    fn push(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let stops = self.stops.iter().filter(|stop| !stop.is_empty());
        if let Some(at) = stops.clone().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.met = true;
            let text = self.held[..at].to_owned();
            self.held.clear();
            return text;
        }
        let starts = self.held.char_indices().map(|(at, _)| at);
        let keep = starts.into_iter().find(|at| stops.clone().any(|stop| stop.starts_with(&self.held[*at..])));
        let rest = self.held.split_off(keep.unwrap_or(self.held.len()));
        std::mem::replace(&mut self.held, rest)
    }

    fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_text_is_found_across_pieces() {
        let stops = ["\n\nQ:".to_owned(), "END".to_owned()];
        for (pieces, out, met) in [
            (&["Paris.\n", "\n", "Q", ": next"][..], "Paris.", true),
            (&["an E", "ND of"], "an ", true),
            (&["an E", "N", " route"], "an EN route", false),
            (&["line\n", "\nnext"], "line\n\nnext", false),
            (&["ends on E"], "ends on E", false),
        ] {
            let mut texts = StopTexts::new(&stops);
            let mut written = String::new();
            for piece in pieces {
                written.push_str(&texts.push(piece));
                if texts.met {
                    break;
                }
            }
            written.push_str(&texts.finish());
            assert_eq!((written.as_str(), texts.met), (out, met), "{pieces:?}");
        }
    }
}
