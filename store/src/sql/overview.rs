//! The queue as a whole.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Row as _};

use super::{Database, now_ms};
use crate::Result;
use crate::job::Queue;

/// The pace is judged by what ended within this time.
const WINDOW_MS: i64 = 600_000;
/// What is left and what was done, measured alike: a file costs something beside its bytes (see `lanes`).
const COST: &str = "cast(coalesce(sum(1 + bytes / 65536), 0) as bigint)";
const PAUSED: &str = "ingestion_paused";

impl Database {
    pub async fn queue(&self) -> Result<Queue> {
        let paused = sqlx::query("select 1 from meta where key = $1").bind(PAUSED).fetch_optional(&self.pool).await?;
        let mut queue = Queue { paused: paused.is_some(), ..Queue::default() };
        let statement = format!(
            "select state, count(*) as jobs, {COST} as cost from jobs where state in ('queued', 'running', 'paused') \
             group by state"
        );
        let mut left = 0;
        for row in &sqlx::query(AssertSqlSafe(statement)).fetch_all(&self.pool).await? {
            let (state, jobs, cost): (String, i64, i64) =
                (row.try_get("state")?, row.try_get("jobs")?, row.try_get("cost")?);
            match state.as_str() {
                "queued" => queue.queued = jobs as u64,
                "running" => queue.running = jobs as u64,
                _ => queue.held = jobs as u64,
            }
            if state != "paused" {
                left += cost;
            }
        }
        let rows = sqlx::query(
            "select coalesce(stage, 'queued') as stage, count(*) as documents from documents \
             where status = 'processing' group by stage order by 1",
        );
        for row in &rows.fetch_all(&self.pool).await? {
            let documents: i64 = row.try_get("documents")?;
            queue.stages.push((row.try_get("stage")?, documents as u64));
        }
        let (done, elapsed_ms, finished) = self.pace().await?;
        queue.finished_lately = finished;
        if left == 0 {
            queue.remaining = Some(Duration::ZERO);
        } else if done > 0 && !queue.paused {
            queue.remaining = Some(Duration::from_millis((left * elapsed_ms / done) as u64));
        }
        Ok(queue)
    }

    /// Cost of what ended lately, in how many milliseconds, and how many jobs that were.
    async fn pace(&self) -> Result<(i64, i64, u64)> {
        let now = now_ms();
        let statement = format!(
            "select count(*) as jobs, {COST} as cost, cast(coalesce(min(started_at), $1) as bigint) as began \
             from jobs where finished_at > $2"
        );
        let row = sqlx::query(AssertSqlSafe(statement)).bind(now).bind(now - WINDOW_MS).fetch_one(&self.pool).await?;
        let (jobs, cost, began): (i64, i64, i64) = (row.try_get("jobs")?, row.try_get("cost")?, row.try_get("began")?);
        Ok((cost, (now - began.max(now - WINDOW_MS)).max(1), jobs as u64))
    }

    /// Nothing is claimed from now on; what workers hold waits again, with what they kept of it.
    pub async fn pause_queue(&self) -> Result<()> {
        self.meta_or_set(PAUSED, "1").await?;
        let mut transaction = self.begin().await?;
        sqlx::query("update jobs set state = 'queued', worker = null, lease_until = null where state = 'running'")
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "update documents set status = 'queued', stage = 'queued', progress_done = null, progress_total = null, \
             updated_at = $1 where status = 'processing'",
        )
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    pub async fn resume_queue(&self) -> Result<()> {
        sqlx::query("delete from meta where key = $1").bind(PAUSED).execute(&self.pool).await?;
        Ok(())
    }
}
