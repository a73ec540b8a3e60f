//! Chunks that were found: the last check whether they may be seen, and what is shown of those that are listed.

use sqlx::{AssertSqlSafe, Row as _};

use super::access::{bind, may_read};
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
    pub embedding: Vec<f32>,
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
            // All of them in one row: handing a row over from SQLite's thread costs more than reading it.
            let statement = format!(
                "select {} {SEEN} where k.id in ({}) and {}",
                self.joined(&format!(
                    "k.id || ' ' || k.revision_id || ' ' || k.document_id || ' ' || r.collection_id || ' ' || \
                     k.language || ' ' || {}",
                    self.hexadecimal("k.embedding")
                )),
                places(1, part.len()),
                may_read(grant, part.len() + 1)
            );
            let query = part.iter().fold(sqlx::query(AssertSqlSafe(statement)), |query, id| query.bind(id.to_string()));
            let row = bind(query, grant).fetch_one(&self.pool).await?;
            let lines: Option<String> = row.try_get(0)?;
            for line in lines.iter().flat_map(|lines| lines.lines()) {
                let (collection, chunk) = checked(line).ok_or_else(|| StoreError::damaged("chunk", "its row"))?;
                if collections.contains(&collection) {
                    found.push(chunk);
                }
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

fn checked(line: &str) -> Option<(CollectionId, CheckedChunk)> {
    let mut fields = line.split(' ');
    let mut next = || fields.next();
    let (id, revision, document) = (next()?.parse().ok()?, next()?.parse().ok()?, next()?.parse().ok()?);
    let collection = next()?.parse().ok()?;
    let language = Language::parse(next()?);
    Some((collection, CheckedChunk { id, revision, document, language, embedding: floats(next()?)? }))
}

/// 32-bit floats, little-endian, in hexadecimal of either case.
fn floats(text: &str) -> Option<Vec<f32>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let (floats, []) = text.as_bytes().as_chunks::<8>() else { return None };
    let float = |digits: &[u8; 8]| {
        let mut bytes = [0; 4];
        for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(f32::from_le_bytes(bytes))
    };
    floats.iter().map(float).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_from_their_digits() {
        let numbers = [0.5_f32, -1.25e-30, f32::MAX, -0.0];
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let digits = crate::blobs::hexadecimal(&bytes).to_uppercase();
        assert_eq!(floats(&digits).as_deref(), Some(&numbers[..]));
        assert_eq!(floats(&digits.to_lowercase()).as_deref(), Some(&numbers[..]));
        assert_eq!(floats(""), Some(Vec::new()));
        for damaged in ["0", "0000000", "000000gg", "0000000é"] {
            assert_eq!(floats(damaged), None, "{damaged}");
        }
    }
}
