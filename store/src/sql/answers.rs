//! The table `answers`.

use super::{Database, now_ms};
use crate::Result;

impl Database {
    pub async fn insert_answer(&self, id: &str, question: &str, collection: Option<&str>, body: &str) -> Result<()> {
        sqlx::query("insert into answers (id, question, collection, body, created_at) values ($1, $2, $3, $4, $5)")
            .bind(id)
            .bind(question)
            .bind(collection)
            .bind(body)
            .bind(now_ms())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
