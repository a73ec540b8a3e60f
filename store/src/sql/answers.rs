//! The tables `answers` and `answer_sources`.

use sqlx::Row as _;

use super::{Database, Transaction, id, now_ms};
use crate::Result;
use crate::answer::NewAnswer;
use crate::ids::DocumentId;
use crate::redaction;

impl Database {
    pub async fn insert_answer(&self, transaction: &mut Transaction, new: &NewAnswer, body: &str) -> Result<()> {
        sqlx::query(
            "insert into answers (id, question, collection, body, created_at, asked_by) values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&new.id)
        .bind(&new.question)
        .bind(&new.collection)
        .bind(body)
        .bind(now_ms())
        .bind(&new.asked_by)
        .execute(&mut **transaction)
        .await?;
        for document in &new.documents {
            sqlx::query("insert into answer_sources (answer_id, document_id) values ($1, $2) on conflict do nothing")
                .bind(&new.id)
                .bind(document.to_string())
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    /// Whether the document is there, and stays so until the transaction ends.
    pub async fn hold_document(&self, transaction: &mut Transaction, document: DocumentId) -> Result<bool> {
        let statement = format!("select id from documents where id = $1 {}", self.share());
        let row = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(document.to_string())
            .fetch_optional(&mut **transaction)
            .await?;
        Ok(row.is_some())
    }

    /// Whether the user is there, and stays so until the transaction ends.
    pub async fn hold_user(&self, transaction: &mut Transaction, name: &str) -> Result<bool> {
        let statement = format!("select name from users where name = $1 {}", self.share());
        let row = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(name).fetch_optional(&mut **transaction).await?;
        Ok(row.is_some())
    }

    /// Takes the words of a document out of every answer that has some.
    pub async fn redact_answers(&self, transaction: &mut Transaction, document: DocumentId) -> Result<()> {
        for answer in self.answers_from(transaction, document).await? {
            let body = self.answer_body(transaction, &answer).await?;
            if redaction::quotes(&body, document) {
                sqlx::query("update answers set body = $1 where id = $2")
                    .bind(redaction::without(&body, document))
                    .bind(&answer)
                    .execute(&mut **transaction)
                    .await?;
            }
        }
        Ok(())
    }

    /// Answers that hold words of a document.
    pub async fn count_quoting(&self, transaction: &mut Transaction, document: DocumentId) -> Result<u64> {
        let mut quoting = 0;
        for answer in self.answers_from(transaction, document).await? {
            quoting += u64::from(redaction::quotes(&self.answer_body(transaction, &answer).await?, document));
        }
        Ok(quoting)
    }

    /// One at a time: bodies are long, and many answers may quote a document.
    async fn answer_body(&self, transaction: &mut Transaction, answer: &str) -> Result<String> {
        let row =
            sqlx::query("select body from answers where id = $1").bind(answer).fetch_one(&mut **transaction).await?;
        Ok(row.try_get(0)?)
    }

    /// Answers that were given passages of a document.
    async fn answers_from(&self, transaction: &mut Transaction, document: DocumentId) -> Result<Vec<String>> {
        let rows = sqlx::query("select answer_id from answer_sources where document_id = $1")
            .bind(document.to_string())
            .fetch_all(&mut **transaction)
            .await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, sqlx::Error>>()?)
    }

    pub async fn delete_answers_of(&self, transaction: &mut Transaction, person: &str) -> Result<()> {
        sqlx::query("delete from answers where asked_by = $1").bind(person).execute(&mut **transaction).await?;
        Ok(())
    }

    /// Documents besides this one that a blob is kept for.
    pub async fn sharers(&self, sha256: &str, but: DocumentId) -> Result<Vec<DocumentId>> {
        let rows = sqlx::query(
            "select id from documents where sha256 = $1 and id <> $2 \
             union select document_id from revisions where sha256 = $1 and document_id <> $2 \
             union select document_id from jobs where sha256 = $1 and document_id <> $2 order by 1 limit 100",
        )
        .bind(sha256)
        .bind(but.to_string())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| id(row, "id")).collect()
    }
}
