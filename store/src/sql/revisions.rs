//! The table `revisions`, and which of them is current.

use sqlx::Row as _;

use super::{Database, Transaction, id, now_ms};
use crate::Result;
use crate::ids::{DocumentId, RevisionId};
use crate::job::Job;
use crate::language::Language;
use crate::revise::{NewRevision, Revision};

impl Database {
    pub async fn insert_revision(
        &self,
        transaction: &mut Transaction,
        revision: RevisionId,
        job: &Job,
        new: &NewRevision,
    ) -> Result<()> {
        sqlx::query(
            "insert into revisions (id, document_id, collection_id, sha256, media_type, title, text, structure, created_at) \
             select $1, d.id, d.collection_id, $2, $3, $4, $5, $6, $7 from documents d where d.id = $8",
        )
        .bind(revision.to_string())
        .bind(&job.sha256)
        .bind(&new.media_type)
        .bind(&new.title)
        .bind(&new.text)
        .bind(new.structure.clone())
        .bind(now_ms())
        .bind(job.document.to_string())
        .execute(&mut **transaction)
        .await?;
        self.insert_properties(transaction, revision, job.document, &new.media_type, &new.bibliography).await
    }

    pub async fn delete_revision(&self, transaction: &mut Transaction, revision: RevisionId) -> Result<u64> {
        let chunks = sqlx::query("delete from chunks where revision_id = $1")
            .bind(revision.to_string())
            .execute(&mut **transaction)
            .await?;
        self.delete_properties(transaction, revision).await?;
        sqlx::query("delete from revisions where id = $1")
            .bind(revision.to_string())
            .execute(&mut **transaction)
            .await?;
        Ok(chunks.rows_affected())
    }

    /// The document of a revision, if the revision is there; it stays until the transaction ends.
    pub async fn document_of(&self, transaction: &mut Transaction, revision: RevisionId) -> Result<Option<DocumentId>> {
        let statement = format!("select document_id from revisions where id = $1 {}", self.share());
        let row = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(revision.to_string())
            .fetch_optional(&mut **transaction)
            .await?;
        row.map(|row| id(&row, "document_id")).transpose()
    }

    pub async fn language_of(&self, document: DocumentId) -> Result<Option<Language>> {
        let row = sqlx::query("select language from documents where id = $1")
            .bind(document.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let language: Option<String> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        Ok(language.as_deref().map(Language::parse))
    }

    pub async fn revisions_of(
        &self,
        transaction: &mut Transaction,
        document: DocumentId,
    ) -> Result<Vec<(RevisionId, String)>> {
        let rows = sqlx::query("select id, sha256 from revisions where document_id = $1")
            .bind(document.to_string())
            .fetch_all(&mut **transaction)
            .await?;
        rows.iter().map(|row| Ok((id(row, "id")?, row.try_get("sha256")?))).collect()
    }

    /// Makes the revision the one that searches find, and the document ready.
    pub async fn make_current(
        &self,
        transaction: &mut Transaction,
        revision: RevisionId,
        job: &Job,
        new: &NewRevision,
        language: Language,
    ) -> Result<()> {
        sqlx::query(
            "update documents set current_revision = $1, status = 'ready', stage = null, progress_done = null, \
             progress_total = null, title = $2, media_type = $3, page_count = $4, chunk_count = $5, language = $6, \
             warnings = $7, authors = $8, year = $9, doi = $10, error_code = null, error_message = null, \
             error_hint = null, updated_at = $11 where id = $12",
        )
        .bind(revision.to_string())
        .bind(&new.title)
        .bind(&new.media_type)
        .bind(new.page_count.map(i64::from))
        .bind(new.chunks.len() as i64)
        .bind(language.as_str())
        .bind(&new.warnings)
        .bind(serde_json::to_string(&new.bibliography.authors).unwrap_or_else(|_| "[]".into()))
        .bind(new.bibliography.year.map(i64::from))
        .bind(&new.bibliography.doi)
        .bind(now_ms())
        .bind(job.document.to_string())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// A revision with its text, if it is there.
    pub async fn revision(&self, revision: RevisionId) -> Result<Option<Revision>> {
        let row = sqlx::query(
            "select id, document_id, media_type, title, text, structure, sha256 from revisions where id = $1",
        )
        .bind(revision.to_string())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Revision {
            id: id(&row, "id")?,
            document: id(&row, "document_id")?,
            media_type: row.try_get("media_type")?,
            title: row.try_get("title")?,
            text: row.try_get("text")?,
            structure: row.try_get("structure")?,
            sha256: row.try_get("sha256")?,
        }))
    }

    /// Every revision, current or about to be.
    pub async fn all_revisions(&self) -> Result<Vec<RevisionId>> {
        let rows = sqlx::query("select id from revisions order by id").fetch_all(&self.pool).await?;
        rows.iter().map(|row| id(row, "id")).collect()
    }

    /// Whether a revision that is kept was made of these bytes.
    pub async fn revision_needs(&self, transaction: &mut Transaction, sha256: &str) -> Result<bool> {
        let row = sqlx::query("select 1 from revisions where sha256 = $1 limit 1")
            .bind(sha256)
            .fetch_optional(&mut **transaction)
            .await?;
        Ok(row.is_some())
    }
}
