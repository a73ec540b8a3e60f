//! The table `documents`.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::access::{bind, may_read};
use super::{Database, Transaction, id, now_ms};
use crate::Result;
use crate::access::Grant;
use crate::document::{Bibliography, Counts, Document, DocumentFilter, NewDocument, Page, Stage, Status};
use crate::error::StoreError;
use crate::ids::{CollectionId, DocumentId, RevisionId};
use crate::job::{ErrorRecord, Job, JobState};
use crate::language::Language;

const COLUMNS: &str = "d.id, c.name as collection, d.source_uri, d.source_id, d.file_name, d.title, d.authors, d.year, d.doi, d.media_type, d.bytes, \
     d.sha256, d.status, d.stage, d.progress_done, d.progress_total, d.current_revision, d.page_count, \
     d.chunk_count, d.language, d.error_code, d.error_message, d.error_hint, d.warnings, d.created_at, d.updated_at";

/// What a decision about new bytes needs to know of a document.
#[derive(Debug, Clone)]
pub struct Known {
    pub id: DocumentId,
    pub sha256: String,
    pub status: Status,
    pub current_revision: Option<RevisionId>,
}

impl Known {
    /// Whether there is no use in what it has now, and the same bytes may be tried again.
    pub fn ended_badly(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Cancelled)
    }
}

impl Database {
    /// A document that the grant does not open is not there.
    pub async fn document(&self, grant: &Grant, document: DocumentId) -> Result<Document> {
        let statement = format!(
            "select {COLUMNS} from documents d join collections c on c.id = d.collection_id where d.id = $1 and {}",
            may_read(grant, 2)
        );
        let query = sqlx::query(AssertSqlSafe(statement)).bind(document.to_string());
        let row = bind(query, grant).fetch_optional(&self.pool).await?;
        read(&row.ok_or_else(|| StoreError::NoSuchDocument(document.to_string()))?)
    }

    /// Newest first; the cursor is the place of the last item.
    pub async fn documents(&self, grant: &Grant, filter: &DocumentFilter) -> Result<Page<Document>> {
        let (cursor_at, cursor_id) = match &filter.cursor {
            Some(cursor) => parse_cursor(cursor)?,
            None => (i64::MAX, String::new()),
        };
        let limit = filter.limit.clamp(1, 1000);
        let statement = format!(
            "select {COLUMNS} from documents d join collections c on c.id = d.collection_id \
             where ($1 = '' or c.name = $1) and ($2 = '' or d.status = $2) \
             and ($3 = '' or lower(coalesce(d.title, '') || ' ' || d.file_name) like $3) \
             and (d.created_at < $4 or (d.created_at = $4 and d.id < $5)) \
             and {} order by d.created_at desc, d.id desc limit $6",
            may_read(grant, 7)
        );
        let contains = filter.contains.as_deref().map(|text| format!("%{}%", text.to_lowercase().replace('%', " ")));
        let query = sqlx::query(AssertSqlSafe(statement))
            .bind(filter.collection.clone().unwrap_or_default())
            .bind(filter.status.map_or("", Status::as_str))
            .bind(contains.unwrap_or_default())
            .bind(cursor_at)
            .bind(cursor_id)
            .bind(i64::from(limit) + 1);
        let rows = bind(query, grant).fetch_all(&self.pool).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(Page::of(items, limit, |last| format!("{}.{}", last.created_at_ms, last.id)))
    }

    pub async fn counts(&self, grant: &Grant) -> Result<Counts> {
        let statement = format!(
            "select d.status, count(*), cast(coalesce(sum(d.chunk_count), 0) as bigint) from documents d \
             where {} group by d.status",
            may_read(grant, 1)
        );
        counts(&bind(sqlx::query(AssertSqlSafe(statement)), grant).fetch_all(&self.pool).await?)
    }

    pub async fn known(&self, transaction: &mut Transaction, document: DocumentId) -> Result<Option<Known>> {
        let row = sqlx::query("select id, sha256, status, current_revision from documents where id = $1")
            .bind(document.to_string())
            .fetch_optional(&mut **transaction)
            .await?;
        row.as_ref().map(read_known).transpose()
    }

