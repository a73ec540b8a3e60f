//! What the tables hold of a document or a person, counted before a deletion and after it.

use sqlx::Row as _;

use super::{Database, Transaction};
use crate::Result;
use crate::access::Reader;
use crate::ids::DocumentId;
use crate::receipt::Place;

/// Rows, by the place that they are in.
pub type Rows = Vec<(Place, u64)>;

impl Database {
    /// A checkpoint whose job is gone would be nobody's, so it counts for everybody.
    pub async fn rows_of_document(&self, transaction: &mut Transaction, document: DocumentId) -> Result<Rows> {
        let row = sqlx::query(
            "select (select count(*) from documents where id = $1), \
             (select count(*) from revisions where document_id = $1), \
             (select count(*) from properties where document_id = $1), \
             (select count(*) from chunks where document_id = $1), \
             (select count(*) from jobs where document_id = $1), \
             (select count(*) from checkpoints c where \
              exists (select 1 from jobs j where j.id = c.job_id and j.document_id = $1) \
              or not exists (select 1 from jobs j where j.id = c.job_id)), \
             (select count(*) from source_items where document_id = $1), \
             (select count(*) from access_entries where subject_id = $1), \
             (select count(*) from evaluation_questions where document_id = $1)",
        )
        .bind(document.to_string())
        .fetch_one(&mut **transaction)
        .await?;
        let places = [
            Place::Documents,
            Place::Revisions,
            Place::Properties,
            Place::Chunks,
            Place::Jobs,
            Place::Checkpoints,
            Place::SourceItems,
            Place::AccessEntries,
            Place::EvaluationQuestions,
        ];
        let mut rows = counted(&row, &places)?;
        rows.push((Place::Answers, self.count_quoting(transaction, document).await?));
        Ok(rows)
    }

    pub async fn rows_of_person(&self, transaction: &mut Transaction, name: &str) -> Result<Rows> {
        let row = sqlx::query(
            "select (select count(*) from users where name = $1), \
             (select count(*) from keys where user_name = $1), \
             (select count(*) from memberships where user_name = $1), \
             (select count(*) from access_entries where reader = $2), \
             (select count(*) from answers where asked_by = $1)",
        )
        .bind(name)
        .bind(Reader::User(name.to_owned()).to_string())
        .fetch_one(&mut **transaction)
        .await?;
        counted(&row, &[Place::Users, Place::Keys, Place::Memberships, Place::AccessEntries, Place::Answers])
    }

    /// When the document was made.
    pub async fn created_at(&self, transaction: &mut Transaction, document: DocumentId) -> Result<i64> {
        let row = sqlx::query("select created_at from documents where id = $1")
            .bind(document.to_string())
            .fetch_one(&mut **transaction)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// When the earliest of what is known of a person was written: the user, or an answer.
    pub async fn known_since(&self, transaction: &mut Transaction, name: &str) -> Result<i64> {
        let row = sqlx::query(
            "select coalesce(min(created_at), 0) from (select created_at from users where name = $1 \
             union all select created_at from answers where asked_by = $1) as known",
        )
        .bind(name)
        .fetch_one(&mut **transaction)
        .await?;
        Ok(row.try_get(0)?)
    }
}

fn counted(row: &sqlx::any::AnyRow, places: &[Place]) -> Result<Rows> {
    places
        .iter()
        .enumerate()
        .map(|(column, place)| {
            let count: i64 = row.try_get(column)?;
            Ok((*place, count as u64))
        })
        .collect()
}
