//! The route table: which address has which handler, and nothing else.

mod ask;
mod chat;
mod collections;
mod completions;
mod content;
mod documents;
mod events;
mod health;
mod maintenance;
mod openai;
mod rerank;
mod search;
mod status;
mod unmatched;
mod upload;

use actix_web::web;

pub(crate) use self::{
    ask::*, chat::*, collections::*, completions::*, content::*, documents::*, events::*, health::*, maintenance::*,
    openai::*, rerank::*, search::*, status::*, upload::*,
};
use crate::openapi;

pub fn all(config: &mut web::ServiceConfig) {
    config
        .service(status)
        .service(list_collections)
        .service(create_collection)
        .service(upload)
        .service(list_documents)
        .service(lookup_document)
        .service(show_document)
        .service(remove_document)
        .service(original)
        .service(text)
        .service(boxes)
        .service(events)
        .service(search)
        .service(ask)
        .service(reindex)
        .service(doctor)
        .service(models)
        .service(show_model)
        .service(embeddings)
        .service(rerank)
        .service(chat_completions)
        .service(completions)
        .service(livez)
        .service(readyz)
        .service(healthz)
        .service(metrics)
        .service(openapi::description)
        .default_service(web::to(unmatched::answer));
}
