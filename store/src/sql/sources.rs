//! The table `sources`: made and changed by people, claimed with a lease by whoever syncs them.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Database, Transaction, id, now_ms};
use crate::Result;
use crate::document::Page;
use crate::error::StoreError;
use crate::ids::SourceId;
use crate::source::{Claim, Ended, Extent, NewSource, Source, SourceChange, SourceState, Sources, due_in};

const COLUMNS: &str = "s.id, c.name as collection, s.kind, s.name, s.settings, s.place, s.trusted, s.interval_s, s.state, \
     s.next_sync_at, s.failures, s.landmark, s.created_at, s.updated_at \
     from sources s join collections c on c.id = s.collection_id";

impl Sources {
    /// Due at once.
    pub async fn create(&self, new: &NewSource) -> Result<Source> {
        let collection = self.database.collection_id(&new.collection).await?;
        let id = SourceId::draw();
        let now = now_ms();
        let inserted = sqlx::query(
            "insert into sources (id, collection_id, kind, name, settings, place, trusted, interval_s, state, next_sync_at, requested, failures, created_at, updated_at) \
             values ($1, $2, $3, $4, $5, $6, $9, $7, 'active', $8, 0, 0, $8, $8) on conflict (name) do nothing",
        )
        .bind(id.to_string())
        .bind(collection.to_string())
        .bind(&new.kind)
        .bind(&new.name)
        .bind(&new.settings)
        .bind(new.place.clone())
        .bind(new.interval_s as i64)
        .bind(now)
        .bind(i64::from(new.trusted))
        .execute(&self.database.pool)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(StoreError::SourceExists(new.name.clone()));
        }
        self.get(id).await
    }

    pub async fn get(&self, source: SourceId) -> Result<Source> {
        let row = sqlx::query(AssertSqlSafe(format!("select {COLUMNS} where s.id = $1")))
            .bind(source.to_string())
            .fetch_optional(&self.database.pool)
            .await?;
        read(&row.ok_or_else(|| StoreError::NoSuchSource(source.to_string()))?)
    }

    /// Newest first; the cursor is the id of the last item.
    pub async fn list(&self, collection: Option<&str>, cursor: Option<&str>, limit: u32) -> Result<Page<Source>> {
        let cursor = match cursor {
            Some(cursor) => cursor.parse::<SourceId>().map_err(|_| StoreError::Cursor)?.to_string(),
            None => "~".to_owned(),
        };
        let limit = limit.clamp(1, 1000);
        // Ids begin with the time at which they were drawn.
        let statement = format!(
            "select {COLUMNS} where ($1 = '' or c.name = $1) and ($2 = '~' or s.id < $2) order by s.id desc limit $3"
        );
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(collection.unwrap_or_default())
            .bind(cursor)
            .bind(i64::from(limit) + 1)
            .fetch_all(&self.database.pool)
            .await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(Page::of(items, limit, |last| last.id.to_string()))
    }

    /// Sources of a kind that are kept in step by the service of a data folder.
    pub async fn active_at(&self, kind: &str, place: &str) -> Result<Vec<Source>> {
        let statement = format!("select {COLUMNS} where s.kind = $1 and s.place = $2 and s.state = 'active'");
        let rows = sqlx::query(AssertSqlSafe(statement)).bind(kind).bind(place).fetch_all(&self.database.pool).await?;
        rows.iter().map(read).collect()
    }

    pub async fn change(&self, source: SourceId, change: &SourceChange) -> Result<Source> {
        let known = self.get(source).await?;
        let name = change.name.clone().unwrap_or(known.name);
        let taken = sqlx::query("select 1 from sources where name = $1 and id <> $2")
            .bind(&name)
            .bind(source.to_string())
            .fetch_optional(&self.database.pool)
            .await?;
        if taken.is_some() {
            return Err(StoreError::SourceExists(name));
        }
        let asked_settings = change.settings.is_some();
        let (settings, place, trusted) =
            change.settings.clone().unwrap_or((known.settings, known.place, known.trusted));
        let interval_s = change.interval_s.unwrap_or(known.interval_s);
        let next = if known.state == SourceState::Paused { None } else { due_in(interval_s) };
        // New settings are looked at at once, and the old root says nothing about the new one.
        let landmark = if asked_settings { None } else { known.landmark };
        let requested = i64::from(asked_settings && known.state == SourceState::Active);
        sqlx::query(
            "update sources set name = $1, settings = $2, place = $3, trusted = $8, interval_s = $4, next_sync_at = $5, failures = 0, landmark = $9, \
             requested = case when $10 = 1 then 1 else requested end, updated_at = $6 where id = $7",
        )
        .bind(&name)
        .bind(&settings)
        .bind(place)
        .bind(interval_s as i64)
        .bind(next)
        .bind(now_ms())
        .bind(source.to_string())
        .bind(i64::from(trusted))
        .bind(landmark)
        .bind(requested)
        .execute(&self.database.pool)
        .await?;
        if asked_settings {
            self.stop(source).await?;
        }
        self.get(source).await
    }

    /// Pauses, resumes or begins to remove. What is under way for the source is told to stop, unless it is resumed.
    pub async fn set_state(&self, source: SourceId, state: SourceState) -> Result<Source> {
        let next = (state != SourceState::Paused).then(now_ms);
        let updated = sqlx::query(
            "update sources set state = $1, next_sync_at = $2, requested = 0, updated_at = $3 where id = $4 and state <> 'removing'",
        )
        .bind(state.as_str())
        .bind(next)
        .bind(now_ms())
        .bind(source.to_string())
        .execute(&self.database.pool)
        .await?;
        if updated.rows_affected() == 1 && state != SourceState::Active {
            self.stop(source).await?;
        }
        self.get(source).await
    }

    /// Makes the source due, paused or not.
    pub async fn request(&self, source: SourceId, empty_is_meant: bool) -> Result<()> {
        let requested = if empty_is_meant { 2 } else { 1 };
        let updated = sqlx::query("update sources set requested = $1 where id = $2 and state <> 'removing'")
            .bind(requested)
            .bind(source.to_string())
            .execute(&self.database.pool)
            .await?;
        if updated.rows_affected() == 1 {
            return Ok(());
        }
        Err(StoreError::NoSuchSource(source.to_string()))
    }

    /// Takes the source away from whoever holds it, with everything that was known of it. Its documents stay.
    pub async fn delete(&self, source: SourceId) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        for statement in [
            // Documents that stay belong to nobody.
            "update documents set source_id = null where source_id = $1",
            "delete from source_items where source_id = $1",
            "delete from syncs where source_id = $1",
            "delete from sources where id = $1",
        ] {
            sqlx::query(statement).bind(source.to_string()).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Takes the source that has been due for longest. `place`: the data folder of this process.
    pub async fn claim(&self, worker: &str, place: &str, lease: Duration) -> Result<Option<Claim>> {
        let due = "select id, requested from sources where (place is null or place = $1) \
             and (lease_until is null or lease_until < $2) \
             and (requested > 0 or (state <> 'paused' and next_sync_at <= $2)) \
             order by coalesce(next_sync_at, 0), id limit 1";
        // Looked at first without a lock: most of the time nothing is due.
        let row = sqlx::query(due).bind(place).bind(now_ms()).fetch_optional(&self.database.pool).await?;
        if row.is_none() {
            return Ok(None);
        }
        let mut transaction = self.database.begin().await?;
        let statement = format!("{due} {}", self.database.skip_locked());
        let row =
            sqlx::query(AssertSqlSafe(statement)).bind(place).bind(now_ms()).fetch_optional(&mut *transaction).await?;
        self.hold(transaction, row.as_ref(), worker, lease, Extent::Whole).await
    }

    /// Takes one source for a look at what changed, if nobody holds it.
    pub async fn claim_part(&self, source: SourceId, worker: &str, lease: Duration) -> Result<Option<Claim>> {
        let mut transaction = self.database.begin().await?;
        let statement = format!(
            "select id, requested from sources where id = $1 and state = 'active' \
             and (lease_until is null or lease_until < $2) {}",
            self.database.skip_locked()
        );
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(source.to_string())
            .bind(now_ms())
            .fetch_optional(&mut *transaction)
            .await?;
        self.hold(transaction, row.as_ref(), worker, lease, Extent::Part).await
    }

    async fn hold(
        &self,
        mut transaction: Transaction,
        row: Option<&AnyRow>,
        worker: &str,
        lease: Duration,
        extent: Extent,
    ) -> Result<Option<Claim>> {
        let Some(row) = row else {
            transaction.rollback().await?;
            return Ok(None);
        };
        let source: SourceId = id(row, "id")?;
        let requested: i64 = row.try_get("requested")?;
        let sync = self.begin_sync(&mut transaction, source, extent).await?;
        let holder = format!("{worker}/{sync}");
        sqlx::query(
            // A look at the whole that is not finished is due again.
            "update sources set lease_holder = $1, lease_until = $2, requested = case when $3 = 'part' then requested else 0 end, \
             next_sync_at = case when $3 = 'part' then next_sync_at else $5 end where id = $4",
        )
        .bind(&holder)
        .bind(now_ms() + lease.as_millis() as i64)
        .bind(extent.as_str())
        .bind(source.to_string())
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Some(Claim { source: self.get(source).await?, sync, holder, empty_is_meant: requested == 2 }))
    }

    /// Lets the source go with the report of its sync; `SyncLost` when it was no longer this claim's.
    pub async fn finish(&self, claim: &Claim, ended: &Ended) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        let failed = ended.state == crate::source::SyncState::Failed;
        let updated = sqlx::query(
            "update sources set lease_holder = null, lease_until = null, landmark = coalesce($1, landmark), \
             next_sync_at = case when state = 'paused' then null \
             when state = 'removing' and $3 = 0 then 0 when $6 = 1 then $2 else next_sync_at end, \
             failures = case when $6 = 0 then failures when $3 = 1 then failures + 1 else 0 end \
             where id = $4 and lease_holder = $5",
        )
        .bind(ended.landmark.clone())
        .bind(ended.next_sync_at_ms)
        .bind(i64::from(failed))
        .bind(claim.source.id.to_string())
        .bind(&claim.holder)
        .bind(i64::from(ended.whole))
        .execute(&mut *transaction)
        .await?;
        if updated.rows_affected() != 1 {
            transaction.rollback().await?;
            return Err(StoreError::SyncLost);
        }
        self.end_sync(&mut transaction, claim.sync, ended).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Extends the lease; `SyncLost` when the source is no longer this claim's.
    pub async fn extend(&self, claim: &Claim, lease: Duration) -> Result<()> {
        let updated = sqlx::query("update sources set lease_until = $1 where id = $2 and lease_holder = $3")
            .bind(now_ms() + lease.as_millis() as i64)
            .bind(claim.source.id.to_string())
            .bind(&claim.holder)
            .execute(&self.database.pool)
            .await?;
        if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::SyncLost) }
    }
}

