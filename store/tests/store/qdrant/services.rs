//! The protocol's services. What the store has no use for answers UNIMPLEMENTED.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ::qdrant_client::qdrant::collections_server::Collections as CollectionsService;
use ::qdrant_client::qdrant::points_server::Points as PointsService;
use ::qdrant_client::qdrant::qdrant_server::Qdrant as HealthService;
// A request and an answer for each of some forty calls.
use ::qdrant_client::qdrant::*;
use tonic::{Request, Response, Status};

use super::State;
use super::collection::Collection;

type Answer<T> = Result<Response<T>, Status>;

/// How long a write takes that nobody waits for.
const UNAWAITED: Duration = Duration::from_millis(300);

/// Written as `async_trait` writes methods, which does not look into a macro.
macro_rules! unimplemented_calls {
    ($($name:ident($request:ty) -> $answer:ty;)*) => {
        $(
            fn $name<'life0, 'async_trait>(
                &'life0 self,
                _request: Request<$request>,
            ) -> Pin<Box<dyn Future<Output = Answer<$answer>> + Send + 'async_trait>>
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async { Err(Status::unimplemented(stringify!($name))) })
            }
        )*
    };
}

pub struct Health;

#[tonic::async_trait]
impl HealthService for Health {
    async fn health_check(&self, _request: Request<HealthCheckRequest>) -> Answer<HealthCheckReply> {
        let (title, version) = ("stand-in for Qdrant".into(), "1.16.0".into());
        Ok(Response::new(HealthCheckReply { title, version, commit: None }))
    }
}

pub struct Collections(pub Arc<State>);

#[tonic::async_trait]
impl CollectionsService for Collections {
    async fn collection_exists(&self, request: Request<CollectionExistsRequest>) -> Answer<CollectionExistsResponse> {
        let collections = self.0.collections.lock().unwrap_or_else(PoisonError::into_inner);
        let exists = collections.contains_key(&request.get_ref().collection_name);
        Ok(Response::new(CollectionExistsResponse { result: Some(CollectionExists { exists }), time: 0.0 }))
    }

    async fn create(&self, request: Request<CreateCollection>) -> Answer<CollectionOperationResponse> {
        let request = request.into_inner();
        let Some(vectors_config::Config::Params(params)) = request.vectors_config.and_then(|config| config.config)
        else {
            return Err(Status::unimplemented("only one unnamed vector"));
        };
        if params.distance() != Distance::Cosine {
            return Err(Status::unimplemented("only the cosine"));
        }
        let name = request.collection_name;
        let mut collections = self.0.collections.lock().unwrap_or_else(PoisonError::into_inner);
        if collections.contains_key(&name) {
            return Err(Status::already_exists(format!("Wrong input: Collection `{name}` already exists!")));
        }
        let (points, indexed) = (std::collections::BTreeMap::new(), std::collections::BTreeSet::new());
        collections.insert(name, Collection { dimensions: params.size as usize, points, indexed });
        Ok(Response::new(CollectionOperationResponse { result: true, time: 0.0 }))
    }

    async fn delete(&self, request: Request<DeleteCollection>) -> Answer<CollectionOperationResponse> {
        let mut collections = self.0.collections.lock().unwrap_or_else(PoisonError::into_inner);
        let result = collections.remove(&request.get_ref().collection_name).is_some();
        Ok(Response::new(CollectionOperationResponse { result, time: 0.0 }))
    }

    /// Vectors stay as they are: eight bits are a matter of speed and memory only.
    async fn update(&self, request: Request<UpdateCollection>) -> Answer<CollectionOperationResponse> {
        let request = request.into_inner();
        let quantisation = request.quantization_config.and_then(|config| config.quantization);
        let Some(quantization_config_diff::Quantization::Scalar(scalar)) = quantisation else {
            return Err(Status::unimplemented("only scalar quantisation"));
        };
        if scalar.r#type() != QuantizationType::Int8 {
            return Err(Status::invalid_argument("eight bits are all that there is"));
        }
        self.0.with(&request.collection_name, |_| Ok(()))?;
        Ok(Response::new(CollectionOperationResponse { result: true, time: 0.0 }))
    }

    async fn list(&self, _request: Request<ListCollectionsRequest>) -> Answer<ListCollectionsResponse> {
        let collections = self.0.collections.lock().unwrap_or_else(PoisonError::into_inner);
        let collections = collections.keys().map(|name| CollectionDescription { name: name.clone() }).collect();
        Ok(Response::new(ListCollectionsResponse { collections, time: 0.0 }))
    }

    unimplemented_calls! {
        get(GetCollectionInfoRequest) -> GetCollectionInfoResponse;
        update_aliases(ChangeAliases) -> CollectionOperationResponse;
        list_collection_aliases(ListCollectionAliasesRequest) -> ListAliasesResponse;
        list_aliases(ListAliasesRequest) -> ListAliasesResponse;
        collection_cluster_info(CollectionClusterInfoRequest) -> CollectionClusterInfoResponse;
        update_collection_cluster_setup(UpdateCollectionClusterSetupRequest) -> UpdateCollectionClusterSetupResponse;
        create_shard_key(CreateShardKeyRequest) -> CreateShardKeyResponse;
        delete_shard_key(DeleteShardKeyRequest) -> DeleteShardKeyResponse;
        list_shard_keys(ListShardKeysRequest) -> ListShardKeysResponse;
    }
}

