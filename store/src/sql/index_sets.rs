//! The tables `index_sets` and `set_revisions`: which sets there are, and which revisions are in each.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Database, Transaction, id, now_ms};
use crate::Result;
use crate::error::StoreError;
use crate::ids::{RevisionId, SetId};
use crate::sets::{Background, IndexSet, NewSet, SetReport, SetState};

const COLUMNS: &str = "s.id, s.model, s.model_sha256, s.dimensions, s.chunk_tokens, s.state, s.problem, \
                       s.created_at, s.used_at, s.opening, s.background_mean_millionths, s.background_spread_millionths";
/// The last of these are there since this migration; before, all sets were like this.
const COLUMNS_SINCE: i64 = 11;
const OLDER_COLUMNS: &str = "s.id, s.model, s.model_sha256, s.dimensions, s.chunk_tokens, s.state, s.problem, \
                             s.created_at, s.used_at, 0 as opening, 48030 as background_mean_millionths, \
                             85780 as background_spread_millionths";
/// Documents that searches should find.
const CURRENT: &str = "d.current_revision is not null";

impl Database {
    /// Newest first.
    pub async fn index_sets(&self) -> Result<Vec<IndexSet>> {
        let statement = AssertSqlSafe(format!("select {COLUMNS} from index_sets s order by s.created_at desc, s.id"));
        let rows = sqlx::query(statement).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// The same of a schema that may be older than this program; none if it is older than index sets.
    pub async fn known_index_sets(&self) -> Result<Vec<IndexSet>> {
        if !self.has_table("index_sets").await? {
            return Ok(Vec::new());
        }
        if self.version().await? >= Some(COLUMNS_SINCE) {
            return self.index_sets().await;
        }
        let statement = format!("select {OLDER_COLUMNS} from index_sets s");
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// All sets, with how much is in them.
    pub async fn set_reports(&self) -> Result<Vec<SetReport>> {
        let row = sqlx::query(AssertSqlSafe(format!("select count(*) from documents d where {CURRENT}")))
            .fetch_one(&self.pool)
            .await?;
        let documents: i64 = row.try_get(0)?;
        let statement = format!(
            "select {COLUMNS}, \
             (select count(*) from documents d join set_revisions b on b.revision_id = d.current_revision \
              where b.set_id = s.id) as built, \
             (select count(*) from chunks k where k.set_id = s.id) as chunks \
             from index_sets s order by s.created_at desc, s.id"
        );
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let (built, chunks): (i64, i64) = (row.try_get("built")?, row.try_get("chunks")?);
                Ok(SetReport {
                    set: read(row)?,
                    built: built as u64,
                    documents: documents as u64,
                    chunks: chunks as u64,
                    problem: row.try_get("problem")?,
                })
            })
            .collect()
    }

