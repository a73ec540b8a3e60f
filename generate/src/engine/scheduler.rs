//! Who is computed in the next step of the model.
//!
//! ```text
//! jobs ─▶ lines (one per owner) ─▶ admitted: pages reserved ─▶ step: a token of every text, then prompts ─▶ pieces
//! ```
//! All texts advance together, one step at a time. A step has a budget of rows, so that a long prompt is read
//! in parts and stalls nobody; memory is reserved before a text is begun, so that it can always be ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use super::model::Model;
use super::prefixes::Prefixes;
use super::queue::{Lines, Place};
use super::scoring::{Batch, Scoring};
use super::writing::{Room, Wish, Writing};
use super::{GeneratorOptions, Job, panic_message};
use crate::backend::{Backend, Sequence};
use crate::error::{GenerateError, Result};
use crate::llama::pages_of;

/// How long readers that are behind are waited for before they are looked at again.
const PATIENCE: Duration = Duration::from_millis(2);

pub(super) struct Scheduler<B: Backend> {
    model: Model<B>,
    options: GeneratorOptions,
    jobs: Receiver<(Job, Place)>,
    lines: Lines,
    writings: Vec<Writing<B>>,
    scorings: Vec<Scoring<B::Cache>>,
    prefixes: Prefixes<B>,
}

/// Of each text and of each scoring, in their order.
type Wishes<Cache> = (Vec<Option<Wish>>, Vec<Option<Batch<Cache>>>);

impl<B: Backend> Scheduler<B> {
    pub(super) fn new(model: Model<B>, options: GeneratorOptions, jobs: Receiver<(Job, Place)>) -> Self {
        Self {
            model,
            options,
            jobs,
            lines: Lines::default(),
            writings: Vec::new(),
            scorings: Vec::new(),
            prefixes: Prefixes::default(),
        }
    }

    /// Until every handle is gone and nobody waits any more. A panic fails the texts of its step, nothing else.
    pub(super) fn run(self) {
        self.run_watched(|_| ());
    }

    /// `watch` looks on after every step.
    pub(super) fn run_watched(mut self, mut watch: impl FnMut(&Self)) {
        while self.receive() {
            self.lines.drop_abandoned();
            self.writings.retain(|writing| !writing.is_over());
            self.scorings.retain(|scoring| !scoring.is_over());
            self.admit();
            let stepped = catch_unwind(AssertUnwindSafe(|| self.step()));
            match stepped {
                Ok(Ok(true)) => {}
                // Everybody who could go on waits for a reader.
                Ok(Ok(false)) => self.wait_for_readers(),
                Ok(Err(error)) => {
                    let reason = error.to_string();
                    tracing::error!(reason, "a step of the generating model failed");
                    self.fail(&|| GenerateError::Inference { reason: reason.clone() });
                }
                Err(panic) => {
                    let reason = panic_message(panic.as_ref());
                    tracing::error!(reason, "a step of the generating model panicked");
                    self.fail(&|| GenerateError::Crashed { reason: reason.clone() });
                }
            }
            watch(&self);
        }
    }

    /// Pages that exist, shared ones counted once.
    #[cfg(test)]
    pub(super) fn pages_in_use(&self) -> usize {
        let caches = self.writings.iter().map(|writing| &writing.cache);
        let caches =
            caches.chain(self.scorings.iter().map(|scoring| &scoring.prefix_cache)).chain(self.prefixes.caches());
        caches.flat_map(crate::backend::Past::pages).collect::<std::collections::HashSet<_>>().len()
    }

    fn is_idle(&self) -> bool {
        self.writings.is_empty() && self.scorings.is_empty() && self.lines.first().is_none()
    }

    /// Takes what has come; waits where there is nothing to do. False at the end.
    fn receive(&mut self) -> bool {
        if self.is_idle() {
            match self.jobs.recv() {
                Ok((job, place)) => self.lines.push(job, place),
                Err(_) => return false,
            }
        }
        loop {
            match self.jobs.try_recv() {
                Ok((job, place)) => self.lines.push(job, place),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return !self.is_idle(),
            }
        }
    }

    fn wait_for_readers(&mut self) {
        if self.writings.is_empty() && self.scorings.is_empty() {
            return;
        }
        match self.jobs.recv_timeout(PATIENCE) {
            Ok((job, place)) => self.lines.push(job, place),
            Err(RecvTimeoutError::Timeout) => {}
            // The service ends: a reader that does not read is not waited for.
            Err(RecvTimeoutError::Disconnected) => self.writings.clear(),
        }
    }

    fn reserved_pages(&self) -> usize {
        let writings = self.writings.iter().map(|writing| writing.reserved_pages).sum::<usize>();
        writings + self.scorings.iter().map(|scoring| scoring.reserved_pages).sum::<usize>()
    }

    /// Begins what there is room for; remembered beginnings make room.
    fn admit(&mut self) {
        while self.writings.len() + self.scorings.len() < self.options.texts.max(1) {
            let Some(job) = self.lines.first() else { return };
            let pages = match job {
                Job::Score(request, _) => Scoring::<B::Cache>::pages(request),
                Job::Complete(request, _) => {
                    let room = self.model.context_tokens.saturating_sub(request.prompt.len());
                    // The last page may be a copy of one that is shared.
                    pages_of(request.prompt.len() + request.sampling.max_tokens.min(room)) + 1
                }
            };
            let free = self.reserved_pages() + pages <= self.model.pages;
            let anybody = !self.writings.is_empty() || !self.scorings.is_empty();
            if !free && anybody {
                return;
            }
            let Some((job, place)) = self.lines.pop() else { return };
            drop(place);
            if free {
                self.make_room(pages);
                self.begin(job, pages);
            } else {
                let page_bytes = self.model.backend.page_bytes();
                let (bytes, least_bytes) = (self.model.pages * page_bytes, pages * page_bytes);
                job.refuse(GenerateError::Memory { bytes, least_bytes });
            }
        }
    }

