//! The table `jobs`: claimed with a lease, kept by a heartbeat, finished once.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Database, Transaction, id, now_ms};
use crate::Result;
use crate::document::NewDocument;
use crate::error::StoreError;
use crate::ids::DocumentId;
use crate::job::{Job, JobState};

const COLUMNS: &str = "id, document_id, generation, sha256, file_name, source_id, bytes, attempt, claims, turn";

/// A job as it lies in the queue.
#[derive(Debug)]
pub struct Claimable {
    pub job: Job,
    /// Workers that took it since it last came forward, this one included.
    pub claims: u32,
}

impl Database {
    pub async fn insert_job(
        &self,
        transaction: &mut Transaction,
        document: DocumentId,
        generation: i64,
        new: &NewDocument,
    ) -> Result<i64> {
        self.delete_jobs(transaction, document).await?;
        let turn = self.take_turn(transaction, new.source.as_deref(), new.bytes).await?;
        let row = sqlx::query(
            "insert into jobs (document_id, generation, sha256, file_name, source_id, bytes, state, priority, turn, attempt, run_after, created_at) \
             values ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, 0, 0, $9) returning id",
        )
        .bind(document.to_string())
        .bind(generation)
        .bind(&new.sha256)
        .bind(&new.file_name)
        .bind(&new.source)
        .bind(new.bytes as i64)
        .bind(new.priority)
        .bind(turn)
        .bind(now_ms())
        .fetch_one(&mut **transaction)
        .await?;
        Ok(row.try_get(0)?)
    }

