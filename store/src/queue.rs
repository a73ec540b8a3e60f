//! The queue of ingestion work: what people do to it (add, hold back, let go on, call off, try again), and what
//! workers do (claim, keep, give back, fail). Every one of these is legal in every state of a document, and a worker
//! whose job was changed under its hands learns it at its next step (`JobLost`).

use std::time::Duration;

use crate::Result;
use crate::access::Reader;
use crate::document::{Enqueued, NewDocument, Stage, Status};
use crate::error::StoreError;
use crate::ids::DocumentId;
use crate::job::{ErrorRecord, Job, JobState, Queue};
use crate::sql::changes::ChangeKind;
use crate::store::Store;

/// A job that this many workers took, and none brought forward, is not given to another: it may be what ends them.
const MAX_CLAIMS: u32 = 20;

/// What people do.
impl Store {
    /// Puts a document into the queue, unless the same bytes are there already.
    pub async fn enqueue(&self, new: &NewDocument) -> Result<Enqueued> {
        self.enqueue_unless(new, true, None).await
    }

    /// The same, for a document that from its beginning is narrowed to these readers. One with the same bytes that is
    /// there already stays as it is.
    pub async fn enqueue_narrowed(&self, new: &NewDocument, readers: &[Reader]) -> Result<Enqueued> {
        self.enqueue_unless(new, true, Some(readers)).await
    }

    /// The same, though another document has these bytes: that one is about to go, or to change.
    pub(crate) async fn enqueue_apart(&self, new: &NewDocument) -> Result<Enqueued> {
        self.enqueue_unless(new, false, None).await
    }

    async fn enqueue_unless(
        &self,
        new: &NewDocument,
        twins_count: bool,
        readers: Option<&[Reader]>,
    ) -> Result<Enqueued> {
        let collection = self.database.collection_id(&new.collection).await?;
        let document = DocumentId::derive(collection, &new.source_uri);
        let mut transaction = self.database.begin().await?;
        // The same bytes from two sources at once are one document: whoever comes second sees the first.
        self.database.take_turns(&mut transaction, &format!("{collection} {}", new.sha256)).await?;
        let known = self.database.known(&mut transaction, document).await?;
        let same = known.as_ref().filter(|known| known.sha256 == new.sha256 && !known.ended_badly());
        let twin = match (same, &known) {
            (Some(same), _) => Some(same.clone()),
            // A document that exists takes its new bytes, whoever else has them.
            (None, Some(_)) => None,
            (None, None) if !twins_count => None,
            (None, None) => self.database.twin(&mut transaction, collection, &new.sha256).await?,
        };
        if let Some(twin) = twin {
            transaction.rollback().await?;
            return Ok(Enqueued::Duplicate { document: twin.id });
        }
        // Asked under the write lock: nobody can drop the bytes between this and the job that needs them.
        if !self.blobs.path(&new.sha256).exists() {
            transaction.rollback().await?;
            return Err(StoreError::NoSuchBlob(new.sha256.clone()));
        }
        let again = match &known {
            Some(known) if known.sha256 == new.sha256 => {
                self.database.try_job_again(&mut transaction, document).await?
            }
            _ => None,
        };
        let job = if let Some(job) = again {
            job
        } else {
            let generation = self.database.upsert_document(&mut transaction, document, collection, new).await?;
            self.database.insert_job(&mut transaction, document, generation, new).await?
        };
        if readers.is_some() {
            self.narrow(&mut transaction, document, readers).await?;
        }
        transaction.commit().await?;
        self.changed(document);
        Ok(Enqueued::Queued { document, job })
    }

    /// Holds a document's job back, whatever stage it is in; what was done stays done. False if there is none.
    pub async fn pause_document(&self, document: DocumentId) -> Result<bool> {
        self.move_job(document, &[JobState::Queued, JobState::Running], JobState::Paused).await
    }

    /// Lets a job go on that was held back. False if there is none.
    pub async fn resume_document(&self, document: DocumentId) -> Result<bool> {
        self.move_job(document, &[JobState::Paused], JobState::Queued).await
    }

