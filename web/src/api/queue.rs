//! The queue, as callers see it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct QueueView {
    /// Whether nothing is taken from it until it is resumed.
    pub paused: bool,
    /// Documents that wait.
    pub queued: u64,
    /// Documents that are worked on.
    pub running: u64,
    /// Documents that are held back one by one.
    pub held: u64,
    /// Documents under way by stage: `parsing`, `recognising`, `chunking`, `embedding`, `indexing`.
    pub stages: BTreeMap<String, u64>,
    /// Documents that ended, well or badly, within the last ten minutes.
    pub finished_lately: u64,
    /// Estimate of what is left in seconds, from the pace of the last ten minutes; null while there is none.
    pub remaining_s: Option<u64>,
}

impl From<terroir_store::Queue> for QueueView {
    fn from(from: terroir_store::Queue) -> Self {
        Self {
            paused: from.paused,
            queued: from.queued,
            running: from.running,
            held: from.held,
            stages: from.stages.into_iter().collect(),
            finished_lately: from.finished_lately,
            remaining_s: from.remaining.map(|remaining| remaining.as_secs()),
        }
    }
}
