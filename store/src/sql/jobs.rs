//! The table `jobs`: claimed with a lease, kept by a heartbeat, finished once.

use std::time::Duration;

use sqlx::{Any, AssertSqlSafe, Row as _, Transaction};

use super::{Database, id, now_ms};
use crate::Result;
use crate::document::NewDocument;
use crate::error::StoreError;
use crate::ids::DocumentId;
use crate::job::Job;

impl Database {
    pub async fn insert_job(
        &self,
        transaction: &mut Transaction<'static, Any>,
        document: DocumentId,
        generation: i64,
        new: &NewDocument,
    ) -> Result<i64> {
        self.cancel_jobs(transaction, document).await?;
        let row = sqlx::query(
            "insert into jobs (document_id, generation, sha256, file_name, state, priority, attempt, run_after, created_at) \
             values ($1, $2, $3, $4, 'queued', $5, 0, 0, $6) returning id",
        )
        .bind(document.to_string())
        .bind(generation)
        .bind(&new.sha256)
        .bind(&new.file_name)
        .bind(new.priority)
        .bind(now_ms())
        .fetch_one(&mut **transaction)
        .await?;
        Ok(row.try_get(0)?)
    }

    pub async fn cancel_jobs(&self, transaction: &mut Transaction<'static, Any>, document: DocumentId) -> Result<()> {
        sqlx::query("update jobs set state = 'cancelled' where document_id = $1 and state in ('queued', 'running')")
            .bind(document.to_string())
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Takes the most urgent job that is waiting, or whose worker has been silent for longer than its lease.
    pub async fn claim_job(&self, worker: &str, lease: Duration) -> Result<Option<Job>> {
        let mut transaction = self.begin().await?;
        let now = now_ms();
        let statement = format!(
            "select id, document_id, generation, sha256, file_name, attempt from jobs \
             where (state = 'queued' and run_after <= $1) or (state = 'running' and lease_until < $1) \
             order by priority desc, id limit 1 {}",
            self.skip_locked()
        );
        let row = sqlx::query(AssertSqlSafe(statement)).bind(now).fetch_optional(&mut *transaction).await?;
        let Some(row) = row else {
            transaction.rollback().await?;
            return Ok(None);
        };
        let attempt: i64 = row.try_get("attempt")?;
        let job = Job {
            id: row.try_get("id")?,
            document: id(&row, "document_id")?,
            generation: row.try_get("generation")?,
            sha256: row.try_get("sha256")?,
            file_name: row.try_get("file_name")?,
            attempt: attempt as u32 + 1,
            worker: worker.to_owned(),
        };
        sqlx::query(
            "update jobs set state = 'running', worker = $1, lease_until = $2, attempt = attempt + 1 where id = $3",
        )
        .bind(worker)
        .bind(now + lease.as_millis() as i64)
        .bind(job.id)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Some(job))
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

    /// Changes the state of a job that is still this worker's, and fails with `JobLost` otherwise.
    pub async fn end_job(
        &self,
        transaction: &mut Transaction<'static, Any>,
        job: &Job,
        state: &str,
        run_after: i64,
    ) -> Result<()> {
        let updated = sqlx::query(
            "update jobs set state = $1, run_after = $2, worker = null, lease_until = null \
             where id = $3 and state = 'running' and worker = $4",
        )
        .bind(state)
        .bind(run_after)
        .bind(job.id)
        .bind(&job.worker)
        .execute(&mut **transaction)
        .await?;
        if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::JobLost) }
    }

    /// Makes sure, inside the transaction, that the job is still this worker's.
    pub async fn hold_job(&self, transaction: &mut Transaction<'static, Any>, job: &Job) -> Result<()> {
        let held = sqlx::query("update jobs set worker = worker where id = $1 and state = 'running' and worker = $2")
            .bind(job.id)
            .bind(&job.worker)
            .execute(&mut **transaction)
            .await?;
        if held.rows_affected() == 1 { Ok(()) } else { Err(StoreError::JobLost) }
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
    pub async fn job_needs(&self, transaction: &mut Transaction<'static, Any>, sha256: &str) -> Result<bool> {
        let row = sqlx::query("select 1 from jobs where sha256 = $1 and state in ('queued', 'running') limit 1")
            .bind(sha256)
            .fetch_optional(&mut **transaction)
            .await?;
        Ok(row.is_some())
    }
}