    /// What is known of a document that must be there.
    pub async fn existing(&self, transaction: &mut Transaction, document: DocumentId) -> Result<Known> {
        let known = self.known(transaction, document).await?;
        known.ok_or_else(|| StoreError::NoSuchDocument(document.to_string()))
    }

    /// Another document of the collection with the same bytes that did not fail.
    pub async fn twin(
        &self,
        transaction: &mut Transaction,
        collection: CollectionId,
        sha256: &str,
    ) -> Result<Option<Known>> {
        let row = sqlx::query(
            "select id, sha256, status, current_revision from documents \
             where collection_id = $1 and sha256 = $2 and status not in ('failed', 'cancelled') order by created_at limit 1",
        )
        .bind(collection.to_string())
        .bind(sha256)
        .fetch_optional(&mut **transaction)
        .await?;
        row.as_ref().map(read_known).transpose()
    }

    /// Puts the document into the queue, and gives the generation that the new bytes are.
    pub async fn upsert_document(
        &self,
        transaction: &mut Transaction,
        document: DocumentId,
        collection: CollectionId,
        new: &NewDocument,
    ) -> Result<i64> {
        let row = sqlx::query(
            // A document that comes back is narrowed as it was before it went.
            "insert into documents (id, collection_id, source_uri, source_id, file_name, bytes, sha256, generation, status, stage, created_at, updated_at, narrowed) \
             values ($1, $2, $3, $4, $5, $6, $7, 1, 'queued', 'queued', $8, $8, \
             case when exists (select 1 from access_entries where subject_id = $1) then 1 else 0 end) \
             on conflict (id) do update set source_id = excluded.source_id, file_name = excluded.file_name, bytes = excluded.bytes, \
             sha256 = excluded.sha256, generation = documents.generation + 1, status = 'queued', stage = 'queued', \
             progress_done = null, progress_total = null, error_code = null, error_message = null, \
             error_hint = null, updated_at = excluded.updated_at returning generation",
        )
        .bind(document.to_string())
        .bind(collection.to_string())
        .bind(&new.source_uri)
        .bind(&new.source)
        .bind(&new.file_name)
        .bind(new.bytes as i64)
        .bind(&new.sha256)
        .bind(now_ms())
        .fetch_one(&mut **transaction)
        .await?;
        Ok(row.try_get(0)?)
    }

    /// Whether the job is still its worker's, and was about this generation.
    pub async fn set_stage(&self, job: &Job, stage: Stage, progress: Option<(u64, u64)>) -> Result<bool> {
        let updated = sqlx::query(
            "update documents set status = 'processing', stage = $1, progress_done = $2, progress_total = $3, updated_at = $4 \
             where id = $5 and generation = $6 \
             and exists (select 1 from jobs where id = $7 and state = 'running' and worker = $8)",
        )
        .bind(stage.as_str())
        .bind(progress.map(|(done, _)| done as i64))
        .bind(progress.map(|(_, total)| total as i64))
        .bind(now_ms())
        .bind(job.document.to_string())
        .bind(job.generation)
        .bind(job.id)
        .bind(&job.worker)
        .execute(&self.pool)
        .await?;
        Ok(updated.rows_affected() == 1)
    }

