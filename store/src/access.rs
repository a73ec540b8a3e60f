//! Who may read what. A collection has a list of readers; without one it is the operator's alone. A document may be
//! narrowed to a list of its own: then only those of the collection's readers see it who are on that list as well.
//!
//! The lists are in SQL. A document's own list is in both indexes too, so that what somebody may not read is not
//! even a candidate; the last check in SQL makes a change count at once, before the indexes have followed.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::Result;
use crate::error::StoreError;
use crate::ids::{DocumentId, RevisionId};
use crate::sql::Transaction;
use crate::sql::changes::ChangeKind;
use crate::store::Store;

/// Whom an access list names: `public`, `user:NAME` or `group:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reader {
    /// Whoever is let in.
    Public,
    User(String),
    Group(String),
}

impl fmt::Display for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => formatter.write_str("public"),
            Self::User(name) => write!(formatter, "user:{name}"),
            Self::Group(name) => write!(formatter, "group:{name}"),
        }
    }
}

impl FromStr for Reader {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self> {
        let named = |name: &str| if is_name(name) { Ok(name.to_owned()) } else { Err(StoreError::Name) };
        match text.split_once(':') {
            None if text == "public" => Ok(Self::Public),
            Some(("user", name)) => named(name).map(Self::User),
            Some(("group", name)) => named(name).map(Self::Group),
            _ => Err(StoreError::Reader(text.to_owned())),
        }
    }
}

/// Names of collections, users and groups: 1 to 100 characters, none of control, no white space around.
pub fn is_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=100).contains(&length) && !name.chars().any(char::is_control) && name.trim() == name
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Principal {
    /// Runs the service, and reads everything.
    Operator,
    /// A person, with the groups that the person is in.
    User { name: String, groups: Vec<String> },
    /// Nobody that is known: reads what is public.
    #[default]
    Anonymous,
}

impl Principal {
    /// As which reader the principal is on a list.
    pub(crate) fn grant(&self) -> Grant {
        match self {
            Self::Operator => Grant::Everything,
            Self::Anonymous => Grant::Readers(vec![Reader::Public.to_string()]),
            Self::User { name, groups } => {
                let readers = groups.iter().cloned().map(Reader::Group).chain([Reader::User(name.clone())]);
                let mut readers: Vec<String> =
                    readers.chain([Reader::Public]).map(|reader| reader.to_string()).collect();
                readers.sort_unstable();
                readers.dedup();
                Grant::Readers(readers)
            }
        }
    }
}

/// What a principal's name opens: everything, or what one of these readers may read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Grant {
    Everything,
    Readers(Vec<String>),
}

impl Default for Grant {
    /// Nothing.
    fn default() -> Self {
        Self::Readers(Vec::new())
    }
}

/// In the indexes, the one reader of documents that are not narrowed: whoever may read the collection.
pub(crate) const COLLECTION_READERS: &str = "*";

/// Of the fields that the indexes have of a revision: where a stamp has another, the entries are written anew.
const LAYOUT: u32 = 3;

/// How a revision stands in the indexes: whom it is for, and a stamp that differs when that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub readers: Vec<String>,
    pub stamp: String,
}

impl Listing {
    /// `own`: the document's own list, if it is narrowed.
    pub fn of(revision: RevisionId, own: Option<BTreeSet<String>>) -> Self {
        match own {
            None => Self {
                stamp: format!("{revision} {COLLECTION_READERS} {LAYOUT}"),
                readers: vec![COLLECTION_READERS.into()],
            },
            Some(readers) => {
                let mut hash = Sha256::new();
                for reader in &readers {
                    hash.update((reader.len() as u64).to_le_bytes());
                    hash.update(reader.as_bytes());
                }
                let mut first = [0; 8];
                first.copy_from_slice(&hash.finalize()[..8]);
                let stamp = format!("{revision} {:016x} {LAYOUT}", u64::from_be_bytes(first));
                Self { stamp, readers: readers.into_iter().collect() }
            }
        }
    }
}

/// The revision that a stamp is about.
pub(crate) fn revision_of(stamp: &str) -> Option<RevisionId> {
    stamp.split_once(' ')?.0.parse().ok()
}

/// Why somebody may read a document, or may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub may_read: bool,
    /// What the principal is on lists as; nothing for the operator, who needs no list.
    pub principal_is: Vec<String>,
    pub collection: String,
    /// The collection's list.
    pub collection_readers: Vec<String>,
    /// Those of the collection's list that the principal is.
    pub by_collection: Vec<String>,
    /// The document's own list, if it is narrowed.
    pub document_readers: Option<Vec<String>>,
    /// Those of the document's list that the principal is.
    pub by_document: Option<Vec<String>>,
}

