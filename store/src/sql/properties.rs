//! The table `properties`: what revisions are filtered by.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Database, Transaction, id, places};
use crate::Result;
use crate::document::Bibliography;
use crate::error::StoreError;
use crate::ids::{DocumentId, RevisionId};
use crate::properties::Properties;

/// Revisions in one statement: both databases bound the number of its parameters.
const IDS_PER_STATEMENT: usize = 400;

impl Database {
    pub async fn insert_properties(
        &self,
        transaction: &mut Transaction,
        revision: RevisionId,
        document: DocumentId,
        media_type: &str,
        bibliography: &Bibliography,
    ) -> Result<()> {
        let authors = serde_json::to_string(&bibliography.authors)
            .map_err(|error| StoreError::damaged("list of authors", error))?;
        sqlx::query(
            "insert into properties (revision_id, document_id, source_id, media_type, authors, year, added_at) \
             select $1, d.id, d.source_id, $2, $3, $4, d.created_at from documents d where d.id = $5",
        )
        .bind(revision.to_string())
        .bind(media_type.to_owned())
        .bind(authors)
        .bind(bibliography.year.map(i64::from))
        .bind(document.to_string())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    pub async fn delete_properties(&self, transaction: &mut Transaction, revision: RevisionId) -> Result<()> {
        sqlx::query("delete from properties where revision_id = $1")
            .bind(revision.to_string())
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Those of the revisions that are there.
    pub async fn properties(&self, revisions: &[RevisionId]) -> Result<BTreeMap<RevisionId, Properties>> {
        let mut found = BTreeMap::new();
        for part in revisions.chunks(IDS_PER_STATEMENT) {
            let statement = format!(
                "select revision_id, source_id, media_type, authors, year, added_at from properties \
                 where revision_id in ({})",
                places(1, part.len())
            );
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for revision in part {
                query = query.bind(revision.to_string());
            }
            for row in &query.fetch_all(&self.pool).await? {
                found.insert(id(row, "revision_id")?, read(row)?);
            }
        }
        Ok(found)
    }

    /// Revisions that are written and not current yet, of documents that are being worked on.
    pub async fn revisions_under_way(&self) -> Result<Vec<RevisionId>> {
        let rows = sqlx::query(
            "select r.id from documents d join revisions r on r.document_id = d.id \
             where d.status <> 'ready' and (d.current_revision is null or d.current_revision <> r.id)",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| id(row, "id")).collect()
    }

    /// Every source by its id, with its name.
    pub async fn source_names(&self) -> Result<BTreeMap<String, String>> {
        let rows = sqlx::query("select id, name from sources").fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("id")?, row.try_get("name")?))).collect()
    }

    /// Sources that were removed while documents of theirs stayed.
    pub async fn gone_sources(&self) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "select distinct p.source_id from properties p where p.source_id is not null \
             and not exists (select 1 from sources s where s.id = p.source_id)",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, sqlx::Error>>()?)
    }
}

fn read(row: &AnyRow) -> Result<Properties> {
    let (media_type, authors): (String, String) = (row.try_get("media_type")?, row.try_get("authors")?);
    let authors = serde_json::from_str(&authors).map_err(|error| StoreError::damaged("list of authors", error))?;
    let year: Option<i64> = row.try_get("year")?;
    // A year that is no number of years is none.
    let year = year.and_then(|year| i32::try_from(year).ok());
    Ok(Properties::new(&media_type, row.try_get("source_id")?, authors, year, row.try_get("added_at")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_there_before_the_table_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open_at(folder.path(), None, 6).await.unwrap();
        let ids: Vec<String> = (1..=4).map(|number| uuid::Uuid::from_u128(number).to_string()).collect();
        let [collection, document, current, next] = ids.as_slice() else { panic!("four ids") };
        for statement in [
            format!("insert into collections (id, name, created_at) values ('{collection}', 'c', 1)"),
            format!(
                "insert into documents (id, collection_id, source_uri, source_id, file_name, bytes, sha256, generation, \
                 status, current_revision, authors, year, created_at, updated_at) values ('{document}', '{collection}', \
                 'u', 's', 'f', 1, 'h', 2, 'processing', '{current}', '[\"Anaïs Nin\"]', 1931, 77, 78)"
            ),
            format!(
                "insert into revisions (id, document_id, collection_id, sha256, media_type, text, structure, created_at) \
                 values ('{current}', '{document}', '{collection}', 'h', 'application/pdf', 't', x'', 1), \
                 ('{next}', '{document}', '{collection}', 'h', 'text/plain', 't', x'', 2)"
            ),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&database.pool).await.unwrap();
        }
        database.pool.close().await;
        let database = Database::open(folder.path(), None).await.unwrap();
        let revisions: Vec<RevisionId> = [current, next].map(|id| id.parse().unwrap()).to_vec();
        let found = database.properties(&revisions).await.unwrap();
        let of =
            |media_type, authors: Vec<String>, year| Properties::new(media_type, Some("s".into()), authors, year, 77);
        assert_eq!(found[&revisions[0]], of("application/pdf", vec!["Anaïs Nin".into()], Some(1931)));
        assert_eq!(found[&revisions[1]], of("text/plain", Vec::new(), None), "what it says of itself is not known yet");
        assert_eq!(database.revisions_under_way().await.unwrap(), [revisions[1]]);
    }
}
