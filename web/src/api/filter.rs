//! Filters, facets and what they look like in JSON. A filter is read by hand: what is wrong with it is told by name.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta};
use serde::Serialize;
use serde_json::{Map, Value};
use terroir_store::{Filter, Language, document_types};
use utoipa::ToSchema;

use crate::error::{ApiError, ApiResult};

/// Values of one key.
const MAX_VALUES: usize = 100;
const MAX_VALUE_CHARS: usize = 500;

/// What is searched is narrowed to. Several values of one key: any of them; several keys: all must hold. A document that
/// does not have the property does not match.
#[derive(Debug, ToSchema)]
#[schema(as = Filter)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub struct FilterShape {
    /// `pdf`, `word`, `slides`, `sheet`, `web`, `mail`, `text`, `book`, `article`, `data`, `code`, `image`, `archive` or
    /// `other`.
    types: Option<Vec<String>>,
    /// Of the passage: `en`, `fr`, `de`, `es`, `it`, `nl`, `pt`, or `und` for any other.
    languages: Option<Vec<String>>,
    /// Names of sources; `upload` for documents of none.
    sources: Option<Vec<String>>,
    /// Whole names; accents and capitals make no difference.
    authors: Option<Vec<String>>,
    year: Option<YearRange>,
    added: Option<AddedRange>,
}

/// The year that a document says of itself; both ends are included, and either may be left out.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub struct YearRange {
    from: Option<i32>,
    to: Option<i32>,
}

/// When the document was added: days (`2024-01-31`, in UTC) or RFC 3339 times. Both ends are included, a day as a whole.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub struct AddedRange {
    from: Option<String>,
    to: Option<String>,
}

/// How many documents have each value. A property's counts ignore what the filter asks of that property, and follow all
/// else of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct FacetsView {
    pub r#type: Vec<FacetValueView>,
    /// Of passages: a document in two languages is counted in both.
    pub language: Vec<FacetValueView>,
    pub source: Vec<FacetValueView>,
    /// The ten with most documents.
    pub author: Vec<FacetValueView>,
    /// The newest first.
    pub year: Vec<FacetValueView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FacetValueView {
    /// As a filter takes it.
    pub value: String,
    pub documents: u64,
}

impl From<terroir_store::Facets> for FacetsView {
    fn from(facets: terroir_store::Facets) -> Self {
        let view = |values: Vec<terroir_store::FacetValue>| {
            let view = |counted: terroir_store::FacetValue| FacetValueView {
                value: counted.value,
                documents: counted.documents,
            };
            values.into_iter().map(view).collect()
        };
        Self {
            r#type: view(facets.types),
            language: view(facets.languages),
            source: view(facets.sources),
            author: view(facets.authors),
            year: view(facets.years),
        }
    }
}

/// A filter as a request has it; none is one that lets everything through.
pub fn filter(value: Option<&Value>) -> ApiResult<Filter> {
    let mut filter = Filter::default();
    let keys = match value {
        None | Some(Value::Null) => return Ok(filter),
        Some(Value::Object(keys)) => keys,
        Some(_) => return Err(wrong("filter", "filter must be an object".into())),
    };
    for (key, value) in keys {
        if value.is_null() {
            continue;
        }
        match key.as_str() {
            "types" => {
                filter.types = texts("filter.types", value)?;
                let unknown = filter.types.iter().find(|name| document_types().all(|known| known != name.as_str()));
                if let Some(name) = unknown {
                    let known = document_types().collect::<Vec<_>>().join(", ");
                    return Err(wrong("filter.types", format!("there is no type {name:?}; there are {known}")));
                }
            }
            "languages" => {
                for code in texts("filter.languages", value)? {
                    let language = Language::parse(&code);
                    if language.as_str() != code {
                        let message =
                            format!("there is no language {code:?}; there are en, fr, de, es, it, nl, pt, und");
                        return Err(wrong("filter.languages", message));
                    }
                    filter.languages.push(language);
                }
            }
            "sources" => filter.sources = texts("filter.sources", value)?,
            "authors" => filter.authors = texts("filter.authors", value)?,
            "year" => filter.year = years(value)?,
            "added" => filter.added_ms = added(value)?,
            other => {
                let message =
                    format!("a filter has no key {other:?}; it has types, languages, sources, authors, year, added");
                return Err(wrong("filter", message));
            }
        }
    }
    Ok(filter)
}

fn wrong(param: &'static str, message: String) -> ApiError {
    ApiError::new("invalid_request", message, "see /openapi.json for what a filter may be").param(param)
}

fn texts(param: &'static str, value: &Value) -> ApiResult<Vec<String>> {
    let refused = || wrong(param, format!("{param} must be a list of up to {MAX_VALUES} texts, none of them empty"));
    let values = value.as_array().filter(|values| values.len() <= MAX_VALUES).ok_or_else(refused)?;
    let text = |value: &Value| {
        let text = value.as_str().filter(|text| !text.trim().is_empty() && text.chars().count() <= MAX_VALUE_CHARS);
        text.map(str::to_owned).ok_or_else(refused)
    };
    values.iter().map(text).collect()
}

