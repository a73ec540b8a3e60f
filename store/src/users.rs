//! Users, their groups, and the keys that let them in. A key is drawn once and kept as its hash only.

use sha2::{Digest as _, Sha256};

use crate::Result;
use crate::access::{Principal, is_name};
use crate::blobs::hexadecimal;
use crate::error::StoreError;
use crate::store::Store;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub groups: Vec<String>,
    pub created_at_ms: i64,
}

/// What is known of a key, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    pub id: String,
    pub user: String,
    /// What the key is for, in its owner's words.
    pub label: String,
    pub created_at_ms: i64,
}

/// How keys begin, so that people and scanners know one when they see it.
const KEY_PREFIX: &str = "terroir_";

/// Whether it looks like a key that was drawn here.
pub fn is_user_key(key: &str) -> bool {
    key.starts_with(KEY_PREFIX)
}

impl Store {
    pub async fn users(&self) -> Result<Vec<User>> {
        self.database.users().await
    }

    pub async fn user(&self, name: &str) -> Result<User> {
        let users = self.database.users().await?;
        users.into_iter().find(|user| user.name == name).ok_or_else(|| StoreError::NoSuchUser(name.to_owned()))
    }

    /// A user as who asks.
    pub async fn principal(&self, name: &str) -> Result<Principal> {
        let groups = self.database.groups_of(name).await?;
        let groups = groups.ok_or_else(|| StoreError::NoSuchUser(name.to_owned()))?;
        Ok(Principal::User { name: name.to_owned(), groups })
    }

    /// Makes the user if there is none, and puts it into these groups and no others.
    pub async fn set_user(&self, name: &str, groups: &[String]) -> Result<()> {
        if !is_name(name) || !groups.iter().all(|group| is_name(group)) {
            return Err(StoreError::Name);
        }
        self.database.set_user(name, groups).await
    }

    /// The user's keys go with it. What lists say of the name stays: whoever gets it again is on them again.
    pub async fn remove_user(&self, name: &str) -> Result<()> {
        if self.database.remove_user(name).await? { Ok(()) } else { Err(StoreError::NoSuchUser(name.to_owned())) }
    }

    /// Draws a key for a user. It is shown this once.
    pub async fn create_key(&self, user: &str, label: &str) -> Result<(KeyRecord, String)> {
        if !is_name(label) {
            return Err(StoreError::Name);
        }
        self.principal(user).await?;
        // 244 random bits: nothing that could be guessed, so a plain hash is enough.
        let key = format!("{KEY_PREFIX}{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let record = self.database.insert_key(user, label, &hash(&key)).await?;
        Ok((record, key))
    }

    pub async fn keys(&self) -> Result<Vec<KeyRecord>> {
        self.database.keys().await
    }

    pub async fn revoke_key(&self, id: &str) -> Result<()> {
        if self.database.delete_key(id).await? { Ok(()) } else { Err(StoreError::NoSuchKey(id.to_owned())) }
    }

    /// Who shows this key, if anybody may.
    pub async fn principal_of_key(&self, key: &str) -> Result<Option<Principal>> {
        // Looked up by its hash: how long that takes says nothing about other keys.
        match self.database.user_of_key(&hash(key)).await? {
            Some(name) => self.principal(&name).await.map(Some),
            None => Ok(None),
        }
    }
}

fn hash(key: &str) -> String {
    hexadecimal(&Sha256::digest(key.as_bytes()))
}
