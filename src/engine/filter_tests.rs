//! Filters against an oracle: every row's JSON document is read again and the filter's JSON walked over it.

use super::Filter;
use crate::catalog::Row;
use crate::engine::query_cache::QueryCache;
use crate::engine::{Query, Search, View};
use crate::live::{Live, Place};
use crate::schema::Schema;
use crate::signals::Signals;
use crate::snapshot::{BuildFacts, Made, Manifest, Snapshot, SnapshotWriter, Store, Verify};
use crate::telemetry::Metrics;
use alike_indexes::{BuildSettings, Effort, Kind, Metric, RowId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// One instant a millisecond apart from the next, in all the ways that documents and filters may write it.
fn times() -> Vec<(i64, Value)> {
    let midnight = 1_767_225_600_000_i64;
    vec![
        (midnight - 1, json!("2025-12-31T23:59:59.999Z")),
        (midnight - 1, json!(midnight - 1)),
        (midnight, json!("2026-01-01")),
        (midnight, json!("2026-01-01T00:00:00Z")),
        (midnight, json!("2026-01-01T02:00:00+02:00")),
        (midnight, json!(midnight)),
        (midnight + 1, json!("2026-01-01T00:00:00.001Z")),
        (0, json!("1970-01-01")),
        (-1, json!(-1)),
    ]
}

/// Values of the field `kind` names: few, so that filters often hit.
fn value_of(kind: &str) -> BoxedStrategy<Value> {
    let values: Vec<Value> = match kind {
        "k" => ["a", "b", "c", "A", "é", "true", "1"]
            .map(Value::from)
            .into_iter()
            .chain([json!(1), json!(true)])
            .collect(),
        "n" => [-1.5, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0]
            .map(Value::from)
            .into_iter()
            .chain([json!(1), json!(2)])
            .collect(),
        "b" => vec![json!(true), json!(false)],
        _ => times().into_iter().map(|(_, value)| value).collect(),
    };
    select(values).boxed()
}

fn fields() -> impl Strategy<Value = &'static str> {
    select(vec!["k", "n", "b", "t"])
}

/// A document's value: one, several, none in three ways.
fn document_value(kind: &'static str) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        4 => value_of(kind).prop_map(Some),
        3 => vec(value_of(kind), 0..4).prop_map(|list| Some(Value::Array(list))),
        1 => Just(Some(Value::Null)),
        1 => Just(None),
    ]
}

pub(in crate::engine) fn document() -> impl Strategy<Value = Map<String, Value>> {
    let values = (
        document_value("k"),
        document_value("n"),
        document_value("b"),
        document_value("t"),
    );
    values.prop_map(|(k, n, b, t)| {
        let named = [("k", k), ("n", n), ("b", b), ("t", t)];
        named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    })
}

/// What may stand behind a field's name in a filter.
fn condition(kind: &'static str) -> impl Strategy<Value = Value> {
    let operators = move |names: Vec<&'static str>| {
        let each = names.into_iter().map(move |name| {
            let value = if name == "in" {
                vec(value_of(kind), 0..3).prop_map(Value::Array).boxed()
            } else {
                value_of(kind)
            };
            value.prop_map(move |value| (name.to_owned(), value))
        });
        each.collect::<Vec<_>>()
            .prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
    };
    let exact = vec![vec!["eq"], vec!["in"], vec!["eq", "in"]];
    let ranges = vec![
        vec!["gt"],
        vec!["lte"],
        vec!["gte", "lt"],
        vec!["gt", "lte"],
        vec!["gte", "in"],
        vec!["gte", "lte", "eq"],
    ];
    let sets = if matches!(kind, "n" | "t") {
        [exact, ranges].concat()
    } else {
        exact
    };
    prop_oneof![
        value_of(kind),
        vec(value_of(kind), 0..4).prop_map(Value::Array),
        select(sets).prop_flat_map(operators),
    ]
}

