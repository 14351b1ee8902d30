//! Search and recommendations, from a catalog to the answer.

use crate::support::{Answer, shared_shop, shop_rows};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn search(body: &Value) -> Answer {
    shared_shop().0.search("shop", body)
}

fn ids_of(hits: &Value) -> Vec<&str> {
    hits.as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["id"].as_str().unwrap())
        .collect()
}

/// The ids of the rows that pass, straight from the catalog.
fn rows_where(admit: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    shop_rows()
        .iter()
        .filter(|row| admit(row))
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The ids that a filter admits, asked for with room for all.
#[track_caller]
fn filtered(filter: &Value) -> BTreeSet<String> {
    let answer = search(&json!({"text": "something nice", "limit": 1000, "filter": filter}));
    let ids = answer.ids();
    let set: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(set.len(), ids.len(), "no item twice: {ids:?}");
    assert!(!answer.json()["partial"].as_bool().unwrap(), "{}", answer.text());
    set
}

#[test]
fn words_find_what_they_mean() {
    for (text, wanted) in [
        ("something to keep my coffee warm on the train", "KIT-2"),
        ("footwear for jogging", "SHO-1"),
        ("listen to music without hearing the plane", "ELE-1"),
        ("cut my rose bushes", "GAR-1"),
        ("learn about stars", "BOO-2"),
        ("stuffed animal", "TOY-2"),
        ("lift weights at home", "SPO-2"),
    ] {
        let ids = search(&json!({"text": text, "limit": 3})).ids();
        assert_eq!(ids.len(), 3);
        assert!(
            ids.iter().any(|id| id == wanted),
            "{text:?} should find {wanted} among the first 3: {ids:?}"
        );
    }
}

#[test]
fn an_answer_says_where_it_came_from() {
    let (server, _) = shared_shop();
    let answer = search(&json!({"text": "espresso"})).json();
    assert_eq!(
        answer["hits"].as_array().unwrap().len(),
        10,
        "ten unless told otherwise"
    );
    assert_eq!(answer["snapshot"], server.snapshot("shop"));
    assert!(
        answer["model"]
            .as_str()
            .unwrap()
            .starts_with("all-minilm-l6-v2@1:"),
        "{answer}"
    );
    assert!(answer["took_ms"].as_f64().unwrap() > 0.0);
    assert!(answer["exact"].is_boolean() && answer["partial"].is_boolean());
    assert!(answer.get("plan").is_none(), "no plan unless asked for");
    let best = &answer["hits"][0];
    assert_eq!(best["id"], "KIT-4");
    let row = shop_rows().into_iter().find(|row| row["id"] == "KIT-4").unwrap();
    assert_eq!(best["fields"], row, "the item's fields as the catalog has them");
    let scores: Vec<f64> = answer["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["score"].as_f64().unwrap())
        .collect();
    assert!(
        scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|s| (-1.001..=1.001).contains(s)),
        "{scores:?}"
    );
}

#[test]
fn any_content_type_will_do() {
    let (server, _) = shared_shop();
    let body = br#"{"text": "espresso", "limit": 1}"#;
    let answer = server.ask("POST", "/v1/collections/shop/search", Some(body));
    assert_eq!(answer.ids(), ["KIT-4"], "no content-type header at all");
}

#[test]
fn exact_search_agrees_with_the_graph_here() {
    for text in ["warm drinks", "shoes", "gift for a child", "tent"] {
        let graph = search(&json!({"text": text, "limit": 10})).json();
        let exact = search(&json!({"text": text, "limit": 10, "exact": true, "plan": true})).json();
        assert_eq!(exact["exact"], true);
        assert_eq!(exact["plan"]["kind"], "exact");
        assert_eq!(
            ids_of(&graph["hits"]),
            ids_of(&exact["hits"]),
            "40 items are no challenge for a graph"
        );
    }
}

#[test]
fn a_recall_can_be_asked_for() {
    let (server, _) = shared_shop();
    let plan = |path: &str, body: Value| server.post(path, &body).json()["plan"].clone();
    for (path, query) in [
        ("/v1/collections/shop/search", json!({"text": "tent"})),
        ("/v1/collections/points/search", json!({"vector": [1.0, 0.0]})),
        ("/v1/collections/shop/recommend", json!({"like": ["SHO-1"]})),
    ] {
        let with = |more: Value| {
            let mut body = query.clone();
            let fields = body.as_object_mut().unwrap();
            fields.insert("plan".to_owned(), true.into());
            fields.extend(more.as_object().unwrap().clone());
            body
        };
        assert_eq!(plan(path, with(json!({"recall": 0.95})))["recall_target"], 0.95);
        assert_eq!(
            plan(path, with(json!({"recall": 0.95, "exact": false})))["recall_target"],
            0.95
        );
        assert_eq!(plan(path, with(json!({"exact": false})))["recall_target"], 0.99);
        for exact in [
            json!({"recall": 1}),
            json!({"exact": true}),
            json!({"recall": 1.0, "exact": true}),
        ] {
            let plan = plan(path, with(exact));
            assert_eq!(
                (&plan["recall_target"], &plan["kind"]),
                (&json!(1.0), &json!("exact"))
            );
        }
        for contradiction in [
            json!({"recall": 0.9, "exact": true}),
            json!({"recall": 1, "exact": false}),
        ] {
            let problem = server.post(path, &with(contradiction)).problem(400);
            assert_eq!(problem["field"], "recall", "{problem}");
        }
        let problem = server.post(path, &with(json!({"recall": 1.5}))).problem(400);
        assert_eq!(problem["field"], "recall");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("1.5, must be above 0 and at most 1"),
            "{problem}"
        );
    }
}

