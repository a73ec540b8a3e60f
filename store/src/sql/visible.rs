//! Chunks that were found: the last check whether they may be seen, and what is shown of those that are listed.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Row as _};

use super::access::{bind, may_read};
use super::chunks::numbers;
use super::{Database, id, places};
use crate::Result;
use crate::access::Grant;
use crate::error::StoreError;
use crate::ids::{ChunkId, CollectionId, DocumentId, RevisionId};
use crate::language::Language;

/// Both databases bound the number of a statement's parameters.
const CHUNKS_PER_STATEMENT: usize = 400;
/// Only what the grant opens, and only of the current revision of its document.
const SEEN: &str = "from chunks k join revisions r on r.id = k.revision_id \
    join documents d on d.id = k.document_id and d.current_revision = k.revision_id";

/// A chunk that may be seen, with what decides its place.
#[derive(Debug, Clone)]
pub struct CheckedChunk {
    pub id: ChunkId,
    pub revision: RevisionId,
    pub document: DocumentId,
    pub language: Language,
}

/// What is shown of a chunk.
#[derive(Debug, Clone)]
pub struct ShownChunk {
    pub id: ChunkId,
    pub revision: RevisionId,
    pub document: DocumentId,
    pub title: Option<String>,
    pub file_name: String,
    pub media_type: String,
    pub heading_path: Vec<String>,
    pub text: String,
    pub language: Language,
    pub page: Option<u32>,
    pub char_start: u32,
    pub char_end: u32,
}

impl Database {
    /// Those of the chunks that belong to the current revision of a document in the collections, and that the grant
    /// opens.
    pub async fn checked_chunks(
        &self,
        chunks: &[ChunkId],
        collections: &[CollectionId],
        grant: &Grant,
    ) -> Result<Vec<CheckedChunk>> {
        let mut found = Vec::with_capacity(chunks.len());
        for part in chunks.chunks(CHUNKS_PER_STATEMENT) {
            let statement = format!(
                "select k.id, k.revision_id, k.document_id, r.collection_id, k.language {SEEN} \
                 where k.id in ({}) and {}",
                places(1, part.len()),
                may_read(grant, part.len() + 1)
            );
            let query = part.iter().fold(sqlx::query(AssertSqlSafe(statement)), |query, id| query.bind(id.to_string()));
            for row in &bind(query, grant).fetch_all(&self.pool).await? {
                let language: String = row.try_get("language")?;
                if collections.contains(&id(row, "collection_id")?) {
                    found.push(CheckedChunk {
                        id: id(row, "id")?,
                        revision: id(row, "revision_id")?,
                        document: id(row, "document_id")?,
                        language: Language::parse(&language),
                    });
                }
            }
        }
        Ok(found)
    }

    /// The vectors of chunks that may be seen.
    pub async fn embeddings(&self, chunks: &[CheckedChunk]) -> Result<HashMap<ChunkId, Vec<f32>>> {
        let mut found = HashMap::with_capacity(chunks.len());
        for part in chunks.chunks(CHUNKS_PER_STATEMENT) {
            let statement = format!("select id, embedding from chunks where id in ({})", places(1, part.len()));
            let query = sqlx::query(AssertSqlSafe(statement));
            let query = part.iter().fold(query, |query, chunk| query.bind(chunk.id.to_string()));
            for row in &query.fetch_all(&self.pool).await? {
                found.insert(id(row, "id")?, numbers(&row.try_get::<Vec<u8>, _>("embedding")?));
            }
        }
        Ok(found)
    }

    /// What is shown of chunks, in their order; those that may not be seen (any more) are left out.
    pub async fn shown_chunks(&self, chunks: &[ChunkId], grant: &Grant) -> Result<Vec<ShownChunk>> {
        let mut found: Vec<ShownChunk> = Vec::with_capacity(chunks.len());
        for part in chunks.chunks(CHUNKS_PER_STATEMENT) {
            let statement = format!(
                "select k.id, k.revision_id, k.document_id, r.title, k.heading_path, k.text, k.language, d.file_name, \
                 r.media_type, k.page, k.char_start, k.char_end {SEEN} where k.id in ({}) and {}",
                places(1, part.len()),
                may_read(grant, part.len() + 1)
            );
            let query = part.iter().fold(sqlx::query(AssertSqlSafe(statement)), |query, id| query.bind(id.to_string()));
            for row in &bind(query, grant).fetch_all(&self.pool).await? {
                let (headings, language): (String, String) = (row.try_get("heading_path")?, row.try_get("language")?);
                let page: Option<i64> = row.try_get("page")?;
                let (char_start, char_end): (i64, i64) = (row.try_get("char_start")?, row.try_get("char_end")?);
                found.push(ShownChunk {
                    id: id(row, "id")?,
                    revision: id(row, "revision_id")?,
                    document: id(row, "document_id")?,
                    title: row.try_get("title")?,
                    file_name: row.try_get("file_name")?,
                    media_type: row.try_get("media_type")?,
                    heading_path: serde_json::from_str(&headings)
                        .map_err(|error| StoreError::damaged("heading path", error))?,
                    text: row.try_get("text")?,
                    language: Language::parse(&language),
                    page: page.map(|page| page as u32),
                    char_start: char_start as u32,
                    char_end: char_end as u32,
                });
            }
        }
        let place = |chunk: &ShownChunk| chunks.iter().position(|wanted| *wanted == chunk.id);
        found.sort_by_key(place);
        Ok(found)
    }
}
