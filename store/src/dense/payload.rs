//! What both engines are told in the same shape: a point's payload, and a scope as conditions.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{ADDED, AUTHORS, COLLECTION, DOCUMENT, DOCUMENT_TYPE, LANGUAGE, READERS, REVISION, SOURCE, STAMP, YEAR};
use crate::access::Listing;
use crate::properties::Properties;
use crate::search::Scope;
use crate::sql::chunks::IndexedChunk;

pub(super) fn payload(chunk: &IndexedChunk, listing: &Listing, properties: Option<&Properties>) -> Map<String, Value> {
    let mut payload = Map::new();
    let mut put = |key: &str, value: Value| payload.insert(key.to_owned(), value);
    put(COLLECTION, json!(chunk.collection.to_string()));
    put(DOCUMENT, json!(chunk.document.to_string()));
    put(REVISION, json!(chunk.revision.to_string()));
    put(READERS, json!(listing.readers));
    put(STAMP, json!(listing.stamp));
    put(LANGUAGE, json!(chunk.language.as_str()));
    if let Some(properties) = properties {
        put(DOCUMENT_TYPE, json!(properties.document_type));
        put(SOURCE, json!(properties.source));
        put(AUTHORS, json!(hashes(properties.authors.iter().map(|author| &author.key))));
        put(ADDED, json!(properties.added_at_ms));
        if let Some(year) = properties.year {
            put(YEAR, json!(year));
        }
    }
    payload
}

/// What must hold of a point.
pub(super) enum Condition {
    OneOf(&'static str, Vec<String>),
    /// Both are included.
    Between(&'static str, Option<i64>, Option<i64>),
    Not(&'static str, String),
}

pub(super) fn conditions(scope: &Scope) -> Vec<Condition> {
    let mut conditions = vec![Condition::OneOf(COLLECTION, texts(&scope.collections))];
    if let Some(documents) = &scope.documents {
        conditions.push(Condition::OneOf(DOCUMENT, texts(documents)));
    }
    if let Some(readers) = scope.readers() {
        conditions.push(Condition::OneOf(READERS, readers));
    }
    let filter = &scope.filter;
    let authors = hashes(&filter.authors);
    let languages: Vec<String> = filter.languages.iter().map(|language| language.as_str().to_owned()).collect();
    let one_of =
        [(DOCUMENT_TYPE, &filter.types), (LANGUAGE, &languages), (SOURCE, &filter.sources), (AUTHORS, &authors)];
    for (key, values) in one_of {
        if !values.is_empty() {
            conditions.push(Condition::OneOf(key, values.clone()));
        }
    }
    let years = (filter.year.0.map(i64::from), filter.year.1.map(i64::from));
    for (key, (first, last)) in [(YEAR, years), (ADDED, filter.added_ms)] {
        if first.is_some() || last.is_some() {
            conditions.push(Condition::Between(key, first, last));
        }
    }
    if let Some(document) = filter.except {
        conditions.push(Condition::Not(DOCUMENT, document.to_string()));
    }
    conditions
}

/// Of two names that have the same one, SQL's last check takes the right one.
fn hashes<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let hash = |name: &String| {
        let mut first = [0; 8];
        first.copy_from_slice(&Sha256::digest(name.as_bytes())[..8]);
        format!("{:016x}", u64::from_be_bytes(first))
    };
    names.into_iter().map(hash).collect()
}

fn texts(ids: &[impl ToString]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
