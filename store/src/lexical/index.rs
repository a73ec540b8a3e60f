//! The tantivy index on disk, and the thread that writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use tantivy::collector::Count;
use tantivy::directory::{GarbageCollectionResult, MmapDirectory};
use tantivy::index::{SegmentId, SegmentMeta};
use tantivy::query::TermQuery;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{FutureResult, Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyDocument, Term};
use tokio::sync::oneshot;

use super::analysis::{ANALYSIS_VERSION, terms, written};
use super::compounds::{MIN_COMPOUND_CHARS, has_compounds, reversed};
use super::in_scope::Scopes;
use crate::Result;
use crate::access::Listing;
use crate::error::StoreError;
use crate::ids::{DocumentId, RevisionId};
use crate::properties::{Author, Properties};
use crate::sql::chunks::{IndexedChunk, IndexedRevision};

/// Memory of the writer before it makes a segment.
const WRITER_BYTES: usize = 64 << 20;
/// Batches that may wait for the writer.
const QUEUE_CAPACITY: usize = 4;

#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// Title, headings and text of a chunk, as its language's analysis has them.
    pub body: Field,
    /// The same as it is written.
    pub written: Field,
    /// Title and headings alone.
    pub headings: Field,
    /// Long terms of the body from their ends, in languages with compounds.
    pub tails: Field,
    pub chunk: Field,
    pub document: Field,
    pub revision: Field,
    pub collection: Field,
    /// Whom a narrowed document is for; see [`Listing`].
    pub readers: Field,
    pub stamp: Field,
    /// Which analysis the body had.
    pub language: Field,
    /// What a document is filtered by; see [`Properties`].
    pub document_type: Field,
    pub source: Field,
    /// Names as they are compared.
    pub author: Field,
    pub year: Field,
    pub added: Field,
    /// Names as they are compared, a tabulator, and as they are written: to be counted and shown.
    pub author_name: Field,
    /// The document's id as numbers, to be counted by.
    pub document_high: Field,
    pub document_low: Field,
    /// The chunk's id once more, as numbers that are read without touching the document store.
    pub chunk_high: Field,
    pub chunk_low: Field,
}

/// One batch of changes; after it the index is at `sequence`.
pub struct Batch {
    pub removed: Vec<RevisionId>,
    pub added: Vec<IndexedRevision>,
    pub sequence: i64,
}

/// What the writer's thread is asked for.
pub(super) enum Command {
    Write(Batch, oneshot::Sender<Result<()>>),
    /// Begins to write each of these segments anew.
    Merge(Vec<SegmentId>, oneshot::Sender<Vec<FutureResult<Option<SegmentMeta>>>>),
    /// Begins to remove files that nobody needs.
    Collect(oneshot::Sender<FutureResult<GarbageCollectionResult>>),
}

pub struct LexicalIndex {
    pub(super) reader: IndexReader,
    pub(super) fields: Fields,
    /// What callers may read, for the scopes that were asked for last.
    pub(super) scopes: Scopes,
    commands: Option<mpsc::SyncSender<Command>>,
    thread: Option<JoinHandle<()>>,
    /// The change that the index on disk was at when it was opened.
    pub opened_at: i64,
    /// The change that searches see.
    applied: AtomicI64,
}

impl std::fmt::Debug for LexicalIndex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LexicalIndex").field("opened_at", &self.opened_at).finish_non_exhaustive()
    }
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let analysed = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default().set_index_option(IndexRecordOption::WithFreqsAndPositions).set_fieldnorms(true),
    );
    let analysed_without_places = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default().set_index_option(IndexRecordOption::WithFreqs).set_fieldnorms(true),
    );
    let fields = Fields {
        body: schema.add_text_field("body", analysed.clone()),
        written: schema.add_text_field("written", analysed),
        headings: schema.add_text_field("headings", analysed_without_places),
        tails: schema.add_text_field("tails", STRING),
        chunk: schema.add_text_field("chunk", STRING),
        document: schema.add_text_field("document", STRING),
        revision: schema.add_text_field("revision", STRING),
        collection: schema.add_text_field("collection", STRING),
        readers: schema.add_text_field("readers", STRING),
        stamp: schema.add_text_field("stamp", STRING),
        language: schema.add_text_field("language", STRING | FAST),
        document_type: schema.add_text_field("document_type", STRING | FAST),
        source: schema.add_text_field("source", STRING | FAST),
        author: schema.add_text_field("author", STRING),
        year: schema.add_i64_field("year", FAST),
        added: schema.add_i64_field("added", FAST),
        author_name: schema.add_text_field("author_name", FAST),
        document_high: schema.add_u64_field("document_high", FAST),
        document_low: schema.add_u64_field("document_low", FAST),
        chunk_high: schema.add_u64_field("chunk_high", FAST | INDEXED),
        chunk_low: schema.add_u64_field("chunk_low", FAST),
    };
    (schema.build(), fields)
}

