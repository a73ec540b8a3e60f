//! Index sets: what the vectors were made by and how long chunks are. Searches go to the set in use. A second one is
//! filled beside it, compared with it, and takes its place in one step; the one that was in use is kept, as rows,
//! without indexes, to go back to.
//!
//! ```text
//! begin_set ─▶ beside ─ missing_in_set, write_to_set ─▶ full ─ switch_to ─▶ in use
//!                 ▲                                                           │ another takes its place
//!                 └────────────────────── resume_set ◀── kept ◀──────────────┘
//! ```

use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::error::StoreError;
use crate::ids::{DocumentId, RevisionId, SetId};
use crate::language::Language;
use crate::revise::NewChunk;
use crate::sql::Database;
use crate::sql::changes::ChangeKind;
use crate::store::Store;

#[derive(Debug, Clone, PartialEq)]
pub struct IndexSet {
    pub id: SetId,
    /// Name of the embedding model.
    pub model: String,
    /// Of its weights.
    pub model_sha256: String,
    /// Length of a vector.
    pub dimensions: usize,
    /// Longest chunk, in tokens of the model.
    pub chunk_tokens: usize,
    pub background: Background,
    pub state: SetState,
    /// How often it was taken up again after it was kept.
    pub(crate) opening: i64,
    pub created_at_ms: i64,
    /// When it was last put in use.
    pub used_at_ms: Option<i64>,
}

/// How alike a set's model finds texts that have nothing to do with each other. Cosines of one model are no measure for
/// another: where one gives unrelated texts 0.05, another gives them 0.75, and tells everything apart above that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    pub mean: f32,
    /// Standard deviation.
    pub spread: f32,
}

impl Background {
    /// That of all-MiniLM-L6-v2, for which the weights of the legs were chosen.
    const USUAL: Self = Self { mean: 0.048_03, spread: 0.085_78 };
    /// A model that finds everything equally alike has nothing to say.
    const LEAST_SPREAD: f32 = 0.005;

    /// A cosine of this model on the scale of the usual one.
    pub fn usual(self, cosine: f32) -> f32 {
        Self::USUAL.mean + (cosine - self.mean) * (Self::USUAL.spread / self.spread.max(Self::LEAST_SPREAD))
    }
}

impl Default for Background {
    fn default() -> Self {
        Self::USUAL
    }
}

impl IndexSet {
    /// What its indexes are called, in a folder and on a server. Never twice the same: what is on its way out is not
    /// what is coming.
    pub(crate) fn place(&self) -> String {
        match self.opening {
            0 => self.id.to_string(),
            again => format!("{}-{again}", self.id),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetState {
    /// Searches go there.
    InUse,
    /// Being filled, or full.
    Beside,
    /// Chunks and vectors only, as they were when another set took its place.
    Kept,
}

impl SetState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "in_use",
            Self::Beside => "beside",
            Self::Kept => "kept",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::InUse, Self::Beside, Self::Kept].into_iter().find(|state| state.as_str() == text)
    }
}

/// What a set is made with.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSet {
    pub model: String,
    pub model_sha256: String,
    pub dimensions: usize,
    pub chunk_tokens: usize,
    pub background: Background,
}

impl From<IndexSet> for NewSet {
    fn from(set: IndexSet) -> Self {
        let IndexSet { model, model_sha256, dimensions, chunk_tokens, background, .. } = set;
        Self { model, model_sha256, dimensions, chunk_tokens, background }
    }
}

/// A set, and how much is in it.
#[derive(Debug, Clone)]
pub struct SetReport {
    pub set: IndexSet,
    /// Documents whose current revision is in it, of so many.
    pub built: u64,
    pub documents: u64,
    pub chunks: u64,
    /// Why a document could not be put into it, the last time one could not.
    pub problem: Option<String>,
}

/// The set that a database has in use, without opening anything else; none if there is no database yet, or one from
/// before there were index sets.
pub async fn known_set_in_use(data_dir: &Path, database_url: Option<&str>) -> Result<Option<IndexSet>> {
    let Some(database) = Database::look_into(data_dir, database_url).await? else { return Ok(None) };
    let sets = database.known_index_sets().await?;
    database.pool.close().await;
    Ok(sets.into_iter().find(|set| set.state == SetState::InUse))
}

impl Store {
    /// Where searches of this process go.
    pub fn set_in_use(&self) -> IndexSet {
        IndexSet { state: SetState::InUse, ..self.sets.in_use().set.clone() }
    }

    /// Sets whose indexes are open in this process, the one in use first.
    pub fn open_sets(&self) -> Vec<IndexSet> {
        let states = std::iter::once(SetState::InUse).chain(std::iter::repeat(SetState::Beside));
        let open = self.sets.each().into_iter().zip(states);
        open.map(|(indexes, state)| IndexSet { state, ..indexes.set.clone() }).collect()
    }

    /// What most of a document is in.
    pub async fn language_of(&self, document: DocumentId) -> Result<Option<Language>> {
        self.database.language_of(document).await
    }

    /// Newest first.
    pub async fn sets(&self) -> Result<Vec<SetReport>> {
        self.database.set_reports().await
    }

