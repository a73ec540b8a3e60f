//! The table `checkpoints`: finished parts of unfinished jobs.

use sqlx::Row as _;

use super::{Database, Transaction};
use crate::Result;
use crate::error::StoreError;
use crate::job::Job;

impl Database {
    /// Keeps a part of a job that is still this worker's. The job has come forward: earlier workers that died on it
    /// don't count any more.
    pub async fn keep_checkpoint(&self, job: &Job, name: &str, body: Vec<u8>) -> Result<()> {
        let mut transaction = self.begin().await?;
        let held = sqlx::query("update jobs set claims = 0 where id = $1 and state = 'running' and worker = $2")
            .bind(job.id)
            .bind(&job.worker)
            .execute(&mut *transaction)
            .await?;
        if held.rows_affected() != 1 {
            return Err(StoreError::JobLost);
        }
        sqlx::query(
            "insert into checkpoints (job_id, name, body) values ($1, $2, $3) \
             on conflict (job_id, name) do update set body = excluded.body",
        )
        .bind(job.id)
        .bind(name)
        .bind(body)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    pub async fn checkpoint(&self, job: &Job, name: &str) -> Result<Option<Vec<u8>>> {
        let row = sqlx::query("select body from checkpoints where job_id = $1 and name = $2")
            .bind(job.id)
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    pub async fn checkpoint_names(&self, job: &Job) -> Result<Vec<String>> {
        let rows = sqlx::query("select name from checkpoints where job_id = $1 order by name")
            .bind(job.id)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    pub(super) async fn drop_checkpoints(&self, transaction: &mut Transaction, job: i64) -> Result<()> {
        sqlx::query("delete from checkpoints where job_id = $1").bind(job).execute(&mut **transaction).await?;
        Ok(())
    }
}
