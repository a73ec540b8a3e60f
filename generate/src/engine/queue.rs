//! Jobs that wait for room, taken in turn from each of those who sent them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Job;

/// A place in the bounded queue; given back when dropped.
pub(super) struct Place {
    taken: Arc<AtomicUsize>,
}

impl Place {
    /// None where all places are taken.
    pub(super) fn take(taken: &Arc<AtomicUsize>, capacity: usize) -> Option<Self> {
        let add = |count: usize| (count < capacity).then_some(count + 1);
        taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).ok()?;
        Some(Self { taken: Arc::clone(taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One line for each owner; the lines are served in turn, so that nobody waits for another's hundred.
#[derive(Default)]
pub(super) struct Lines {
    lines: VecDeque<(String, VecDeque<(Job, Place)>)>,
}

impl Lines {
    pub(super) fn push(&mut self, job: Job, place: Place) {
        let owner = job.owner();
        match self.lines.iter_mut().find(|(name, _)| name == owner) {
            Some((_, line)) => line.push_back((job, place)),
            None => self.lines.push_back((owner.to_owned(), VecDeque::from([(job, place)]))),
        }
    }

    /// The next job, which stays where it is.
    pub(super) fn first(&self) -> Option<&Job> {
        self.lines.front().and_then(|(_, line)| line.front()).map(|(job, _)| job)
    }

    /// Takes the next job; its owner's line goes to the end.
    pub(super) fn pop(&mut self) -> Option<(Job, Place)> {
        let (owner, mut line) = self.lines.pop_front()?;
        let job = line.pop_front();
        if !line.is_empty() {
            self.lines.push_back((owner, line));
        }
        job
    }

    /// Drops jobs that nobody waits for any more.
    pub(super) fn drop_abandoned(&mut self) {
        for (_, line) in &mut self.lines {
            line.retain(|(job, _)| !job.is_abandoned());
        }
        self.lines.retain(|(_, line)| !line.is_empty());
    }
}