    /// The set of everything, unless there are sets already.
    pub async fn insert_first_set(&self, new: &NewSet) -> Result<()> {
        sqlx::query(
            "insert into index_sets (id, model, model_sha256, dimensions, chunk_tokens, background_mean_millionths, \
             background_spread_millionths, state, created_at, used_at) \
             select $1, $2, $3, $4, $5, $6, $7, 'in_use', $8, $8 where not exists (select 1 from index_sets) \
             on conflict do nothing",
        )
        .bind(SetId::FIRST.to_string())
        .bind(&new.model)
        .bind(&new.model_sha256)
        .bind(new.dimensions as i64)
        .bind(new.chunk_tokens as i64)
        .bind(millionths(new.background.mean))
        .bind(millionths(new.background.spread))
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A set beside the one in use. False if there is one beside it already.
    pub async fn insert_set_beside(&self, set: SetId, new: &NewSet) -> Result<bool> {
        let inserted = sqlx::query(
            "insert into index_sets (id, model, model_sha256, dimensions, chunk_tokens, background_mean_millionths, \
             background_spread_millionths, state, created_at) \
             values ($1, $2, $3, $4, $5, $6, $7, 'beside', $8) on conflict do nothing",
        )
        .bind(set.to_string())
        .bind(&new.model)
        .bind(&new.model_sha256)
        .bind(new.dimensions as i64)
        .bind(new.chunk_tokens as i64)
        .bind(millionths(new.background.mean))
        .bind(millionths(new.background.spread))
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    pub async fn set_state(&self, transaction: &mut Transaction, set: SetId) -> Result<SetState> {
        let statement = format!("select state from index_sets where id = $1 {}", self.share());
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(set.to_string())
            .fetch_optional(&mut **transaction)
            .await?
            .ok_or_else(|| StoreError::NoSuchSet(set.to_string()))?;
        let state: String = row.try_get(0)?;
        SetState::parse(&state).ok_or_else(|| StoreError::damaged("state of an index set", state))
    }

    /// Nobody writes a revision into a set or moves one until the transaction ends. Gives their states.
    pub async fn hold_sets(&self, transaction: &mut Transaction) -> Result<Vec<(SetId, SetState)>> {
        let statement = format!("select id, state from index_sets order by id {}", self.alone());
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut **transaction).await?;
        rows.iter()
            .map(|row| {
                let state: String = row.try_get("state")?;
                let state =
                    SetState::parse(&state).ok_or_else(|| StoreError::damaged("state of an index set", state))?;
                Ok((id(row, "id")?, state))
            })
            .collect()
    }

    pub async fn move_set(&self, transaction: &mut Transaction, set: SetId, state: SetState) -> Result<()> {
        // Where indexes of it may still be on their way out, those that come are not.
        let opened_again = i64::from(state == SetState::Beside);
        let used_at = (state == SetState::InUse).then(now_ms);
        sqlx::query(
            "update index_sets set state = $1, used_at = coalesce($2, used_at), problem = null, builder = null, \
             lease_until = null, opening = opening + $3 where id = $4",
        )
        .bind(state.as_str())
        .bind(used_at)
        .bind(opened_again)
        .bind(set.to_string())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    pub async fn delete_set(&self, transaction: &mut Transaction, set: SetId) -> Result<()> {
        for statement in [
            "delete from chunks where set_id = $1",
            "delete from set_revisions where set_id = $1",
            "delete from index_sets where id = $1",
        ] {
            sqlx::query(statement).bind(set.to_string()).execute(&mut **transaction).await?;
        }
        Ok(())
    }

    /// Whether `builder` may fill the set until the lease ends: nobody else does.
    pub async fn lease_set(&self, set: SetId, builder: &str, lease_ms: i64) -> Result<bool> {
        let leased = sqlx::query(
            "update index_sets set builder = $1, lease_until = $2 where id = $3 and state = 'beside' \
             and (builder is null or builder = $1 or lease_until < $4)",
        )
        .bind(builder)
        .bind(now_ms() + lease_ms)
        .bind(set.to_string())
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(leased.rows_affected() == 1)
    }

    /// Lets go of what another process was filling: it is gone.
    pub async fn free_set_leases(&self) -> Result<()> {
        sqlx::query("update index_sets set builder = null, lease_until = null").execute(&self.pool).await?;
        Ok(())
    }

    pub async fn note_problem(&self, set: SetId, problem: Option<&str>) -> Result<()> {
        sqlx::query("update index_sets set problem = $1 where id = $2")
            .bind(problem)
            .bind(set.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Current revisions that are not in the set yet, after `after`, in order of their ids.
    pub async fn missing_in_set(&self, set: SetId, after: Option<RevisionId>, limit: u32) -> Result<Vec<RevisionId>> {
        let rows = sqlx::query(
            "select d.current_revision as id from documents d where d.current_revision is not null \
             and d.current_revision > $1 and not exists \
             (select 1 from set_revisions b where b.set_id = $2 and b.revision_id = d.current_revision) \
             order by d.current_revision limit $3",
        )
        .bind(after.map(|revision| revision.to_string()).unwrap_or_default())
        .bind(set.to_string())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| id(row, "id")).collect()
    }

    /// How many documents are missing in the set, seen from inside a transaction.
    pub async fn count_missing(&self, transaction: &mut Transaction, set: SetId) -> Result<u64> {
        let row = sqlx::query(
            "select count(*) from documents d where d.current_revision is not null and not exists \
             (select 1 from set_revisions b where b.set_id = $1 and b.revision_id = d.current_revision)",
        )
        .bind(set.to_string())
        .fetch_one(&mut **transaction)
        .await?;
        let missing: i64 = row.try_get(0)?;
        Ok(missing as u64)
    }

    /// Says that the revision is in the set, with whatever chunks it has there.
    pub async fn insert_set_revision(
        &self,
        transaction: &mut Transaction,
        set: SetId,
        revision: RevisionId,
    ) -> Result<()> {
        sqlx::query("insert into set_revisions (set_id, revision_id) values ($1, $2) on conflict do nothing")
            .bind(set.to_string())
            .bind(revision.to_string())
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Documents say how many chunks they have in the set in use.
    pub async fn recount_chunks(&self, transaction: &mut Transaction, set: SetId) -> Result<()> {
        sqlx::query(
            "update documents set chunk_count = (select count(*) from chunks k \
             where k.revision_id = documents.current_revision and k.set_id = $1) where current_revision is not null",
        )
        .bind(set.to_string())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }
}

fn millionths(value: f32) -> i64 {
    (f64::from(value) * 1e6).round() as i64
}

fn read(row: &AnyRow) -> Result<IndexSet> {
    let (mean, spread): (i64, i64) =
        (row.try_get("background_mean_millionths")?, row.try_get("background_spread_millionths")?);
    let (dimensions, chunk_tokens): (i64, i64) = (row.try_get("dimensions")?, row.try_get("chunk_tokens")?);
    let state: String = row.try_get("state")?;
    Ok(IndexSet {
        id: id(row, "id")?,
        model: row.try_get("model")?,
        model_sha256: row.try_get("model_sha256")?,
        dimensions: dimensions as usize,
        chunk_tokens: chunk_tokens as usize,
        state: SetState::parse(&state).ok_or_else(|| StoreError::damaged("state of an index set", state))?,
        background: Background { mean: mean as f32 / 1e6, spread: spread as f32 / 1e6 },
        opening: row.try_get("opening")?,
        created_at_ms: row.try_get("created_at")?,
        used_at_ms: row.try_get("used_at")?,
    })
}

#[cfg(test)]
mod tests {
    use crate::ids::SetId;
    use crate::sets::{Background, known_set_in_use};
    use crate::sql::Database;

    #[tokio::test]
    async fn the_set_in_use_is_known_before_the_schema_is_brought_up_to_date() {
        for version in [7, 9, 10, super::COLUMNS_SINCE] {
            let folder = tempfile::tempdir().unwrap();
            let database = Database::open_at(folder.path(), None, version).await.unwrap();
            if version > 7 {
                let columns = "id, model, model_sha256, dimensions, chunk_tokens, state, created_at, used_at";
                let values = format!("'{}', 'm', 'h', 3, 64, 'in_use', 1, 1", SetId::FIRST);
                let statement = format!("insert into index_sets ({columns}) values ({values})");
                sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&database.pool).await.unwrap();
            }
            database.pool.close().await;
            let known = known_set_in_use(folder.path(), None).await.unwrap();
            let expected = (version > 7).then_some((SetId::FIRST, Background::default()));
            assert_eq!(known.map(|set| (set.id, set.background)), expected, "{version}");
        }
    }
}