pub(in crate::engine) fn filter() -> impl Strategy<Value = Value> {
    let leaf =
        fields().prop_flat_map(|field| condition(field).prop_map(move |value| (field.to_owned(), value)));
    let leaf = leaf.boxed();
    let object = vec(leaf.clone(), 0..3).prop_map(|entries| Value::Object(entries.into_iter().collect()));
    object.prop_recursive(4, 24, 3, move |inner| {
        let entry = prop_oneof![
            3 => leaf.clone(),
            1 => inner.clone().prop_map(|value| ("not".to_owned(), value)),
            1 => vec(inner.clone(), 1..3).prop_map(|list| ("and".to_owned(), Value::Array(list))),
            1 => vec(inner, 1..3).prop_map(|list| ("or".to_owned(), Value::Array(list))),
        ];
        vec(entry, 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect()))
    })
}

/// Whether a document passes, read off the two JSON values alone.
pub(in crate::engine) fn passes(filter: &Value, document: &Map<String, Value>) -> bool {
    filter
        .as_object()
        .unwrap()
        .iter()
        .all(|(key, value)| match key.as_str() {
            "and" => value
                .as_array()
                .unwrap()
                .iter()
                .all(|part| passes(part, document)),
            "or" => value
                .as_array()
                .unwrap()
                .iter()
                .any(|part| passes(part, document)),
            "not" => !passes(value, document),
            field => {
                let found = match document.get(field) {
                    None | Some(Value::Null) => &[][..],
                    Some(Value::Array(list)) => list,
                    Some(one) => std::slice::from_ref(one),
                };
                field_passes(value, found, field)
            }
        })
}

fn field_passes(condition: &Value, found: &[Value], field: &str) -> bool {
    let any_of = |wanted: &[Value]| found.iter().any(|f| wanted.iter().any(|w| same(f, w, field)));
    let Value::Object(operators) = condition else {
        return any_of(
            condition
                .as_array()
                .map_or(std::slice::from_ref(condition), Vec::as_slice),
        );
    };
    let within = |value: &Value| {
        let value = amount(value, field);
        operators.iter().all(|(operator, bound)| match operator.as_str() {
            "gt" => value > amount(bound, field),
            "gte" => value >= amount(bound, field),
            "lt" => value < amount(bound, field),
            "lte" => value <= amount(bound, field),
            _ => true,
        })
    };
    let bounded = operators.keys().any(|operator| operator.starts_with(['g', 'l']));
    operators
        .get("eq")
        .is_none_or(|value| any_of(std::slice::from_ref(value)))
        && operators
            .get("in")
            .is_none_or(|values| any_of(values.as_array().unwrap()))
        && (!bounded || found.iter().any(within))
}