impl LexicalIndex {
    /// Opens or creates the index in `folder`. One made with another analysis starts anew.
    pub fn open(folder: &Path) -> Result<Self> {
        fs_err::create_dir_all(folder)?;
        let (schema, fields) = schema();
        let directory = MmapDirectory::open(folder).map_err(tantivy::TantivyError::from)?;
        let index = match Index::open_or_create(directory, schema.clone()) {
            Ok(index) => index,
            Err(tantivy::TantivyError::SchemaError(_)) => recreate(folder, schema.clone())?,
            Err(error) => return Err(error.into()),
        };
        let payload = index.load_metas()?.payload;
        let (index, opened_at) = match parse_payload(payload.as_deref()) {
            Some(sequence) => (index, sequence),
            None if payload.is_none() => (index, 0),
            None => (recreate(folder, schema)?, 0),
        };
        let writer: IndexWriter = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let (commands, queue) = mpsc::sync_channel::<Command>(QUEUE_CAPACITY);
        let writing = reader.clone();
        let thread = std::thread::Builder::new().name("lexical-writer".into()).spawn(move || {
            write(writer, &writing, fields, &queue);
        })?;
        Ok(Self {
            reader,
            fields,
            scopes: Scopes::default(),
            commands: Some(commands),
            thread: Some(thread),
            opened_at,
            applied: AtomicI64::new(opened_at),
        })
    }

    /// Applies a batch and commits it: when this returns, searches see it and a crash can't undo it.
    pub async fn apply(&self, batch: Batch) -> Result<()> {
        let (reply, done) = oneshot::channel();
        let sequence = batch.sequence;
        self.command(Command::Write(batch, reply)).await?;
        done.await.unwrap_or(Err(StoreError::Stopped))?;
        self.applied.fetch_max(sequence, Ordering::AcqRel);
        Ok(())
    }

    /// The change up to which a searcher that is taken now has followed, at least.
    pub fn applied(&self) -> i64 {
        self.applied.load(Ordering::Acquire)
    }

    /// Waits for a place in the queue.
    pub(super) async fn command(&self, command: Command) -> Result<()> {
        let commands = self.commands.clone().ok_or(StoreError::Stopped)?;
        let sent = tokio::task::spawn_blocking(move || commands.send(command)).await;
        if matches!(sent, Ok(Ok(()))) { Ok(()) } else { Err(StoreError::Stopped) }
    }

    /// Of entries of a document.
    pub fn document_term(&self, document: DocumentId) -> Term {
        Term::from_field_text(self.fields.document, &document.to_string())
    }

    /// Of entries of documents that are narrowed to this reader, among others.
    pub fn reader_term(&self, reader: &str) -> Term {
        Term::from_field_text(self.fields.readers, reader)
    }

    pub fn count_revision(&self, revision: RevisionId) -> Result<u64> {
        self.count(Term::from_field_text(self.fields.revision, &revision.to_string()))
    }

    pub fn count_stamp(&self, stamp: &str) -> Result<u64> {
        self.count(Term::from_field_text(self.fields.stamp, stamp))
    }

    pub fn count(&self, term: Term) -> Result<u64> {
        let query = TermQuery::new(term, IndexRecordOption::Basic);
        Ok(self.reader.searcher().search(&query, &Count)? as u64)
    }

    pub fn len(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    /// Revisions that have entries, living or not yet merged away.
    pub fn revisions(&self) -> Result<BTreeSet<RevisionId>> {
        Ok(self.values(self.fields.revision)?.into_keys().filter_map(|text| text.parse().ok()).collect())
    }

    /// The distinct values of a field and the entries that have each, out of its dictionary.
    fn values(&self, field: Field) -> Result<BTreeMap<String, u64>> {
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for segment in self.reader.searcher().segment_readers() {
            let inverted = segment.inverted_index(field)?;
            let mut stream = inverted.terms().stream()?;
            while stream.advance() {
                if let Ok(value) = std::str::from_utf8(stream.key()) {
                    *found.entry(value.to_owned()).or_default() += u64::from(stream.value().doc_freq);
                }
            }
        }
        Ok(found)
    }
}

impl Drop for LexicalIndex {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the lexical writer panicked");
        }
    }
}

fn recreate(folder: &Path, schema: Schema) -> Result<Index> {
    fs_err::remove_dir_all(folder)?;
    fs_err::create_dir_all(folder)?;
    let directory = MmapDirectory::open(folder).map_err(tantivy::TantivyError::from)?;
    Ok(Index::create(directory, schema, IndexSettings::default())?)
}

