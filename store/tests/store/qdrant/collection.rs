//! One collection of the stand-in: points in memory, and exact answers about them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::query::Variant as QueryVariant;
use qdrant_client::qdrant::vector_input::Variant as InputVariant;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{
    FacetCounts, FacetHit, FacetValue, Filter, PointId, PointStruct, PointsSelector, QueryPoints, ScoredPoint, Value,
    facet_value, vector,
};
use tonic::Status;

use super::filter::{holds, keywords};

pub struct Collection {
    pub dimensions: usize,
    /// By their ids as text.
    pub points: BTreeMap<String, Point>,
    /// Fields with a keyword index.
    pub indexed: BTreeSet<String>,
}

#[derive(Clone)]
pub struct Point {
    /// Of length 1, as every vector where the distance is the cosine.
    vector: Vec<f32>,
    pub payload: HashMap<String, Value>,
}

impl Collection {
    pub fn upsert(&mut self, points: Vec<PointStruct>) -> Result<(), Status> {
        // All are read before any is kept: a request is done as a whole or refused.
        let read = points
            .into_iter()
            .map(|point| {
                let id = point_id(point.id.as_ref())?;
                let vector = self.normalised(dense(&point)?)?;
                Ok((id, Point { vector, payload: point.payload }))
            })
            .collect::<Result<Vec<_>, Status>>()?;
        self.points.extend(read);
        Ok(())
    }

    pub fn delete(&mut self, selector: PointsSelector) -> Result<(), Status> {
        match selector.points_selector_one_of {
            Some(PointsSelectorOneOf::Points(list)) => {
                for id in &list.ids {
                    self.points.remove(&point_id(Some(id))?);
                }
            }
            Some(PointsSelectorOneOf::Filter(filter)) => {
                for id in self.matching(Some(&filter))? {
                    self.points.remove(&id);
                }
            }
            None => return Err(Status::invalid_argument("PointsSelector is required")),
        }
        Ok(())
    }

    pub fn query(&self, query: QueryPoints) -> Result<Vec<ScoredPoint>, Status> {
        let known = QueryPoints {
            collection_name: query.collection_name.clone(),
            query: query.query.clone(),
            filter: query.filter.clone(),
            limit: query.limit,
            ..Default::default()
        };
        if query != known {
            return Err(Status::unimplemented("only query, filter and limit of a query"));
        }
        let Some(QueryVariant::Nearest(input)) = query.query.and_then(|query| query.variant) else {
            return Err(Status::unimplemented("only the nearest points of a vector"));
        };
        let Some(InputVariant::Dense(wanted)) = input.variant else {
            return Err(Status::unimplemented("only dense vectors"));
        };
        let wanted = self.normalised(&wanted.data)?;
        let mut scored = Vec::new();
        for id in self.matching(query.filter.as_ref())? {
            let score = self.points[&id].vector.iter().zip(&wanted).map(|(left, right)| left * right).sum();
            scored.push(ScoredPoint { id: Some(PointId::from(id)), score, ..Default::default() });
        }
        scored.sort_by(|left, right| right.score.total_cmp(&left.score));
        scored.truncate(query.limit.unwrap_or(10) as usize);
        Ok(scored)
    }

    pub fn count(&self, filter: Option<&Filter>) -> Result<u64, Status> {
        Ok(self.matching(filter)?.len() as u64)
    }

    pub fn facet(&self, facet: &FacetCounts) -> Result<Vec<FacetHit>, Status> {
        if !self.indexed.contains(&facet.key) {
            let key = &facet.key;
            return Err(Status::invalid_argument(format!("Wrong input: No appropriate index for faceting: `{key}`")));
        }
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for id in self.matching(facet.filter.as_ref())? {
            for value in keywords(self.points[&id].payload.get(&facet.key)) {
                *counts.entry(value).or_default() += 1;
            }
        }
        let mut hits: Vec<(&str, u64)> = counts.into_iter().collect();
        hits.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        hits.truncate(facet.limit.unwrap_or(10) as usize);
        let hit = |(value, count): (&str, u64)| FacetHit {
            value: Some(FacetValue { variant: Some(facet_value::Variant::StringValue(value.into())) }),
            count,
        };
        Ok(hits.into_iter().map(hit).collect())
    }

    fn matching(&self, filter: Option<&Filter>) -> Result<Vec<String>, Status> {
        let mut found = Vec::new();
        for (id, point) in &self.points {
            if filter.map_or(Ok(true), |filter| holds(filter, id, point))? {
                found.push(id.clone());
            }
        }
        Ok(found)
    }

    fn normalised(&self, vector: &[f32]) -> Result<Vec<f32>, Status> {
        let (expected, got) = (self.dimensions, vector.len());
        if expected != got {
            return Err(Status::invalid_argument(format!(
                "Wrong input: Vector dimension error: expected dim: {expected}, got {got}"
            )));
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length < f32::EPSILON {
            return Ok(vector.to_vec());
        }
        Ok(vector.iter().map(|value| value / length).collect())
    }
}

/// An id as text, written in one way only.
pub fn point_id(id: Option<&PointId>) -> Result<String, Status> {
    match id.and_then(|id| id.point_id_options.as_ref()) {
        Some(PointIdOptions::Num(number)) => Ok(number.to_string()),
        Some(PointIdOptions::Uuid(text)) => match uuid::Uuid::parse_str(text) {
            Ok(id) => Ok(id.to_string()),
            Err(_) => Err(Status::invalid_argument(format!("Unable to parse UUID: {text}"))),
        },
        None => Err(Status::invalid_argument("Empty ID is not allowed")),
    }
}

fn dense(point: &PointStruct) -> Result<&[f32], Status> {
    match point.vectors.as_ref().and_then(|vectors| vectors.vectors_options.as_ref()) {
        Some(VectorsOptions::Vector(vector)) => match &vector.vector {
            Some(vector::Vector::Dense(dense)) => Ok(&dense.data),
            Some(other) => Err(Status::unimplemented(format!("vector {other:?}"))),
            #[expect(deprecated, reason = "older clients put the numbers here")]
            None => Ok(&vector.data),
        },
        Some(VectorsOptions::Vectors(_)) => Err(Status::unimplemented("named vectors")),
        None => Err(Status::invalid_argument("Expected some vectors")),
    }
}
