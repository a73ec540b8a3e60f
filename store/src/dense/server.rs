//! A Qdrant server, through its gRPC client. The collection is named after the model, so that vectors of
//! two models never meet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qdrant_client::Qdrant;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, DeletePointsBuilder,
    Distance, FacetCountsBuilder, FieldType, Filter, PointStruct, QueryPointsBuilder, UpsertPointsBuilder,
    VectorParamsBuilder, facet_value,
};
use uuid::Uuid;

use super::edge::{read_applied, write_applied};
use super::{COLLECTION, DOCUMENT, KEYS, POINTS_PER_REQUEST, REVISION};
use crate::Result;
use crate::error::StoreError;
use crate::ids::{ChunkId, RevisionId};
use crate::search::Scope;
use crate::sql::chunks::IndexedChunk;
use crate::store::StoreOptions;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);
/// The server counts facets up to a limit that the caller states.
const MAX_FACETS: u64 = 10_000_000;

pub struct ServerIndex {
    client: Qdrant,
    url: String,
    collection: String,
    dimensions: u64,
    /// Holds how far this process has followed the changes.
    folder: PathBuf,
    pub opened_at: i64,
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
    pub async fn open(url: &str, options: &StoreOptions, folder: &Path) -> Result<Self> {
        fs_err::create_dir_all(folder)?;
        let unreachable = |error: qdrant_client::QdrantError| StoreError::Unreachable {
            url: url.to_owned(),
            reason: error.to_string(),
        };
        let client = Qdrant::from_url(url)
            .api_key(options.qdrant_api_key.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(unreachable)?;
        let collection = format!("terroir-{}", options.model_sha256.get(..16).unwrap_or(&options.model_sha256));
        let mut index = Self {
            client,
            url: url.to_owned(),
            collection,
            dimensions: options.dimensions as u64,
            folder: folder.to_owned(),
            opened_at: 0,
        };
        if index.client.collection_exists(&index.collection).await.map_err(unreachable)? {
            index.opened_at = read_applied(folder)?;
        } else {
            index.create().await?;
        }
        Ok(index)
    }

    async fn create(&self) -> Result<()> {
        let vectors = VectorParamsBuilder::new(self.dimensions, Distance::Cosine);
        let created = CreateCollectionBuilder::new(&self.collection).vectors_config(vectors);
        self.client.create_collection(created).await.map_err(|error| self.failed(&error))?;
        for key in KEYS {
            let index = CreateFieldIndexCollectionBuilder::new(&self.collection, key, FieldType::Keyword).wait(true);
            self.client.create_field_index(index).await.map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    pub async fn clear(&self) -> Result<()> {
        self.client.delete_collection(&self.collection).await.map_err(|error| self.failed(&error))?;
        self.create().await
    }

    pub async fn apply(&self, removed: Vec<RevisionId>, added: Vec<IndexedChunk>, sequence: i64) -> Result<()> {
        if !removed.is_empty() {
            let revisions = removed.iter().map(ToString::to_string).collect::<Vec<_>>();
            let filter = Filter::must([Condition::matches(REVISION, revisions)]);
            let request = DeletePointsBuilder::new(&self.collection).points(filter).wait(true);
            self.client.delete_points(request).await.map_err(|error| self.failed(&error))?;
        }
        for part in added.chunks(POINTS_PER_REQUEST) {
            let points: Vec<PointStruct> = part.iter().map(point).collect();
            let request = UpsertPointsBuilder::new(&self.collection, points).wait(true);
            self.client.upsert_points(request).await.map_err(|error| self.failed(&error))?;
        }
        write_applied(&self.folder, sequence)
    }

    pub async fn search(&self, vector: Vec<f32>, scope: &Scope, limit: usize) -> Result<Vec<(ChunkId, f32)>> {
        let request =
            QueryPointsBuilder::new(&self.collection).query(vector).filter(scope_filter(scope)).limit(limit as u64);
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

    pub async fn revisions(&self) -> Result<BTreeSet<RevisionId>> {
        let request = FacetCountsBuilder::new(&self.collection, REVISION).exact(true).limit(MAX_FACETS);
        let facet = self.client.facet(request).await.map_err(|error| self.failed(&error))?;
        let values = facet.hits.into_iter().filter_map(|hit| hit.value?.variant);
        Ok(values
            .filter_map(|value| match value {
                facet_value::Variant::StringValue(text) => text.parse().ok(),
                facet_value::Variant::IntegerValue(_) | facet_value::Variant::BoolValue(_) => None,
            })
            .collect())
    }

    fn failed(&self, error: &qdrant_client::QdrantError) -> StoreError {
        StoreError::Unreachable { url: self.url.clone(), reason: error.to_string() }
    }
}

fn point(chunk: &IndexedChunk) -> PointStruct {
    let payload: [(&str, qdrant_client::qdrant::Value); 3] = [
        (COLLECTION, chunk.collection.to_string().into()),
        (DOCUMENT, chunk.document.to_string().into()),
        (REVISION, chunk.revision.to_string().into()),
    ];
    PointStruct::new(chunk.id.to_string(), chunk.embedding.clone(), payload)
}

fn scope_filter(scope: &Scope) -> Filter {
    let collections: Vec<String> = scope.collections.iter().map(ToString::to_string).collect();
    let mut must = vec![Condition::matches(COLLECTION, collections)];
    if let Some(documents) = &scope.documents {
        must.push(Condition::matches(DOCUMENT, documents.iter().map(ToString::to_string).collect::<Vec<_>>()));
    }
    Filter::must(must)
}