    pub async fn set(&self, set: SetId) -> Result<SetReport> {
        let found = self.sets().await?.into_iter().find(|report| report.set.id == set);
        found.ok_or_else(|| StoreError::NoSuchSet(set.to_string()))
    }

    /// Makes an empty set beside the one in use.
    pub async fn begin_set(&self, new: &NewSet) -> Result<IndexSet> {
        let set = SetId::draw();
        if !self.database.insert_set_beside(set, new).await? {
            return Err(StoreError::SetBeside);
        }
        self.sets.refresh().await?;
        Ok(self.set(set).await?.set)
    }

    /// Takes a set that is kept up again, beside the one in use: to go back to it.
    pub async fn resume_set(&self, set: SetId) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        let sets = self.database.hold_sets(&mut transaction).await?;
        match state_of(&sets, set)? {
            SetState::Beside => {}
            SetState::InUse => return Err(StoreError::SetInUse),
            SetState::Kept => {
                if sets.iter().any(|(_, state)| *state == SetState::Beside) {
                    return Err(StoreError::SetBeside);
                }
                self.database.move_set(&mut transaction, set, SetState::Beside).await?;
            }
        }
        transaction.commit().await?;
        self.sets.refresh().await
    }

    /// Whether `builder` is the one who fills the set, for as long as the lease.
    pub async fn lease_set(&self, set: SetId, builder: &str, lease: Duration) -> Result<bool> {
        self.database.lease_set(set, builder, lease.as_millis() as i64).await
    }

    /// Says why a document could not be put into the set; nothing once they all could.
    pub async fn note_set_problem(&self, set: SetId, problem: Option<&str>) -> Result<()> {
        self.database.note_problem(set, problem).await
    }

    /// Current revisions that are not in the set yet, after `after`, in order of their ids.
    pub async fn missing_in_set(&self, set: SetId, after: Option<RevisionId>, limit: u32) -> Result<Vec<RevisionId>> {
        self.database.missing_in_set(set, after, limit).await
    }

    /// Puts a revision into a set beside the one in use. Nothing is written of a revision that went meanwhile.
    pub async fn write_to_set(&self, set: SetId, revision: RevisionId, chunks: &[NewChunk]) -> Result<()> {
        let indexes = self.sets.open(set).ok_or(StoreError::SetChanged)?;
        for chunk in chunks {
            indexes.check_vector(&chunk.embedding)?;
        }
        let mut transaction = self.database.begin().await?;
        if self.database.set_state(&mut transaction, set).await? != SetState::Beside {
            return Err(StoreError::SetChanged);
        }
        let Some(document) = self.database.document_of(&mut transaction, revision).await? else {
            return Ok(());
        };
        self.database.delete_chunks(&mut transaction, set, revision).await?;
        self.database.insert_chunks(&mut transaction, document, revision, set, chunks).await?;
        self.database.insert_set_revision(&mut transaction, set, revision).await?;
        self.database.insert_change_in(&mut transaction, Some(set), ChangeKind::Add, revision).await?;
        transaction.commit().await?;
        self.sets.catch_up_later();
        Ok(())
    }

    /// Puts a set in use that stands beside and has every document; searches see it when this returns, all of it or
    /// nothing. The set that was in use is kept.
    pub async fn switch_to(&self, set: SetId) -> Result<()> {
        let indexes = self.sets.open(set).ok_or_else(|| StoreError::NoSuchSet(set.to_string()))?;
        // What is not in its indexes yet is put there before anything waits for this.
        indexes.catch_up(self.database.last_change().await?).await?;
        let mut transaction = self.database.begin().await?;
        let sets = self.database.hold_sets(&mut transaction).await?;
        match state_of(&sets, set)? {
            SetState::InUse => return Ok(()),
            SetState::Kept => return Err(StoreError::SetIncomplete { missing: 0 }),
            SetState::Beside => {}
        }
        let missing = self.database.count_missing(&mut transaction, set).await?;
        if missing > 0 {
            return Err(StoreError::SetIncomplete { missing });
        }
        for (other, state) in &sets {
            if *state == SetState::InUse {
                self.database.move_set(&mut transaction, *other, SetState::Kept).await?;
            }
        }
        self.database.move_set(&mut transaction, set, SetState::InUse).await?;
        self.database.recount_chunks(&mut transaction, set).await?;
        transaction.commit().await?;
        self.sets.refresh().await
    }

    /// Forgets a set that is not in use, with its chunks and vectors.
    pub async fn drop_set(&self, set: SetId) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        let sets = self.database.hold_sets(&mut transaction).await?;
        if state_of(&sets, set)? == SetState::InUse {
            return Err(StoreError::SetInUse);
        }
        self.database.delete_set(&mut transaction, set).await?;
        transaction.commit().await?;
        self.sets.refresh().await
    }
}

fn state_of(sets: &[(SetId, SetState)], set: SetId) -> Result<SetState> {
    let found = sets.iter().find(|(known, _)| *known == set);
    found.map(|(_, state)| *state).ok_or_else(|| StoreError::NoSuchSet(set.to_string()))
}
