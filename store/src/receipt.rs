//! Receipts: what a deletion found in each place before it and after it, what remains, and until when. "After" is
//! looked for, never assumed: a place that was not looked into is not called gone. A receipt holds ids, counts, hashes
//! and times; no text, no title, and no name of a file or a person.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::document::Page;
use crate::error::StoreError;
use crate::ids::DocumentId;
use crate::store::Store;

/// Where something of a document or a person may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Documents,
    Revisions,
    Properties,
    Chunks,
    Jobs,
    Checkpoints,
    SourceItems,
    AccessEntries,
    EvaluationQuestions,
    /// Answers that quote the document, or that the person asked for.
    Answers,
    Users,
    Keys,
    Memberships,
    /// The database's files: what it freed, and its log.
    DatabaseFiles,
    /// Entries that a search can find.
    LexicalIndex,
    /// Those, and the ones that are deleted and still in a segment.
    LexicalSegments,
    DenseIndex,
    /// The files of the dense index.
    DenseFiles,
    Originals,
    /// Of running services.
    Memory,
}

impl Place {
    /// As a receipt names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Revisions => "revisions",
            Self::Properties => "properties",
            Self::Chunks => "chunks",
            Self::Jobs => "jobs",
            Self::Checkpoints => "checkpoints",
            Self::SourceItems => "source_items",
            Self::AccessEntries => "access_entries",
            Self::EvaluationQuestions => "evaluation_questions",
            Self::Answers => "answers",
            Self::Users => "users",
            Self::Keys => "keys",
            Self::Memberships => "memberships",
            Self::DatabaseFiles => "database_files",
            Self::LexicalIndex => "lexical_index",
            Self::LexicalSegments => "lexical_segments",
            Self::DenseIndex => "dense_index",
            Self::DenseFiles => "dense_files",
            Self::Originals => "originals",
            Self::Memory => "memory",
        }
    }
}

/// How long what remains will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// The deletion broke off before it looked.
    LookedAgain,
    /// The row that was just deleted came back: the same document was added again meanwhile.
    RemovedAgain,
    SourceLetsGo,
    ListIsCleared,
    LogIsEmptied,
    Vacuumed,
    SegmentsAreMerged,
    IndexIsBuiltAnew,
    ServerOptimises,
    OthersAreRemoved,
    MemoryIsReused,
}

impl Until {
    /// The end of a sentence that begins with "remains until".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LookedAgain => {
                "somebody looks again: the removal broke off before it did (terroir doctor tells of the indexes)"
            }
            Self::RemovedAgain => "it is removed again: it was added anew meanwhile",
            Self::SourceLetsGo => {
                "its source lets go of it: it comes back with the next sync unless a pattern leaves it out"
            }
            Self::ListIsCleared => {
                "the list is cleared: the document is narrowed as it was if it comes back (ids and readers, no text)"
            }
            Self::LogIsEmptied => "the database's log is emptied, at the latest when the service ends",
            Self::Vacuumed => "PostgreSQL has vacuumed its tables and used the space and its log again",
            Self::SegmentsAreMerged => "the segments of the lexical index that hold it are merged",
            Self::IndexIsBuiltAnew => "the indexes are built anew (terroir reindex): vectors and ids, no text",
            Self::ServerOptimises => "the Qdrant server has optimised its segments and used its log again",
            Self::OthersAreRemoved => "the documents that have the same bytes are removed as well (kept_for)",
            Self::MemoryIsReused => {
                "the memory of running services is used for other questions, at the latest until they end"
            }
        }
    }
}

/// What was found in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub place: Place,
    /// None: could not be looked for.
    pub before: Option<u64>,
    pub after: Option<u64>,
    /// None when it is gone.
    pub until: Option<Until>,
}

impl Finding {
    /// `until` counts only if something may remain.
    pub(crate) fn new(place: Place, before: Option<u64>, after: Option<u64>, until: Until) -> Self {
        Self { place, before, after, until: (after != Some(0)).then_some(until) }
    }

    /// Whether it was looked for, and nothing was found.
    pub fn is_gone(&self) -> bool {
        self.after == Some(0)
    }
}

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Document(DocumentId),
    /// SHA-256 of a secret of the database and the name, in hexadecimal: whoever knows the name recognises it.
    Person(String),
}

