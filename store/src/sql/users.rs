//! The tables `users`, `memberships` and `keys`.

use sqlx::Row as _;

use super::{Database, Transaction, now_ms};
use crate::Result;
use crate::users::{KeyRecord, User};

impl Database {
    /// By name.
    pub async fn users(&self) -> Result<Vec<User>> {
        let rows = sqlx::query(
            "select u.name, u.created_at, m.group_name from users u left join memberships m on m.user_name = u.name \
             order by u.name, m.group_name",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut users: Vec<User> = Vec::new();
        for row in &rows {
            let name: String = row.try_get("name")?;
            let group: Option<String> = row.try_get("group_name")?;
            match users.last_mut().filter(|user| user.name == name) {
                Some(user) => user.groups.extend(group),
                None => users.push(User {
                    name,
                    groups: group.into_iter().collect(),
                    created_at_ms: row.try_get("created_at")?,
                }),
            }
        }
        Ok(users)
    }

    /// None if there is no such user.
    pub async fn groups_of(&self, name: &str) -> Result<Option<Vec<String>>> {
        let rows = sqlx::query(
            "select m.group_name from users u left join memberships m on m.user_name = u.name where u.name = $1",
        )
        .bind(name)
        .fetch_all(&self.pool)
        .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut groups = Vec::new();
        for row in &rows {
            let group: Option<String> = row.try_get(0)?;
            groups.extend(group);
        }
        Ok(Some(groups))
    }

    pub async fn set_user(&self, name: &str, groups: &[String]) -> Result<()> {
        let mut transaction = self.begin().await?;
        sqlx::query("insert into users (name, created_at) values ($1, $2) on conflict (name) do nothing")
            .bind(name)
            .bind(now_ms())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("delete from memberships where user_name = $1").bind(name).execute(&mut *transaction).await?;
        for group in groups {
            sqlx::query("insert into memberships (user_name, group_name) values ($1, $2) on conflict do nothing")
                .bind(name)
                .bind(group)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Whether there was one.
    pub async fn remove_user(&self, name: &str) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let removed = self.delete_user(&mut transaction, name).await?;
        transaction.commit().await?;
        Ok(removed)
    }

    /// With keys and memberships. Whether there was one.
    pub async fn delete_user(&self, transaction: &mut Transaction, name: &str) -> Result<bool> {
        let removed = sqlx::query("delete from users where name = $1").bind(name).execute(&mut **transaction).await?;
        Ok(removed.rows_affected() == 1)
    }

    pub async fn insert_key(&self, user: &str, label: &str, sha256: &str) -> Result<KeyRecord> {
        let record = KeyRecord {
            id: uuid::Uuid::now_v7().to_string(),
            user: user.to_owned(),
            label: label.to_owned(),
            created_at_ms: now_ms(),
        };
        sqlx::query("insert into keys (id, user_name, label, sha256, created_at) values ($1, $2, $3, $4, $5)")
            .bind(&record.id)
            .bind(user)
            .bind(label)
            .bind(sha256)
            .bind(record.created_at_ms)
            .execute(&self.pool)
            .await?;
        Ok(record)
    }

    /// Oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>> {
        let rows = sqlx::query("select id, user_name, label, created_at from keys order by created_at, id")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(KeyRecord {
                    id: row.try_get("id")?,
                    user: row.try_get("user_name")?,
                    label: row.try_get("label")?,
                    created_at_ms: row.try_get("created_at")?,
                })
            })
            .collect()
    }

    /// Whether there was one.
    pub async fn delete_key(&self, id: &str) -> Result<bool> {
        let deleted = sqlx::query("delete from keys where id = $1").bind(id).execute(&self.pool).await?;
        Ok(deleted.rows_affected() == 1)
    }

    pub async fn user_of_key(&self, sha256: &str) -> Result<Option<String>> {
        let row =
            sqlx::query("select user_name from keys where sha256 = $1").bind(sha256).fetch_optional(&self.pool).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }
}
