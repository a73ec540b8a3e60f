//! Who may read what: the lists of collections and documents, and why somebody may read a document.

use actix_web::{HttpResponse, delete, get, put, web};
use serde::{Deserialize, Serialize};
use terroir_store::{Decision, Principal, Reader};
use utoipa::{IntoParams, ToSchema};

use crate::app::Service;
use crate::error::{ApiResult, ErrorBody};
use crate::request::Caller;

/// Whom a list names.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Readers {
    /// Each `public` (whoever is let in), `user:NAME` or `group:NAME`. None: the operator alone.
    pub readers: Vec<String>,
}

impl Readers {
    fn of(readers: &[Reader]) -> web::Json<Self> {
        web::Json(Self { readers: readers.iter().map(ToString::to_string).collect() })
    }

    fn parse(&self) -> ApiResult<Vec<Reader>> {
        Ok(self.readers.iter().map(|reader| reader.parse()).collect::<Result<_, _>>()?)
    }
}

/// A document's list.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentReaders {
    /// Its own list: of those who may read the collection, only these may read the document. Null: all of them.
    pub readers: Option<Vec<String>>,
}

/// Who may read a collection.
#[utoipa::path(tag = "access", params(("name" = String, Path, description = "Collection")),
    responses((status = 200, body = Readers), (status = 404, body = ErrorBody)))]
#[get("/api/v1/collections/{name}/readers")]
pub async fn show_collection_readers(
    service: web::Data<Service>,
    name: web::Path<String>,
) -> ApiResult<web::Json<Readers>> {
    Ok(Readers::of(&service.store.collection_readers(&name).await?))
}

/// Replaces the list of a collection. Counts from the next request on.
#[utoipa::path(tag = "access", request_body = Readers, params(("name" = String, Path, description = "Collection")),
    responses((status = 200, body = Readers), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[put("/api/v1/collections/{name}/readers")]
pub async fn set_collection_readers(
    service: web::Data<Service>,
    name: web::Path<String>,
    list: web::Json<Readers>,
) -> ApiResult<web::Json<Readers>> {
    service.store.set_collection_readers(&name, &list.parse()?).await?;
    Ok(Readers::of(&service.store.collection_readers(&name).await?))
}

/// A document's own list, if it has one.
#[utoipa::path(tag = "access", params(("id" = String, Path, description = "Document")),
    responses((status = 200, body = DocumentReaders), (status = 404, body = ErrorBody)))]
#[get("/api/v1/documents/{id}/readers")]
pub async fn show_document_readers(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> ApiResult<web::Json<DocumentReaders>> {
    let document = service.document(&caller, &id).await?.id;
    let readers = service.store.document_readers(document).await?;
    let readers = readers.map(|readers| readers.iter().map(ToString::to_string).collect());
    Ok(web::Json(DocumentReaders { readers }))
}

/// Narrows a document to a list of its own. Whom that shuts out is shut out from the next request on.
#[utoipa::path(tag = "access", request_body = Readers, params(("id" = String, Path, description = "Document")),
    responses((status = 200, body = Readers), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[put("/api/v1/documents/{id}/readers")]
pub async fn set_document_readers(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    list: web::Json<Readers>,
) -> ApiResult<web::Json<Readers>> {
    let document = service.document(&caller, &id).await?.id;
    let readers = list.parse()?;
    service.store.set_document_readers(document, Some(&readers)).await?;
    Ok(Readers::of(&readers))
}

/// Gives a document back to all who may read its collection.
#[utoipa::path(tag = "access", params(("id" = String, Path, description = "Document")),
    responses((status = 204), (status = 404, body = ErrorBody)))]
#[delete("/api/v1/documents/{id}/readers")]
pub async fn remove_document_readers(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
) -> ApiResult<HttpResponse> {
    let document = service.document(&caller, &id).await?.id;
    service.store.set_document_readers(document, None).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Debug, Deserialize, IntoParams)]
pub struct Whom {
    /// A user's name; somebody who is nobody in particular if left out.
    user: Option<String>,
}

/// Why a user may read a document, or may not.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionView {
    pub may_read: bool,
    /// What the user is on lists as.
    pub principal_is: Vec<String>,
    pub collection: String,
    /// The list of the collection.
    pub collection_readers: Vec<String>,
    /// What of it the user is; nothing: the user may not enter the collection.
    pub by_collection: Vec<String>,
    /// The document's own list; null if it has none.
    pub document_readers: Option<Vec<String>>,
    /// What of that the user is.
    pub by_document: Option<Vec<String>>,
}

impl From<Decision> for DecisionView {
    fn from(from: Decision) -> Self {
        Self {
            may_read: from.may_read,
            principal_is: from.principal_is,
            collection: from.collection,
            collection_readers: from.collection_readers,
            by_collection: from.by_collection,
            document_readers: from.document_readers,
            by_document: from.by_document,
        }
    }
}

#[utoipa::path(tag = "access", params(("id" = String, Path, description = "Document"), Whom),
    responses((status = 200, body = DecisionView), (status = 404, body = ErrorBody)))]
#[get("/api/v1/documents/{id}/why")]
pub async fn why(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    whom: web::Query<Whom>,
) -> ApiResult<web::Json<DecisionView>> {
    let document = service.document(&caller, &id).await?.id;
    let principal = match &whom.user {
        Some(name) => service.store.principal(name).await?,
        None => Principal::Anonymous,
    };
    Ok(web::Json(service.store.why(document, &principal).await?.into()))
}
