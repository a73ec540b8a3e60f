//! A Qdrant server, through its gRPC client. The collection is named after the model and the database, so
//! that vectors of two models never meet, and two installations never see or remove each other's points.
//!
//! Several processes write to the collection, each following all changes. Their writes may come in any
//! order: each process ends with what the database says, so the collection does too.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, DeletePointsBuilder,
    Distance, FacetCountsBuilder, FieldType, Filter, PointStruct, QuantizationType, QueryPointsBuilder, Range,
    ScalarQuantizationBuilder, UpdateCollectionBuilder, UpsertPointsBuilder, VectorParamsBuilder, facet_value,
};
use qdrant_client::{Qdrant, QdrantError};
use uuid::Uuid;

use super::payload::{self, conditions};
use super::{KEYS, NUMBERS, POINTS_PER_REQUEST, Quantisation, REVISION, STAMP};
use crate::Result;
use crate::error::StoreError;
use crate::ids::{ChunkId, RevisionId, SetId};
use crate::search::Scope;
use crate::sets::IndexSet;
use crate::sql::chunks::{IndexedChunk, IndexedRevision};
use crate::store::StoreOptions;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);
/// The server gives as many values of a facet as the caller states; it keeps only those that there are.
const MAX_FACETS: u64 = 10_000_000;
/// `NOT_FOUND` of gRPC: there is no such collection.
const NOT_FOUND: i32 = 5;

pub struct ServerIndex {
    client: Qdrant,
    url: String,
    database_id: String,
    collection: String,
    dimensions: u64,
    quantisation: Quantisation,
    in_doubt: AtomicBool,
}

impl std::fmt::Debug for ServerIndex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ServerIndex")
            .field("url", &self.url)
            .field("collection", &self.collection)
            .finish_non_exhaustive()
    }
}

impl ServerIndex {
    /// Asks the server once, so that a wrong address or key is an error now.
    pub async fn open(url: &str, options: &StoreOptions, set: &IndexSet, database_id: &str) -> Result<Self> {
        let unusable = |reason: String| StoreError::Unreachable { url: url.to_owned(), reason };
        // The client would quote such a key in its error.
        if !options.qdrant_api_key.iter().all(|key| key.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(unusable("the key has characters that no key can have".into()));
        }
        let client = Qdrant::from_url(url)
            .api_key(options.qdrant_api_key.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // It would block this thread, and print.
            .skip_compatibility_check()
            .build()
            .map_err(|error| unusable(reason(&error)))?;
        let index = Self {
            client,
            url: url.to_owned(),
            database_id: database_id.to_owned(),
            collection: collection_of(set, database_id),
            dimensions: set.dimensions as u64,
            quantisation: options.quantisation,
            in_doubt: AtomicBool::new(true),
        };
        index.exists().await?;
        Ok(index)
    }

    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt.load(Ordering::Acquire)
    }

    pub fn is_compared(&self) {
        self.in_doubt.store(false, Ordering::Release);
    }

