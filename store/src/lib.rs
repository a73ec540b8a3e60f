//! What is known, and how it is found: SQL holds the truth, tantivy and Qdrant are derived from it.
//!
//! ```text
//! bytes ─ enqueue ─▶ documents, jobs ─ claim_job ─▶ worker ─ write_revision ─▶ revisions, chunks, changes
//! changes ─ the indexes follow ─▶ lexical (tantivy), dense (Qdrant)
//! query ─ search ─▶ lexical ‖ dense ─ mix ─ last check against SQL ─▶ hits
//! ```
//!
//! Start with [`Store`]; the path of a revision is in `revise.rs`, the queue of work in `queue.rs`, that of a query in
//! `search`, who may read what in `access.rs`, what a deletion deletes in `removal.rs` and
//! `erasure.rs`. Nothing here knows a model: vectors come and go as `&[f32]`.

mod access;
mod answer;
mod backup;
mod blobs;
mod dense;
mod doctor;
mod document;
mod document_type;
mod erasure;
mod error;
pub mod evaluation;
mod ids;
mod indexes;
mod job;
mod language;
mod lexical;
mod lexicon;
mod lock;
mod open_sets;
mod properties;
mod queue;
mod receipt;
mod redaction;
mod removal;
mod revise;
mod search;
mod sets;
mod source;
mod sql;
mod store;
mod trace;
mod users;

pub use access::{Decision, Principal, Reader};
pub use answer::NewAnswer;
pub use backup::{Contents, Manifest, Restore, inspect, migrate, restore};
pub use blobs::{Blob, Blobs};
pub use dense::Quantisation;
pub use doctor::{Difference, DoctorReport};
pub use document::{Bibliography, Counts, Document, DocumentFilter, Enqueued, NewDocument, Page, Stage, Status};
pub use document_type::{document_type, document_types};
pub use error::StoreError;
pub use ids::{ChunkId, CollectionId, DocumentId, RevisionId, SetId, SourceId};
pub use indexes::Reindexed;
pub use job::{ErrorRecord, Job, JobState, Queue};
pub use language::{Language, detect, likelihoods};
pub use lexicon::{LexiconProblem, WrittenLexicon};
pub use properties::UPLOAD;
pub use receipt::{Cause, Finding, Place, Receipt, ReceiptBody, Removed, Subject, Until};
pub use revise::{NewChunk, NewRevision, Revision};
pub use search::{Copy, FacetValue, Facets, Filter, Hit, Mode, Scope, SearchRequest, SearchResponse};
pub use sets::{Background, IndexSet, NewSet, SetReport, SetState, known_set_in_use};
pub use source::{
    Claim, Ended, Extent, Failure, KnownItem, LetGo, NewItem, NewSource, Report, Source, SourceChange, SourceState,
    Sources, Sync, SyncState, due_after, due_in,
};
pub use store::{Collection, Store, StoreOptions};
pub use users::{KeyRecord, User, is_user_key};

pub type Result<T> = std::result::Result<T, StoreError>;
