//! The model writes freely, but quotes only what the passages say; every finished sentence is held against them
//! before it goes out.

use terroir_embed::{Encoder, Input, Priority};

use crate::answer::Writing;
use crate::constraint::Constraint;
use crate::engine::{CompleteRequest, Piece};
use crate::error::{GenerateError, Result};
use crate::select::{Candidate, Ranking, dot};
use crate::words::{content_words, numbers};
use crate::{AnswerRequest, Format, Generator, prompt, sentence};

/// Share of a statement's content words that its quote must have.
const SHARED_WORDS: f32 = 0.5;
/// Cosine of statement and quote.
const SIMILAR: f32 = 0.5;

/// Streams the composed answer, statement by statement.
pub(crate) async fn write(
    generator: &Generator,
    encoder: &Encoder,
    request: &AnswerRequest,
    ranking: &Ranking,
    writing: &mut Writing,
) -> Result<()> {
    let (preparing, asked) = (generator.clone(), request.clone());
    // Milliseconds: too long for an async thread.
    let prepared = tokio::task::spawn_blocking(move || prepare(&preparing, asked)).await;
    let prepared = prepared.map_err(|error| GenerateError::Crashed { reason: error.to_string() })??;
    writing.usage.prompt_tokens += prepared.prompt.len();
    let mut pieces = generator.complete(prepared)?;
    let mut pending = String::new();
    while let Some(piece) = pieces.recv().await {
        match piece? {
            Piece::Text { text, .. } => {
                pending.push_str(&text);
                while let Some(statement) = first_statement(&mut pending) {
                    state(encoder, request, ranking, writing, &statement).await?;
                }
            }
            Piece::End { usage, .. } => writing.usage.output_tokens += usage.output_tokens,
        }
    }
    state(encoder, request, ranking, writing, &pending).await
}

fn prepare(generator: &Generator, request: AnswerRequest) -> Result<CompleteRequest> {
    let room = request.sampling.max_tokens.min(generator.context_tokens() / 2);
    // The template adds some tokens of its own around the messages.
    let budget = generator.context_tokens().saturating_sub(room + 64);
    let tokens = generator.tokens();
    let messages = prompt::messages(&request.question, &request.passages, tokens, budget);
    let prompt = tokens.encode(&generator.template().render(&messages, None)?, true)?;
    // What the model puts between quotation marks, the passages say.
    let quotable = request.passages.into_iter().map(|passage| passage.text).collect();
    let constraint = Constraint::new(&generator.vocabulary()?, &Format::Quotes(quotable))?;
    Ok(CompleteRequest { prompt, sampling: request.sampling, voice: request.voice, owner: request.owner, constraint })
}

/// Takes the first sentence off `text` once another one has begun after it.
fn first_statement(text: &mut String) -> Option<String> {
    let spans = sentence::sentences(text);
    let (first, second) = (spans.first()?, spans.get(1)?);
    let statement = sentence::text_of(text, *first);
    *text = text.chars().skip(second.start).collect();
    Some(statement)
}

/// Sends a statement with its citation. Nothing in the passages near it: it is dropped.
async fn state(
    encoder: &Encoder,
    request: &AnswerRequest,
    ranking: &Ranking,
    writing: &mut Writing,
    statement: &str,
) -> Result<()> {
    let statement = statement.trim();
    if content_words(statement).is_empty() {
        return Ok(());
    }
    let vectors = encoder.encode(vec![statement.to_owned()], Input::Passage, Priority::Interactive).await?;
    let vector = vectors.first().map_or(&[][..], Vec::as_slice);
    let nearest = ranking.candidates.iter().max_by(|a, b| {
        let nearness =
            |candidate: &Candidate| shared_words(statement, &candidate.text) + dot(vector, candidate.vector());
        nearness(a).total_cmp(&nearness(b))
    });
    let Some(nearest) = nearest else {
        return Ok(());
    };
    let (shared, similar) = (shared_words(statement, &nearest.text), dot(vector, nearest.vector()));
    if shared < SHARED_WORDS && similar < SIMILAR {
        return Ok(());
    }
    let space = if writing.is_empty() { "" } else { " " };
    writing.text(&format!("{space}{statement}")).await?;
    let supported = shared >= SHARED_WORDS && similar >= SIMILAR && numbers_hold(statement, nearest, request);
    writing.cite(nearest, &request.passages, supported).await
}

/// Share of the statement's content words that the quote has.
fn shared_words(statement: &str, quote: &str) -> f32 {
    let (said, quoted) = (content_words(statement), content_words(quote));
    let shared = said.iter().filter(|word| quoted.contains(word)).count();
    shared as f32 / said.len().max(1) as f32
}

/// Every number of the statement is in the quote, or was in the question.
fn numbers_hold(statement: &str, quote: &Candidate, request: &AnswerRequest) -> bool {
    let known = [numbers(&quote.text), numbers(&request.question)].concat();
    numbers(statement).iter().all(|number| known.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_leave_once_the_next_has_begun() {
        let mut text = "It is 3.".to_owned();
        assert_eq!(first_statement(&mut text), None);
        text.push_str("5 metres high. And");
        assert_eq!(first_statement(&mut text).as_deref(), Some("It is 3.5 metres high."));
        assert_eq!(text, "And");
    }

    #[test]
    fn a_quote_is_near_by_its_words() {
        assert!(
            shared_words("The tower is 300 metres tall.", "At 300 metres, the tower was the tallest.") >= SHARED_WORDS
        );
        assert!(shared_words("Bananas are yellow.", "At 300 metres, the tower was the tallest.") < SHARED_WORDS);
    }
}
