//! The table `source_items`: what a source held when it was last looked at.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::documents::counts;
use super::{Transaction, id, places};
use crate::Result;
use crate::document::Counts;
use crate::error::StoreError;
use crate::ids::{DocumentId, SourceId};
use crate::source::{Claim, KnownItem, NewItem, Sources};

const SELECT: &str = "select i.source_id, i.item_key, i.source_uri, i.file_name, i.fingerprint, i.sha256, i.bytes, \
     i.document_id, case when d.sha256 = i.sha256 then 1 else 0 end as in_step \
     from source_items i left join documents d on d.id = i.document_id";

impl Sources {
    /// What is known of those items that are known, in no order.
    pub async fn known(&self, source: SourceId, keys: &[&str]) -> Result<Vec<KnownItem>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let statement = format!("{SELECT} where i.source_id = $1 and i.item_key in ({})", places(2, keys.len()));
        let mut query = sqlx::query(AssertSqlSafe(statement)).bind(source.to_string());
        for key in keys {
            query = query.bind((*key).to_owned());
        }
        query.fetch_all(&self.database.pool).await?.iter().map(read).collect()
    }

    /// Everything that is known, page by page, by key.
    pub async fn known_after(&self, source: SourceId, key: &str, limit: u32) -> Result<Vec<KnownItem>> {
        let statement = format!("{SELECT} where i.source_id = $1 and i.item_key > $2 order by i.item_key limit $3");
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(source.to_string())
            .bind(key)
            .bind(i64::from(limit))
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Items that no sync since `sync` saw; under one of `within`, where that is given.
    pub async fn unseen(
        &self,
        source: SourceId,
        sync: i64,
        within: Option<&[String]>,
        limit: u32,
    ) -> Result<Vec<KnownItem>> {
        let mut found = Vec::new();
        let everything = [String::new()];
        for place in within.unwrap_or(&everything) {
            let below = if place.is_empty() { String::new() } else { format!("{place}/") };
            let statement = format!(
                "{SELECT} where i.source_id = $1 and i.seen_sync < $2 \
                 and ($3 = '' or i.item_key = $3 or substr(i.item_key, 1, {}) = $4) limit $5",
                below.chars().count()
            );
            let rows = sqlx::query(AssertSqlSafe(statement))
                .bind(source.to_string())
                .bind(sync)
                .bind(place)
                .bind(below)
                .bind(i64::from(limit))
                .fetch_all(&self.database.pool)
                .await?;
            for row in &rows {
                let item = read(row)?;
                if !found.contains(&item) {
                    found.push(item);
                }
            }
        }
        Ok(found)
    }

    pub async fn mark_seen(&self, claim: &Claim, keys: &[&str]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "update source_items set seen_sync = $1 where source_id = $2 and seen_sync < $1 and item_key in ({})",
            places(3, keys.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(statement)).bind(claim.sync).bind(claim.source.id.to_string());
        for key in keys {
            query = query.bind((*key).to_owned());
        }
        query.execute(&self.database.pool).await?;
        Ok(())
    }

    /// Everything below a place that could not be looked at.
    pub async fn mark_seen_below(&self, claim: &Claim, place: &str) -> Result<()> {
        let below = if place.is_empty() { String::new() } else { format!("{place}/") };
        let statement = format!(
            "update source_items set seen_sync = $1 where source_id = $2 and substr(item_key, 1, {}) = $3",
            below.chars().count()
        );
        sqlx::query(AssertSqlSafe(statement))
            .bind(claim.sync)
            .bind(claim.source.id.to_string())
            .bind(below)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    pub async fn put_item(&self, claim: &Claim, item: &NewItem, document: DocumentId) -> Result<()> {
        sqlx::query(
            "insert into source_items (source_id, item_key, source_uri, file_name, fingerprint, sha256, bytes, document_id, seen_sync) \
             select $1, $2, $3, $4, $5, $6, $7, $8, $9 from sources where id = $1 \
             on conflict (source_id, item_key) do update set source_uri = excluded.source_uri, \
             file_name = excluded.file_name, fingerprint = excluded.fingerprint, sha256 = excluded.sha256, \
             bytes = excluded.bytes, document_id = excluded.document_id, seen_sync = excluded.seen_sync",
        )
        .bind(claim.source.id.to_string())
        .bind(&item.key)
        .bind(&item.source_uri)
        .bind(&item.file_name)
        .bind(item.fingerprint.clone())
        .bind(&item.sha256)
        .bind(item.bytes as i64)
        .bind(document.to_string())
        .bind(claim.sync)
        .execute(&self.database.pool)
        .await?;
        Ok(())
    }

    pub async fn delete_item(&self, item: &KnownItem) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        self.delete_item_within(&mut transaction, item).await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(crate) async fn delete_item_within(&self, transaction: &mut Transaction, item: &KnownItem) -> Result<()> {
        sqlx::query("delete from source_items where source_id = $1 and item_key = $2")
            .bind(item.source.to_string())
            .bind(&item.key)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Items other than this one that use a document.
    pub async fn others(&self, document: DocumentId, source: SourceId, key: &str) -> Result<Vec<KnownItem>> {
        let statement = format!(
            "{SELECT} where i.document_id = $1 and not (i.source_id = $2 and i.item_key = $3) order by i.source_uri limit 100"
        );
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(document.to_string())
            .bind(source.to_string())
            .bind(key)
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Whoever used `from` for these bytes uses `to`, which is the own document of `source_uri`.
    pub(crate) async fn repoint(&self, from: DocumentId, to: DocumentId, sha256: &str, source_uri: &str) -> Result<()> {
        // The item whose own document `from` is keeps it.
        sqlx::query(
            "update source_items set document_id = $1 where document_id = $2 and sha256 = $3 \
             and (source_uri = $4 or source_uri <> (select d.source_uri from documents d where d.id = $2))",
        )
        .bind(to.to_string())
        .bind(from.to_string())
        .bind(sha256)
        .bind(source_uri)
        .execute(&self.database.pool)
        .await?;
        Ok(())
    }

    /// How many items are known, and how many of them this sync saw.
    pub async fn count_known(&self, claim: &Claim) -> Result<(u64, u64)> {
        let row = sqlx::query(
            "select count(*), cast(coalesce(sum(case when seen_sync >= $1 then 1 else 0 end), 0) as bigint) \
             from source_items where source_id = $2",
        )
        .bind(claim.sync)
        .bind(claim.source.id.to_string())
        .fetch_one(&self.database.pool)
        .await?;
        let (known, seen): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok((known as u64, seen as u64))
    }

    /// How the documents of a source are.
    pub async fn counts(&self, source: SourceId) -> Result<Counts> {
        let rows = sqlx::query(
            "select d.status, count(*), cast(coalesce(sum(d.chunk_count), 0) as bigint) from documents d \
             where d.id in (select document_id from source_items where source_id = $1) group by d.status",
        )
        .bind(source.to_string())
        .fetch_all(&self.database.pool)
        .await?;
        counts(&rows)
    }
}

fn read(row: &AnyRow) -> Result<KnownItem> {
    let document: Option<String> = row.try_get("document_id")?;
    let bytes: i64 = row.try_get("bytes")?;
    let in_step: i64 = row.try_get::<i64, _>("in_step").or_else(|_| row.try_get::<i32, _>("in_step").map(i64::from))?;
    Ok(KnownItem {
        source: id(row, "source_id")?,
        key: row.try_get("item_key")?,
        source_uri: row.try_get("source_uri")?,
        file_name: row.try_get("file_name")?,
        fingerprint: row.try_get("fingerprint")?,
        sha256: row.try_get("sha256")?,
        bytes: bytes as u64,
        document: document.map(|text| text.parse().map_err(|error| StoreError::damaged("id", error))).transpose()?,
        in_step: in_step == 1,
    })
}
