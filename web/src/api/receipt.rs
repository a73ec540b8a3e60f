//! Receipts, as callers see them.

use serde::Serialize;
use terroir_store::{Cause, Finding, Receipt, Subject};
use utoipa::ToSchema;

use super::rfc3339;

/// What a deletion deleted, and what remains. It holds no text, no title and no name.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptView {
    /// Id of the receipt.
    pub receipt: String,
    /// The document that was removed; null for a person.
    pub document: Option<String>,
    /// SHA-256 of a secret of the database and the name of the person who was erased; null for a document.
    pub person: Option<String>,
    /// `operator`, or `sync`: its source does not hold it any more.
    pub cause: String,
    pub removed_at: String,
    /// Null for a person.
    pub removed: Option<Removed>,
    pub places: Vec<PlaceView>,
    /// Of the bytes that the document was made of.
    pub sha256: Vec<String>,
    /// Documents because of which an original stays: they have the same bytes.
    pub kept_for: Vec<String>,
    /// Documents that no other user could read; they are not removed.
    pub only_theirs: Vec<String>,
    /// When each backup was made that may hold it.
    pub backups: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Removed {
    pub chunks: u64,
    pub lexical: u64,
    pub dense: u64,
    /// Whether the original went; it stays while another document has the same bytes.
    pub blob: bool,
}

/// What was found in one place.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaceView {
    /// `documents`, `revisions`, `properties`, `chunks`, `jobs`, `checkpoints`, `source_items`, `access_entries`,
    /// `evaluation_questions`, `answers`, `users`,
    /// `keys`, `memberships`, `database_files`, `lexical_index`, `lexical_segments`, `dense_index`, `dense_files`,
    /// `originals` or `memory`.
    pub place: String,
    /// Whether it was looked for after the removal, and nothing was found.
    pub gone: bool,
    /// Null: could not be looked for.
    pub found_before: Option<u64>,
    pub found_after: Option<u64>,
    /// Null when it is gone.
    pub remains_until: Option<String>,
}

impl From<&Finding> for PlaceView {
    fn from(from: &Finding) -> Self {
        Self {
            place: from.place.as_str().to_owned(),
            gone: from.is_gone(),
            found_before: from.before,
            found_after: from.after,
            remains_until: from.until.map(|until| until.as_str().to_owned()),
        }
    }
}

impl From<Receipt> for ReceiptView {
    fn from(from: Receipt) -> Self {
        let removed = from.removed();
        let (document, person) = match from.subject {
            Subject::Document(document) => (Some(document.to_string()), None),
            Subject::Person(hash) => (None, Some(hash)),
        };
        Self {
            receipt: from.id,
            removed: document.is_some().then_some(Removed {
                chunks: removed.chunks,
                lexical: removed.lexical,
                dense: removed.dense,
                blob: removed.blob,
            }),
            document,
            person,
            cause: match from.body.cause {
                Cause::Operator => "operator",
                Cause::Sync => "sync",
            }
            .into(),
            removed_at: rfc3339(from.removed_at_ms),
            places: from.body.findings.iter().map(PlaceView::from).collect(),
            sha256: from.body.sha256,
            kept_for: from.body.kept_for.iter().map(ToString::to_string).collect(),
            only_theirs: from.body.only_theirs.iter().map(ToString::to_string).collect(),
            backups: from.body.backups.into_iter().map(rfc3339).collect(),
        }
    }
}
