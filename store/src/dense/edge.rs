//! The embedded engine: a Qdrant shard in a folder. It answers reads from many threads and takes writes
//! one at a time; all of it blocks, so it runs on blocking threads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use qdrant_edge::{
    CountRequest, CreateIndex, Distance, EdgeConfig, EdgeShard, EdgeVectorParamsBuilder, FacetRequest, FacetValue,
    FieldIndexOperations, Filter, NamedQuery, PayloadFieldSchema, PayloadSchemaType, PointId, PointInsertOperations,
    PointOperations, PointStruct, QueryEnum, QueryRequest, ScalarQuantizationConfig, ScalarType, ScoringQuery,
    UpdateOperation, Vectors, WithPayloadInterface, WithVector,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::leftovers;
use super::payload::{Condition, conditions, payload};
use super::{KEYS, NUMBERS, POINTS_PER_REQUEST, Quantisation, REVISION, STAMP};
use crate::Result;
use crate::access::Listing;
use crate::error::StoreError;
use crate::ids::{ChunkId, RevisionId};
use crate::properties::Properties;
use crate::search::Scope;
use crate::sql::chunks::{IndexedChunk, IndexedRevision};

/// Of the points' fields and of how their vectors are kept: points of another layout are made anew.
const LAYOUT: &str = "3";
const QUANTISED_LAYOUT: &str = "3-int8";
/// After this many new points the engine is asked to build its graph; until then it scans.
const POINTS_UNTIL_OPTIMIZE: usize = 10_000;
const UNREAD_STEP: Duration = Duration::from_millis(20);

pub struct EdgeIndex {
    pub(super) shard: Arc<EdgeShard>,
    pub(super) writing: Arc<Mutex<Writing>>,
    pub opened_at: i64,
}

/// State of the one writer.
pub(super) struct Writing {
    pub(super) folder: PathBuf,
    pub(super) layout: &'static str,
    pub(super) points_since_optimize: usize,
    /// Nothing is written any more: the folder may go.
    pub(super) is_closed: bool,
}

impl std::fmt::Debug for EdgeIndex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EdgeIndex").finish_non_exhaustive()
    }
}

impl EdgeIndex {
    pub fn open(folder: &Path, dimensions: usize, quantisation: Quantisation) -> Result<Self> {
        let shard_folder = folder.join("shard");
        fs_err::create_dir_all(&shard_folder)?;
        let params = EdgeVectorParamsBuilder::new(dimensions, Distance::Cosine);
        let (params, layout) = match quantisation {
            Quantisation::None => (params, LAYOUT),
            // Whole vectors are read for the few nearest only, so that they may stay in their file.
            Quantisation::Int8 => (params.quantization_config(eight_bits().into()).on_disk(true), QUANTISED_LAYOUT),
        };
        let config = EdgeConfig::builder().vector("", params.build()).on_disk_payload(false).build();
        leftovers::remove(&shard_folder)?;
        let applied = read_applied(folder, layout)?.filter(|_| shard_folder.join("segments").exists());
        let shard = if applied.is_some() {
            EdgeShard::load(&shard_folder, Some(config)).map_err(StoreError::dense)?
        } else {
            // There is none, or one whose points are of another layout.
            fs_err::remove_dir_all(&shard_folder)?;
            fs_err::create_dir_all(&shard_folder)?;
            let shard = EdgeShard::new(&shard_folder, config).map_err(StoreError::dense)?;
            index_payload(&shard)?;
            shard
        };
        let opened_at = applied.unwrap_or(0);
        let writing = Writing { folder: folder.to_owned(), layout, points_since_optimize: 0, is_closed: false };
        Ok(Self { shard: Arc::new(shard), writing: Arc::new(Mutex::new(writing)), opened_at })
    }

    pub async fn apply(&self, removed: Vec<RevisionId>, added: Vec<IndexedRevision>, sequence: i64) -> Result<()> {
        let (shard, writing) = (Arc::clone(&self.shard), Arc::clone(&self.writing));
        blocking(move || {
            let mut writing = writing.lock().unwrap_or_else(PoisonError::into_inner);
            let applied = writing.apply(&shard, &removed, added, sequence);
            // Before the lock: whoever holds the shard last flushes it, and panics if its folder is gone.
            drop(shard);
            applied
        })
        .await
    }

