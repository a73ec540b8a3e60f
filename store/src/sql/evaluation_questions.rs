//! The table `evaluation_questions`.

use sqlx::{AssertSqlSafe, Row as _};

use super::{Database, id};
use crate::Result;
use crate::evaluation::{Askable, EvaluationQuestion, NewQuestion};
use crate::ids::{DocumentId, SetId};
use crate::language::Language;
use crate::revise::Revision;

/// Shorter passages say too little to be asked about.
const MIN_TOKENS: i64 = 40;

impl Database {
    pub async fn evaluation_questions(&self, confirmed: bool) -> Result<Vec<EvaluationQuestion>> {
        let rows = sqlx::query(
            "select q.id, c.name as collection, q.document_id, coalesce(d.title, d.file_name) as title, q.question, \
             q.quote, q.language, q.state, q.created_at from evaluation_questions q \
             join collections c on c.id = q.collection_id join documents d on d.id = q.document_id \
             where q.state = $1 order by q.created_at, q.id",
        )
        .bind(state(confirmed))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let (language, found): (String, String) = (row.try_get("language")?, row.try_get("state")?);
                Ok(EvaluationQuestion {
                    id: row.try_get("id")?,
                    collection: row.try_get("collection")?,
                    document: id(row, "document_id")?,
                    title: row.try_get("title")?,
                    question: row.try_get("question")?,
                    quote: row.try_get("quote")?,
                    language: Language::parse(&language),
                    is_confirmed: found == state(true),
                    created_at_ms: row.try_get("created_at")?,
                })
            })
            .collect()
    }

    pub async fn insert_evaluation_question(&self, id: &str, new: &NewQuestion, created_at: i64) -> Result<()> {
        sqlx::query(
            "insert into evaluation_questions (id, collection_id, document_id, question, quote, language, state, created_at) \
             select $1, d.collection_id, d.id, $2, $3, $4, $5, $6 from documents d where d.id = $7",
        )
        .bind(id)
        .bind(new.question.trim())
        .bind(&new.quote)
        .bind(new.language.as_str())
        .bind(state(new.is_confirmed))
        .bind(created_at)
        .bind(new.document.to_string())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub async fn confirm_evaluation_question(&self, id: &str, question: Option<&str>) -> Result<bool> {
        let updated =
            sqlx::query("update evaluation_questions set state = $1, question = coalesce($2, question) where id = $3")
                .bind(state(true))
                .bind(question)
                .bind(id)
                .execute(&self.pool)
                .await?;
        Ok(updated.rows_affected() == 1)
    }

    pub async fn delete_evaluation_question(&self, id: &str) -> Result<bool> {
        let deleted =
            sqlx::query("delete from evaluation_questions where id = $1").bind(id).execute(&self.pool).await?;
        Ok(deleted.rows_affected() == 1)
    }

    /// The revision that searches find, if there is one.
    pub async fn current_revision(&self, document: DocumentId) -> Result<Option<Revision>> {
        let row = sqlx::query("select current_revision from documents where id = $1")
            .bind(document.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let current: Option<String> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        match current {
            Some(current) => {
                let revision = current.parse().map_err(|error| crate::StoreError::damaged("id", error))?;
                self.revision(revision).await
            }
            None => Ok(None),
        }
    }

    pub async fn askable_passages(&self, set: SetId, collection: Option<&str>, limit: u32) -> Result<Vec<Askable>> {
        let statement = format!(
            "select k.document_id, k.text, k.language from chunks k \
             join documents d on d.id = k.document_id and d.current_revision = k.revision_id \
             join collections c on c.id = d.collection_id \
             where k.set_id = $1 and k.token_count >= $2 and ($3 = '' or c.name = $3) and not exists \
             (select 1 from evaluation_questions q where q.document_id = k.document_id \
              and {}(k.text, q.quote) > 0) order by random() limit $4",
            self.position()
        );
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(set.to_string())
            .bind(MIN_TOKENS)
            .bind(collection.unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let language: String = row.try_get("language")?;
                Ok(Askable {
                    document: id(row, "document_id")?,
                    text: row.try_get("text")?,
                    language: Language::parse(&language),
                })
            })
            .collect()
    }
}

fn state(confirmed: bool) -> &'static str {
    if confirmed { "confirmed" } else { "proposed" }
}
