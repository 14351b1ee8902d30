//! Recommendations, on small collections whose neighbors are plain to see.

mod calls;
mod kept;
mod rules;
mod signals;
mod strategies;

use super::*;
use crate::engine::{Instead, Recommend, Recommended};
use crate::placements::{Part, Placement};
use crate::ranking::Strategy;

const SHOP: &str = "shop";

/// Twelve items: four each in the east, the north and above, one a day.
const ITEMS: usize = 12;

fn shop_schema() -> Schema {
    let field = |kind| Field { kind, filter: true };
    let mut schema = schema();
    schema
        .fields
        .insert("brand".to_owned(), field(FieldType::Keyword));
    schema
        .fields
        .insert("created".to_owned(), field(FieldType::Timestamp));
    schema
}

/// The directions of the shop, and their colors.
const WAYS: [(&str, &str, [f64; 3]); 3] = [
    ("east", "red", [1.0, 0.0, 0.0]),
    ("north", "blue", [0.0, 1.0, 0.0]),
    ("above", "green", [0.0, 0.0, 1.0]),
];

/// `east0` to `east3` and so on; the number of an item is its day.
fn shop_item(at: usize) -> Map<String, Value> {
    let (name, color, way) = WAYS[at / 4];
    let number = at % 4;
    let off = 0.1 * number as f64;
    let vector: Vec<f64> = way
        .iter()
        .enumerate()
        .map(|(axis, part)| part + if axis == (at / 4 + 1) % 3 { off } else { 0.0 })
        .collect();
    fields(json!({
        "id": format!("{name}{number}"), "color": color, "brand": format!("b{}", number % 2), "price": at,
        "created": format!("2026-01-{:02}", at + 1), "vector": vector,
    }))
}

fn with_shop(data: &Path) -> Engine {
    with_shop_and(data, |_| ())
}

fn with_shop_and(data: &Path, change: impl FnOnce(&mut Settings)) -> Engine {
    let engine = open_with(data, change);
    let shop = NewCollection {
        schema: shop_schema(),
        metric: Metric::Cosine,
        kind: Kind::Graph,
        dimension: Some(3),
    };
    engine.create_collection(SHOP, &shop).unwrap();
    let items = (0..ITEMS).map(|at| Change::Upsert(shop_item(at))).collect();
    write_shop(&engine, items);
    engine
}

fn write_shop(engine: &Engine, changes: Vec<Change>) {
    let written = engine.write(SHOP, changes, &options()).unwrap();
    let refused = written
        .outcomes
        .iter()
        .any(|outcome| matches!(outcome, Outcome::Rejected(_)));
    assert!(!refused, "{:?}", outcomes(&written));
}

fn by(strategy: Strategy) -> Placement {
    Placement {
        strategy: Some(strategy),
        limit: Some(4),
        ..Placement::default()
    }
}

fn names(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn try_ask(engine: &Engine, call: &Recommend) -> Result<Recommended, EngineError> {
    let view = engine.view(SHOP).unwrap();
    engine.recommend(&view, call, Instead::default())
}

#[track_caller]
fn ask(engine: &Engine, call: &Recommend) -> Recommended {
    try_ask(engine, call).unwrap()
}

fn ids(answer: &Recommended) -> Vec<&str> {
    answer.hits.iter().map(|hit| hit.id.as_str()).collect()
}

/// The ids in order of their names.
fn sorted(answer: &Recommended) -> Vec<&str> {
    let mut sorted = ids(answer);
    sorted.sort_unstable();
    sorted
}

/// Strategy, found, used, and whether it only filled up.
fn tried(answer: &Recommended) -> Vec<(Strategy, usize, usize, bool)> {
    let tried = answer.strategies.iter();
    tried
        .map(|tried| (tried.strategy, tried.found, tried.used, tried.fallback))
        .collect()
}
