//! Erasing a person: what is kept under the name goes, and what only the person could read is listed.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::Result;
use crate::access::{Principal, Reader};
use crate::blobs::hexadecimal;
use crate::error::StoreError;
use crate::ids::DocumentId;
use crate::receipt::{Cause, Place, Receipt, Subject};
use crate::removal::Before;
use crate::sql::changes::ChangeKind;
use crate::sql::now_ms;
use crate::store::Store;
use crate::trace::Trace;

impl Store {
    /// Removes a user with keys, groups, every place on a list and the answers that the user asked for. A user who was
    /// removed before, and is still on lists, is erased as well. Documents stay.
    pub async fn erase_user(&self, name: &str) -> Result<Receipt> {
        let trace = Trace::Person(name.to_owned());
        let traces = self.sets.look(&trace, true).await?;
        let only_theirs = self.only_readable_by(name).await?;
        let subject = Subject::Person(person_hash(&self.database.receipt_salt().await?, name));
        let mut receipt = Receipt::new(subject, now_ms(), Cause::Operator);
        receipt.body.only_theirs = only_theirs.into_iter().collect();

        let mut transaction = self.database.begin().await?;
        let rows = self.database.rows_of_person(&mut transaction, name).await?;
        if rows.iter().all(|(place, found)| *found == 0 || *place == Place::Memberships) {
            transaction.rollback().await?;
            return Err(StoreError::NoSuchUser(name.to_owned()));
        }
        let since = self.database.known_since(&mut transaction, name).await?;
        // First: a revision that is being written is either seen here, or indexed after this.
        self.database.order_changes(&mut transaction).await?;
        self.database.delete_user(&mut transaction, name).await?;
        // After the user: an answer to the user is either seen here, or not kept.
        self.database.delete_answers_of(&mut transaction, name).await?;
        let narrowed = self.database.strike_off_lists(&mut transaction, &Reader::User(name.to_owned())).await?;
        let mut sequence = 0;
        for document in &narrowed {
            for (revision, _) in self.database.revisions_of(&mut transaction, *document).await? {
                sequence = self.database.insert_change(&mut transaction, ChangeKind::Add, revision).await?;
            }
        }
        let before = Before { rows, traces, originals: 0 };
        receipt.body.backups = self.database.backups_since(&mut transaction, since).await?;
        receipt.body.findings = self.findings(&receipt, &before, None).await;
        self.database.insert_receipt(&mut transaction, &receipt).await?;
        transaction.commit().await?;
        for document in narrowed {
            self.changed(document);
        }
        self.sets.catch_up(sequence).await?;
        self.complete(receipt, &before, &trace).await
    }

    /// Documents that the user may read, and no other user, nor somebody who is nobody in particular.
    async fn only_readable_by(&self, name: &str) -> Result<BTreeSet<DocumentId>> {
        let groups = self.database.groups_of(name).await?.unwrap_or_default();
        let person = Principal::User { name: name.to_owned(), groups };
        let mut only = self.database.readable(&person.grant()).await?;
        let users = self.database.users().await?.into_iter().filter(|user| user.name != name);
        let others = users.map(|user| Principal::User { name: user.name, groups: user.groups });
        for other in std::iter::once(Principal::Anonymous).chain(others) {
            if only.is_empty() {
                break;
            }
            let readable = self.database.readable(&other.grant()).await?;
            only.retain(|document| !readable.contains(document));
        }
        Ok(only)
    }
}

/// Says nothing of the name to whoever does not know it, and differs from database to database.
fn person_hash(salt: &str, name: &str) -> String {
    hexadecimal(&Sha256::new().chain_update(salt).chain_update(name).finalize())
}