fn same(a: &Value, b: &Value, field: &str) -> bool {
    match field {
        "k" => word(a) == word(b),
        "b" => a == b,
        _ => amount(a, field) == amount(b, field),
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn amount(value: &Value, field: &str) -> f64 {
    if field == "t" {
        let known = times().into_iter().find(|(_, written)| written == value);
        return known.map(|(milliseconds, _)| milliseconds as f64).unwrap();
    }
    value.as_f64().unwrap()
}

pub(in crate::engine) fn schema() -> Schema {
    let field = |kind: &str| json!({"type": kind, "filter": true});
    let fields =
        json!({"k": field("keyword"), "n": field("number"), "b": field("boolean"), "t": field("timestamp")});
    serde_json::from_value(json!({"id": "id", "vector": "v", "fields": fields})).unwrap()
}

/// A row: its document and its vector of small whole numbers, whose dot products are exact.
pub(in crate::engine) type Case = (Map<String, Value>, [i8; 3]);

fn cases() -> impl Strategy<Value = Vec<Case>> {
    vec((document(), [-3_i8..4, -3_i8..4, 1_i8..4]), 1..40)
}

/// Publishes the rows in a fresh store and opens them.
pub(in crate::engine) fn published(rows: &[Case], kind: Kind) -> (tempfile::TempDir, Arc<Snapshot>) {
    let folder = tempfile::tempdir().unwrap();
    let collection = Store::create(folder.path()).unwrap().collection("c").unwrap();
    let schema = schema();
    let mut writer = SnapshotWriter::new(&collection, &schema).unwrap();
    writer.set_dimension(3);
    for (at, (document, vector)) in rows.iter().enumerate() {
        let mut fields = document.clone();
        fields.insert("id".to_owned(), json!(format!("i{at}")));
        fields.insert("v".to_owned(), json!(vector));
        let item = schema
            .item(Row {
                line: at as u64 + 1,
                fields,
            })
            .unwrap();
        writer.push(&item, item.vector.as_ref().unwrap()).unwrap();
    }
    writer
        .build_index(&BuildSettings::new(kind, Metric::Dot), &|_| {})
        .unwrap();
    let made = Made {
        schema,
        document_fields: ["id", "k", "n", "b", "t"].map(String::from).into(),
        model: None,
        metric: Metric::Dot,
        dimension: 3,
        index: kind,
    };
    let id = writer
        .finish(&collection, Manifest::new("c", made, BuildFacts::default()))
        .unwrap();
    (folder, Arc::new(collection.open(&id, Verify::Full).unwrap()))
}

/// The rows that pass, by falling dot product, equal ones by row: the whole truth about one search.
fn oracle(rows: &[Case], filter: &Value, query: [i8; 3]) -> Vec<(String, f32)> {
    let score = |vector: &[i8; 3]| {
        vector
            .iter()
            .zip(query)
            .map(|(a, b)| f32::from(*a) * f32::from(b))
            .sum::<f32>()
    };
    let mut found: Vec<(usize, f32)> = rows
        .iter()
        .enumerate()
        .filter(|(_, (document, _))| passes(filter, document))
        .map(|(at, (_, vector))| (at, score(vector)))
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found
        .into_iter()
        .map(|(at, score)| (format!("i{at}"), score))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filters_select_what_the_documents_say(
        rows in cases(),
        filters in vec(filter(), 12),
        query in [-3_i8..4, -3_i8..4, 1_i8..4],
        limit in 1_usize..12,
        kind in select(vec![Kind::Flat, Kind::Hnsw, Kind::Graph]),
    ) {
        let (_folder, snapshot) = published(&rows, kind);
        let view = View::new("c".into(), Live::new(snapshot), None, Arc::new(Signals::in_memory()));
        let (metrics, cache) = (Metrics::new().unwrap(), QueryCache::new(0));
        for json in &filters {
            let expected = oracle(&rows, json, query);
            let filter = Filter::parse(json, &schema(), "filter").unwrap();
            let selection = view.live().select(Some(&filter));
            let selected: Vec<u32> = (0..rows.len() as u32).filter(|&row| selection.admits(Place::Base(RowId(row)))).collect();
            let admitted: Vec<u32> = (0..).zip(&rows).filter(|(_, (document, _))| passes(json, document)).map(|(at, _)| at).collect();
            prop_assert_eq!(selected, admitted, "{}", json);
            let search = Search {
                query: Query::Vector(query.map(f32::from).into()),
                filter: Some(json.clone()),
                limit,
                fields: Some(vec![]),
                effort: Effort::Exact,
                ..Search::default()
            };
            let answer = crate::engine::answer::answer(&view, &search, &cache, &metrics).unwrap();
            let hits: Vec<(String, f32)> = answer.hits.into_iter().map(|hit| (hit.id, hit.score)).collect();
            prop_assert_eq!(&hits[..], &expected[..expected.len().min(limit)], "{}", json);
            prop_assert!(answer.exact && !answer.partial);
            prop_assert_eq!(answer.plan.admissible, Some(expected.len()));
        }
    }
}

#[test]
fn the_oracle_knows_the_documented_example() {
    let filter = json!({"k": ["a", "b"], "n": {"gte": 0, "lt": 2}, "or": [{"b": true}, {"t": {"gte": "2026-01-01"}}], "not": {"k": {"in": ["c"]}}});
    let document = |value: Value| value.as_object().unwrap().clone();
    assert!(passes(
        &filter,
        &document(json!({"k": "a", "n": [5, 1], "b": true}))
    ));
    assert!(passes(
        &filter,
        &document(json!({"k": ["x", "b"], "n": 0.0, "t": "2026-01-01T02:00:00+02:00"}))
    ));
    assert!(
        !passes(&filter, &document(json!({"k": ["a", "c"], "n": 1, "b": true}))),
        "not c"
    );
    assert!(
        !passes(&filter, &document(json!({"k": "a", "n": [-1.0, 2], "b": true}))),
        "neither is between the bounds"
    );
    assert!(
        !passes(&filter, &document(json!({"k": "a", "n": 1}))),
        "neither side of the or"
    );
}
