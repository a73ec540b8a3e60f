//! Qdrant's filters: every `must`, at least one `should` if there are any, no `must_not`.

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{Condition, FieldCondition, Filter, Range, Value};
use tonic::Status;

use super::collection::{Point, point_id};

pub fn holds(filter: &Filter, id: &str, point: &Point) -> Result<bool, Status> {
    if filter.min_should.is_some() {
        return Err(Status::unimplemented("min_should"));
    }
    // No short cut: a condition that is not known is an error for every point.
    let all = |conditions: &[Condition]| -> Result<Vec<bool>, Status> {
        conditions.iter().map(|condition| condition_holds(condition, id, point)).collect()
    };
    let (must, should, must_not) = (all(&filter.must)?, all(&filter.should)?, all(&filter.must_not)?);
    Ok(must.iter().all(|holds| *holds)
        && (should.is_empty() || should.iter().any(|holds| *holds))
        && !must_not.iter().any(|holds| *holds))
}

fn condition_holds(condition: &Condition, id: &str, point: &Point) -> Result<bool, Status> {
    match &condition.condition_one_of {
        Some(ConditionOneOf::Field(field)) => field_holds(field, point),
        Some(ConditionOneOf::HasId(ids)) => {
            let ids = ids.has_id.iter().map(|id| point_id(Some(id))).collect::<Result<Vec<_>, _>>()?;
            Ok(ids.iter().any(|wanted| wanted == id))
        }
        Some(ConditionOneOf::Filter(filter)) => holds(filter, id, point),
        Some(ConditionOneOf::IsEmpty(empty)) => Ok(keywords(point.payload.get(&empty.key)).is_empty()),
        Some(other) => Err(Status::unimplemented(format!("condition {other:?}"))),
        None => Err(Status::invalid_argument("Malformed Condition type")),
    }
}

fn field_holds(field: &FieldCondition, point: &Point) -> Result<bool, Status> {
    let known = FieldCondition {
        key: field.key.clone(),
        r#match: field.r#match.clone(),
        range: field.range,
        ..Default::default()
    };
    if *field != known || (field.r#match.is_some() && field.range.is_some()) {
        return Err(Status::unimplemented(format!("field condition {field:?}")));
    }
    if let Some(range) = &field.range {
        return Ok(integers(point.payload.get(&field.key)).into_iter().any(|value| lies_in(range, value as f64)));
    }
    let values = keywords(point.payload.get(&field.key));
    match field.r#match.as_ref().and_then(|wanted| wanted.match_value.as_ref()) {
        Some(MatchValue::Keyword(wanted)) => Ok(values.contains(&wanted.as_str())),
        Some(MatchValue::Keywords(wanted)) => Ok(wanted.strings.iter().any(|wanted| values.contains(&wanted.as_str()))),
        Some(MatchValue::ExceptKeywords(except)) => {
            Ok(values.iter().any(|value| !except.strings.iter().any(|except| except == value)))
        }
        Some(other) => Err(Status::unimplemented(format!("match {other:?}"))),
        None => Err(Status::invalid_argument("Malformed Match condition")),
    }
}

fn lies_in(range: &Range, value: f64) -> bool {
    range.gt.is_none_or(|than| value > than)
        && range.gte.is_none_or(|than| value >= than)
        && range.lt.is_none_or(|than| value < than)
        && range.lte.is_none_or(|than| value <= than)
}

/// A field's whole numbers: one, or each of a list.
fn integers(value: Option<&Value>) -> Vec<i64> {
    match value.and_then(|value| value.kind.as_ref()) {
        Some(Kind::IntegerValue(number)) => vec![*number],
        Some(Kind::ListValue(list)) => list.values.iter().flat_map(|value| integers(Some(value))).collect(),
        _ => Vec::new(),
    }
}

/// A field's texts: one, or each of a list.
pub fn keywords(value: Option<&Value>) -> Vec<&str> {
    match value.and_then(|value| value.kind.as_ref()) {
        Some(Kind::StringValue(text)) => vec![text],
        Some(Kind::ListValue(list)) => list.values.iter().flat_map(|value| keywords(Some(value))).collect(),
        _ => Vec::new(),
    }
}
