//! Whole tables as rows of named values that both databases understand: what a backup is made of, and what moves
//! from one database to another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::TryStreamExt as _;
use serde_json::{Map, Value, json};
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{AssertSqlSafe, Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::{Database, Kind, Transaction};
use crate::Result;
use crate::error::StoreError;

/// Columns by name. Text is a string, a number a number, bytes are `{"base64": …}`; what is null is left out.
pub type TableRow = Map<String, Value>;

/// In an order in which what a row refers to is there before it.
pub const TABLES: [&str; 24] = [
    "meta",
    "collections",
    "lexicons",
    "documents",
    "revisions",
    "properties",
    "index_sets",
    "set_revisions",
    "chunks",
    "jobs",
    "lanes",
    "changes",
    "answers",
    "answer_sources",
    "sources",
    "source_items",
    "syncs",
    "users",
    "memberships",
    "keys",
    "access_entries",
    "backups",
    "receipts",
    "evaluation_questions",
];
/// Tables that stay behind: work that the next worker does again.
pub const LEFT_BEHIND: [&str; 1] = ["checkpoints"];
/// Facts about a database that are true of no other.
const OF_ONE_DATABASE: [&str; 1] = ["database_id"];
/// Columns that the database counts up by itself.
const COUNTED: [(&str, &str); 3] = [("jobs", "id"), ("changes", "sequence"), ("syncs", "id")];

impl Database {
    /// A transaction in which everything stays as it is now, whatever others write.
    pub async fn snapshot(&self) -> Result<Transaction> {
        Ok(match self.kind {
            Kind::Sqlite => self.pool.begin().await?,
            Kind::Postgres => self.pool.begin_with("begin isolation level repeatable read read only").await?,
        })
    }

    /// Hands each row of a table to `each`, without holding them all. Gives their number.
    pub async fn each_row(
        &self,
        transaction: &mut Transaction,
        table: &str,
        mut each: impl AsyncFnMut(TableRow) -> Result<()>,
    ) -> Result<u64> {
        let statement = format!("select * from {}", known(table)?);
        let mut rows = sqlx::query(AssertSqlSafe(statement)).fetch(&mut **transaction);
        let mut count = 0;
        while let Some(row) = rows.try_next().await? {
            let row = read(&row)?;
            let is_only_true_here =
                table == "meta" && OF_ONE_DATABASE.iter().any(|key| row.get("key") == Some(&json!(key)));
            if !is_only_true_here {
                each(row).await?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Puts in a row that [`Self::each_row`] gave, here or elsewhere.
    pub async fn insert_row(&self, transaction: &mut Transaction, table: &str, row: &TableRow) -> Result<()> {
        let is_name =
            |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
        if row.is_empty() || !row.keys().all(is_name) {
            return Err(StoreError::damaged("row", format!("its columns are {:?}", row.keys())));
        }
        let columns = row.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let places = super::places(1, row.len());
        let statement = format!("insert into {} ({columns}) values ({places})", known(table)?);
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for (column, value) in row {
            query = match value {
                Value::String(text) => query.bind(text.clone()),
                Value::Number(number) if number.is_i64() => query.bind(number.as_i64()),
                Value::Object(bytes) => query.bind(decoded(bytes)?),
                other => return Err(StoreError::damaged("row", format!("{column} is {other}"))),
            };
        }
        query.execute(&mut **transaction).await?;
        Ok(())
    }

    /// Tables of ours that are there: an older schema has not all of them.
    async fn existing_tables(&self, transaction: &mut Transaction) -> Result<Vec<&'static str>> {
        let statement = match self.kind {
            Kind::Sqlite => "select name from sqlite_master where type = 'table'",
            Kind::Postgres => {
                "select tablename::text from pg_tables where schemaname = any(current_schemas(false)::text[])"
            }
        };
        let rows = sqlx::query(statement).fetch_all(&mut **transaction).await?;
        let names: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, _>>()?;
        let ours = TABLES.into_iter().chain(LEFT_BEHIND);
        Ok(ours.filter(|table| names.iter().any(|name| name == table)).collect())
    }

    /// Empties the tables that are filled from elsewhere. What a new database has by itself is not to be kept
    /// beside it.
    pub async fn empty_tables(&self, transaction: &mut Transaction) -> Result<()> {
        for table in self.existing_tables(transaction).await?.into_iter().rev() {
            sqlx::query(AssertSqlSafe(format!("delete from {table}"))).execute(&mut **transaction).await?;
        }
        Ok(())
    }

    /// Whether nothing was ever put in: no document, source, user, answer, key or lexicon.
    pub async fn is_unused(&self, transaction: &mut Transaction) -> Result<bool> {
        let made_by_people = ["documents", "sources", "users", "answers", "changes", "lexicons"];
        let existing = self.existing_tables(transaction).await?;
        for table in existing.into_iter().filter(|table| made_by_people.contains(table)) {
            let statement = format!("select 1 from {table} limit 1");
            if sqlx::query(AssertSqlSafe(statement)).fetch_optional(&mut **transaction).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the database count on from the rows that were put in. `SQLite` does so by itself.
    pub async fn count_on(&self, transaction: &mut Transaction) -> Result<()> {
        if self.kind == Kind::Postgres {
            let existing = self.existing_tables(transaction).await?;
            for (table, column) in COUNTED.into_iter().filter(|(table, _)| existing.contains(table)) {
                let statement = format!(
                    "select setval(pg_get_serial_sequence('{table}', '{column}'), \
                     coalesce((select max({column}) from {table}), 0) + 1, false)"
                );
                sqlx::query(AssertSqlSafe(statement)).execute(&mut **transaction).await?;
            }
        }
        Ok(())
    }

    /// The originals that something needs.
    pub async fn needed_blobs(&self, transaction: &mut Transaction) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "select sha256 from documents union select sha256 from revisions \
             union select sha256 from jobs where state in ('queued', 'running', 'paused')",
        )
        .fetch_all(&mut **transaction)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Sources that only the service of one data folder can see are seen by another from now on.
    pub async fn move_sources(&self, transaction: &mut Transaction, from: &str, to: &str) -> Result<()> {
        if !self.existing_tables(transaction).await?.contains(&"sources") {
            return Ok(());
        }
        sqlx::query("update sources set place = $2 where place = $1")
            .bind(from)
            .bind(to)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }
}

/// Table names come from files: none but ours gets into a statement.
fn known(table: &str) -> Result<&'static str> {
    let found = TABLES.into_iter().find(|known| *known == table);
    found.ok_or_else(|| StoreError::damaged("table", format!("there is no table {table:?}")))
}

fn read(row: &AnyRow) -> Result<TableRow> {
    let mut values = TableRow::new();
    for column in row.columns() {
        let place = column.ordinal();
        let raw = row.try_get_raw(place)?;
        if raw.is_null() {
            continue;
        }
        let value = match raw.type_info().kind() {
            AnyTypeInfoKind::Text => Value::String(row.try_get(place)?),
            AnyTypeInfoKind::Blob => json!({"base64": BASE64.encode(row.try_get::<Vec<u8>, _>(place)?)}),
            AnyTypeInfoKind::SmallInt | AnyTypeInfoKind::Integer | AnyTypeInfoKind::BigInt => {
                Value::from(row.try_get::<i64, _>(place)?)
            }
            _ => {
                let kind = raw.type_info().name().to_owned();
                return Err(StoreError::damaged("row", format!("{} is a {kind}", column.name())));
            }
        };
        values.insert(column.name().to_owned(), value);
    }
    Ok(values)
}

fn decoded(bytes: &Map<String, Value>) -> Result<Vec<u8>> {
    let text = bytes.get("base64").and_then(Value::as_str).unwrap_or("?");
    BASE64.decode(text).map_err(|error| StoreError::damaged("row", format!("bytes that are not base64: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_table_is_moved_or_left_behind_on_purpose() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), None).await.unwrap();
        let rows = sqlx::query("select name from sqlite_master where type = 'table'").fetch_all(&database.pool).await;
        for row in rows.unwrap() {
            let name: String = row.try_get(0).unwrap();
            let is_ours = !name.starts_with("sqlite_") && name != "_sqlx_migrations";
            let is_known = TABLES.contains(&name.as_str()) || LEFT_BEHIND.contains(&name.as_str());
            assert_eq!(is_ours, is_known, "{name}");
        }
    }

    #[tokio::test]
    async fn what_a_row_is_called_never_gets_into_a_statement_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), None).await.unwrap();
        let mut transaction = database.begin().await.unwrap();
        let row = TableRow::from_iter([("key) values ('a', 'b'); --".to_owned(), json!("x"))]);
        assert!(database.insert_row(&mut transaction, "meta", &row).await.is_err());
        assert!(database.insert_row(&mut transaction, "sqlite_master", &TableRow::new()).await.is_err());
        assert!(database.each_row(&mut transaction, "meta; drop table meta", async |_| Ok(())).await.is_err());
    }
}