fn payload(sequence: i64) -> String {
    format!("{ANALYSIS_VERSION}:{sequence}")
}

fn parse_payload(payload: Option<&str>) -> Option<i64> {
    let (version, sequence) = payload?.split_once(':')?;
    if version != ANALYSIS_VERSION.to_string() {
        return None;
    }
    sequence.parse().ok()
}

/// The writer's thread. An error leaves the last commit as it was; the batch is sent again later.
fn write(mut writer: IndexWriter, reader: &IndexReader, fields: Fields, queue: &mpsc::Receiver<Command>) {
    while let Ok(command) = queue.recv() {
        // The one who asked may have gone.
        let _ = match command {
            Command::Write(batch, reply) => {
                let written = write_batch(&mut writer, reader, fields, &batch);
                if written.is_err()
                    && let Err(error) = writer.rollback()
                {
                    tracing::error!(%error, "the lexical index could not be rolled back");
                }
                reply.send(written).is_ok()
            }
            Command::Merge(segments, reply) => {
                reply.send(segments.into_iter().map(|segment| writer.merge(&[segment])).collect()).is_ok()
            }
            Command::Collect(reply) => reply.send(writer.garbage_collect_files()).is_ok(),
        };
    }
    if let Err(error) = writer.wait_merging_threads() {
        tracing::warn!(%error, "merging of the lexical index broke off");
    }
}

fn write_batch(writer: &mut IndexWriter, reader: &IndexReader, fields: Fields, batch: &Batch) -> Result<()> {
    for revision in &batch.removed {
        writer.delete_term(Term::from_field_text(fields.revision, &revision.to_string()));
    }
    for IndexedRevision { listing, properties, chunks } in &batch.added {
        for chunk in chunks {
            let mut document = document(fields, chunk, listing);
            if let Some(properties) = properties {
                add_properties(&mut document, fields, properties);
            }
            writer.add_document(document)?;
        }
    }
    let mut commit = writer.prepare_commit()?;
    commit.set_payload(&payload(batch.sequence));
    commit.commit()?;
    reader.reload()?;
    Ok(())
}

/// Title and headings are part of what a chunk is about.
fn document(fields: Fields, chunk: &IndexedChunk, listing: &Listing) -> TantivyDocument {
    let headings = format!("{}\n{}", chunk.title.as_deref().unwrap_or_default(), chunk.heading_path.join("\n"));
    let text = format!("{headings}\n{}", chunk.text);
    let body = terms(&text, chunk.language);
    let (high, low) = chunk.id.0.as_u64_pair();
    let mut document = TantivyDocument::default();
    if has_compounds(chunk.language) {
        let long = body.iter().filter(|token| token.text.chars().count() >= MIN_COMPOUND_CHARS);
        for tail in long.map(|token| reversed(&token.text)).collect::<BTreeSet<String>>() {
            document.add_text(fields.tails, tail);
        }
    }
    document.add_pre_tokenized_text(fields.headings, of_tokens(terms(&headings, chunk.language)));
    document.add_pre_tokenized_text(fields.written, of_tokens(written(&text)));
    document.add_pre_tokenized_text(fields.body, of_tokens(body));
    document.add_text(fields.chunk, chunk.id.to_string());
    document.add_text(fields.document, chunk.document.to_string());
    document.add_text(fields.revision, chunk.revision.to_string());
    document.add_text(fields.collection, chunk.collection.to_string());
    for reader in &listing.readers {
        document.add_text(fields.readers, reader);
    }
    document.add_text(fields.stamp, &listing.stamp);
    document.add_text(fields.language, chunk.language.as_str());
    document.add_u64(fields.chunk_high, high);
    document.add_u64(fields.chunk_low, low);
    let (high, low) = chunk.document.0.as_u64_pair();
    document.add_u64(fields.document_high, high);
    document.add_u64(fields.document_low, low);
    document
}

fn add_properties(document: &mut TantivyDocument, fields: Fields, properties: &Properties) {
    document.add_text(fields.document_type, properties.document_type);
    document.add_text(fields.source, &properties.source);
    for Author { key, name } in &properties.authors {
        document.add_text(fields.author, key);
        document.add_text(fields.author_name, format!("{key}\t{name}"));
    }
    if let Some(year) = properties.year {
        document.add_i64(fields.year, i64::from(year));
    }
    document.add_i64(fields.added, properties.added_at_ms);
}

/// No field is stored, so the text itself is not needed.
fn of_tokens(tokens: Vec<Token>) -> PreTokenizedString {
    PreTokenizedString { text: String::new(), tokens }
}
