//! Question and passages become the sentences that answer it, verbatim.
//!
//! ```text
//! sentences of all passages ─▶ similarity + rare shared words ─▶ the best few
//!   ─▶ language model: how much likelier does the sentence make the question? ─▶ one to three, in order
//! ```

use std::collections::HashMap;

use terroir_embed::{Encoder, Input, Priority};

use crate::engine::ScoreRequest;
use crate::error::{GenerateError, Result};
use crate::evidence::Evidence;
use crate::sentence::{self, Span};
use crate::words::{content_words, folded_words, names};
use crate::{AnswerRequest, Generator, Passage};

/// Sentences that the encoder sees; of more, those that share most with the question.
const ENCODED: usize = 48;
/// Sentences that the language model sees.
const SCORED: usize = 8;
/// Tokens of a sentence and its context, and of a question, that the language model sees.
const GIVEN_TOKENS: usize = 80;
const QUESTION_TOKENS: usize = 48;

/// Weights of a candidate's parts. Set by what `calibrate` prints.
const GAIN: f32 = 1.0;
const SIMILARITY: f32 = 1.0;
const OVERLAP: f32 = 1.5;

/// Further sentences must come this close to the best one.
const MARGIN: f32 = 0.15;
const MOST_CHOSEN: usize = 3;
/// Sentences this similar say the same.
const NEAR_DUPLICATE: f32 = 0.9;

/// A sentence that may answer.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Index into the passages.
    pub(crate) passage: usize,
    pub(crate) span: Span,
    pub(crate) text: String,
    pub(crate) evidence: Evidence,
    vector: Vec<f32>,
    score: f32,
}

impl Candidate {
    /// The sentence's embedding.
    pub(crate) fn vector(&self) -> &[f32] {
        &self.vector
    }
}

/// What was found, best first, and what it cost.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) prompt_tokens: usize,
    pub(crate) prefilter_ms: u64,
    pub(crate) model_ms: u64,
}

impl Ranking {
    /// Evidence of the best sentence; nothing where there is none.
    pub(crate) fn evidence(&self) -> f32 {
        self.candidates.first().map_or(0.0, |best| best.evidence.chance())
    }

    /// One to three sentences, in the order of passages and text.
    pub(crate) fn chosen(&self) -> Vec<&Candidate> {
        let Some(best) = self.candidates.first() else {
            return Vec::new();
        };
        let mut chosen = vec![best];
        for candidate in &self.candidates[1..] {
            let near = best.score - candidate.score <= MARGIN;
            let new = chosen.iter().all(|other| dot(&other.vector, &candidate.vector) < NEAR_DUPLICATE);
            if near && new && chosen.len() < MOST_CHOSEN {
                chosen.push(candidate);
            }
        }
        chosen.sort_by_key(|candidate| (candidate.passage, candidate.span.start));
        chosen
    }
}

