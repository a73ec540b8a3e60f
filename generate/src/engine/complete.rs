//! Tokens become text piece by piece; the text ends before a stop text, however tokens cut it.

use tokio::sync::mpsc;

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

/// Draws tokens from `logits`, then from what `next` computes after each token.
pub(super) fn write(
    request: &CompleteRequest,
    tokens: &Tokens,
    room_tokens: usize,
    mut logits: Vec<f32>,
    mut next: impl FnMut(u32) -> Result<Vec<f32>>,
    to: &mpsc::Sender<Result<Piece>>,
) -> Result<()> {
    let mut sampler = Sampler::new(request.sampling.clone());
    let mut detokenizer = Detokenizer::default();
    let mut stops = StopTexts::new(&request.sampling.stop);
    let mut written = Vec::new();
    let limit = request.sampling.max_tokens.min(room_tokens);
    while written.len() < limit && !logits.is_empty() {
        let token = sampler.next(&logits, &written);
        written.push(token);
        if tokens.is_end(token) {
            break;
        }
        let text = stops.push(&detokenizer.push(tokens.bytes(token)));
        if !text.is_empty() && to.blocking_send(Ok(Piece::Text(text))).is_err() || to.is_closed() {
            return Ok(());
        }
        if stops.met {
            break;
        }
        if written.len() < limit {
            logits = next(token)?;
        }
    }
    let rest = stops.finish();
    if !rest.is_empty() && to.blocking_send(Ok(Piece::Text(rest))).is_err() {
        return Ok(());
    }
    let end = Piece::End { output_tokens: written.len() };
    // A reader that has gone needs no end.
    let _ = to.blocking_send(Ok(end));
    Ok(())
}

/// Holds back text that may be the beginning of a stop text.
struct StopTexts<'a> {
    stops: &'a [String],
    held: String,
    met: bool,
}

impl<'a> StopTexts<'a> {
    fn new(stops: &'a [String]) -> Self {
        Self { stops, held: String::new(), met: false }
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
