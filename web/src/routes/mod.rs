//! The route table: which address has which handler, and nothing else.

mod access;
mod ask;
mod backup;
mod chat;
mod collections;
mod completions;
mod content;
mod documents;
mod evaluation;
mod events;
mod facets;
mod health;
mod index_sets;
mod lexicon;
mod maintenance;
mod openai;
mod queue;
mod receipts;
mod rerank;
mod search;
mod similar;
mod sources;
mod status;
mod unmatched;
mod upload;
mod users;

use actix_web::web;

pub(crate) use self::{
    access::*, ask::*, backup::*, chat::*, collections::*, completions::*, content::*, documents::*, evaluation::*,
    events::*, facets::*, health::*, index_sets::*, lexicon::*, maintenance::*, openai::*, queue::*, receipts::*,
    rerank::*, search::*, similar::*, sources::*, status::*, upload::*, users::*,
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
        .service(list_receipts)
        .service(show_receipt)
        .service(pause_document)
        .service(resume_document)
        .service(cancel_document)
        .service(retry_document)
        .service(show_queue)
        .service(pause_queue)
        .service(resume_queue)
        .service(original)
        .service(text)
        .service(boxes)
        .service(events)
        .service(list_sources)
        .service(create_source)
        .service(check_source)
        .service(show_source)
        .service(change_source)
        .service(remove_source)
        .service(sync_source)
        .service(stop_source)
        .service(pause_source)
        .service(resume_source)
        .service(list_syncs)
        .service(show_collection_readers)
        .service(set_collection_readers)
        .service(show_lexicon)
        .service(set_lexicon)
        .service(show_document_readers)
        .service(set_document_readers)
        .service(remove_document_readers)
        .service(why)
        .service(list_users)
        .service(set_user)
        .service(remove_user)
        .service(erase_user)
        .service(list_keys)
        .service(create_key)
        .service(revoke_key)
        .service(search)
        .service(facets)
        .service(similar)
        .service(ask)
        .service(back_up)
        .service(reindex)
        .service(list_index_sets)
        .service(create_index_set)
        .service(show_index_set)
        .service(drop_index_set)
        .service(resume_index_set)
        .service(compare_index_set)
        .service(use_index_set)
        .service(list_evaluation_questions)
        .service(create_evaluation_question)
        .service(confirm_evaluation_question)
        .service(drop_evaluation_question)
        .service(propose_evaluation_questions)
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
