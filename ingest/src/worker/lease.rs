//! Keeps a job this worker's while it is worked on.

use std::time::Duration;

use terroir_store::{Job, Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How soon a worker learns that its job was called off or held back.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// Extends the lease until dropped.
pub(super) struct Lease {
    task: JoinHandle<()>,
    lost: watch::Receiver<bool>,
}

impl Lease {
    pub(super) fn keep(store: Store, job: Job, lease: Duration) -> Self {
        let (tell, lost) = watch::channel(false);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT.min(lease / 3)).await;
                match store.heartbeat(&job, lease).await {
                    Ok(()) => {}
                    Err(StoreError::JobLost) => {
                        tell.send_replace(true);
                        return;
                    }
                    // The database may be back before the lease ends.
                    Err(error) => tracing::debug!(%error, job.id, "the lease was not extended"),
                }
            }
        });
        Self { task, lost }
    }

    /// Returns when the job is not this worker's any more, and only then.
    pub(super) async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}