    pub async fn prepare(&self) -> Result<()> {
        if !self.exists().await? {
            let vectors = VectorParamsBuilder::new(self.dimensions, Distance::Cosine);
            let collection = CreateCollectionBuilder::new(&self.collection).vectors_config(vectors);
            let created = self.client.create_collection(collection).await;
            // Another process may have been first.
            if let Err(error) = created
                && !self.exists().await?
            {
                return Err(self.failed(&error));
            }
        }
        if self.quantisation == Quantisation::Int8 {
            let eight_bits = ScalarQuantizationBuilder::default()
                .r#type(QuantizationType::Int8.into())
                .quantile(0.99)
                .always_ram(true);
            let update = UpdateCollectionBuilder::new(&self.collection).quantization_config(eight_bits.build());
            self.client.update_collection(update).await.map_err(|error| self.failed(&error))?;
        }
        // In every case: whoever made the collection may have died before this.
        let words = KEYS.map(|key| (key, FieldType::Keyword));
        let numbers = NUMBERS.map(|key| (key, FieldType::Integer));
        for (key, field_type) in words.into_iter().chain(numbers) {
            let index = CreateFieldIndexCollectionBuilder::new(&self.collection, key, field_type).wait(true);
            self.client.create_field_index(index).await.map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    /// Removes the collection: no process searches in it any more.
    pub async fn discard(&self) -> Result<()> {
        if self.exists().await? {
            self.client.delete_collection(&self.collection).await.map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    /// The collections that the server has of this database.
    pub async fn collections(&self) -> Result<Vec<String>> {
        let listed = self.client.list_collections().await.map_err(|error| self.failed(&error))?;
        let names = listed.collections.into_iter().map(|collection| collection.name);
        Ok(names.filter(|name| name.starts_with("terroir-") && name.contains(&self.database_id)).collect())
    }

    /// Removes those of `collections` that are of none of the sets.
    pub async fn remove_strangers(&self, collections: Vec<String>, sets: &[IndexSet]) -> Result<()> {
        let known: Vec<String> = sets.iter().map(|set| collection_of(set, &self.database_id)).collect();
        for collection in collections {
            if !known.contains(&collection) {
                tracing::info!(collection, "a collection of an index set that is not open any more is removed");
                self.client.delete_collection(&collection).await.map_err(|error| self.failed(&error))?;
            }
        }
        Ok(())
    }

    async fn exists(&self) -> Result<bool> {
        self.client.collection_exists(&self.collection).await.map_err(|error| self.failed(&error))
    }

    pub async fn apply(&self, removed: &[RevisionId], added: &[IndexedRevision]) -> Result<()> {
        let chunks = added.iter().flat_map(|added| added.chunks.iter().map(move |chunk| (chunk, added)));
        let chunks: Vec<(&IndexedChunk, &IndexedRevision)> = chunks.collect();
        for part in chunks.chunks(POINTS_PER_REQUEST) {
            let points: Vec<PointStruct> = part.iter().map(|(chunk, revision)| point(chunk, revision)).collect();
            let request = UpsertPointsBuilder::new(&self.collection, points).wait(true);
            self.client.upsert_points(request).await.map_err(|error| self.failed(&error))?;
        }
        if removed.is_empty() {
            return Ok(());
        }
        // Last, and only what was not put in again: others search, and what is there is found at any time.
        let mut filter = Filter::must([Condition::matches(REVISION, texts(removed))]);
        if !chunks.is_empty() {
            filter.must_not.push(Condition::has_id(chunks.iter().map(|(chunk, _)| chunk.id.to_string())));
        }
        let request = DeletePointsBuilder::new(&self.collection).points(filter).wait(true);
        self.client.delete_points(request).await.map_err(|error| self.failed(&error))?;
        Ok(())
    }

    pub async fn search(&self, vector: Vec<f32>, scope: &Scope, limit: usize) -> Result<Vec<(ChunkId, f32)>> {
        self.nearest(vector, scope_filter(scope), limit).await
    }

    pub async fn cosines(&self, vector: Vec<f32>, chunks: &[ChunkId]) -> Result<Vec<(ChunkId, f32)>> {
        let filter = Filter::must([Condition::has_id(texts(chunks))]);
        self.nearest(vector, filter, chunks.len()).await
    }

    async fn nearest(&self, vector: Vec<f32>, filter: Filter, limit: usize) -> Result<Vec<(ChunkId, f32)>> {
        let request = QueryPointsBuilder::new(&self.collection).query(vector).filter(filter).limit(limit as u64);
        let found = self.client.query(request).await.map_err(|error| self.failed(&error))?;
        let points = found.result.into_iter();
        Ok(points
            .filter_map(|point| match point.id?.point_id_options? {
                PointIdOptions::Uuid(text) => Some((ChunkId(Uuid::parse_str(&text).ok()?), point.score)),
                PointIdOptions::Num(_) => None,
            })
            .collect())
    }

    pub async fn count(&self, only: Option<(&'static str, String)>) -> Result<u64> {
        let mut request = CountPointsBuilder::new(&self.collection).exact(true);
        if let Some((key, value)) = only {
            request = request.filter(Filter::must([Condition::matches(key, value)]));
        }
        let counted = self.client.count(request).await.map_err(|error| self.failed(&error))?;
        Ok(counted.result.map_or(0, |result| result.count))
    }

    pub async fn stamps(&self) -> Result<BTreeMap<String, u64>> {
        // Not exact: that costs the server one count for each value, and a large collection the time limit.
        let request = FacetCountsBuilder::new(&self.collection, STAMP).limit(MAX_FACETS);
        let facet = self.client.facet(request).await.map_err(|error| self.failed(&error))?;
        let counted = facet.hits.into_iter().filter_map(|hit| match hit.value?.variant? {
            facet_value::Variant::StringValue(text) => Some((text, hit.count)),
            facet_value::Variant::IntegerValue(_) | facet_value::Variant::BoolValue(_) => None,
        });
        Ok(counted.collect())
    }

    /// Every call's error comes here, so that a lost collection is noticed by whoever meets it first.
    fn failed(&self, error: &QdrantError) -> StoreError {
        if let QdrantError::ResponseError { status } = error
            && status.code() as i32 == NOT_FOUND
        {
            self.in_doubt.store(true, Ordering::Release);
        }
        StoreError::Unreachable { url: self.url.clone(), reason: reason(error) }
    }
}

/// Two sets of one model have a collection each.
fn collection_of(set: &IndexSet, database_id: &str) -> String {
    let model = set.model_sha256.get(..16).unwrap_or(&set.model_sha256);
    let place = set.place();
    let which = if place == SetId::FIRST.to_string() { String::new() } else { format!("-{place}") };
    format!("terroir-{model}-{database_id}{which}")
}

/// The client's own words carry every header of the answer.
fn reason(error: &QdrantError) -> String {
    match error {
        QdrantError::ResponseError { status } => format!("{}: {}", status.code(), status.message()),
        other => other.to_string(),
    }
}

fn point(chunk: &IndexedChunk, revision: &IndexedRevision) -> PointStruct {
    let payload = payload::payload(chunk, &revision.listing, revision.properties.as_ref());
    PointStruct::new(chunk.id.to_string(), chunk.embedding.clone(), payload)
}

fn scope_filter(scope: &Scope) -> Filter {
    let mut filter = Filter::default();
    for condition in conditions(scope) {
        match condition {
            payload::Condition::OneOf(key, values) => filter.must.push(Condition::matches(key, values)),
            payload::Condition::Between(key, first, last) => {
                // A double holds every millisecond of the next quarter of a million years.
                let (gte, lte) = (first.map(|first| first as f64), last.map(|last| last as f64));
                filter.must.push(Condition::range(key, Range { gte, lte, ..Range::default() }));
            }
            payload::Condition::Not(key, value) => filter.must_not.push(Condition::matches(key, value)),
        }
    }
    filter
}

fn texts(ids: &[impl ToString]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
