//! Hostile filters: each is refused naming the condition that is wrong.

use crate::hostile::{Case, SEARCH, check};
use crate::support::shared_shop;
use serde_json::json;

/// Filters and the field that their refusal names.
#[rustfmt::skip]
const REFUSED: [(&str, &str); 24] = [
    (r#"{"titel": "x"}"#, "filter.titel"),
    (r#"{"title": "x"}"#, "filter.title"),
    (r#"{"or": [{"brand": "Velo"}, {"size": 4}]}"#, "filter.or[1].size"),
    (r#"{"not": {"and": [{"siez": 4}]}}"#, "filter.not.and[0].siez"),
    (r#"{"price": {"less": 4}}"#, "filter.price.less"),
    (r#"{"price": {}}"#, "filter.price"),
    (r#"{"price": {"gte": "10"}}"#, "filter.price.gte"),
    (r#"{"price": {"gt": 1, "gte": 2}}"#, "filter.price.gte"),
    (r#"{"price": {"in": 10}}"#, "filter.price.in"),
    (r#"{"price": [10, "x"]}"#, "filter.price"),
    (r#"{"price": null}"#, "filter.price"),
    (r#"{"brand": {"gte": "A"}}"#, "filter.brand.gte"),
    (r#"{"brand": [["Velo"]]}"#, "filter.brand"),
    (r#"{"in_stock": "yes"}"#, "filter.in_stock"),
    (r#"{"in_stock": {"lt": true}}"#, "filter.in_stock.lt"),
    (r#"{"created": "yesterday"}"#, "filter.created"),
    (r#"{"created": {"gte": "2026-13-01"}}"#, "filter.created.gte"),
    (r#"{"and": {"brand": "Velo"}}"#, "filter.and"),
    (r#"{"or": []}"#, "filter.or"),
    (r#"{"or": ["Velo"]}"#, "filter.or[0]"),
    (r#"{"not": [{"brand": "Velo"}]}"#, "filter.not"),
    (r#"{"": 1}"#, "filter."),
    (r#"{"price": {"gte": 1}, "price": {"lt": 2}}"#, "filter.price"),
    (r#"{"price": {"gte": 1, "gte": 2}}"#, "filter.price.gte"),
];

fn search_with(filter: &str) -> Vec<u8> {
    format!("{{\"text\": \"x\", \"filter\": {filter}}}").into_bytes()
}

#[test]
fn filters_that_cannot_be_are_refused() {
    let case =
        |&(filter, field): &(&str, &'static str)| -> Case { (SEARCH, search_with(filter), 400, field) };
    check(REFUSED.iter().map(case).collect());
}

#[test]
fn endless_lists_are_refused() {
    let brands: Vec<String> = (0..20_000).map(|at| format!("b{at}")).collect();
    let prices: Vec<u32> = (0..20_000).collect();
    let halves = json!({"or": [{"price": prices[..6_000]}, {"price": prices[..6_000]}]});
    check(vec![
        (
            SEARCH,
            search_with(&json!({"brand": {"in": brands}}).to_string()),
            400,
            "filter.brand.in",
        ),
        (
            SEARCH,
            search_with(&json!({"price": prices}).to_string()),
            400,
            "filter.price",
        ),
        (
            SEARCH,
            search_with(&halves.to_string()),
            400,
            "filter.or[1].price",
        ),
    ]);
}

#[test]
fn filters_that_would_touch_every_row_again_and_again_are_refused() {
    let empty = vec![json!({}); 300];
    let ranges: Vec<_> = (0..300).map(|least| json!({"price": {"gte": least}})).collect();
    check(vec![
        (
            SEARCH,
            search_with(&json!({"or": empty}).to_string()),
            400,
            "filter.or[255]",
        ),
        (
            SEARCH,
            search_with(&json!({"and": ranges}).to_string()),
            400,
            "filter.and[127].price",
        ),
    ]);
}

fn nested(depth: usize, open: &str, close: &str) -> Vec<u8> {
    search_with(&format!("{}{{}}{}", open.repeat(depth), close.repeat(depth)))
}

#[test]
fn deep_filters_are_refused_whatever_they_are_made_of() {
    let (server, _) = shared_shop();
    for (open, close) in [
        ("{\"not\":", "}"),
        ("{\"and\":[", "]}"),
        ("{\"or\":[", "]}"),
        ("[", "]"),
        ("{\"brand\":", "}"),
    ] {
        for depth in [17, 50, 200, 5_000, 100_000] {
            let problem = server
                .ask("POST", SEARCH, Some(&nested(depth, open, close)))
                .problem(400);
            let field = problem["field"].as_str().unwrap();
            assert!(field.starts_with("filter"), "{depth} × {open}: {problem}");
            assert!(
                field.len() < 2_000,
                "{depth} × {open}: a field of {} bytes",
                field.len()
            );
        }
    }
    let accepted = nested(15, "{\"not\":", "}");
    server.ask("POST", SEARCH, Some(&accepted)).json();
}