impl Store {
    /// The readers of a collection.
    pub async fn collection_readers(&self, name: &str) -> Result<Vec<Reader>> {
        let collection = self.database.collection_id(name).await?;
        parse(&self.database.readers_of(&collection.to_string()).await?)
    }

    /// Replaces a collection's list. Counts from the next query on.
    pub async fn set_collection_readers(&self, name: &str, readers: &[Reader]) -> Result<()> {
        let collection = self.database.collection_id(name).await?;
        let mut transaction = self.database.begin().await?;
        self.database.replace_readers(&mut transaction, &collection.to_string(), readers).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A document's own list; none if it is not narrowed.
    pub async fn document_readers(&self, document: DocumentId) -> Result<Option<Vec<Reader>>> {
        let (_, own) = self.database.lists_of(document).await?;
        own.map(|readers| parse(&readers)).transpose()
    }

    /// Narrows a document to a list of its own, or, with none, gives it back to all readers of its collection. Who is
    /// shut out is so from the next query on; when this returns, the indexes have followed.
    pub async fn set_document_readers(&self, document: DocumentId, readers: Option<&[Reader]>) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        self.database.existing(&mut transaction, document).await?;
        let sequence = self.narrow(&mut transaction, document, readers).await?;
        transaction.commit().await?;
        self.changed(document);
        self.sets.catch_up(sequence).await
    }

    /// Gives the change that the indexes have to follow.
    pub(crate) async fn narrow(
        &self,
        transaction: &mut Transaction,
        document: DocumentId,
        readers: Option<&[Reader]>,
    ) -> Result<i64> {
        // First: a revision that is being written is either seen here, or indexed after this.
        self.database.order_changes(transaction).await?;
        self.database.narrow_document(transaction, document, readers).await?;
        let mut sequence = 0;
        for (revision, _) in self.database.revisions_of(transaction, document).await? {
            sequence = self.database.insert_change(transaction, ChangeKind::Add, revision).await?;
        }
        Ok(sequence)
    }

    /// Why a principal may read a document, or may not.
    pub async fn why(&self, document: DocumentId, principal: &Principal) -> Result<Decision> {
        let (collection, own) = self.database.lists_of(document).await?;
        let listed = self.database.readers_of(&collection.id.to_string()).await?;
        let (is, everything) = match principal.grant() {
            Grant::Everything => (Vec::new(), true),
            Grant::Readers(readers) => (readers, false),
        };
        let both = |list: &mut dyn Iterator<Item = &String>| -> Vec<String> {
            list.filter(|reader| is.contains(reader)).cloned().collect()
        };
        let by_collection = both(&mut listed.iter());
        let by_document = own.as_ref().map(|own| both(&mut own.iter()));
        let on_lists = !by_collection.is_empty() && by_document.as_ref().is_none_or(|by| !by.is_empty());
        Ok(Decision {
            may_read: everything || on_lists,
            collection: collection.name,
            collection_readers: listed,
            by_collection,
            document_readers: own.map(|own| own.into_iter().collect()),
            by_document,
            principal_is: is,
        })
    }
}

fn parse<'a>(readers: impl IntoIterator<Item = &'a String>) -> Result<Vec<Reader>> {
    readers.into_iter().map(|reader| reader.parse()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_written_as_they_are_read() {
        for text in ["public", "user:anna", "group:staff", "user:a:b"] {
            assert_eq!(text.parse::<Reader>().unwrap().to_string(), text);
        }
        for text in ["", "anna", "user:", "user: anna", "everyone:x", "Public", "group:a\nb"] {
            assert!(text.parse::<Reader>().is_err(), "{text}");
        }
    }

    #[test]
    fn nobody_is_let_in_by_default() {
        assert_eq!(Grant::default(), Grant::Readers(Vec::new()));
        assert_eq!(Principal::default().grant(), Grant::Readers(vec!["public".into()]));
        // A group may have the name of a user, or of everybody.
        let principal = Principal::User { name: "public".into(), groups: vec!["user:root".into()] };
        assert_eq!(
            principal.grant(),
            Grant::Readers(vec!["group:user:root".into(), "public".into(), "user:public".into()])
        );
    }

    #[test]
    fn a_stamp_tells_lists_apart() {
        let document = DocumentId::derive(crate::ids::CollectionId::derive("default"), "a");
        let revision = RevisionId::derive(document, 1);
        let of = |readers: &[&str]| {
            Listing::of(revision, Some(readers.iter().map(|reader| (*reader).to_owned()).collect())).stamp
        };
        let stamps = [of(&[]), of(&["user:a"]), of(&["user:a", "user:b"]), Listing::of(revision, None).stamp];
        let distinct: BTreeSet<&String> = stamps.iter().collect();
        assert_eq!(distinct.len(), stamps.len());
        assert_eq!(of(&["user:b", "user:a"]), of(&["user:a", "user:b"]));
    }
}
