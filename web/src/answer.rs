//! A question, to a streamed answer with verified citations: the path that a newcomer reads first.
//! Native stream, JSON answer and `OpenAI`'s shapes are mappings over the events made here.

use std::time::{Duration, Instant};

use actix_web::web;
use terroir_generate::{AnswerEvent, AnswerRequest, Outcome};
use terroir_store::Principal;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::api::{self, Answer, AskRequest, Citation, Delta, Sources, Timings, Usage};
use crate::app::Service;
use crate::error::{ApiError, ApiResult};
use crate::request::Caller;

/// What happens on the way to an answer. Exactly one `Done` or `Failed` ends it.
#[derive(Debug)]
pub enum Event {
    Sources(Sources),
    Delta(Delta),
    Citation(Citation),
    Done(Box<Answer>),
    Failed(ApiError),
}

/// A reader that falls behind by this much slows the writer down.
const CHANNEL_CAPACITY: usize = 32;

/// Searches, and starts the answer. Errors that are known before the first event are returned here.
pub async fn start(
    service: web::Data<Service>,
    request: AskRequest,
    caller: Caller,
) -> ApiResult<mpsc::Receiver<Event>> {
    let asked = Instant::now();
    let question = service.check_question(&request.question)?;
    let filter = api::filter(request.filter.as_ref())?;
    let scope = service.scope(&caller, request.collection.as_deref()).await?;
    let scope = service.store.filtered(scope, filter).await?;
    let generator = service.generator().await?;
    let top_k = request.top_k.unwrap_or(service.settings.answer.passages).clamp(1, 32);
    let understood = service.understand(&question, &request.earlier)?;
    let asked_as = understood.as_ref().unwrap_or(&question);
    let found = service.search_passages(asked_as, scope, top_k).await?;
    let searched = asked.elapsed();
    service.metrics.answer_stage("search", searched);

    let sources = Sources {
        id: Uuid::now_v7().to_string(),
        understood: understood.clone(),
        passages: found.passages,
        model: generator.passport().clone(),
    };
    let answering = service.answerer(generator).await?.answer(AnswerRequest {
        question: asked_as.clone(),
        passages: found.inputs,
        style: service.style(request.style),
        sampling: service.sampling(&request),
        voice: request.collection.clone(),
        owner: caller.owner,
    });
    let asked_by = match caller.principal {
        Principal::User { name, .. } => Some(name),
        Principal::Operator | Principal::Anonymous => None,
    };
    let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
    let run = Run {
        service,
        question,
        collection: request.collection,
        asked_by,
        sources,
        citations: Vec::new(),
        asked,
        searched,
        first_event: None,
    };
    actix_web::rt::spawn(async move {
        run.forward(answering, &sender).await;
    });
    Ok(receiver)
}

struct Run {
    service: web::Data<Service>,
    question: String,
    collection: Option<String>,
    /// A user's name.
    asked_by: Option<String>,
    sources: Sources,
    citations: Vec<Citation>,
    asked: Instant,
    searched: Duration,
    first_event: Option<Duration>,
}

impl Run {
    /// Hands on the events until the answer ends or nobody reads any more; dropping `answering` then
    /// stops the model.
    async fn forward(mut self, mut answering: mpsc::Receiver<AnswerEvent>, to: &mpsc::Sender<Event>) {
        if to.send(Event::Sources(self.sources.clone())).await.is_err() {
            return self.service.metrics.answer("cancelled");
        }
        while let Some(event) = answering.recv().await {
            if self.first_event.is_none() {
                self.first_event = Some(self.asked.elapsed());
            }
            let (event, last) = self.translate(event).await;
            if to.send(event).await.is_err() {
                return self.service.metrics.answer("cancelled");
            }
            if last {
                return;
            }
        }
        self.service.metrics.answer("failed");
        let broken = ApiError::internal("the generating model ended without an answer");
        // Nobody is left to tell if this fails as well.
        let _ = to.send(Event::Failed(broken)).await;
    }

    async fn translate(&mut self, event: AnswerEvent) -> (Event, bool) {
        match event {
            AnswerEvent::Delta { text } => (Event::Delta(Delta { text }), false),
            AnswerEvent::Citation(citation) => match self.cite(&citation).await {
                Some(cited) => {
                    self.citations.push(cited.clone());
                    (Event::Citation(cited), false)
                }
                None => (Event::Failed(ApiError::internal("a citation names a passage that was not given")), true),
            },
            AnswerEvent::Done { outcome, text, usage, evidence, .. } => {
                let answer = self.finish(
                    outcome,
                    text,
                    evidence,
                    Usage { prompt_tokens: usage.prompt_tokens, output_tokens: usage.output_tokens },
                );
                self.keep(&answer).await;
                (Event::Done(Box::new(answer)), true)
            }
            AnswerEvent::Failed(error) => {
                self.service.metrics.answer("failed");
                (Event::Failed(ApiError::from(&error)), true)
            }
        }
    }

    /// The last gate: a quote counts as verified only if the database has it at that place now.
    async fn cite(&self, citation: &terroir_generate::Citation) -> Option<Citation> {
        let passage = self.sources.passages.get(citation.passage as usize)?;
        let place = self.service.locate_quote(passage, citation).await;
        Some(Citation::new(passage, citation, place))
    }

    fn finish(&self, outcome: Outcome, text: String, evidence: f32, usage: Usage) -> Answer {
        let total = self.asked.elapsed();
        let first_event = self.first_event.unwrap_or(total);
        let outcome = match outcome {
            Outcome::Answered => "answered",
            Outcome::Abstained => "abstained",
        };
        self.service.metrics.answer(outcome);
        self.service.metrics.answer_stage("first_event", first_event);
        self.service.metrics.answer_stage("total", total);
        let milliseconds = |duration: Duration| duration.as_millis() as u64;
        Answer {
            id: self.sources.id.clone(),
            outcome: outcome.into(),
            understood: self.sources.understood.clone(),
            text,
            citations: self.citations.clone(),
            passages: self.sources.passages.clone(),
            model: self.sources.model.clone(),
            usage,
            evidence,
            timings_ms: Timings {
                search: milliseconds(self.searched),
                first_event: milliseconds(first_event),
                total: milliseconds(total),
            },
        }
    }

    /// Citations are kept with the answer, never derived again.
    async fn keep(&self, answer: &Answer) {
        let (collection, asked_by) = (self.collection.as_deref(), self.asked_by.as_deref());
        if let Err(error) = self.service.keep_answer(&self.question, collection, asked_by, answer).await {
            tracing::error!(%error, answer.id, "the answer could not be stored");
        }
    }
}
