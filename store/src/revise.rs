//! The path of a revision: written in one transaction, followed by both indexes, made current, and only
//! then does the old one go. Every step may be repeated: a worker that died is followed by another.

use crate::Result;
use crate::document::Bibliography;
use crate::error::StoreError;
use crate::ids::{DocumentId, RevisionId, SetId};
use crate::job::{Job, JobState};
use crate::language::Language;
use crate::sets::SetState;
use crate::sql::Transaction;
use crate::sql::changes::ChangeKind;
use crate::store::Store;

/// A parsed, chunked and embedded content of a document.
#[derive(Debug, Clone)]
pub struct NewRevision {
    pub text: String,
    /// Blocks and page geometry, as the parser encodes them.
    pub structure: Vec<u8>,
    pub media_type: String,
    pub title: Option<String>,
    pub bibliography: Bibliography,
    pub page_count: Option<u32>,
    /// JSON array.
    pub warnings: String,
    /// The index set that the chunks were made for.
    pub set: SetId,
    pub chunks: Vec<NewChunk>,
}

#[derive(Debug, Clone)]
pub struct NewChunk {
    pub ordinal: u32,
    /// Characters `char_start..char_end` of the revision's text.
    pub text: String,
    pub heading_path: Vec<String>,
    /// 1-based.
    pub page: Option<u32>,
    pub char_start: u32,
    pub char_end: u32,
    pub language: Language,
    pub token_count: u32,
    /// Of length 1, as many numbers as the index set's model makes.
    pub embedding: Vec<f32>,
}

/// A stored revision.
#[derive(Debug, Clone)]
pub struct Revision {
    pub id: RevisionId,
    pub document: DocumentId,
    pub media_type: String,
    pub title: Option<String>,
    pub text: String,
    pub structure: Vec<u8>,
    pub sha256: String,
}

impl Store {
    /// Stores a revision and makes it the current one once it can be found. `JobLost` when the job was
    /// cancelled or given to another worker meanwhile, `SetChanged` when the chunks were made for an index set that
    /// is not in use any more; what was written then is taken back.
    pub async fn write_revision(&self, job: &Job, new: &NewRevision) -> Result<()> {
        let indexes = self.sets.open(new.set).ok_or(StoreError::SetChanged)?;
        for chunk in &new.chunks {
            indexes.check_vector(&chunk.embedding)?;
        }
        let revision = RevisionId::derive(job.document, job.generation);
        let mut transaction = self.database.begin().await?;
        self.database.hold_job(&mut transaction, job).await?;
        self.database.delete_revision(&mut transaction, revision).await?;
        self.database.insert_revision(&mut transaction, revision, job, new).await?;
        self.database.insert_chunks(&mut transaction, job.document, revision, new.set, &new.chunks).await?;
        self.database.insert_set_revision(&mut transaction, new.set, revision).await?;
        let sequence = self.database.insert_change(&mut transaction, ChangeKind::Add, revision).await?;
        transaction.commit().await?;

        indexes.catch_up(sequence).await?;

        let mut transaction = self.database.begin().await?;
        if let Err(error) = self.still_wanted(&mut transaction, job, new.set).await {
            transaction.rollback().await?;
            self.take_back(revision).await?;
            return Err(error);
        }
        let mut old_blobs = Vec::new();
        for (old, sha256) in self.database.revisions_of(&mut transaction, job.document).await? {
            if old != revision {
                self.database.delete_revision(&mut transaction, old).await?;
                self.database.insert_change(&mut transaction, ChangeKind::Remove, old).await?;
                old_blobs.push(sha256);
            }
        }
        let language = main_language(&new.chunks);
        self.database.make_current(&mut transaction, revision, job, new, language).await?;
        self.database.end_job(&mut transaction, job, JobState::Done).await?;
        transaction.commit().await?;
        self.changed(job.document);

        for sha256 in old_blobs {
            self.drop_blob_if_unused(&sha256).await?;
        }
        self.sets.catch_up_later();
        Ok(())
    }

    /// Whether the job is still its worker's, and what it made is for the set in use. Both stay so until the
    /// transaction ends.
    async fn still_wanted(&self, transaction: &mut Transaction, job: &Job, set: SetId) -> Result<()> {
        self.database.hold_job(transaction, job).await?;
        match self.database.set_state(transaction, set).await? {
            SetState::InUse => Ok(()),
            SetState::Beside | SetState::Kept => Err(StoreError::SetChanged),
        }
    }

    /// Removes a revision that never became current.
    async fn take_back(&self, revision: RevisionId) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        self.database.delete_revision(&mut transaction, revision).await?;
        self.database.insert_change(&mut transaction, ChangeKind::Remove, revision).await?;
        transaction.commit().await?;
        self.sets.catch_up_later();
        Ok(())
    }
}

/// The language of most of the text.
fn main_language(chunks: &[NewChunk]) -> Language {
    let mut chars = std::collections::BTreeMap::new();
    for chunk in chunks {
        *chars.entry(chunk.language).or_insert(0) += chunk.char_end.saturating_sub(chunk.char_start);
    }
    chars.into_iter().max_by_key(|(_, chars)| *chars).map_or(Language::Other, |(language, _)| language)
}
