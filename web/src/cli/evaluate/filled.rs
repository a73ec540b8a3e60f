//! A test collection in a store of its own, through the real path: chunks, vectors, both indexes.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use terroir_embed::Encoder;
use terroir_ingest::chunk::chunk;
use terroir_ingest::document::ParsedDocument;
use terroir_ingest::text;
use terroir_ingest::worker::{encoded, new_revision};
use terroir_store::evaluation::{CorpusDocument, TestCollection};
use terroir_store::{NewDocument, NewSet, Principal, Store, StoreOptions};

/// Documents stored at the same time: they share the indexes' commits.
const CONCURRENCY: usize = 64;
const LEASE: Duration = Duration::from_hours(1);

/// A store whose set in use is as given. One that was kept may be of another model.
pub async fn open(data: &Path, first_set: NewSet) -> anyhow::Result<Store> {
    let store = Store::open(StoreOptions::embedded(data, first_set.clone())).await?;
    let set = store.set_in_use();
    anyhow::ensure!(
        (&set.model_sha256, set.chunk_tokens) == (&first_set.model_sha256, first_set.chunk_tokens),
        "{} was made with the model {} and chunks of {} tokens; keep another folder for other settings",
        data.display(),
        set.model,
        set.chunk_tokens
    );
    Ok(store)
}

/// Adds what is missing; gives the test collection's name of each document.
pub async fn fill(
    store: &Store,
    encoder: &Encoder,
    collection: &TestCollection,
) -> anyhow::Result<HashMap<String, String>> {
    let bar = ProgressBar::new(collection.corpus.len() as u64);
    bar.set_style(ProgressStyle::with_template("indexing {bar:30} {pos}/{len}, {eta} left")?);
    let adding = collection.corpus.iter().map(|document| {
        let bar = bar.clone();
        async move {
            let added = add(store, encoder, document).await.with_context(|| format!("adding {}", document.id));
            bar.inc(1);
            added
        }
    });
    let mut adding = futures::stream::iter(adding).buffer_unordered(CONCURRENCY);
    let mut names = HashMap::new();
    while let Some(added) = adding.next().await {
        let (id, name) = added?;
        names.insert(id, name);
    }
    bar.finish_and_clear();
    Ok(names)
}

async fn add(store: &Store, encoder: &Encoder, document: &CorpusDocument) -> anyhow::Result<(String, String)> {
    let content = format!("{}\n{}\n\n{}", document.id, document.title, document.text);
    let blob = store.blobs().add(content.as_bytes())?;
    let new = NewDocument {
        collection: "default".into(),
        source_uri: document.id.clone(),
        source: None,
        file_name: document.id.clone(),
        sha256: blob.sha256,
        bytes: blob.bytes,
        priority: 0,
    };
    store.enqueue(&new).await?;
    let set = store.set_in_use();
    // Whichever document is next: all of them are added by the same hands.
    while let Some(job) = store.claim_job("eval", LEASE, None).await? {
        let original = fs_err::read_to_string(store.blobs().path(&job.sha256))?;
        let (head, body) = original.split_once("\n\n").context("a document without text")?;
        let title = head.split_once('\n').map(|(_, title)| title).unwrap_or_default();
        let mut parsed: ParsedDocument = text::parse(body.as_bytes());
        parsed.title = (!title.is_empty()).then(|| title.to_owned());
        let chunks = chunk(&parsed, set.chunk_tokens, encoder);
        let vectors = encoded(encoder, parsed.title.as_deref(), &chunks).await?;
        store.write_revision(&job, &new_revision(&parsed, set.id, chunks, vectors)).await?;
    }
    let stored = store.document_by_source(&Principal::Operator, "default", &document.id).await?;
    Ok((stored.id.to_string(), document.id.clone()))
}