#[test]
fn the_plan_shows_the_work() {
    let body = json!({"text": "tent", "plan": true, "filter": {"brand": "Karst"}});
    let plan = &search(&body).json()["plan"];
    assert_eq!(plan["kind"], "exact", "so few are compared in full: {plan}");
    assert_eq!(
        plan["admissible"].as_u64().unwrap() as usize,
        rows_where(|row| row["brand"] == "Karst").len()
    );
    assert!(plan["distances"].as_u64().unwrap() > 0);
    assert!(
        plan["encode_ms"].as_f64().unwrap() > 0.0 && plan["search_ms"].as_f64().unwrap() > 0.0,
        "{plan}"
    );
    for key in ["beam", "hops", "bytes", "filter_ms"] {
        assert!(plan[key].is_number(), "{key} in {plan}");
    }
}

#[test]
fn a_vector_finds_its_nearest_points() {
    let (server, _) = shared_shop();
    let answer = server
        .search("points", &json!({"vector": [1.0, 0.0], "limit": 5}))
        .json();
    assert_eq!(
        ids_of(&answer["hits"]),
        ["p0", "p1", "p49", "p2", "p48"],
        "ties by row"
    );
    let best = answer["hits"][0]["score"].as_f64().unwrap();
    assert!((best - 1.0).abs() < 1e-5, "cosine similarity of equals: {best}");
    let second = answer["hits"][1]["score"].as_f64().unwrap();
    assert!(
        (second - (std::f64::consts::TAU / 50.0).cos()).abs() < 1e-4,
        "{second}"
    );
    assert_eq!(answer["model"], Value::Null);
    assert!(
        answer["hits"][0]["fields"].get("v").is_none(),
        "vectors are no payload"
    );
    let longer = server
        .search("points", &json!({"vector": [1000.0, 0.0], "limit": 5}))
        .json();
    assert_eq!(
        ids_of(&longer["hits"]),
        ids_of(&answer["hits"]),
        "cosine knows no length"
    );
}

#[test]
fn a_collection_without_model_says_so() {
    let (server, _) = shared_shop();
    let problem = server.search("points", &json!({"text": "right"})).problem(400);
    assert_eq!(problem["field"], "text");
    assert!(
        problem["detail"].as_str().unwrap().contains("`vector`"),
        "{problem}"
    );
}

#[test]
fn like_finds_similar_items_and_leaves_the_examples_out() {
    let (server, _) = shared_shop();
    let body = json!({"like": ["SHO-1"], "limit": 2});
    let ids = search(&body).ids();
    assert!(
        ids.contains(&"SHO-2".to_owned()) && !ids.contains(&"SHO-1".to_owned()),
        "{ids:?}"
    );
    let recommended = server.post("/v1/collections/shop/recommend", &body).ids();
    assert_eq!(recommended, ids, "a recommendation is a search by examples");
    let all = search(&json!({"like": ["SHO-1", "SHO-2"], "limit": 1000})).ids();
    assert_eq!(all.len(), 38, "everything but the examples");
}