    /// Waits for the batch that is being written. A caller that left does not end its batch: it runs on a thread
    /// of its own.
    pub async fn close(&self) -> Result<()> {
        let writing = Arc::clone(&self.writing);
        blocking(move || {
            writing.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
            Ok(())
        })
        .await
    }

    /// A search whose caller left runs to its end. The engine panics if its folder goes before that.
    pub async fn wait_until_unread(&self) -> Result<()> {
        while Arc::strong_count(&self.shard) > 1 {
            tokio::time::sleep(UNREAD_STEP).await;
        }
        Ok(())
    }

    pub async fn search(&self, vector: Vec<f32>, scope: Scope, limit: usize) -> Result<Vec<(ChunkId, f32)>> {
        self.nearest(vector, scope_filter(&scope)?, limit).await
    }

    pub async fn cosines(&self, vector: Vec<f32>, chunks: &[ChunkId]) -> Result<Vec<(ChunkId, f32)>> {
        let ids: Vec<String> = chunks.iter().map(ToString::to_string).collect();
        self.nearest(vector, filter(json!({"must": [{"has_id": ids}]}))?, chunks.len()).await
    }

    async fn nearest(&self, vector: Vec<f32>, filter: Filter, limit: usize) -> Result<Vec<(ChunkId, f32)>> {
        let shard = Arc::clone(&self.shard);
        blocking(move || {
            let request = QueryRequest {
                prefetches: Vec::new(),
                query: Some(ScoringQuery::Vector(QueryEnum::Nearest(NamedQuery::default_dense(vector)))),
                filter: Some(filter),
                score_threshold: None,
                limit,
                offset: 0,
                params: None,
                with_vector: WithVector::Bool(false),
                with_payload: WithPayloadInterface::Bool(false),
            };
            let points = shard.query(request).map_err(StoreError::dense)?;
            Ok(points.into_iter().filter_map(|point| Some((chunk_id(point.id)?, point.score))).collect())
        })
        .await
    }

    pub async fn count(&self, only: Option<(&'static str, String)>) -> Result<u64> {
        let shard = Arc::clone(&self.shard);
        blocking(move || {
            let filter = only.map(|(key, value)| any_of(key, &[value])).transpose()?;
            let count = shard.count(CountRequest { filter, exact: true }).map_err(StoreError::dense)?;
            Ok(count as u64)
        })
        .await
    }

    pub async fn stamps(&self) -> Result<BTreeMap<String, u64>> {
        let shard = Arc::clone(&self.shard);
        blocking(move || {
            let request = FacetRequest {
                key: STAMP.parse().map_err(|()| StoreError::dense("stamp is not a payload key"))?,
                limit: usize::MAX >> 1,
                filter: None,
                exact: true,
            };
            let facet = shard.facet(request).map_err(StoreError::dense)?;
            let counted = facet.hits.into_iter().filter(|hit| hit.count > 0).filter_map(|hit| match hit.value {
                FacetValue::Keyword(text) => Some((text, hit.count as u64)),
                FacetValue::Int(_) | FacetValue::Uuid(_) | FacetValue::Bool(_) => None,
            });
            Ok(counted.collect())
        })
        .await
    }
}

impl Writing {
    fn apply(
        &mut self,
        shard: &EdgeShard,
        removed: &[RevisionId],
        added: Vec<IndexedRevision>,
        sequence: i64,
    ) -> Result<()> {
        if self.is_closed {
            return Err(StoreError::Stopped);
        }
        if !removed.is_empty() {
            let revisions: Vec<String> = removed.iter().map(ToString::to_string).collect();
            let filter = any_of(REVISION, &revisions)?;
            update(shard, PointOperations::DeletePointsByFilter(filter))?;
        }
        let mut points: Vec<_> = added
            .into_iter()
            .flat_map(|IndexedRevision { listing, properties, chunks }| {
                chunks.into_iter().map(move |chunk| point(chunk, &listing, properties.as_ref()).into())
            })
            .collect();
        let count = points.len();
        while !points.is_empty() {
            let rest = points.split_off(points.len().min(POINTS_PER_REQUEST));
            let batch = PointInsertOperations::PointsList(std::mem::replace(&mut points, rest));
            update(shard, PointOperations::UpsertPoints(batch))?;
        }
        self.points_since_optimize += count;
        if self.points_since_optimize >= POINTS_UNTIL_OPTIMIZE {
            shard.optimize().map_err(StoreError::dense)?;
            self.points_since_optimize = 0;
        }
        // What was written is durable before the sequence says so.
        shard.flush();
        write_applied(&self.folder, self.layout, sequence)
    }
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::dense(format!("the engine broke off: {error}"))),
    }
}