    fn begin(&mut self, job: Job, pages: usize) {
        let fresh = || self.model.backend.cache();
        match job {
            Job::Score(request, reply) => {
                let cache = self.prefixes.longest(&request.prefix, None).unwrap_or_else(fresh);
                self.scorings.push(Scoring::new(request, cache, pages, reply));
            }
            Job::Complete(request, to) => {
                let adapter = request.voice.as_ref().and_then(|voice| self.model.adapters.get(voice)).cloned();
                let cache = self.prefixes.longest(&request.prompt, adapter.as_ref()).unwrap_or_else(fresh);
                let room = Room {
                    context_tokens: self.model.context_tokens,
                    reserved_pages: pages,
                    speculates: self.options.speculates,
                };
                self.writings.push(Writing::new(&request, cache, adapter, &room, to));
            }
        }
    }

    /// One pass through the model. False where nobody had a wish.
    fn step(&mut self) -> Result<bool> {
        for writing in &mut self.writings {
            writing.send();
        }
        let (wishes, mut batches) = self.wishes();
        let vocabulary = self.model.backend.shape().vocabulary;
        let mut sequences = Vec::new();
        for (writing, wish) in self.writings.iter_mut().zip(&wishes) {
            if let Some(Wish { tokens, wanted }) = wish {
                let adapter = writing.adapter.clone();
                sequences.push(Sequence { tokens, cache: &mut writing.cache, adapter, wanted: *wanted });
            }
        }
        for (scoring, batch) in self.scorings.iter_mut().zip(&mut batches) {
            match batch {
                Some(Batch::Prefix(tokens)) => {
                    sequences.push(Sequence { tokens, cache: &mut scoring.prefix_cache, adapter: None, wanted: 0 });
                }
                Some(Batch::Texts(texts)) => {
                    let wanted = scoring.wanted();
                    let texts = texts.iter_mut();
                    sequences.extend(texts.map(|(tokens, cache)| Sequence { tokens, cache, adapter: None, wanted }));
                }
                None => {}
            }
        }
        if sequences.is_empty() {
            return Ok(false);
        }
        let mut logits = self.model.backend.forward(&mut sequences)?;
        let mut rest = logits.as_mut_slice();
        let mut next = |rows: usize| {
            let (logits, later) = std::mem::take(&mut rest).split_at_mut(rows * vocabulary);
            rest = later;
            logits
        };
        for (writing, wish) in self.writings.iter_mut().zip(&wishes) {
            if let Some(wish) = wish {
                writing.take(&self.model.tokens, wish, next(wish.wanted), vocabulary);
                writing.send();
            }
        }
        for (scoring, batch) in self.scorings.iter_mut().zip(&batches) {
            if let Some(Batch::Texts(texts)) = batch {
                scoring.take(next(texts.len() * scoring.wanted()), vocabulary);
            }
        }
        self.remember_finished();
        Ok(true)
    }

    /// What is computed next, for each text: first a token for those who write, then what there is room for.
    fn wishes(&self) -> Wishes<B::Cache> {
        let mut wishes = self.writings.iter().map(|_| None).collect::<Vec<_>>();
        let writers = self.writings.iter().filter(|writing| !writing.reads()).count();
        let mut room = if writers > 0 { B::MIXED_ROWS.max(2 * writers) } else { B::READING_ROWS };
        let share = 1 + B::GUESS_ROWS / writers.max(1);
        for reads in [false, true] {
            let most = if reads { usize::MAX } else { share };
            let own = wishes.iter_mut().zip(&self.writings).filter(|(_, writing)| writing.reads() == reads);
            for (wish, writing) in own {
                *wish = writing.wish(most.min(room));
                room -= wish.as_ref().map_or(0, |wish: &Wish| wish.tokens.len());
            }
        }
        let mut empty = wishes.iter().all(Option::is_none);
        let batches = self.scorings.iter().map(|scoring| {
            let batch = scoring.batch(room, empty);
            room = room.saturating_sub(match &batch {
                Some(Batch::Prefix(tokens)) => tokens.len(),
                Some(Batch::Texts(texts)) => texts.iter().map(|(tokens, _)| tokens.len()).sum(),
                None => 0,
            });
            empty &= batch.is_none();
            batch
        });
        let batches = batches.collect();
        (wishes, batches)
    }

    /// Finished texts leave their pages to whoever begins the same.
    fn remember_finished(&mut self) {
        let finished = self.writings.extract_if(.., |writing| writing.is_over()).collect::<Vec<_>>();
        for writing in finished {
            self.prefixes.remember(writing.remembered());
        }
        self.make_room(0);
    }

    /// Forgets beginnings until so many pages more can be reserved, or until none is left.
    fn make_room(&mut self, pages: usize) {
        let reserved = self.reserved_pages() + pages;
        while reserved + self.prefixes.pages() > self.model.pages && self.prefixes.forget_oldest() {}
    }

    fn fail(&mut self, error: &dyn Fn() -> GenerateError) {
        for writing in &mut self.writings {
            writing.fail(error());
        }
        for scoring in &mut self.scorings {
            scoring.fail(error());
        }
    }
}