pub struct Points(pub Arc<State>);

impl Points {
    /// Done now if the caller waits, and otherwise some time after the answer.
    fn write(
        &self,
        name: String,
        wait: Option<bool>,
        work: impl FnOnce(&mut Collection) -> Result<(), Status> + Send + 'static,
    ) -> Answer<PointsOperationResponse> {
        let status = if wait.unwrap_or(false) {
            self.0.with(&name, work)?;
            UpdateStatus::Completed
        } else {
            self.0.with(&name, |_| Ok(()))?;
            let state = Arc::clone(&self.0);
            tokio::spawn(async move {
                tokio::time::sleep(UNAWAITED).await;
                state.with(&name, work)
            });
            UpdateStatus::Acknowledged
        };
        let result = Some(UpdateResult { operation_id: Some(0), status: status.into() });
        Ok(Response::new(PointsOperationResponse { result, time: 0.0, usage: None }))
    }
}

#[tonic::async_trait]
impl PointsService for Points {
    async fn upsert(&self, request: Request<UpsertPoints>) -> Answer<PointsOperationResponse> {
        let request = request.into_inner();
        if request.update_filter.is_some() || request.update_mode.is_some() {
            return Err(Status::unimplemented("conditional upserts"));
        }
        self.write(request.collection_name, request.wait, |collection| collection.upsert(request.points))
    }

    async fn delete(&self, request: Request<DeletePoints>) -> Answer<PointsOperationResponse> {
        let request = request.into_inner();
        let Some(selector) = request.points else {
            return Err(Status::invalid_argument("PointsSelector is missing"));
        };
        self.write(request.collection_name, request.wait, |collection| collection.delete(selector))
    }

    async fn create_field_index(
        &self,
        request: Request<CreateFieldIndexCollection>,
    ) -> Answer<PointsOperationResponse> {
        let request = request.into_inner();
        let is_keyword = match request.field_type.map(FieldType::try_from) {
            Some(Ok(FieldType::Keyword)) => true,
            Some(Ok(FieldType::Integer)) => false,
            _ => return Err(Status::unimplemented("only indexes of keywords and integers")),
        };
        self.write(request.collection_name, request.wait, move |collection| {
            if is_keyword {
                collection.indexed.insert(request.field_name);
            }
            Ok(())
        })
    }

    async fn query(&self, request: Request<QueryPoints>) -> Answer<QueryResponse> {
        let request = request.into_inner();
        let name = request.collection_name.clone();
        let result = self.0.with(&name, |collection| collection.query(request))?;
        Ok(Response::new(QueryResponse { result, time: 0.0, usage: None }))
    }

    async fn count(&self, request: Request<CountPoints>) -> Answer<CountResponse> {
        let request = request.into_inner();
        if request.exact == Some(false) {
            return Err(Status::unimplemented("estimated counts"));
        }
        let count = self.0.with(&request.collection_name, |collection| collection.count(request.filter.as_ref()))?;
        Ok(Response::new(CountResponse { result: Some(CountResult { count }), time: 0.0, usage: None }))
    }

    async fn facet(&self, request: Request<FacetCounts>) -> Answer<FacetResponse> {
        let request = request.into_inner();
        let hits = self.0.with(&request.collection_name, |collection| collection.facet(&request))?;
        Ok(Response::new(FacetResponse { hits, time: 0.0, usage: None }))
    }

    unimplemented_calls! {
        get(GetPoints) -> GetResponse;
        update_vectors(UpdatePointVectors) -> PointsOperationResponse;
        delete_vectors(DeletePointVectors) -> PointsOperationResponse;
        set_payload(SetPayloadPoints) -> PointsOperationResponse;
        overwrite_payload(SetPayloadPoints) -> PointsOperationResponse;
        delete_payload(DeletePayloadPoints) -> PointsOperationResponse;
        clear_payload(ClearPayloadPoints) -> PointsOperationResponse;
        delete_field_index(DeleteFieldIndexCollection) -> PointsOperationResponse;
        create_vector_name(CreateVectorNameRequest) -> PointsOperationResponse;
        delete_vector_name(DeleteVectorNameRequest) -> PointsOperationResponse;
        search(SearchPoints) -> SearchResponse;
        search_batch(SearchBatchPoints) -> SearchBatchResponse;
        search_groups(SearchPointGroups) -> SearchGroupsResponse;
        scroll(ScrollPoints) -> ScrollResponse;
        recommend(RecommendPoints) -> RecommendResponse;
        recommend_batch(RecommendBatchPoints) -> RecommendBatchResponse;
        recommend_groups(RecommendPointGroups) -> RecommendGroupsResponse;
        discover(DiscoverPoints) -> DiscoverResponse;
        discover_batch(DiscoverBatchPoints) -> DiscoverBatchResponse;
        update_batch(UpdateBatchPoints) -> UpdateBatchResponse;
        query_batch(QueryBatchPoints) -> QueryBatchResponse;
        query_groups(QueryPointGroups) -> QueryGroupsResponse;
        search_matrix_pairs(SearchMatrixPoints) -> SearchMatrixPairsResponse;
        search_matrix_offsets(SearchMatrixPoints) -> SearchMatrixOffsetsResponse;
    }
}