impl Database {
    /// Where one process owns everything, whoever held a source before it started is gone.
    pub async fn free_all_sources(&self) -> Result<()> {
        sqlx::query("update sources set lease_holder = null, lease_until = null, next_sync_at = $1 where lease_holder is not null and state <> 'paused'")
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        sqlx::query("update sources set lease_holder = null, lease_until = null where lease_holder is not null")
            .execute(&self.pool)
            .await?;
        sqlx::query("update syncs set state = 'interrupted', finished_at = $1 where state = 'running'")
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn read(row: &AnyRow) -> Result<Source> {
    let state: String = row.try_get("state")?;
    let (interval_s, failures): (i64, i64) = (row.try_get("interval_s")?, row.try_get("failures")?);
    let trusted: i64 = row.try_get("trusted")?;
    Ok(Source {
        id: id(row, "id")?,
        collection: row.try_get("collection")?,
        kind: row.try_get("kind")?,
        name: row.try_get("name")?,
        settings: row.try_get("settings")?,
        place: row.try_get("place")?,
        trusted: trusted == 1,
        interval_s: interval_s as u64,
        state: SourceState::parse(&state).ok_or_else(|| StoreError::damaged("source state", &state))?,
        next_sync_at_ms: row.try_get("next_sync_at")?,
        failures: failures as u32,
        landmark: row.try_get("landmark")?,
        created_at_ms: row.try_get("created_at")?,
        updated_at_ms: row.try_get("updated_at")?,
    })
}
