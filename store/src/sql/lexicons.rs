//! The table `lexicons`.

use sqlx::{AssertSqlSafe, Row as _};

use super::access::{bind, may_enter};
use super::{Database, id, now_ms, places};
use crate::Result;
use crate::access::Grant;
use crate::ids::CollectionId;

impl Database {
    /// Which of the collections have a lexicon, and the hash of each; of those only that the grant opens.
    pub async fn lexicon_hashes(
        &self,
        grant: &Grant,
        collections: &[CollectionId],
    ) -> Result<Vec<(CollectionId, String)>> {
        if collections.is_empty() {
            return Ok(Vec::new());
        }
        let readers = match grant {
            Grant::Everything => 0,
            Grant::Readers(readers) => readers.len(),
        };
        let statement = format!(
            "select c.id, l.sha256 from lexicons l join collections c on c.id = l.collection_id \
             where {} and l.collection_id in ({}) order by c.name",
            may_enter(grant, 1),
            places(1 + readers, collections.len())
        );
        let query = bind(sqlx::query(AssertSqlSafe(statement)), grant);
        let query = collections.iter().fold(query, |query, collection| query.bind(collection.to_string()));
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((id(row, "id")?, row.try_get("sha256")?))).collect()
    }

    /// The text and its hash.
    pub async fn lexicon(&self, collection: CollectionId) -> Result<Option<(String, String)>> {
        let row = sqlx::query("select text, sha256 from lexicons where collection_id = $1")
            .bind(collection.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok((row.try_get("text")?, row.try_get("sha256")?))).transpose()
    }

    pub async fn set_lexicon(&self, collection: CollectionId, text: &str, sha256: &str) -> Result<()> {
        sqlx::query(
            "insert into lexicons (collection_id, text, sha256, updated_at) values ($1, $2, $3, $4) \
             on conflict (collection_id) do update \
             set text = excluded.text, sha256 = excluded.sha256, updated_at = excluded.updated_at",
        )
        .bind(collection.to_string())
        .bind(text)
        .bind(sha256)
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub async fn delete_lexicon(&self, collection: CollectionId) -> Result<()> {
        sqlx::query("delete from lexicons where collection_id = $1")
            .bind(collection.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
