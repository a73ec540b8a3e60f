//! Ids, derived from what they name: the same document, revision or chunk gets the same id wherever and
//! however often it is made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub(crate) Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(CollectionId);
id!(
    /// Derived from the collection and the source's address.
    DocumentId
);
id!(
    /// Derived from the document and its generation.
    RevisionId
);
id!(
    /// Derived from the index set, the revision and the chunk's ordinal.
    ChunkId
);
id!(
    /// Drawn: a source is a thing that a person makes.
    SourceId
);
id!(
    /// Of an index set; drawn, but for the first one of a database.
    SetId
);

impl SetId {
    /// What everything is in before a second set is made.
    pub const FIRST: Self = Self(Uuid::nil());

    pub(crate) fn draw() -> Self {
        Self(Uuid::now_v7())
    }
}

impl SourceId {
    pub(crate) fn draw() -> Self {
        Self(Uuid::now_v7())
    }
}

impl CollectionId {
    pub(crate) fn derive(name: &str) -> Self {
        Self(derive(&["collection", name]))
    }
}

impl DocumentId {
    pub(crate) fn derive(collection: CollectionId, source_uri: &str) -> Self {
        Self(derive(&["document", &collection.to_string(), source_uri]))
    }
}

impl RevisionId {
    pub(crate) fn derive(document: DocumentId, generation: i64) -> Self {
        Self(derive(&["revision", &document.to_string(), &generation.to_string()]))
    }
}

impl ChunkId {
    pub(crate) fn derive(set: SetId, revision: RevisionId, ordinal: u32) -> Self {
        let (revision, ordinal) = (revision.to_string(), ordinal.to_string());
        // Chunks of the first set have the ids that they had before there were sets.
        if set == SetId::FIRST {
            return Self(derive(&["chunk", &revision, &ordinal]));
        }
        Self(derive(&["chunk", &set.to_string(), &revision, &ordinal]))
    }
}

/// The first 128 bits of a SHA-256 over the parts, each with its length before it, marked as a version 8
/// UUID (RFC 9562: custom).
fn derive(parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_every_part_and_on_nothing_else() {
        let collection = CollectionId::derive("default");
        let document = DocumentId::derive(collection, "a");
        assert_eq!(document, DocumentId::derive(CollectionId::derive("default"), "a"));
        assert_ne!(document, DocumentId::derive(CollectionId::derive("other"), "a"));
        assert_ne!(RevisionId::derive(document, 1), RevisionId::derive(document, 2));
        assert_eq!(document.to_string().parse(), Ok(document));
        assert_ne!(derive(&["ab", "c"]), derive(&["a", "bc"]), "parts do not run into each other");
    }
}
