//! Views with live parts against a plain oracle: random puts, updates and deletes over a small snapshot, and after every
//! commit everything that a view answers.

mod answers;

use super::filter::tests::{Case, document, filter, passes, published, schema};
use super::query_cache::QueryCache;
use super::{Answer, EngineError, Query, Scroll, Search, View};
use crate::catalog::Row;
use crate::live::{Item, Live, Step};
use crate::log::Position;
use crate::signals::Signals;
use crate::telemetry::Metrics;
use alike_indexes::{Effort, Kind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the collection should hold, by id.
#[derive(Debug, Clone, Default)]
struct Oracle {
    items: BTreeMap<String, Known>,
}

#[derive(Debug, Clone)]
struct Known {
    fields: Map<String, Value>,
    vector: [i8; 3],
    /// Base rows in their order, then live items by their last record.
    order: (u8, u64),
    version: u64,
}

/// One change, of the item `n`; the ids of base rows come first.
#[derive(Debug, Clone)]
enum Change {
    Put(usize, Map<String, Value>, [i8; 3]),
    Update(usize, Map<String, Value>),
    Delete(usize),
}

fn vector() -> impl Strategy<Value = [i8; 3]> {
    [-3_i8..4, -3_i8..4, 1_i8..4]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (0_usize..50, document(), vector()).prop_map(|(n, fields, vector)| Change::Put(n, fields, vector)),
        3 => (0_usize..50, document()).prop_map(|(n, fields)| Change::Update(n, fields)),
        2 => (0_usize..50).prop_map(Change::Delete),
    ]
}

fn id_of(n: usize) -> String {
    format!("i{n}")
}

/// The document and the values of an item, as a catalog row would give them.
fn checked(id: &str, fields: &Map<String, Value>) -> crate::schema::Item {
    let mut fields = fields.clone();
    fields.insert("id".to_owned(), id.into());
    fields.insert("v".to_owned(), json!([1]));
    schema().item(Row { line: 1, fields }).unwrap()
}

fn put(id: &str, fields: &Map<String, Value>, vector: [i8; 3]) -> Step {
    let item = checked(id, fields);
    Step::Put(Arc::new(Item {
        id: id.into(),
        document: item.document.into(),
        values: item.values,
        vector: vector.map(f32::from).as_slice().into(),
        origin: None,
    }))
}

fn update(id: &str, fields: &Map<String, Value>) -> Step {
    let item = checked(id, fields);
    Step::Update {
        id: id.into(),
        document: item.document.into(),
        values: item.values,
    }
}

impl Oracle {
    fn of(rows: &[Case]) -> Self {
        let known = |(n, (fields, vector)): (usize, &Case)| {
            let known = Known {
                fields: fields.clone(),
                vector: *vector,
                order: (0, n as u64),
                version: 0,
            };
            (id_of(n), known)
        };
        Self {
            items: rows.iter().enumerate().map(known).collect(),
        }
    }

    /// Makes a change, and gives the step that makes it in a state.
    fn change(&mut self, position: u64, change: &Change) -> Step {
        match change {
            Change::Put(n, fields, vector) => {
                let known = Known {
                    fields: fields.clone(),
                    vector: *vector,
                    order: (1, position),
                    version: position,
                };
                self.items.insert(id_of(*n), known);
                put(&id_of(*n), fields, *vector)
            }
            Change::Update(n, fields) => {
                if let Some(known) = self.items.get_mut(&id_of(*n)) {
                    known.fields.clone_from(fields);
                    known.version = position;
                    if known.order.0 == 1 {
                        known.order.1 = position;
                    }
                }
                update(&id_of(*n), fields)
            }
            Change::Delete(n) => {
                self.items.remove(&id_of(*n));
                Step::Delete { id: id_of(*n).into() }
            }
        }
    }

    /// The items that pass, in order.
    fn passing(&self, filter: &Value) -> Vec<(&str, &Known)> {
        let mut passing: Vec<(&str, &Known)> = self
            .items
            .iter()
            .filter(|(_, known)| passes(filter, &known.fields))
            .map(|(id, known)| (id.as_str(), known))
            .collect();
        passing.sort_by_key(|(_, known)| known.order);
        passing
    }

    /// All hits of a query, best first.
    fn hits(&self, filter: &Value, query: [i8; 3]) -> Vec<(String, f32)> {
        let score = |vector: [i8; 3]| -> f32 {
            vector
                .iter()
                .zip(query)
                .map(|(a, b)| f32::from(*a) * f32::from(b))
                .sum()
        };
        let mut hits: Vec<(String, f32)> = self
            .passing(filter)
            .iter()
            .map(|(id, known)| ((*id).to_owned(), score(known.vector)))
            .collect();
        hits.sort_by(|a, b| b.1.total_cmp(&a.1));
        hits
    }
}

