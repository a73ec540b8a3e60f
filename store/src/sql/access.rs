//! The table `access_entries`, and what it means for a statement about documents.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row as _};

use super::{Database, Transaction, id, places};
use crate::Result;
use crate::access::{Grant, Reader};
use crate::error::StoreError;
use crate::ids::{CollectionId, DocumentId};

/// Stands on a document's own list that is empty, so that it is known to be one. No principal is this reader.
const NOBODY: &str = "nobody";

/// A collection by id and name.
pub struct Named {
    pub id: CollectionId,
    pub name: String,
}

/// A condition on documents `d`: those that the grant opens. Its parameters are numbered from `first`, and bound by
/// [`bind`].
pub fn may_read(grant: &Grant, first: usize) -> String {
    condition(grant, first, |places| {
        format!("{} and (d.narrowed = 0 or {})", is_on_list("d.collection_id", places), is_on_list("d.id", places))
    })
}

/// A condition on collections `c`.
pub fn may_enter(grant: &Grant, first: usize) -> String {
    condition(grant, first, |places| is_on_list("c.id", places))
}

/// `of_readers` makes the condition out of the places of the readers.
fn condition(grant: &Grant, first: usize, of_readers: impl Fn(&str) -> String) -> String {
    match grant {
        Grant::Everything => "1 = 1".into(),
        Grant::Readers(readers) if readers.is_empty() => "1 = 0".into(),
        Grant::Readers(readers) => of_readers(&places(first, readers.len())),
    }
}

fn is_on_list(subject: &str, places: &str) -> String {
    format!("exists (select 1 from access_entries a where a.subject_id = {subject} and a.reader in ({places}))")
}

/// Binds what [`may_read`] and [`may_enter`] left open.
pub fn bind<'q>(query: Query<'q, Any, AnyArguments>, grant: &Grant) -> Query<'q, Any, AnyArguments> {
    match grant {
        Grant::Everything => query,
        Grant::Readers(readers) => readers.iter().fold(query, |query, reader| query.bind(reader.clone())),
    }
}

impl Database {
    /// The list of a collection or a document, in order.
    pub async fn readers_of(&self, subject: &str) -> Result<Vec<String>> {
        let rows =
            sqlx::query("select reader from access_entries where subject_id = $1 and reader <> $2 order by reader")
                .bind(subject)
                .bind(NOBODY)
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, sqlx::Error>>()?)
    }

    pub async fn replace_readers(
        &self,
        transaction: &mut Transaction,
        subject: &str,
        readers: &[Reader],
    ) -> Result<()> {
        sqlx::query("delete from access_entries where subject_id = $1")
            .bind(subject)
            .execute(&mut **transaction)
            .await?;
        for reader in readers {
            sqlx::query("insert into access_entries (subject_id, reader) values ($1, $2) on conflict do nothing")
                .bind(subject)
                .bind(reader.to_string())
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    /// Gives a document a list of its own, or takes it away.
    pub async fn narrow_document(
        &self,
        transaction: &mut Transaction,
        document: DocumentId,
        readers: Option<&[Reader]>,
    ) -> Result<()> {
        sqlx::query("update documents set narrowed = $1 where id = $2")
            .bind(i64::from(readers.is_some()))
            .bind(document.to_string())
            .execute(&mut **transaction)
            .await?;
        self.replace_readers(transaction, &document.to_string(), readers.unwrap_or_default()).await?;
        if readers.is_some_and(<[Reader]>::is_empty) {
            sqlx::query("insert into access_entries (subject_id, reader) values ($1, $2)")
                .bind(document.to_string())
                .bind(NOBODY)
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    /// Takes a reader off every list. A document's own list that is left empty stays one. Gives the documents that are
    /// there and named the reader.
    pub async fn strike_off_lists(&self, transaction: &mut Transaction, reader: &Reader) -> Result<Vec<DocumentId>> {
        let reader = reader.to_string();
        let rows = sqlx::query(
            "select d.id from access_entries a join documents d on d.id = a.subject_id where a.reader = $1 order by d.id",
        )
        .bind(&reader)
        .fetch_all(&mut **transaction)
        .await?;
        // Also of documents that went: one that comes back is narrowed as it was.
        sqlx::query(
            "insert into access_entries (subject_id, reader) select a.subject_id, $2 from access_entries a \
             where a.reader = $1 and not exists (select 1 from collections c where c.id = a.subject_id) \
             and not exists (select 1 from access_entries o where o.subject_id = a.subject_id and o.reader <> $1) \
             on conflict do nothing",
        )
        .bind(&reader)
        .bind(NOBODY)
        .execute(&mut **transaction)
        .await?;
        sqlx::query("delete from access_entries where reader = $1").bind(&reader).execute(&mut **transaction).await?;
        rows.iter().map(|row| id(row, "id")).collect()
    }

    /// Every document that the grant opens.
    pub async fn readable(&self, grant: &Grant) -> Result<BTreeSet<DocumentId>> {
        let statement = format!("select d.id from documents d where {}", may_read(grant, 1));
        let rows = bind(sqlx::query(AssertSqlSafe(statement)), grant).fetch_all(&self.pool).await?;
        rows.iter().map(|row| id(row, "id")).collect()
    }

    /// A document's own list, if it is narrowed.
    pub async fn own_list(&self, document: DocumentId) -> Result<Option<BTreeSet<String>>> {
        let row = sqlx::query("select narrowed from documents where id = $1")
            .bind(document.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let narrowed: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
        if narrowed == 0 {
            return Ok(None);
        }
        Ok(Some(self.readers_of(&document.to_string()).await?.into_iter().collect()))
    }

    /// The own lists of all documents that are narrowed and have readers.
    pub async fn own_lists(&self) -> Result<BTreeMap<DocumentId, BTreeSet<String>>> {
        let rows = sqlx::query(
            "select a.subject_id, a.reader from access_entries a join documents d on d.id = a.subject_id \
             where d.narrowed = 1 and a.reader <> $1",
        )
        .bind(NOBODY)
        .fetch_all(&self.pool)
        .await?;
        let mut lists: BTreeMap<DocumentId, BTreeSet<String>> = BTreeMap::new();
        for row in &rows {
            lists.entry(id(row, "subject_id")?).or_default().insert(row.try_get("reader")?);
        }
        Ok(lists)
    }

    /// A document's collection, and its own list if it is narrowed.
    pub async fn lists_of(&self, document: DocumentId) -> Result<(Named, Option<BTreeSet<String>>)> {
        let row = sqlx::query(
            "select c.id, c.name from documents d join collections c on c.id = d.collection_id where d.id = $1",
        )
        .bind(document.to_string())
        .fetch_optional(&self.pool)
        .await?;
        let row = row.ok_or_else(|| StoreError::NoSuchDocument(document.to_string()))?;
        Ok((Named { id: id(&row, "id")?, name: row.try_get("name")? }, self.own_list(document).await?))
    }
}
