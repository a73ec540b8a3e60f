//! The table `backups`.

use sqlx::Row as _;

use super::{Database, Transaction, now_ms};
use crate::Result;

impl Database {
    /// Noted before anything is read: what is removed while a backup is made may be in it.
    pub async fn begin_backup(&self, id: &str) -> Result<i64> {
        let created_at = now_ms();
        sqlx::query("insert into backups (id, created_at) values ($1, $2)")
            .bind(id)
            .bind(created_at)
            .execute(&self.pool)
            .await?;
        Ok(created_at)
    }

    pub async fn end_backup(&self, id: &str, bytes: u64, documents: u64) -> Result<()> {
        sqlx::query("update backups set bytes = $2, documents = $3 where id = $1")
            .bind(id)
            .bind(bytes as i64)
            .bind(documents as i64)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// When the backups were begun that may hold what was there at a time.
    pub async fn backups_since(&self, transaction: &mut Transaction, created_at_ms: i64) -> Result<Vec<i64>> {
        let rows = sqlx::query("select created_at from backups where created_at >= $1 order by created_at")
            .bind(created_at_ms)
            .fetch_all(&mut **transaction)
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
