//! The table `changes`: what the indexes follow.

use sqlx::Row as _;

use super::{Database, Transaction, id};
use crate::Result;
use crate::ids::{RevisionId, SetId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    Add,
    Remove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub sequence: i64,
    pub kind: ChangeKind,
    pub revision: RevisionId,
}

impl Database {
    /// Adds a change that concerns every index set, and gives its place in the sequence.
    pub async fn insert_change(
        &self,
        transaction: &mut Transaction,
        kind: ChangeKind,
        revision: RevisionId,
    ) -> Result<i64> {
        self.insert_change_in(transaction, None, kind, revision).await
    }

    /// The same for a change that concerns one index set, if given.
    pub async fn insert_change_in(
        &self,
        transaction: &mut Transaction,
        set: Option<SetId>,
        kind: ChangeKind,
        revision: RevisionId,
    ) -> Result<i64> {
        self.order_changes(transaction).await?;
        let kind = match kind {
            ChangeKind::Add => "add",
            ChangeKind::Remove => "remove",
        };
        let row = sqlx::query("insert into changes (kind, revision_id, set_id) values ($1, $2, $3) returning sequence")
            .bind(kind)
            .bind(revision.to_string())
            .bind(set.map(|set| set.to_string()))
            .fetch_one(&mut **transaction)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// The next changes after `sequence` that concern the set, in order.
    pub async fn changes_after(&self, set: SetId, sequence: i64, limit: u32) -> Result<Vec<Change>> {
        let rows = sqlx::query(
            "select sequence, kind, revision_id from changes where sequence > $1 \
             and (set_id is null or set_id = $2) order by sequence limit $3",
        )
        .bind(sequence)
        .bind(set.to_string())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let kind: String = row.try_get("kind")?;
                Ok(Change {
                    sequence: row.try_get("sequence")?,
                    kind: if kind == "add" { ChangeKind::Add } else { ChangeKind::Remove },
                    revision: id(row, "revision_id")?,
                })
            })
            .collect()
    }

    pub async fn last_change(&self) -> Result<i64> {
        let row = sqlx::query("select coalesce(max(sequence), 0) from changes").fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }
}
