//! Keeps a job this worker's while it is worked on.

use std::time::Duration;

use terroir_store::{Job, Store};
use tokio::task::JoinHandle;

/// Extends the lease until dropped.
pub(super) struct Lease(JoinHandle<()>);

impl Lease {
    pub(super) fn keep(store: Store, job: Job, lease: Duration) -> Self {
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(lease / 3).await;
                if let Err(error) = store.heartbeat(&job, lease).await {
                    // A lost job shows itself at its next step, which fails.
                    tracing::debug!(%error, job.id, "the lease was not extended");
                }
            }
        }))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.abort();
    }
}
