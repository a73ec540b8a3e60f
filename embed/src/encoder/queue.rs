//! Requests that wait, and the batches that are cut from them: interactive before bulk, by token budget,
//! across callers; requests that nobody waits for are dropped uncomputed.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Priority;
use super::request::{Request, Text};
use crate::EmbedError;

/// English text has four to five bytes a token; batches are cut again once tokens are counted.
const BYTES_PER_TOKEN: usize = 4;
const SPECIAL_TOKENS: usize = 2;

#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    capacity: usize,
    max_batch_tokens: usize,
    max_text_tokens: usize,
}

#[derive(Debug)]
struct State<T> {
    interactive: VecDeque<Waiting<T>>,
    bulk: VecDeque<Waiting<T>>,
    closed: bool,
}

#[derive(Debug)]
struct Waiting<T> {
    request: Arc<Request<T>>,
    /// First text not yet handed out.
    next: usize,
}

/// One text of one request.
#[derive(Debug)]
pub(crate) struct Piece<T> {
    pub(crate) request: Arc<Request<T>>,
    pub(crate) index: usize,
}

impl<T: Text> Piece<T> {
    pub(crate) fn text(&self) -> &T {
        &self.request.texts()[self.index]
    }
}

impl<T: Text> Queue<T> {
    pub(crate) fn new(capacity: usize, max_batch_tokens: usize, max_text_tokens: usize) -> Self {
        Self {
            state: Mutex::new(State { interactive: VecDeque::new(), bulk: VecDeque::new(), closed: false }),
            arrived: Condvar::new(),
            capacity: capacity.max(1),
            max_batch_tokens,
            max_text_tokens,
        }
    }

    /// `Busy` when `capacity` requests wait whose callers are still there.
    pub(crate) fn push(&self, request: Request<T>, priority: Priority) -> Result<(), EmbedError> {
        let mut state = self.state();
        if state.closed {
            return Err(EmbedError::Closed);
        }
        if state.len() >= self.capacity {
            state.drop_abandoned();
        }
        if state.len() >= self.capacity {
            return Err(EmbedError::Busy);
        }
        let waiting = Waiting { request: Arc::new(request), next: 0 };
        match priority {
            Priority::Interactive => state.interactive.push_back(waiting),
            Priority::Bulk => state.bulk.push_back(waiting),
        }
        drop(state);
        // All threads: one request may hold several batches.
        self.arrived.notify_all();
        Ok(())
    }

    /// Waits for work; `None` once closed. A batch holds one priority only, so that a question does not
    /// wait for the documents that happened to share its batch.
    pub(crate) fn take(&self) -> Option<Vec<Piece<T>>> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            let State { interactive, bulk, .. } = &mut *state;
            for lane in [interactive, bulk] {
                let pieces = self.cut_batch(lane);
                if !pieces.is_empty() {
                    return Some(pieces);
                }
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waiting requests are answered with `Closed` (their replies are dropped).
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.interactive.clear();
        state.bulk.clear();
        drop(state);
        self.arrived.notify_all();
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.state().len() == 0
    }

    fn cut_batch(&self, lane: &mut VecDeque<Waiting<T>>) -> Vec<Piece<T>> {
        let mut pieces = Vec::new();
        let mut tokens = 0;
        while let Some(waiting) = lane.front_mut() {
            if waiting.request.is_abandoned() {
                lane.pop_front();
                continue;
            }
            let texts = waiting.request.texts();
            while let Some(text) = texts.get(waiting.next) {
                tokens += self.estimated_tokens(text);
                if tokens > self.max_batch_tokens && !pieces.is_empty() {
                    return pieces;
                }
                pieces.push(Piece { request: Arc::clone(&waiting.request), index: waiting.next });
                waiting.next += 1;
            }
            lane.pop_front();
        }
        pieces
    }

    fn estimated_tokens(&self, text: &T) -> usize {
        (text.bytes() / BYTES_PER_TOKEN + SPECIAL_TOKENS).min(self.max_text_tokens)
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing here panics while the lock is held, so a poisoned value is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Text> State<T> {
    fn len(&self) -> usize {
        self.interactive.len() + self.bulk.len()
    }

    fn drop_abandoned(&mut self) {
        self.interactive.retain(|waiting| !waiting.request.is_abandoned());
        self.bulk.retain(|waiting| !waiting.request.is_abandoned());
    }
}
