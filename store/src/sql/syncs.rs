//! The table `syncs`: one comparison of a source with what is known of it, and its report.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Transaction, now_ms};
use crate::Result;
use crate::document::Page;
use crate::error::StoreError;
use crate::ids::SourceId;
use crate::source::{Claim, Ended, Extent, Report, Sources, Sync, SyncState};

/// Reports that are kept of each source.
const KEPT: i64 = 100;

impl Sources {
    pub(super) async fn begin_sync(
        &self,
        transaction: &mut Transaction,
        source: SourceId,
        extent: Extent,
    ) -> Result<i64> {
        sqlx::query(
            "update syncs set state = 'interrupted', finished_at = $1 where source_id = $2 and state = 'running'",
        )
        .bind(now_ms())
        .bind(source.to_string())
        .execute(&mut **transaction)
        .await?;
        let row = sqlx::query(
            "insert into syncs (source_id, extent, state, stop_requested, listed, added, changed, removed, unchanged, failed, failures, started_at) \
             values ($1, $2, 'running', 0, 0, 0, 0, 0, 0, 0, '[]', $3) returning id",
        )
        .bind(source.to_string())
        .bind(extent.as_str())
        .bind(now_ms())
        .fetch_one(&mut **transaction)
        .await?;
        sqlx::query(
            "delete from syncs where source_id = $1 and id not in \
             (select id from syncs where source_id = $1 order by id desc limit $2)",
        )
        .bind(source.to_string())
        .bind(KEPT)
        .execute(&mut **transaction)
        .await?;
        Ok(row.try_get(0)?)
    }

    pub(super) async fn end_sync(&self, transaction: &mut Transaction, sync: i64, ended: &Ended) -> Result<()> {
        let (code, message, hint) = match &ended.error {
            Some((code, message, hint)) => (Some(code.clone()), Some(message.clone()), Some(hint.clone())),
            None => (None, None, None),
        };
        let report = &ended.report;
        sqlx::query(
            "update syncs set state = $1, listed = $2, added = $3, changed = $4, removed = $5, unchanged = $6, \
             failed = $7, failures = $8, error_code = $9, error_message = $10, error_hint = $11, finished_at = $12 \
             where id = $13",
        )
        .bind(ended.state.as_str())
        .bind(report.listed as i64)
        .bind(report.added as i64)
        .bind(report.changed as i64)
        .bind(report.removed as i64)
        .bind(report.unchanged as i64)
        .bind(report.failed as i64)
        .bind(failures_json(report))
        .bind(code)
        .bind(message)
        .bind(hint)
        .bind(now_ms())
        .bind(sync)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// Tells how far a sync is; whether somebody wants it to stop.
    pub async fn progress(&self, claim: &Claim, report: &Report) -> Result<bool> {
        let row = sqlx::query(
            "update syncs set listed = $1, added = $2, changed = $3, removed = $4, unchanged = $5, failed = $6, \
             failures = $7 where id = $8 and state = 'running' returning stop_requested",
        )
        .bind(report.listed as i64)
        .bind(report.added as i64)
        .bind(report.changed as i64)
        .bind(report.removed as i64)
        .bind(report.unchanged as i64)
        .bind(report.failed as i64)
        .bind(failures_json(report))
        .bind(claim.sync)
        .fetch_optional(&self.database.pool)
        .await?;
        let stop: i64 = row.ok_or(StoreError::SyncLost)?.try_get(0)?;
        Ok(stop == 1)
    }

    /// Whether a sync was under way.
    pub async fn stop(&self, source: SourceId) -> Result<bool> {
        let updated = sqlx::query("update syncs set stop_requested = 1 where source_id = $1 and state = 'running'")
            .bind(source.to_string())
            .execute(&self.database.pool)
            .await?;
        Ok(updated.rows_affected() > 0)
    }

    /// Newest first; the cursor is the id of the last item.
    pub async fn syncs(&self, source: SourceId, cursor: Option<&str>, limit: u32) -> Result<Page<Sync>> {
        let cursor: i64 = match cursor {
            Some(cursor) => cursor.parse().map_err(|_| StoreError::Cursor)?,
            None => i64::MAX,
        };
        let limit = limit.clamp(1, 1000);
        let rows = sqlx::query(
            "select id, extent, state, listed, added, changed, removed, unchanged, failed, failures, error_code, \
             error_message, error_hint, started_at, finished_at from syncs where source_id = $1 and id < $2 \
             order by id desc limit $3",
        )
        .bind(source.to_string())
        .bind(cursor)
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.database.pool)
        .await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(Page::of(items, limit, |last| last.id.to_string()))
    }
}

fn failures_json(report: &Report) -> String {
    serde_json::to_string(&report.failures).unwrap_or_else(|_| "[]".into())
}

fn read(row: &AnyRow) -> Result<Sync> {
    let state: String = row.try_get("state")?;
    let count = |column: &str| -> Result<u64> {
        let value: i64 = row.try_get(column)?;
        Ok(value as u64)
    };
    let code: Option<String> = row.try_get("error_code")?;
    let error = match code {
        Some(code) => {
            let (message, hint): (Option<String>, Option<String>) =
                (row.try_get("error_message")?, row.try_get("error_hint")?);
            Some((code, message.unwrap_or_default(), hint.unwrap_or_default()))
        }
        None => None,
    };
    let failures: String = row.try_get("failures")?;
    Ok(Sync {
        id: row.try_get("id")?,
        extent: row.try_get("extent")?,
        state: SyncState::parse(&state).ok_or_else(|| StoreError::damaged("sync state", &state))?,
        report: Report {
            listed: count("listed")?,
            added: count("added")?,
            changed: count("changed")?,
            removed: count("removed")?,
            unchanged: count("unchanged")?,
            failed: count("failed")?,
            failures: serde_json::from_str(&failures).map_err(|error| StoreError::damaged("failures", error))?,
        },
        error,
        started_at_ms: row.try_get("started_at")?,
        finished_at_ms: row.try_get("finished_at")?,
    })
}
