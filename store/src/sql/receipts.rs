//! The table `receipts`.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Database, Transaction};
use crate::Result;
use crate::document::Page;
use crate::error::StoreError;
use crate::receipt::{Receipt, Subject};

const SELECT: &str = "select id, kind, subject, removed_at, body from receipts";

impl Database {
    pub async fn insert_receipt(&self, transaction: &mut Transaction, receipt: &Receipt) -> Result<()> {
        let (kind, subject) = match &receipt.subject {
            Subject::Document(document) => ("document", document.to_string()),
            Subject::Person(hash) => ("person", hash.clone()),
        };
        sqlx::query("insert into receipts (id, kind, subject, removed_at, body) values ($1, $2, $3, $4, $5)")
            .bind(&receipt.id)
            .bind(kind)
            .bind(subject)
            .bind(receipt.removed_at_ms)
            .bind(body(receipt)?)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Writes down what was found afterwards.
    pub async fn complete_receipt(&self, receipt: &Receipt) -> Result<()> {
        sqlx::query("update receipts set body = $1 where id = $2")
            .bind(body(receipt)?)
            .bind(&receipt.id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub async fn receipt(&self, id: &str) -> Result<Option<Receipt>> {
        let statement = sqlx::AssertSqlSafe(format!("{SELECT} where id = $1"));
        let row = sqlx::query(statement).bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// Newest first; the cursor is the place of the last item.
    pub async fn receipts(&self, cursor: Option<&str>, limit: u32) -> Result<Page<Receipt>> {
        let (at, id) = match cursor {
            Some(cursor) => {
                let (at, id) = cursor.split_once('.').ok_or(StoreError::Cursor)?;
                (at.parse().map_err(|_| StoreError::Cursor)?, id.to_owned())
            }
            None => (i64::MAX, String::new()),
        };
        let limit = limit.clamp(1, 1000);
        let statement = sqlx::AssertSqlSafe(format!(
            "{SELECT} where removed_at < $1 or (removed_at = $1 and id < $2) order by removed_at desc, id desc limit $3"
        ));
        let rows = sqlx::query(statement).bind(at).bind(id).bind(i64::from(limit) + 1).fetch_all(&self.pool).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(Page::of(items, limit, |last| format!("{}.{}", last.removed_at_ms, last.id)))
    }
}

fn body(receipt: &Receipt) -> Result<String> {
    serde_json::to_string(&receipt.body).map_err(|error| StoreError::damaged("receipt", error))
}

fn read(row: &AnyRow) -> Result<Receipt> {
    let (kind, subject, body): (String, String, String) =
        (row.try_get("kind")?, row.try_get("subject")?, row.try_get("body")?);
    Ok(Receipt {
        id: row.try_get("id")?,
        subject: if kind == "person" {
            Subject::Person(subject)
        } else {
            Subject::Document(subject.parse().map_err(|error| StoreError::damaged("id", error))?)
        },
        removed_at_ms: row.try_get("removed_at")?,
        body: serde_json::from_str(&body).map_err(|error| StoreError::damaged("receipt", error))?,
    })
}