/// Ranks the sentences of all passages by how well they answer.
pub(crate) async fn rank(generator: &Generator, encoder: &Encoder, request: &AnswerRequest) -> Result<Ranking> {
    let (question, passages) = (&request.question, &request.passages);
    let started = std::time::Instant::now();
    let (asked, read) = (question.clone(), passages.clone());
    // Milliseconds of computing: too long for an async thread.
    let lexical = tokio::task::spawn_blocking(move || lexical(&asked, &read)).await;
    let mut candidates = lexical.map_err(|error| GenerateError::Crashed { reason: error.to_string() })?;
    if candidates.is_empty() {
        return Ok(Ranking::default());
    }
    let texts = candidates.iter().map(|candidate| candidate.text.clone()).collect::<Vec<_>>();
    let (asked, vectors) = tokio::try_join!(
        encoder.encode(vec![question.clone()], Input::Query, Priority::Interactive),
        encoder.encode(texts, Input::Passage, Priority::Interactive),
    )?;
    let Some(asked) = asked.first() else {
        return Ok(Ranking::default());
    };
    for (candidate, vector) in candidates.iter_mut().zip(vectors) {
        candidate.evidence.similarity = dot(asked, &vector);
        candidate.vector = vector;
        candidate.score = SIMILARITY * candidate.evidence.similarity + OVERLAP * candidate.evidence.overlap;
    }
    sort(&mut candidates);
    candidates.truncate(SCORED);
    let prefilter_ms = started.elapsed().as_millis() as u64;

    let started = std::time::Instant::now();
    let scoring = score_request(generator, question, passages, &candidates)?;
    let scoring = ScoreRequest { owner: request.owner.clone(), ..scoring };
    let prompt_tokens = scoring.givens.iter().map(|given| given.len() + scoring.target.len()).sum();
    let scores = generator.score(scoring).await?;
    if let Some((without, with)) = scores.split_first() {
        for (candidate, with) in candidates.iter_mut().zip(with) {
            candidate.evidence.gain = with - without;
            candidate.score += GAIN * candidate.evidence.gain;
        }
    }
    sort(&mut candidates);
    Ok(Ranking { candidates, prompt_tokens, prefilter_ms, model_ms: started.elapsed().as_millis() as u64 })
}

/// The first text given is no sentence at all: what the question is worth by itself.
fn score_request(
    generator: &Generator,
    question: &str,
    passages: &[Passage],
    candidates: &[Candidate],
) -> Result<ScoreRequest> {
    let tokens = generator.tokens();
    let mut target = tokens.encode(&format!(" {}", question.trim()), false)?;
    target.truncate(QUESTION_TOKENS);
    let ask = tokens.encode("\nQuestion:", false)?;
    let mut givens = vec![ask.clone()];
    for candidate in candidates {
        let context = context_of(&passages[candidate.passage]);
        let mut given = tokens.encode(&format!("{context}{}", candidate.text), false)?;
        given.truncate(GIVEN_TOKENS);
        givens.push([given, ask.clone()].concat());
    }
    let prefix = tokens.begin().into_iter().collect();
    Ok(ScoreRequest { prefix, givens, target, ..ScoreRequest::default() })
}

/// Title and nearest heading: what the pronouns of a sentence may stand for.
fn context_of(passage: &Passage) -> String {
    let heading = passage.heading_path.last().map_or("", String::as_str);
    let parts = [passage.title.as_str(), heading].into_iter().filter(|part| !part.is_empty());
    parts.fold(String::new(), |all, part| all + part + "\n")
}

/// All sentences with their share of the question's words, a rare word counting more; the best of them.
fn lexical(question: &str, passages: &[Passage]) -> Vec<Candidate> {
    let asked = content_words(question);
    let question_words = folded_words(question);
    let mut candidates = Vec::new();
    let mut words = Vec::new();
    for (index, passage) in passages.iter().enumerate() {
        let missing_names = missing_names(question, passage);
        for span in sentence::sentences(&passage.text) {
            let text = sentence::text_of(&passage.text, span);
            let content = content_words(&text);
            if !may_answer(&text, passage, &question_words) || is_topic(&text, &content, &asked) {
                continue;
            }
            words.push(content);
            candidates.push(Candidate {
                passage: index,
                span,
                text,
                evidence: Evidence { missing_names, ..Evidence::default() },
                vector: Vec::new(),
                score: 0.0,
            });
        }
    }
    let weights = rarity(&asked, &words);
    let total = weights.values().sum::<f32>();
    for (candidate, words) in candidates.iter_mut().zip(&words) {
        let context = content_words(&context_of(&passages[candidate.passage]));
        let shared = asked.iter().map(|word| match (words.contains(word), context.contains(word)) {
            (true, _) => weights[word.as_str()],
            // The title says what all its sentences are about, and none in particular.
            (false, true) => weights[word.as_str()] / 2.0,
            (false, false) => 0.0,
        });
        if total > 0.0 {
            candidate.evidence.overlap = shared.sum::<f32>() / total;
        }
        candidate.score = candidate.evidence.overlap;
    }
    sort(&mut candidates);
    candidates.truncate(ENCODED);
    candidates
}