fn search(view: &View, search: &Search) -> Result<Answer, EngineError> {
    super::answer::answer(view, search, &QueryCache::new(0), &Metrics::new().unwrap())
}

fn view_of(live: &Live) -> View {
    View::new("c".into(), live.clone(), None, Arc::new(Signals::in_memory()))
}

/// All pages of a scroll.
fn scrolled(view: &View, filter: Option<&Value>, limit: usize) -> Vec<(String, Value)> {
    let mut scroll = Scroll {
        filter: filter.cloned(),
        limit,
        ..Scroll::default()
    };
    let mut all = Vec::new();
    loop {
        let page = view.scroll(&scroll).unwrap();
        assert!(
            page.items.len() == limit || page.next.is_none(),
            "only the last page is short"
        );
        all.extend(
            page.items
                .into_iter()
                .map(|item| (item.id, serde_json::from_str(item.fields.get()).unwrap())),
        );
        match page.next {
            None => return all,
            next => scroll.after = next,
        }
    }
}

fn check_items(view: &View, oracle: &Oracle) -> Result<(), TestCaseError> {
    for n in 0..50 {
        let found = view.live().find(&id_of(n)).map(|found| found.version.0);
        prop_assert_eq!(found, oracle.items.get(&id_of(n)).map(|known| known.version));
    }
    let expected: Vec<(String, Value)> = oracle
        .passing(&json!({}))
        .into_iter()
        .map(|(id, known)| {
            (
                id.to_owned(),
                serde_json::from_str(&checked(id, &known.fields).document).unwrap(),
            )
        })
        .collect();
    prop_assert_eq!(view.live().len(), expected.len());
    prop_assert_eq!(view.count(None).unwrap(), expected.len());
    prop_assert_eq!(scrolled(view, None, 7), expected);
    Ok(())
}

fn check_filter(view: &View, oracle: &Oracle, filter: &Value, query: [i8; 3]) -> Result<(), TestCaseError> {
    let passing: Vec<String> = oracle
        .passing(filter)
        .iter()
        .map(|(id, _)| (*id).to_owned())
        .collect();
    prop_assert_eq!(view.count(Some(filter)).unwrap(), passing.len(), "{}", filter);
    prop_assert_eq!(&view.matching(filter).unwrap(), &passing, "{}", filter);
    let pages: Vec<String> = scrolled(view, Some(filter), 3)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    prop_assert_eq!(&pages, &passing, "{}", filter);
    let expected = oracle.hits(filter, query);
    for (limit, effort) in [(5, Effort::Exact), (50, Effort::Exact), (50, Effort::Default)] {
        let asked = Search {
            query: Query::Vector(query.map(f32::from).into()),
            filter: Some(filter.clone()),
            limit,
            fields: Some(vec![]),
            effort,
            ..Search::default()
        };
        let answer = search(view, &asked).unwrap();
        let hits: Vec<(String, f32)> = answer.hits.into_iter().map(|hit| (hit.id, hit.score)).collect();
        prop_assert_eq!(
            &hits[..],
            &expected[..expected.len().min(limit)],
            "{} {:?}",
            filter,
            effort
        );
        prop_assert_eq!(answer.plan.admissible, Some(expected.len()));
        prop_assert_eq!(answer.position, view.position());
        prop_assert!(answer.exact || effort == Effort::Default);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn views_answer_what_the_changes_say(
        rows in vec((document(), vector()), 0..40),
        commits in vec(vec(change(), 1..12), 1..12),
        filters in vec(filter(), 4),
        query in vector(),
        kind in select(vec![Kind::Flat, Kind::Hnsw, Kind::Graph]),
    ) {
        let (_folder, snapshot) = published(&rows, kind);
        let (mut live, mut oracle, mut position) = (Live::new(snapshot), Oracle::of(&rows), 0);
        let mut before = Vec::new();
        for commit in &commits {
            before.push((live.clone(), oracle.clone()));
            let steps: Vec<(Position, Step)> = commit.iter().map(|change| {
                position += 1;
                (Position(position), oracle.change(position, change))
            }).collect();
            live.apply(steps);
            let view = view_of(&live);
            prop_assert_eq!(view.position(), Position(position));
            check_items(&view, &oracle)?;
            for filter in &filters {
                check_filter(&view, &oracle, filter, query)?;
            }
        }
        // What a request still holds from before answers as it did.
        for (live, oracle) in before {
            let view = view_of(&live);
            check_items(&view, &oracle)?;
            check_filter(&view, &oracle, &filters[0], query)?;
        }
    }
}