#[test]
fn unlike_moves_away() {
    let (server, _) = shared_shop();
    let recommend = |body: &Value| server.post("/v1/collections/shop/recommend", body).ids();
    let place = |ids: &[String], id: &str| ids.iter().position(|found| found == id).unwrap();
    let plain = recommend(&json!({"like": ["ELE-5"], "limit": 39}));
    let away = recommend(&json!({"like": ["ELE-5"], "unlike": ["ELE-4"], "limit": 39}));
    assert!(
        !away.contains(&"ELE-4".to_owned()) && !away.contains(&"ELE-5".to_owned()),
        "{away:?}"
    );
    assert!(plain.contains(&"ELE-4".to_owned()));
    let (before, after) = (place(&plain, "ELE-6"), place(&away, "ELE-6"));
    assert!(
        after > before,
        "a monitor is like a keyboard, so it falls: from {before} to {after}"
    );
}

#[test]
fn equal_in_and_lists() {
    assert_eq!(
        filtered(&json!({"brand": "Verde"})),
        rows_where(|row| row["brand"] == "Verde")
    );
    assert_eq!(
        filtered(&json!({"brand": {"eq": "Verde"}})),
        rows_where(|row| row["brand"] == "Verde")
    );
    let two = rows_where(|row| row["brand"] == "Verde" || row["brand"] == "Velo");
    assert_eq!(filtered(&json!({"brand": ["Verde", "Velo", "Nobody"]})), two);
    assert_eq!(filtered(&json!({"brand": {"in": ["Verde", "Velo"]}})), two);
    assert_eq!(
        filtered(&json!({"brand": "verde"})),
        BTreeSet::new(),
        "keywords are exact"
    );
    assert_eq!(filtered(&json!({"brand": []})), BTreeSet::new(), "any of none");
    assert_eq!(
        filtered(&json!({"price": 89})),
        rows_where(|row| row["price"] == 89.0)
    );
    assert_eq!(filtered(&json!({})).len(), 40, "no condition");
}