/// Who wanted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Operator,
    /// A source does not hold it any more. Segments of the indexes are left to be merged in their own time.
    Sync,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub id: String,
    pub subject: Subject,
    pub removed_at_ms: i64,
    pub body: ReceiptBody,
}

/// What of a receipt is kept as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptBody {
    pub cause: Cause,
    pub findings: Vec<Finding>,
    /// Of the bytes that a document was made of, in hexadecimal.
    pub sha256: Vec<String>,
    /// Documents because of which an original stays.
    pub kept_for: Vec<DocumentId>,
    /// Documents that nobody but the person (and the operator) could read; they are not removed.
    pub only_theirs: Vec<DocumentId>,
    /// When each backup was made that may hold it.
    pub backups: Vec<i64>,
}

/// What a removal took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    pub chunks: u64,
    /// Entries that were in the index and are not any more.
    pub lexical: u64,
    pub dense: u64,
    /// Whether the original went; it stays while another document has the same bytes.
    pub blob: bool,
}

impl Receipt {
    pub(crate) fn new(subject: Subject, removed_at_ms: i64, cause: Cause) -> Self {
        let body = ReceiptBody {
            cause,
            findings: Vec::new(),
            sha256: Vec::new(),
            kept_for: Vec::new(),
            only_theirs: Vec::new(),
            backups: Vec::new(),
        };
        Self { id: uuid::Uuid::now_v7().to_string(), subject, removed_at_ms, body }
    }

    pub fn finding(&self, place: Place) -> Option<&Finding> {
        self.body.findings.iter().find(|finding| finding.place == place)
    }

    /// What may remain.
    pub fn remaining(&self) -> impl Iterator<Item = &Finding> {
        self.body.findings.iter().filter(|finding| !finding.is_gone())
    }

    pub fn removed(&self) -> Removed {
        let went = |place| {
            let found = self.finding(place).and_then(|finding| finding.before.zip(finding.after));
            found.map_or(0, |(before, after)| before.saturating_sub(after))
        };
        Removed {
            chunks: went(Place::Chunks),
            lexical: went(Place::LexicalIndex),
            dense: went(Place::DenseIndex),
            blob: went(Place::Originals) > 0,
        }
    }
}

impl Store {
    /// Newest first.
    pub async fn receipts(&self, cursor: Option<&str>, limit: u32) -> Result<Page<Receipt>> {
        self.database.receipts(cursor, limit).await
    }

    pub async fn receipt(&self, id: &str) -> Result<Receipt> {
        self.database.receipt(id).await?.ok_or_else(|| StoreError::NoSuchReceipt(id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_looked_for_is_not_gone() {
        let finding = |after| Finding::new(Place::DenseFiles, Some(3), after, Until::IndexIsBuiltAnew);
        assert!(finding(Some(0)).is_gone() && finding(Some(0)).until.is_none());
        for after in [None, Some(1)] {
            assert!(!finding(after).is_gone() && finding(after).until.is_some());
        }
    }

    #[test]
    fn a_place_is_kept_under_the_name_that_it_is_shown_under() {
        for place in [Place::SourceItems, Place::LexicalSegments, Place::DatabaseFiles, Place::Memory] {
            assert_eq!(serde_json::to_value(place).unwrap(), place.as_str());
        }
    }

    #[test]
    fn what_went_is_what_was_there_and_is_not_any_more() {
        let document = DocumentId::derive(crate::ids::CollectionId::derive("default"), "a");
        let mut receipt = Receipt::new(Subject::Document(document), 1, Cause::Operator);
        receipt.body.findings = vec![
            Finding::new(Place::Chunks, Some(4), Some(0), Until::LookedAgain),
            Finding::new(Place::LexicalIndex, Some(4), None, Until::LookedAgain),
            Finding::new(Place::Originals, Some(1), Some(1), Until::OthersAreRemoved),
        ];
        assert_eq!(receipt.removed(), Removed { chunks: 4, lexical: 0, dense: 0, blob: false });
        assert_eq!(receipt.remaining().count(), 2);
    }
}
