//! The description of the API, made from the handlers and the shapes themselves.

use actix_web::http::Method;
use actix_web::{HttpResponse, get};
use utoipa::OpenApi;
use utoipa::openapi::PathItem;

use crate::error::{ApiError, ApiResult};
use crate::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Terroir",
        description = "Answers from your own documents that you can prove. Errors have one shape everywhere; \
            character ranges count Unicode scalar values; times are RFC 3339 in UTC.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        routes::status,
        routes::list_collections,
        routes::create_collection,
        routes::upload,
        routes::list_documents,
        routes::lookup_document,
        routes::show_document,
        routes::remove_document,
        routes::list_receipts,
        routes::show_receipt,
        routes::pause_document,
        routes::resume_document,
        routes::cancel_document,
        routes::retry_document,
        routes::show_queue,
        routes::pause_queue,
        routes::resume_queue,
        routes::original,
        routes::text,
        routes::boxes,
        routes::events,
        routes::list_sources,
        routes::create_source,
        routes::check_source,
        routes::show_source,
        routes::change_source,
        routes::remove_source,
        routes::sync_source,
        routes::stop_source,
        routes::pause_source,
        routes::resume_source,
        routes::list_syncs,
        routes::show_collection_readers,
        routes::set_collection_readers,
        routes::show_lexicon,
        routes::set_lexicon,
        routes::show_document_readers,
        routes::set_document_readers,
        routes::remove_document_readers,
        routes::why,
        routes::list_users,
        routes::set_user,
        routes::remove_user,
        routes::erase_user,
        routes::list_keys,
        routes::create_key,
        routes::revoke_key,
        routes::search,
        routes::facets,
        routes::similar,
        routes::ask,
        routes::back_up,
        routes::reindex,
        routes::list_index_sets,
        routes::create_index_set,
        routes::show_index_set,
        routes::drop_index_set,
        routes::resume_index_set,
        routes::compare_index_set,
        routes::use_index_set,
        routes::list_evaluation_questions,
        routes::create_evaluation_question,
        routes::confirm_evaluation_question,
        routes::drop_evaluation_question,
        routes::propose_evaluation_questions,
        routes::doctor,
        routes::models,
        routes::show_model,
        routes::embeddings,
        routes::rerank,
        routes::chat_completions,
        routes::completions,
        routes::livez,
        routes::readyz,
        routes::healthz,
        routes::metrics,
    )
)]
struct Description;

/// Address patterns (`/api/v1/documents/{id}`) with the methods that they take.
pub fn routes() -> Vec<(String, Vec<Method>)> {
    let methods = |item: &PathItem| {
        let operations = [
            (&item.get, Method::GET),
            (&item.post, Method::POST),
            (&item.put, Method::PUT),
            (&item.patch, Method::PATCH),
            (&item.delete, Method::DELETE),
        ];
        operations.into_iter().filter(|(operation, _)| operation.is_some()).map(|(_, method)| method).collect()
    };
    Description::openapi().paths.paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

/// As `GET /openapi.json` gives it.
pub fn description_json() -> Result<String, serde_json::Error> {
    Description::openapi().to_pretty_json()
}

#[get("/openapi.json")]
pub async fn description() -> ApiResult<HttpResponse> {
    let json = description_json().map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(json))
}