/// Of each number the range that holds all but a hundredth of them.
fn eight_bits() -> ScalarQuantizationConfig {
    ScalarQuantizationConfig { r#type: ScalarType::Int8, quantile: Some(0.99), always_ram: Some(true) }
}

fn update(shard: &EdgeShard, operation: PointOperations) -> Result<()> {
    shard.update(UpdateOperation::PointOperation(operation)).map_err(StoreError::dense)
}

fn index_payload(shard: &EdgeShard) -> Result<()> {
    let words = KEYS.map(|key| (key, PayloadSchemaType::Keyword));
    let numbers = NUMBERS.map(|key| (key, PayloadSchemaType::Integer));
    for (key, schema) in words.into_iter().chain(numbers) {
        let index = CreateIndex {
            field_name: key.parse().map_err(|()| StoreError::dense(format!("{key} is not a payload key")))?,
            field_schema: Some(PayloadFieldSchema::FieldType(schema)),
        };
        let operation = UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(index));
        shard.update(operation).map_err(StoreError::dense)?;
    }
    Ok(())
}

fn point(chunk: IndexedChunk, listing: &Listing, properties: Option<&Properties>) -> PointStruct {
    let payload = Value::Object(payload(&chunk, listing, properties));
    PointStruct::new(PointId::Uuid(chunk.id.0), Vectors::from(chunk.embedding), payload)
}

fn chunk_id(id: PointId) -> Option<ChunkId> {
    match id {
        PointId::Uuid(uuid) => Some(ChunkId(Uuid::from_bytes(uuid.into_bytes()))),
        PointId::NumId(_) => None,
    }
}

/// The scope as the engine's filter. Every condition must hold.
fn scope_filter(scope: &Scope) -> Result<Filter> {
    let (mut must, mut must_not) = (Vec::new(), Vec::new());
    for condition in conditions(scope) {
        match condition {
            Condition::OneOf(key, values) => must.push(json!({"key": key, "match": {"any": values}})),
            Condition::Between(key, first, last) => {
                must.push(json!({"key": key, "range": {"gte": first, "lte": last}}));
            }
            Condition::Not(key, value) => must_not.push(json!({"key": key, "match": {"value": value}})),
        }
    }
    filter(json!({"must": must, "must_not": must_not}))
}

fn any_of(key: &str, values: &[String]) -> Result<Filter> {
    filter(json!({"must": [{"key": key, "match": {"any": values}}]}))
}

fn filter(value: Value) -> Result<Filter> {
    serde_json::from_value(value).map_err(StoreError::dense)
}

fn applied_file(folder: &Path) -> PathBuf {
    folder.join("applied")
}

/// None if the points are of another layout.
fn read_applied(folder: &Path, layout: &str) -> Result<Option<i64>> {
    match fs_err::read_to_string(applied_file(folder)) {
        Ok(text) => Ok(text
            .split_once(':')
            .filter(|(theirs, _)| *theirs == layout)
            .and_then(|(_, sequence)| sequence.trim().parse().ok())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Some(0)),
        Err(error) => Err(error.into()),
    }
}

fn write_applied(folder: &Path, layout: &str, sequence: i64) -> Result<()> {
    let new = folder.join("applied.new");
    fs_err::write(&new, format!("{layout}:{sequence}"))?;
    fs_err::rename(new, applied_file(folder))?;
    Ok(())
}