    /// Nobody wants the result of a document's jobs any more. Who works on one notices at its next step.
    pub async fn delete_jobs(&self, transaction: &mut Transaction, document: DocumentId) -> Result<()> {
        sqlx::query("delete from jobs where document_id = $1")
            .bind(document.to_string())
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Takes the most urgent job that is waiting, of a file of at most `max_bytes`.
    pub async fn claim_job(&self, worker: &str, lease: Duration, max_bytes: Option<u64>) -> Result<Option<Claimable>> {
        let mut transaction = self.begin().await?;
        let now = now_ms();
        // Whose worker has been silent for longer than its lease waits again.
        sqlx::query("update jobs set state = 'queued', worker = null where state = 'running' and lease_until < $1")
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        let statement = format!(
            "select {COLUMNS} from jobs where state = 'queued' and run_after <= $1 and bytes <= $2 \
             and not exists (select 1 from meta where key = 'ingestion_paused') \
             order by priority desc, turn, id limit 1 {}",
            self.skip_locked()
        );
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(now)
            .bind(max_bytes.map_or(i64::MAX, |bytes| bytes as i64))
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else {
            transaction.commit().await?;
            return Ok(None);
        };
        let claimable = read(&row, worker)?;
        sqlx::query(
            "update jobs set state = 'running', worker = $1, lease_until = $2, claims = claims + 1, \
             started_at = coalesce(started_at, $3) where id = $4",
        )
        .bind(worker)
        .bind(now + lease.as_millis() as i64)
        .bind(now)
        .bind(claimable.job.id)
        .execute(&mut *transaction)
        .await?;
        self.pass_turn(&mut transaction, row.try_get("turn")?).await?;
        transaction.commit().await?;
        Ok(Some(claimable))
    }

    /// Extends the lease; `JobLost` when the job is no longer this worker's.
    pub async fn extend_lease(&self, job: &Job, lease: Duration) -> Result<()> {
        let updated =
            sqlx::query("update jobs set lease_until = $1 where id = $2 and state = 'running' and worker = $3")
                .bind(now_ms() + lease.as_millis() as i64)
                .bind(job.id)
                .bind(&job.worker)
                .execute(&self.pool)
                .await?;
        if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::JobLost) }
    }

    /// Makes sure, inside the transaction, that the job is still this worker's.
    pub async fn hold_job(&self, transaction: &mut Transaction, job: &Job) -> Result<()> {
        let held = sqlx::query("update jobs set worker = worker where id = $1 and state = 'running' and worker = $2")
            .bind(job.id)
            .bind(&job.worker)
            .execute(&mut **transaction)
            .await?;
        if held.rows_affected() == 1 { Ok(()) } else { Err(StoreError::JobLost) }
    }

    /// Ends a job that is still this worker's, and fails with `JobLost` otherwise. What was kept of a job that failed
    /// stays, for the next try.
    pub async fn end_job(&self, transaction: &mut Transaction, job: &Job, state: JobState) -> Result<()> {
        let updated = sqlx::query(
            "update jobs set state = $1, worker = null, lease_until = null, finished_at = $2 \
             where id = $3 and state = 'running' and worker = $4",
        )
        .bind(state.as_str())
        .bind(now_ms())
        .bind(job.id)
        .bind(&job.worker)
        .execute(&mut **transaction)
        .await?;
        if updated.rows_affected() != 1 {
            return Err(StoreError::JobLost);
        }
        if state == JobState::Done {
            self.drop_checkpoints(transaction, job.id).await?;
        }
        Ok(())
    }

    /// Puts a job that is still this worker's back into the queue, not to be taken before `after` has passed.
    pub async fn requeue_job(
        &self,
        transaction: &mut Transaction,
        job: &Job,
        failures: u32,
        after: Duration,
    ) -> Result<()> {
        let updated = sqlx::query(
            "update jobs set state = 'queued', worker = null, lease_until = null, attempt = attempt + $1, \
             run_after = $2, claims = 0 where id = $3 and state = 'running' and worker = $4",
        )
        .bind(i64::from(failures))
        .bind(now_ms() + after.as_millis() as i64)
        .bind(job.id)
        .bind(&job.worker)
        .execute(&mut **transaction)
        .await?;
        if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::JobLost) }
    }

    /// Moves a document's job from one of some states to another, whoever works on it; whether there was one.
    pub async fn move_job(
        &self,
        transaction: &mut Transaction,
        document: DocumentId,
        from: &[JobState],
        to: JobState,
    ) -> Result<bool> {
        let from: Vec<String> = from.iter().map(|state| format!("'{}'", state.as_str())).collect();
        let statement = format!(
            "update jobs set state = $1, worker = null, lease_until = null, attempt = 0, claims = 0, run_after = 0, \
             finished_at = null where document_id = $2 and state in ({})",
            from.join(", ")
        );
        let moved = sqlx::query(AssertSqlSafe(statement))
            .bind(to.as_str())
            .bind(document.to_string())
            .execute(&mut **transaction)
            .await?;
        Ok(moved.rows_affected() > 0)
    }

    /// Where one process owns everything, whoever held a job before it started is gone.
    pub async fn free_all_leases(&self) -> Result<u64> {
        let freed =
            sqlx::query("update jobs set state = 'queued', worker = null, lease_until = null where state = 'running'")
                .execute(&self.pool)
                .await?;
        Ok(freed.rows_affected())
    }

    /// Whether a job that is not finished needs these bytes.
    pub async fn job_needs(&self, transaction: &mut Transaction, sha256: &str) -> Result<bool> {
        let row =
            sqlx::query("select 1 from jobs where sha256 = $1 and state in ('queued', 'running', 'paused') limit 1")
                .bind(sha256)
                .fetch_optional(&mut **transaction)
                .await?;
        Ok(row.is_some())
    }
}

fn read(row: &AnyRow, worker: &str) -> Result<Claimable> {
    let (attempt, claims, bytes): (i64, i64, i64) =
        (row.try_get("attempt")?, row.try_get("claims")?, row.try_get("bytes")?);
    let job = Job {
        id: row.try_get("id")?,
        document: id(row, "document_id")?,
        generation: row.try_get("generation")?,
        sha256: row.try_get("sha256")?,
        file_name: row.try_get("file_name")?,
        source: row.try_get("source_id")?,
        bytes: bytes as u64,
        attempt: attempt as u32 + 1,
        worker: worker.to_owned(),
    };
    Ok(Claimable { job, claims: claims as u32 + 1 })
}