    /// Back to the queue, to be taken up again; `stage` says whether it waits or is held back.
    pub async fn requeue_document(
        &self,
        transaction: &mut Transaction,
        document: DocumentId,
        stage: &str,
    ) -> Result<()> {
        sqlx::query(
            "update documents set status = 'queued', stage = $1, progress_done = null, progress_total = null, \
             error_code = null, error_message = null, error_hint = null, updated_at = $2 where id = $3",
        )
        .bind(stage)
        .bind(now_ms())
        .bind(document.to_string())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// Puts the job of a document that failed back into the queue, with what was kept of it; none if there is none.
    pub async fn try_job_again(&self, transaction: &mut Transaction, document: DocumentId) -> Result<Option<i64>> {
        if !self.move_job(transaction, document, &[JobState::Failed], JobState::Queued).await? {
            return Ok(None);
        }
        self.requeue_document(transaction, document, "queued").await?;
        let row = sqlx::query("select id from jobs where document_id = $1")
            .bind(document.to_string())
            .fetch_one(&mut **transaction)
            .await?;
        Ok(Some(row.try_get(0)?))
    }

    /// What a document would be added with, and its generation.
    pub async fn as_new(&self, transaction: &mut Transaction, document: DocumentId) -> Result<(i64, NewDocument)> {
        let row = sqlx::query(
            "select d.generation, c.name as collection, d.source_uri, d.source_id, d.file_name, d.sha256, d.bytes \
             from documents d join collections c on c.id = d.collection_id where d.id = $1",
        )
        .bind(document.to_string())
        .fetch_one(&mut **transaction)
        .await?;
        let bytes: i64 = row.try_get("bytes")?;
        let new = NewDocument {
            collection: row.try_get("collection")?,
            source_uri: row.try_get("source_uri")?,
            source: row.try_get("source_id")?,
            file_name: row.try_get("file_name")?,
            sha256: row.try_get("sha256")?,
            bytes: bytes as u64,
            priority: 0,
        };
        Ok((row.try_get("generation")?, new))
    }

    /// The work was called off: back to the revision that is searchable, whose bytes are `sha256`, if there is one.
    pub async fn cancel_document(
        &self,
        transaction: &mut Transaction,
        document: DocumentId,
        sha256: Option<&str>,
    ) -> Result<()> {
        sqlx::query(
            "update documents set status = $1, stage = null, progress_done = null, progress_total = null, \
             sha256 = coalesce($2, sha256), updated_at = $3 where id = $4",
        )
        .bind(if sha256.is_some() { "ready" } else { "cancelled" })
        .bind(sha256)
        .bind(now_ms())
        .bind(document.to_string())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    pub async fn fail_document(
        &self,
        transaction: &mut Transaction,
        document: DocumentId,
        error: &ErrorRecord,
    ) -> Result<()> {
        sqlx::query(
            "update documents set status = 'failed', stage = null, progress_done = null, progress_total = null, \
             error_code = $1, error_message = $2, error_hint = $3, updated_at = $4 where id = $5",
        )
        .bind(&error.code)
        .bind(&error.message)
        .bind(&error.hint)
        .bind(now_ms())
        .bind(document.to_string())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    pub async fn delete_document(&self, transaction: &mut Transaction, document: DocumentId) -> Result<()> {
        sqlx::query("delete from documents where id = $1")
            .bind(document.to_string())
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Whether a document names these bytes as its newest.
    pub async fn document_needs(&self, transaction: &mut Transaction, sha256: &str) -> Result<bool> {
        let row = sqlx::query("select 1 from documents where sha256 = $1 limit 1")
            .bind(sha256)
            .fetch_optional(&mut **transaction)
            .await?;
        Ok(row.is_some())
    }

    /// The languages of the documents in some collections that the grant opens.
    pub async fn languages(&self, grant: &Grant, collections: &[CollectionId]) -> Result<Vec<Language>> {
        // What is not narrowed is read off the index alone.
        let narrowed = match grant {
            Grant::Everything => "",
            Grant::Readers(_) => "d.narrowed = 0 and",
        };
        let statement = format!(
            "select distinct d.collection_id, d.language from documents d where {narrowed} d.language is not null"
        );
        let mut rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&self.pool).await?;
        if matches!(grant, Grant::Readers(_)) {
            let statement = format!(
                "select distinct d.collection_id, d.language from documents d \
                 where d.narrowed = 1 and d.language is not null and {}",
                may_read(grant, 1)
            );
            rows.extend(bind(sqlx::query(AssertSqlSafe(statement)), grant).fetch_all(&self.pool).await?);
        }
        let mut languages = Vec::new();
        for row in &rows {
            let collection: CollectionId = id(row, "collection_id")?;
            let code: String = row.try_get("language")?;
            let language = Language::parse(&code);
            if collections.contains(&collection) && !languages.contains(&language) {
                languages.push(language);
            }
        }
        languages.sort_unstable();
        Ok(languages)
    }
}

/// Out of rows of status, documents and chunks.
pub(super) fn counts(rows: &[AnyRow]) -> Result<Counts> {
    let mut counts = Counts::default();
    for row in rows {
        let status: String = row.try_get(0)?;
        let (documents, chunks): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        counts.chunks += chunks as u64;
        match Status::parse(&status) {
            Some(Status::Ready) => counts.ready += documents as u64,
            Some(Status::Failed) => counts.failed += documents as u64,
            Some(Status::Cancelled) => counts.cancelled += documents as u64,
            _ => counts.processing += documents as u64,
        }
    }
    Ok(counts)
}

fn parse_cursor(cursor: &str) -> Result<(i64, String)> {
    let (at, id) = cursor.split_once('.').ok_or(StoreError::Cursor)?;
    let id: DocumentId = id.parse().map_err(|_| StoreError::Cursor)?;
    Ok((at.parse().map_err(|_| StoreError::Cursor)?, id.to_string()))
}

fn read_known(row: &AnyRow) -> Result<Known> {
    let status: String = row.try_get("status")?;
    Ok(Known {
        id: id(row, "id")?,
        sha256: row.try_get("sha256")?,
        status: parse_status(&status)?,
        current_revision: parse_revision(row.try_get("current_revision")?)?,
    })
}

fn parse_status(text: &str) -> Result<Status> {
    Status::parse(text).ok_or_else(|| StoreError::damaged("status", text))
}

fn parse_revision(text: Option<String>) -> Result<Option<RevisionId>> {
    text.map(|text| text.parse().map_err(|error| StoreError::damaged("id", error))).transpose()
}

fn bibliography(row: &AnyRow) -> Result<Bibliography> {
    let (authors, year): (String, Option<i64>) = (row.try_get("authors")?, row.try_get("year")?);
    Ok(Bibliography {
        authors: serde_json::from_str(&authors).map_err(|error| StoreError::damaged("authors", error))?,
        year: year.map(|year| year as i32),
        doi: row.try_get("doi")?,
    })
}

fn read(row: &AnyRow) -> Result<Document> {
    let status: String = row.try_get("status")?;
    let current: Option<String> = row.try_get("current_revision")?;
    let language: Option<String> = row.try_get("language")?;
    let (bytes, chunk_count): (i64, i64) = (row.try_get("bytes")?, row.try_get("chunk_count")?);
    let pages: Option<i64> = row.try_get("page_count")?;
    let (done, total): (Option<i64>, Option<i64>) = (row.try_get("progress_done")?, row.try_get("progress_total")?);
    let code: Option<String> = row.try_get("error_code")?;
    let error = match code {
        Some(code) => {
            let (message, hint): (Option<String>, Option<String>) =
                (row.try_get("error_message")?, row.try_get("error_hint")?);
            Some((code, message.unwrap_or_default(), hint.unwrap_or_default()))
        }
        None => None,
    };
    Ok(Document {
        id: id(row, "id")?,
        collection: row.try_get("collection")?,
        source_uri: row.try_get("source_uri")?,
        source: row.try_get("source_id")?,
        file_name: row.try_get("file_name")?,
        title: row.try_get("title")?,
        bibliography: bibliography(row)?,
        media_type: row.try_get("media_type")?,
        bytes: bytes as u64,
        sha256: row.try_get("sha256")?,
        status: parse_status(&status)?,
        stage: row.try_get("stage")?,
        progress: done.zip(total).map(|(done, total)| (done as u64, total as u64)),
        current_revision: parse_revision(current)?,
        page_count: pages.map(|pages| pages as u32),
        chunk_count: chunk_count as u32,
        language: language.as_deref().map(Language::parse),
        error,
        warnings: row.try_get("warnings")?,
        created_at_ms: row.try_get("created_at")?,
        updated_at_ms: row.try_get("updated_at")?,
    })
}
