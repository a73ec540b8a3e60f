//! The table `collections`.

use sqlx::{AssertSqlSafe, Row as _};

use super::access::{bind, may_enter, may_read};
use super::{Database, id, now_ms};
use crate::Result;
use crate::access::Grant;
use crate::error::StoreError;
use crate::ids::CollectionId;
use crate::store::Collection;

impl Database {
    /// Whether it is new.
    pub async fn create_collection(&self, name: &str) -> Result<bool> {
        let inserted = sqlx::query(
            "insert into collections (id, name, created_at) values ($1, $2, $3) on conflict (name) do nothing",
        )
        .bind(CollectionId::derive(name).to_string())
        .bind(name)
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    /// Those that the grant opens, with the number of the documents in them that it opens.
    pub async fn collections(&self, grant: &Grant) -> Result<Vec<Collection>> {
        let statement = format!(
            "select c.id, c.name, c.created_at, \
             (select count(*) from documents d where d.collection_id = c.id and {}) as documents \
             from collections c where {} order by c.name",
            may_read(grant, 1),
            may_enter(grant, 1)
        );
        let rows = bind(sqlx::query(AssertSqlSafe(statement)), grant).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let documents: i64 = row.try_get("documents")?;
                Ok(Collection {
                    id: id(row, "id")?,
                    name: row.try_get("name")?,
                    documents: documents as u64,
                    created_at_ms: row.try_get("created_at")?,
                })
            })
            .collect()
    }

    /// Ids and names of the collections that the grant opens, by name.
    pub async fn open_collections(&self, grant: &Grant) -> Result<Vec<(CollectionId, String)>> {
        let statement = format!("select c.id, c.name from collections c where {} order by c.name", may_enter(grant, 1));
        let rows = bind(sqlx::query(AssertSqlSafe(statement)), grant).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((id(row, "id")?, row.try_get("name")?))).collect()
    }

    pub async fn collection_id(&self, name: &str) -> Result<CollectionId> {
        let row =
            sqlx::query("select id from collections where name = $1").bind(name).fetch_optional(&self.pool).await?;
        id(&row.ok_or_else(|| StoreError::NoSuchCollection(name.to_owned()))?, "id")
    }
}
