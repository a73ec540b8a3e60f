//! Question and passages become events, ending in an answer or an honest abstention.

use std::time::Instant;

use terroir_embed::Encoder;
use tokio::sync::mpsc;

use crate::error::Result;
use crate::select::{self, Candidate};
use crate::{
    AnswerEvent, AnswerRequest, Citation, GenerateError, Generator, Outcome, Passage, Style, Timings, Usage, abstain,
    compose, evidence, verify,
};

/// Events that may wait for a reader.
const CHANNEL_CAPACITY: usize = 32;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Answerer {
    generator: Generator,
    encoder: Encoder,
}

impl Answerer {
    pub fn new(generator: Generator, encoder: Encoder) -> Self {
        Self { generator, encoder }
    }

    /// Starts to answer. Must be called within a tokio runtime; dropping the receiver stops the work.
    pub fn answer(&self, request: AnswerRequest) -> mpsc::Receiver<AnswerEvent> {
        let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        let answerer = self.clone();
        tokio::spawn(async move {
            let abandoned = sender.clone();
            tokio::select! {
                () = abandoned.closed() => {}
                () = answerer.run(request, sender) => {}
            }
        });
        receiver
    }

    async fn run(&self, request: AnswerRequest, events: mpsc::Sender<AnswerEvent>) {
        let mut writing = Writing::new(events);
        let last = match self.write(&request, &mut writing).await {
            Ok((outcome, evidence)) => writing.done(outcome, evidence),
            Err(error) => AnswerEvent::Failed(error),
        };
        // Nobody is left to tell if this fails.
        let _ = writing.events.send(last).await;
    }

    async fn write(&self, request: &AnswerRequest, writing: &mut Writing) -> Result<(Outcome, f32)> {
        request.sampling.check()?;
        let ranking = select::rank(&self.generator, &self.encoder, request).await?;
        writing.usage.prompt_tokens = ranking.prompt_tokens;
        writing.timings.prefilter_ms = ranking.prefilter_ms;
        writing.timings.model_ms = ranking.model_ms;
        let chance = ranking.evidence();
        if chance < evidence::THRESHOLD {
            writing.text(abstain::sentence(&request.question)).await?;
            return Ok((Outcome::Abstained, chance));
        }
        match request.style {
            Style::Quote => {
                for candidate in ranking.chosen() {
                    writing.quote(candidate, &request.passages).await?;
                }
            }
            Style::Compose => {
                let started = Instant::now();
                compose::write(&self.generator, &self.encoder, request, &ranking, writing).await?;
                writing.timings.model_ms += started.elapsed().as_millis() as u64;
            }
        }
        if writing.text.is_empty() {
            writing.text(abstain::sentence(&request.question)).await?;
            return Ok((Outcome::Abstained, chance));
        }
        Ok((Outcome::Answered, chance))
    }
}

/// The answer so far.
pub(crate) struct Writing {
    events: mpsc::Sender<AnswerEvent>,
    started: Instant,
    text: String,
    citations: u32,
    pub(crate) usage: Usage,
    timings: Timings,
}

impl Writing {
    fn new(events: mpsc::Sender<AnswerEvent>) -> Self {
        Self {
            events,
            started: Instant::now(),
            text: String::new(),
            citations: 0,
            usage: Usage::default(),
            timings: Timings::default(),
        }
    }

    pub(crate) async fn text(&mut self, text: &str) -> Result<()> {
        self.text.push_str(text);
        let event = AnswerEvent::Delta { text: text.to_owned() };
        self.events.send(event).await.map_err(|_| GenerateError::Closed)
    }

    /// The sentence itself, with its citation.
    async fn quote(&mut self, candidate: &Candidate, passages: &[Passage]) -> Result<()> {
        let space = if self.text.is_empty() { "" } else { " " };
        // A sentence of a PDF may be broken over lines; the quote keeps the breaks, the answer does not.
        let sentence = candidate.text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.text(&format!("{space}{sentence}")).await?;
        self.cite(candidate, passages, true).await
    }

    /// Adds the next marker and its quote. `supported`: the quote says what the text before it says.
    pub(crate) async fn cite(&mut self, candidate: &Candidate, passages: &[Passage], supported: bool) -> Result<()> {
        self.citations += 1;
        let passage = &passages[candidate.passage];
        let mut citation = Citation {
            marker: self.citations,
            passage: candidate.passage as u32,
            quote: candidate.text.clone(),
            verified: false,
            char_start: passage.char_start + candidate.span.start as u32,
            char_end: passage.char_start + candidate.span.end as u32,
        };
        citation.verified = supported && verify::stands(&citation, passage);
        self.text(&format!(" [{}]", self.citations)).await?;
        let event = AnswerEvent::Citation(citation);
        self.events.send(event).await.map_err(|_| GenerateError::Closed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn done(&mut self, outcome: Outcome, evidence: f32) -> AnswerEvent {
        self.timings.total_ms = self.started.elapsed().as_millis() as u64;
        AnswerEvent::Done {
            outcome,
            text: std::mem::take(&mut self.text),
            usage: self.usage,
            evidence,
            timings: self.timings,
        }
    }
}