/// Headings, questions, and what only repeats the question say nothing about it, however alike they are.
fn may_answer(text: &str, passage: &Passage, question_words: &[String]) -> bool {
    let words = folded_words(text);
    let is_heading = text.starts_with('#') || passage.heading_path.iter().any(|heading| heading.trim() == text.trim());
    let repeats = question_words.len() > 2 && words.windows(question_words.len()).any(|part| part == question_words);
    !words.is_empty() && !is_heading && !repeats && !text.trim_end().ends_with('?')
}

/// An item of an agenda or a caption, all of whose words are in the question, only repeats what is asked
/// about. A sentence may do that and answer: yes, it is so.
fn is_topic(text: &str, content: &[String], asked: &[String]) -> bool {
    let is_sentence = text.trim_end().ends_with(['.', '!', '…', '»', '”', '"', ')']);
    !is_sentence && content.iter().all(|word| asked.contains(word))
}

/// Share of the question's names that stand neither in the passage nor in its title or headings.
fn missing_names(question: &str, passage: &Passage) -> f32 {
    let names = names(question, passage.language != "de");
    if names.is_empty() {
        return 0.0;
    }
    let mut held = folded_words(&passage.text);
    held.extend(folded_words(&passage.title));
    held.extend(passage.heading_path.iter().flat_map(|heading| folded_words(heading)));
    let missing = names.iter().filter(|name| !held.iter().any(|word| word.contains(name.as_str()))).count();
    missing as f32 / names.len() as f32
}

/// How much a word of the question says: the fewer sentences have it, the more.
fn rarity<'a>(asked: &'a [String], sentences: &[Vec<String>]) -> HashMap<&'a str, f32> {
    let weight = |word: &String| {
        let having = sentences.iter().filter(|words| words.contains(word)).count() as f32;
        (1.0 + (sentences.len() as f32 - having + 0.5) / (having + 0.5)).ln()
    };
    asked.iter().map(|word| (word.as_str(), weight(word))).collect()
}

/// Best first; equals stay in the order of the passages.
fn sort(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
}

/// Cosine of normalised vectors.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_an_agenda_answers_nothing() {
        let asked = content_words("Why was a president of the orchard club chosen?");
        for (text, expected) in [
            ("- President of the orchard club", true),
            ("The president of the orchard club was chosen.", false),
            ("- President of the orchard club: Marthe Keller", false),
        ] {
            assert_eq!(is_topic(text, &content_words(text), &asked), expected, "{text}");
        }
    }

    #[test]
    fn a_passage_without_the_name_that_is_asked_about_is_doubted() {
        let passage =
            Passage { text: "Une commune de 10 000 habitants.".into(), title: "Lyon".into(), ..Passage::default() };
        for (question, expected) in [
            ("Quelle est la population de Marseille ?", 1.0),
            ("Quelle est la population de Lyon ?", 0.0),
            ("Quelle est la population ?", 0.0),
            ("Marseille est-elle plus grande que Lyon ou Nice ?", 0.5),
        ] {
            assert!((missing_names(question, &passage) - expected).abs() < 1e-6, "{question}");
        }
    }

    #[test]
    fn what_repeats_the_question_does_not_answer_it() {
        let passage = Passage { heading_path: vec!["The well".into()], ..Passage::default() };
        let question = folded_words("How deep is the well?");
        for (text, expected) in [
            ("The well is forty metres deep.", true),
            ("ask \"How deep is the well?\" --json", false),
            ("The well", false),
            ("Is it deep?", false),
            ("---", false),
        ] {
            assert_eq!(may_answer(text, &passage, &question), expected, "{text}");
        }
    }
}
