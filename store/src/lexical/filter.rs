//! A filter by properties, as queries of the index.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, BoostQuery, Occur, Query, RangeQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};

use super::LexicalIndex;
use super::query::term_set;
use crate::search::Filter;

impl LexicalIndex {
    /// Every one must hold.
    pub(super) fn property_filters(&self, filter: &Filter) -> Vec<Box<dyn Query>> {
        let fields = self.fields;
        let languages: Vec<String> = filter.languages.iter().map(|language| language.as_str().to_owned()).collect();
        let one_of = [
            (fields.document_type, &filter.types),
            (fields.language, &languages),
            (fields.source, &filter.sources),
            (fields.author, &filter.authors),
        ];
        let mut filters: Vec<Box<dyn Query>> = one_of
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(field, values)| term_set(field, values))
            .collect();
        let (first, last) = filter.year;
        filters.extend(range(fields.year, (first.map(i64::from), last.map(i64::from))));
        filters.extend(range(fields.added, filter.added_ms));
        if let Some(document) = filter.except {
            let document = TermQuery::new(self.document_term(document), IndexRecordOption::Basic);
            let others = vec![
                (Occur::Must, Box::new(AllQuery) as Box<dyn Query>),
                (Occur::MustNot, Box::new(document) as Box<dyn Query>),
            ];
            filters.push(Box::new(BoostQuery::new(Box::new(BooleanQuery::new(others)), 0.0)));
        }
        filters
    }
}

fn range(field: Field, (first, last): (Option<i64>, Option<i64>)) -> Option<Box<dyn Query>> {
    let bound = |value: Option<i64>| match value {
        Some(value) => Bound::Included(Term::from_field_i64(field, value)),
        None => Bound::Unbounded,
    };
    let is_open = first.is_none() && last.is_none();
    let range = || RangeQuery::new(bound(first), bound(last));
    (!is_open).then(|| Box::new(BoostQuery::new(Box::new(range()), 0.0)) as Box<dyn Query>)
}