#[test]
fn list_fields_match_any_of_their_values() {
    let has = |row: &Value, color: &str| row["color"].as_array().unwrap().contains(&json!(color));
    assert_eq!(
        filtered(&json!({"color": "red"})),
        rows_where(|row| has(row, "red"))
    );
    assert_eq!(
        filtered(&json!({"color": "red", "not": {"color": "blue"}})),
        rows_where(|row| has(row, "red") && !has(row, "blue"))
    );
    assert_eq!(
        filtered(
            &json!({"not": {"color": ["black", "white", "red", "blue", "green", "brown", "silver", "grey"]}})
        ),
        rows_where(|row| row["color"].as_array().unwrap().is_empty()),
        "an item without a value passes `not` only"
    );
    let size_between = |row: &Value| {
        row["sizes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|size| (41.5..43.0).contains(&size.as_f64().unwrap()))
    };
    assert_eq!(
        filtered(&json!({"sizes": {"gte": 41.5, "lt": 43}})),
        rows_where(size_between)
    );
}

#[test]
fn ranges_of_numbers_and_times() {
    let price = |row: &Value| row["price"].as_f64().unwrap();
    assert_eq!(
        filtered(&json!({"price": {"gte": 31, "lt": 89}})),
        rows_where(|row| (31.0..89.0).contains(&price(row)))
    );
    assert_eq!(
        filtered(&json!({"price": {"gt": 31, "lte": 89}})),
        rows_where(|row| price(row) > 31.0 && price(row) <= 89.0)
    );
    assert_eq!(filtered(&json!({"price": {"lt": 0}})), BTreeSet::new());
    assert_eq!(
        filtered(&json!({"price": {"gt": 50, "lt": 10}})),
        BTreeSet::new(),
        "an empty range"
    );
    let created = |row: &Value| row["created"].as_str().unwrap().to_owned();
    let spring = rows_where(|row| ("2026-03-01".."2026-06-01").contains(&created(row).as_str()));
    assert_eq!(
        filtered(&json!({"created": {"gte": "2026-03-01", "lt": "2026-06-01"}})),
        spring
    );
    assert_eq!(
        filtered(&json!({"created": {"gte": "2026-03-01T01:00:00+01:00", "lt": "2026-06-01T00:00:00Z"}})),
        spring
    );
    assert_eq!(
        filtered(&json!({"created": {"gte": 1_772_323_200_000_i64, "lt": 1_780_272_000_000_i64}})),
        spring
    );
}

#[test]
fn booleans_and_combinations() {
    assert_eq!(
        filtered(&json!({"in_stock": false})),
        rows_where(|row| row["in_stock"] == false)
    );
    let price = |row: &Value| row["price"].as_f64().unwrap();
    assert_eq!(
        filtered(
            &json!({"or": [{"category": "Books", "price": {"lt": 20}}, {"brand": "Karst"}], "in_stock": true})
        ),
        rows_where(|row| {
            ((row["category"] == "Books" && price(row) < 20.0) || row["brand"] == "Karst")
                && row["in_stock"] == true
        })
    );
    assert_eq!(
        filtered(
            &json!({"and": [{"not": {"in_stock": true}}, {"not": {"or": [{"brand": "Velo"}, {"brand": "Verde"}]}}]})
        ),
        rows_where(|row| row["in_stock"] == false && row["brand"] != "Velo" && row["brand"] != "Verde")
    );
}

#[test]
fn recommendations_take_filters_too() {
    let (server, _) = shared_shop();
    let body =
        json!({"like": ["KIT-1"], "limit": 50, "filter": {"category": "Sport"}, "fields": ["category"]});
    let answer = server.post("/v1/collections/shop/recommend", &body);
    let found: BTreeSet<String> = answer.ids().into_iter().collect();
    assert_eq!(found, rows_where(|row| row["category"] == "Sport"));
    for hit in answer.json()["hits"].as_array().unwrap() {
        assert_eq!(hit["fields"], json!({"category": "Sport"}));
    }
}

#[test]
fn limit_fields_and_least_score() {
    for limit in [1, 7, 40, 1000] {
        assert_eq!(
            search(&json!({"text": "gift", "limit": limit})).ids().len(),
            limit.min(40)
        );
    }
    let answer = search(&json!({"text": "gift", "limit": 3, "fields": ["price", "title"]})).json();
    for hit in answer["hits"].as_array().unwrap() {
        let keys: Vec<&String> = hit["fields"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["price", "title"]);
    }
    let none = search(&json!({"text": "gift", "limit": 1, "fields": []})).json();
    assert_eq!(none["hits"][0]["fields"], json!({}));
    let all = search(&json!({"text": "hot coffee", "limit": 40})).json();
    let scores: Vec<f64> = all["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["score"].as_f64().unwrap())
        .collect();
    let least = f64::midpoint(scores[4], scores[5]);
    let best = search(&json!({"text": "hot coffee", "limit": 40, "min_score": least})).json();
    assert_eq!(
        best["hits"].as_array().unwrap(),
        &all["hits"].as_array().unwrap()[..5]
    );
    assert_eq!(
        search(&json!({"text": "hot coffee", "min_score": 2.0})).ids(),
        [""; 0]
    );
}

#[test]
fn unicode_ids_serve_as_examples() {
    let body = json!({"like": ["Zelt/Größe 42 % «ü»"], "limit": 3});
    let ids = search(&body).ids();
    assert!(
        ids.contains(&"SPO-3".to_owned()),
        "a sleeping bag goes with a tent: {ids:?}"
    );
}

#[test]
fn other_metrics_rank_by_their_own_scores() {
    use crate::support::{Server, alike, temp_dir};
    let data = temp_dir();
    let input = data.path().join("v.jsonl");
    let rows =
        "{\"id\":\"near\",\"v\":[1,1]}\n{\"id\":\"long\",\"v\":[9,1]}\n{\"id\":\"back\",\"v\":[-2,0]}\n";
    std::fs::write(&input, rows).unwrap();
    for metric in ["dot", "l2"] {
        let data = data.path().to_str().unwrap();
        let input = input.to_str().unwrap();
        alike([
            "build",
            "--data",
            data,
            "--collection",
            metric,
            "--input",
            input,
            "--id",
            "id",
            "--vector",
            "v",
            "--metric",
            metric,
        ])
        .succeeded();
    }
    let server = Server::start(data.path());
    let ask = |metric: &str| {
        let answer = server.search(metric, &json!({"vector": [2.0, 1.0]})).json();
        answer["hits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hit| {
                (
                    hit["id"].as_str().unwrap().to_owned(),
                    hit["score"].as_f64().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ask("dot"),
        [
            ("long".to_owned(), 19.0),
            ("near".to_owned(), 3.0),
            ("back".to_owned(), -4.0)
        ]
    );
    assert_eq!(
        ask("l2"),
        [
            ("near".to_owned(), -1.0),
            ("back".to_owned(), -17.0),
            ("long".to_owned(), -49.0)
        ]
    );
}