/// `from` and `to` of a range.
fn ends<'a>(param: &'static str, value: &'a Value) -> ApiResult<(Option<&'a Value>, Option<&'a Value>)> {
    let refused = |message: String| wrong(param, message);
    let keys: &Map<String, Value> =
        value.as_object().ok_or_else(|| refused(format!("{param} must be an object with from, to or both")))?;
    if let Some(other) = keys.keys().find(|key| !matches!(key.as_str(), "from" | "to")) {
        return Err(refused(format!("{param} has no key {other:?}; it has from and to")));
    }
    let end = |key: &str| keys.get(key).filter(|value| !value.is_null());
    Ok((end("from"), end("to")))
}

fn years(value: &Value) -> ApiResult<(Option<i32>, Option<i32>)> {
    const PARAM: &str = "filter.year";
    let (from, to) = ends(PARAM, value)?;
    let year = |end: Option<&Value>| -> ApiResult<Option<i32>> {
        let number = |value: &Value| value.as_i64().and_then(|year| i32::try_from(year).ok());
        let refused = || wrong(PARAM, "a year must be a whole number".into());
        end.map(|value| number(value).ok_or_else(refused)).transpose()
    };
    in_order(PARAM, (year(from)?, year(to)?))
}

fn added(value: &Value) -> ApiResult<(Option<i64>, Option<i64>)> {
    const PARAM: &str = "filter.added";
    let (from, to) = ends(PARAM, value)?;
    let time = |end: Option<&Value>, is_last: bool| -> ApiResult<Option<i64>> {
        let refused =
            || wrong(PARAM, "a time must be a day (2024-01-31) or an RFC 3339 time (2024-01-31T12:00:00Z)".into());
        end.map(|value| value.as_str().and_then(|text| millisecond(text, is_last)).ok_or_else(refused)).transpose()
    };
    in_order(PARAM, (time(from, false)?, time(to, true)?))
}

fn in_order<T: PartialOrd>(
    param: &'static str,
    (from, to): (Option<T>, Option<T>),
) -> ApiResult<(Option<T>, Option<T>)> {
    if from.is_some() && to.is_some() && from > to {
        return Err(wrong(param, format!("{param} ends before it begins")));
    }
    Ok((from, to))
}

/// Of a day the first, or the last.
fn millisecond(text: &str, is_last: bool) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let first = day.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
    Some(if is_last { first + TimeDelta::days(1).num_milliseconds() - 1 } else { first })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_is_read_as_it_is_meant() {
        let read = filter(Some(&json!({
            "types": ["pdf", "word"], "languages": ["fr", "und"], "sources": ["upload"], "authors": ["Anaïs Nin"],
            "year": {"from": 2019}, "added": {"from": "2024-01-01", "to": "2024-01-01"},
        })))
        .unwrap();
        assert_eq!(read.types, ["pdf", "word"]);
        assert_eq!(read.languages, [Language::French, Language::Other]);
        assert_eq!(read.year, (Some(2019), None));
        assert_eq!(read.added_ms, (Some(1_704_067_200_000), Some(1_704_153_599_999)));
        let time = filter(Some(&json!({"added": {"to": "2024-01-01T01:00:00+01:00"}}))).unwrap();
        assert_eq!(time.added_ms, (None, Some(1_704_067_200_000)));
        for nothing in [json!(null), json!({}), json!({"types": [], "year": {}, "added": null})] {
            assert!(filter(Some(&nothing)).unwrap().is_empty(), "{nothing}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_filter_is_named() {
        for (value, param) in [
            (json!([]), "filter"),
            (json!({"type": ["pdf"]}), "filter"),
            (json!({"types": "pdf"}), "filter.types"),
            (json!({"types": ["PDF"]}), "filter.types"),
            (json!({"types": vec!["pdf"; 101]}), "filter.types"),
            (json!({"languages": ["xx"]}), "filter.languages"),
            (json!({"sources": [" "]}), "filter.sources"),
            (json!({"authors": [1]}), "filter.authors"),
            (json!({"authors": ["a".repeat(501)]}), "filter.authors"),
            (json!({"year": 2019}), "filter.year"),
            (json!({"year": {"from": 2019.5}}), "filter.year"),
            (json!({"year": {"from": 2020, "to": 2019}}), "filter.year"),
            (json!({"year": {"since": 2020}}), "filter.year"),
            (json!({"added": {"from": "yesterday"}}), "filter.added"),
            (json!({"added": {"from": "2024-02-30"}}), "filter.added"),
            (json!({"added": {"from": "2024-02-02", "to": "2024-02-01"}}), "filter.added"),
        ] {
            let error = filter(Some(&value)).unwrap_err();
            assert_eq!((error.code, error.param), ("invalid_request", Some(param)), "{value}");
        }
    }
}
