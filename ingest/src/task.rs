//! Tasks that work until they are told to stop.

use std::time::Duration;

use tokio::sync::watch;

pub(crate) async fn pause(stopping: &mut watch::Receiver<bool>, duration: Duration) {
    // Ends early when told to stop; both ends are fine.
    let _ = tokio::time::timeout(duration, stopped(stopping)).await;
}

/// Returns when the task is told to stop, or nobody is left who could.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // The guard that this gives is dropped at once: it must not be held across an await.
    drop(stopping.wait_for(|stop| *stop).await);
}

/// A task that is not waited for any more is not worked on any more.
pub(crate) struct AbortOnDrop(pub(crate) tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
