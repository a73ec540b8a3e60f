//! The table `chunks`.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::access::{bind, may_read};
use super::{Database, Transaction, id, places};
use crate::Result;
use crate::access::{Grant, Listing};
use crate::error::StoreError;
use crate::ids::{ChunkId, CollectionId, DocumentId, RevisionId, SetId};
use crate::language::Language;
use crate::properties::Properties;
use crate::revise::NewChunk;

/// Rows in one statement: both databases bound the number of its parameters.
const ROWS_PER_STATEMENT: usize = 400;
/// Columns of the table.
const COLUMNS: usize = 13;

/// A chunk as the indexes need it.
#[derive(Debug, Clone)]
pub struct IndexedChunk {
    pub id: ChunkId,
    pub revision: RevisionId,
    pub document: DocumentId,
    pub collection: CollectionId,
    pub title: Option<String>,
    pub heading_path: Vec<String>,
    pub text: String,
    pub language: Language,
    pub embedding: Vec<f32>,
}

/// The chunks of a revision, whom they are for, and what they are filtered by.
#[derive(Debug, Clone)]
pub struct IndexedRevision {
    pub listing: Listing,
    /// None if the revision has gone.
    pub properties: Option<Properties>,
    pub chunks: Vec<IndexedChunk>,
}

/// What the indexes should have of a revision.
#[derive(Debug, Clone)]
pub struct StoredRevision {
    pub revision: RevisionId,
    pub document: DocumentId,
    pub is_current: bool,
    pub stamp: String,
    pub chunks: u64,
}

impl Database {
    pub async fn insert_chunks(
        &self,
        transaction: &mut Transaction,
        document: DocumentId,
        revision: RevisionId,
        set: SetId,
        chunks: &[NewChunk],
    ) -> Result<()> {
        for part in chunks.chunks(ROWS_PER_STATEMENT) {
            let row = |place: usize| format!("({})", places(place * COLUMNS + 1, COLUMNS));
            let rows: Vec<String> = (0..part.len()).map(row).collect();
            let statement = format!(
                "insert into chunks (id, revision_id, document_id, ordinal, text, heading_path, page, char_start, \
                 char_end, language, token_count, embedding, set_id) values {}",
                rows.join(", ")
            );
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for chunk in part {
                let headings = serde_json::to_string(&chunk.heading_path)
                    .map_err(|error| StoreError::damaged("heading path", error))?;
                let embedding: Vec<u8> = chunk.embedding.iter().flat_map(|value| value.to_le_bytes()).collect();
                query = query
                    .bind(ChunkId::derive(set, revision, chunk.ordinal).to_string())
                    .bind(revision.to_string())
                    .bind(document.to_string())
                    .bind(i64::from(chunk.ordinal))
                    .bind(chunk.text.clone())
                    .bind(headings)
                    .bind(chunk.page.map(i64::from))
                    .bind(i64::from(chunk.char_start))
                    .bind(i64::from(chunk.char_end))
                    .bind(chunk.language.as_str())
                    .bind(i64::from(chunk.token_count))
                    .bind(embedding)
                    .bind(set.to_string());
            }
            query.execute(&mut **transaction).await?;
        }
        Ok(())
    }

    /// Takes out what a set has of a revision.
    pub async fn delete_chunks(&self, transaction: &mut Transaction, set: SetId, revision: RevisionId) -> Result<()> {
        sqlx::query("delete from chunks where revision_id = $1 and set_id = $2")
            .bind(revision.to_string())
            .bind(set.to_string())
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// A revision as a set has it, for the indexes; without chunks if it has gone, or is not in the set yet.
    pub async fn indexed_revision(&self, set: SetId, revision: RevisionId) -> Result<IndexedRevision> {
        let rows = sqlx::query(
            "select k.id, k.revision_id, k.document_id, r.collection_id, r.title, k.heading_path, k.text, k.language, k.embedding \
             from chunks k join revisions r on r.id = k.revision_id where k.revision_id = $1 and k.set_id = $2 \
             order by k.ordinal",
        )
        .bind(revision.to_string())
        .bind(set.to_string())
        .fetch_all(&self.pool)
        .await?;
        let chunks = rows.iter().map(read_indexed).collect::<Result<Vec<_>>>()?;
        let own = match chunks.first() {
            Some(chunk) => self.own_list(chunk.document).await?,
            None => None,
        };
        let properties = self.properties(&[revision]).await?.remove(&revision);
        Ok(IndexedRevision { listing: Listing::of(revision, own), properties, chunks })
    }

    /// Vectors that a set has of a document's current revision, in order: of one chunk, or of every `step`-th.
    pub async fn vectors(
        &self,
        set: SetId,
        grant: &Grant,
        document: DocumentId,
        chunk: Option<ChunkId>,
        step: u32,
    ) -> Result<Vec<Vec<f32>>> {
        let statement = format!(
            "select k.embedding from documents d join chunks k on k.revision_id = d.current_revision \
             where d.id = $1 and ($2 = '' or k.id = $2) and ($2 <> '' or k.ordinal % $3 = 0) and k.set_id = $4 \
             and {} order by k.ordinal",
            may_read(grant, 5)
        );
        let query = sqlx::query(AssertSqlSafe(statement))
            .bind(document.to_string())
            .bind(chunk.map(|chunk| chunk.to_string()).unwrap_or_default())
            .bind(i64::from(step.max(1)))
            .bind(set.to_string());
        let rows = bind(query, grant).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(numbers(&row.try_get::<Vec<u8>, _>("embedding")?))).collect()
    }

    /// Every revision that has chunks in the set, current or not, as the indexes should have it.
    pub async fn stored_revisions(&self, set: SetId) -> Result<Vec<StoredRevision>> {
        let lists = self.own_lists().await?;
        let rows = sqlx::query(
            "select k.revision_id, k.document_id, count(*) as chunks, d.current_revision, d.narrowed from chunks k \
             left join documents d on d.id = k.document_id where k.set_id = $1 \
             group by k.revision_id, k.document_id, d.current_revision, d.narrowed order by k.document_id",
        )
        .bind(set.to_string())
        .fetch_all(&self.pool)
        .await?;
        let mut stored = Vec::with_capacity(rows.len());
        for row in &rows {
            let (revision, document): (RevisionId, DocumentId) = (id(row, "revision_id")?, id(row, "document_id")?);
            let current: Option<String> = row.try_get("current_revision")?;
            let narrowed: Option<i64> = row.try_get("narrowed")?;
            let own = (narrowed == Some(1)).then(|| lists.get(&document).cloned().unwrap_or_default());
            let chunks: i64 = row.try_get("chunks")?;
            stored.push(StoredRevision {
                revision,
                document,
                is_current: current.is_some_and(|current| current == revision.to_string()),
                stamp: Listing::of(revision, own).stamp,
                chunks: chunks as u64,
            });
        }
        Ok(stored)
    }
}

fn read_indexed(row: &AnyRow) -> Result<IndexedChunk> {
    let headings: String = row.try_get("heading_path")?;
    let language: String = row.try_get("language")?;
    let embedding: Vec<u8> = row.try_get("embedding")?;
    Ok(IndexedChunk {
        id: id(row, "id")?,
        revision: id(row, "revision_id")?,
        document: id(row, "document_id")?,
        collection: id(row, "collection_id")?,
        title: row.try_get("title")?,
        heading_path: serde_json::from_str(&headings).map_err(|error| StoreError::damaged("heading path", error))?,
        text: row.try_get("text")?,
        language: Language::parse(&language),
        embedding: numbers(&embedding),
    })
}

pub fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
