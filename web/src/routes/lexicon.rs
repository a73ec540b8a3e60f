//! A collection's lexicon: read and replace.

use actix_web::{get, put, web};
use serde::{Deserialize, Serialize};
use terroir_store::WrittenLexicon;
use utoipa::ToSchema;

use crate::app::Service;
use crate::error::{ApiResult, ErrorBody};

#[derive(Debug, Serialize, ToSchema)]
pub struct LexiconView {
    /// As it was written; empty if the collection has none.
    pub lexicon: String,
    pub entries: usize,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLexicon {
    /// One entry a line: expressions that mean the same, with commas between them, or `=>` between those that are asked
    /// for and those that are then looked for as well. `#` begins a comment.
    pub lexicon: String,
}

impl From<WrittenLexicon> for LexiconView {
    fn from(from: WrittenLexicon) -> Self {
        Self { lexicon: from.text, entries: from.entries }
    }
}

/// The lexicon of a collection.
#[utoipa::path(tag = "collections", params(("name" = String, Path, description = "Collection")),
    responses((status = 200, body = LexiconView), (status = 404, body = ErrorBody)))]
#[get("/api/v1/collections/{name}/lexicon")]
pub async fn show_lexicon(service: web::Data<Service>, name: web::Path<String>) -> ApiResult<web::Json<LexiconView>> {
    Ok(web::Json(service.store.lexicon(&name).await?.into()))
}

/// Replaces the lexicon of a collection. Counts from the next search on. An error names the line that is no entry.
#[utoipa::path(tag = "collections", request_body = NewLexicon,
    params(("name" = String, Path, description = "Collection")),
    responses((status = 200, body = LexiconView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[put("/api/v1/collections/{name}/lexicon")]
pub async fn set_lexicon(
    service: web::Data<Service>,
    name: web::Path<String>,
    new: web::Json<NewLexicon>,
) -> ApiResult<web::Json<LexiconView>> {
    Ok(web::Json(service.store.set_lexicon(&name, &new.lexicon).await?.into()))
}