    /// Tries a document again that failed or was cancelled. False if it did neither.
    pub async fn retry_document(&self, document: DocumentId) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let known = self.database.existing(&mut transaction, document).await?;
        if !known.ended_badly() {
            transaction.rollback().await?;
            return Ok(false);
        }
        if self.database.try_job_again(&mut transaction, document).await?.is_none() {
            let (generation, new) = self.database.as_new(&mut transaction, document).await?;
            self.database.insert_job(&mut transaction, document, generation, &new).await?;
            self.database.requeue_document(&mut transaction, document, "queued").await?;
        }
        transaction.commit().await?;
        self.changed(document);
        Ok(true)
    }

    /// Calls the work on a document off, whatever stage it is in. What was searchable before stays so; a document
    /// that never was is `cancelled`, and can be tried again or removed. False if nothing is under way.
    pub async fn cancel_document(&self, document: DocumentId) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        let known = self.database.existing(&mut transaction, document).await?;
        if !matches!(known.status, Status::Queued | Status::Processing) {
            transaction.rollback().await?;
            return Ok(false);
        }
        self.database.delete_jobs(&mut transaction, document).await?;
        let mut current_sha256 = None;
        for (revision, sha256) in self.database.revisions_of(&mut transaction, document).await? {
            if known.current_revision == Some(revision) {
                current_sha256 = Some(sha256);
            } else {
                self.database.delete_revision(&mut transaction, revision).await?;
                self.database.insert_change(&mut transaction, ChangeKind::Remove, revision).await?;
            }
        }
        self.database.cancel_document(&mut transaction, document, current_sha256.as_deref()).await?;
        transaction.commit().await?;
        self.changed(document);
        self.drop_blob_if_unused(&known.sha256).await?;
        self.sets.catch_up_later();
        Ok(true)
    }

    /// Stops all ingestion until [`Self::resume_queue`]: a setting of the database, for every worker on it.
    pub async fn pause_queue(&self) -> Result<()> {
        self.database.pause_queue().await
    }

    pub async fn resume_queue(&self) -> Result<()> {
        self.database.resume_queue().await
    }

    pub async fn queue(&self) -> Result<Queue> {
        self.database.queue().await
    }

    async fn move_job(&self, document: DocumentId, from: &[JobState], to: JobState) -> Result<bool> {
        let mut transaction = self.database.begin().await?;
        self.database.existing(&mut transaction, document).await?;
        let moved = self.database.move_job(&mut transaction, document, from, to).await?;
        if moved {
            self.database.requeue_document(&mut transaction, document, to.as_str()).await?;
        }
        transaction.commit().await?;
        self.changed(document);
        Ok(moved)
    }
}

/// What workers do.
impl Store {
    /// Takes the next job for as long as `lease`; only one of a file of at most `max_bytes`, if given.
    pub async fn claim_job(&self, worker: &str, lease: Duration, max_bytes: Option<u64>) -> Result<Option<Job>> {
        while let Some(claimable) = self.database.claim_job(worker, lease, max_bytes).await? {
            if claimable.claims <= MAX_CLAIMS {
                return Ok(Some(claimable.job));
            }
            let error = ErrorRecord {
                code: "worker_lost".into(),
                message: format!("{MAX_CLAIMS} workers ended while they worked on it"),
                hint: "look for what ended them (memory?) in the system's log, then try it again".into(),
            };
            self.fail_job(&claimable.job, &error).await?;
        }
        Ok(None)
    }

    /// Extends a lease; `JobLost` means: stop working on it.
    pub async fn heartbeat(&self, job: &Job, lease: Duration) -> Result<()> {
        self.database.extend_lease(job, lease).await
    }

    /// Says how far the work on a document is. `JobLost` when nobody wants its result any more.
    pub async fn set_stage(&self, job: &Job, stage: Stage, progress: Option<(u64, u64)>) -> Result<()> {
        if !self.database.set_stage(job, stage, progress).await? {
            return Err(StoreError::JobLost);
        }
        self.changed(job.document);
        Ok(())
    }

    /// Keeps a finished part of the job, for whoever goes on with it.
    pub async fn keep_checkpoint(&self, job: &Job, name: &str, body: Vec<u8>) -> Result<()> {
        self.database.keep_checkpoint(job, name, body).await
    }

    pub async fn checkpoint(&self, job: &Job, name: &str) -> Result<Option<Vec<u8>>> {
        self.database.checkpoint(job, name).await
    }

    /// Names of what is kept of a job, in order.
    pub async fn checkpoint_names(&self, job: &Job) -> Result<Vec<String>> {
        self.database.checkpoint_names(job).await
    }

    /// Ends a job with the reason why its document failed. An older revision stays searchable.
    pub async fn fail_job(&self, job: &Job, error: &ErrorRecord) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        self.database.end_job(&mut transaction, job, JobState::Failed).await?;
        self.database.fail_document(&mut transaction, job.document, error).await?;
        transaction.commit().await?;
        self.changed(job.document);
        Ok(())
    }

    /// Puts a job back into the queue after a failure that may pass by itself.
    pub async fn retry_job(&self, job: &Job, after: Duration) -> Result<()> {
        self.give_back(job, 1, after).await
    }

    /// Gives a job back that nothing was wrong with: its worker has to stop.
    pub async fn release_job(&self, job: &Job) -> Result<()> {
        self.give_back(job, 0, Duration::ZERO).await
    }

    async fn give_back(&self, job: &Job, failures: u32, after: Duration) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        self.database.requeue_job(&mut transaction, job, failures, after).await?;
        self.database.requeue_document(&mut transaction, job.document, "queued").await?;
        transaction.commit().await?;
        self.changed(job.document);
        Ok(())
    }
}
