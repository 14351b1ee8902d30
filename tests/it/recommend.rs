//! Recommendations over HTTP: strategies, fallbacks, rules, experiments, and answers that are shared.

use crate::support::live::{Caller, NO_REBUILDS};
use crate::support::{Answer, Server, copy_tree, poll, shared_shop, temp_dir};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tempfile::TempDir;

const SHOP: &str = "/v1/collections/shop";
const RECOMMEND: &str = "/v1/collections/shop/recommend";

/// The shop in a data directory of its own, on a server that keeps shared answers so many milliseconds.
fn own_shop(ttl_ms: &str) -> (TempDir, Server) {
    let data = temp_dir();
    copy_tree(
        &shared_shop().1.join("collections/shop"),
        &data.path().join("collections/shop"),
    );
    let variables = [&NO_REBUILDS[..], &[("ALIKE__SERVER__TRENDING_TTL_MS", ttl_ms)]].concat();
    let server = Server::start_with(data.path(), &[], &variables);
    (data, server)
}

#[track_caller]
fn ask(server: &Server, body: &Value) -> Value {
    server.post(RECOMMEND, body).json()
}

#[track_caller]
fn ids(answer: &Value) -> Vec<String> {
    let hits = answer["hits"]
        .as_array()
        .unwrap_or_else(|| panic!("no hits in {answer}"));
    hits.iter()
        .map(|hit| hit["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The strategies that hits came from.
fn sources(answer: &Value) -> BTreeSet<String> {
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["strategy"].as_str().unwrap_or("none").to_owned())
        .collect()
}

/// Shoppers buy a flask with a mug, and look at shoes after boots; the mug is what most of them want.
fn record(server: &Server) {
    let mut events = Vec::new();
    for shopper in 0..8 {
        let user = format!("u{shopper}");
        for item in ["KIT-1", "KIT-2"] {
            events.push(
                json!({"collection": "shop", "type": "purchase", "item": item, "user": user,
                "basket": format!("b{shopper}")}),
            );
        }
        for item in ["SHO-3", "SHO-2"] {
            events.push(
                json!({"collection": "shop", "type": "view", "item": item, "user": user,
                "session": format!("s{shopper}")}),
            );
        }
    }
    for shopper in 0..6 {
        let (user, basket) = (format!("v{shopper}"), format!("c{shopper}"));
        let item = ["ELE-1", "BOO-1", "TOY-1"][shopper % 3];
        events.push(
            json!({"collection": "shop", "type": "purchase", "item": item, "user": user, "basket": basket,
            "segment": "new"}),
        );
    }
    let answer = server.post("/v1/events", &json!(events)).json();
    assert_eq!(answer["rejected"], 0, "{answer}");
}

#[test]
fn every_strategy_finds_what_it_should() {
    let (_data, server) = own_shop("0");
    record(&server);
    let first = |body: &Value| ids(&ask(&server, body))[0].clone();
    assert_eq!(
        first(&json!({"strategy": "bought_together", "basket": ["KIT-1"]})),
        "KIT-2"
    );
    assert_eq!(
        first(&json!({"strategy": "bought_together", "like": ["KIT-2"]})),
        "KIT-1"
    );
    assert_eq!(first(&json!({"basket": ["KIT-2", "unheard-of"]})), "KIT-1");
    assert_eq!(
        first(&json!({"strategy": "viewed_together", "like": ["SHO-3"]})),
        "SHO-2"
    );
    assert_eq!(
        first(&json!({"strategy": "new"})),
        "SHO-5",
        "of the twentieth of June"
    );
    for strategy in ["trending", "popular"] {
        let answer = ask(
            &server,
            &json!({"strategy": strategy, "limit": 2, "window": "7d"}),
        );
        let found: BTreeSet<String> = ids(&answer).into_iter().collect();
        assert_eq!(found, ["KIT-1", "KIT-2"].map(str::to_owned).into(), "{strategy}");
        assert_eq!(sources(&answer), [strategy.to_owned()].into());
    }
    let rising = ask(
        &server,
        &json!({"strategy": "rising", "limit": 3, "fallback": []}),
    );
    assert!(
        sources(&rising).iter().all(|source| source == "rising"),
        "{rising}"
    );
    let of_segment = json!({"strategy": "trending", "segment": "new", "limit": 3, "fallback": []});
    let found: BTreeSet<String> = ids(&ask(&server, &of_segment)).into_iter().collect();
    assert_eq!(found, ["ELE-1", "BOO-1", "TOY-1"].map(str::to_owned).into());
    let filtered = json!({"strategy": "trending", "filter": {"category": "Shoes"}, "fallback": []});
    let found: BTreeSet<String> = ids(&ask(&server, &filtered)).into_iter().collect();
    assert_eq!(found, ["SHO-2", "SHO-3"].map(str::to_owned).into());
    let for_you = ask(
        &server,
        &json!({"user": "u1", "rules": {"exclude": {"bought": true}}, "limit": 5}),
    );
    assert!(sources(&for_you).contains("for_you"), "{for_you}");
    for bought in ["KIT-1", "KIT-2"] {
        assert!(!ids(&for_you).contains(&bought.to_owned()), "{for_you}");
    }
}

#[test]
fn like_alone_is_what_it_was_and_says_more() {
    let (server, _) = shared_shop();
    let body = json!({"like": ["SHO-1"], "limit": 3, "plan": true, "fields": ["title"]});
    let answer = ask(server, &body);
    let search = server.search("shop", &body).json();
    assert_eq!(ids(&answer), ids(&search));
    for key in ["exact", "partial", "model", "snapshot", "position"] {
        assert_eq!(answer[key], search[key], "{key}");
    }
    assert_eq!(answer["plan"]["kind"], search["plan"]["kind"]);
    for (hit, found) in answer["hits"]
        .as_array()
        .unwrap()
        .iter()
        .zip(search["hits"].as_array().unwrap())
    {
        assert_eq!(
            (&hit["score"], &hit["fields"]),
            (&found["score"], &found["fields"])
        );
        assert_eq!(hit["strategy"], "similar");
    }
    let id = answer["recommendation_id"].as_str().unwrap();
    assert!(id.len() > 20, "{id}");
    assert_ne!(
        ask(server, &body)["recommendation_id"],
        id,
        "every answer has its own"
    );
    let expected = json!([{"strategy": "similar", "found": 3, "used": 3, "fallback": false}]);
    assert_eq!(answer["strategies"], expected);
    let sent = server.post(RECOMMEND, &body);
    assert_eq!(sent.cache_control.as_deref(), Some("private, no-store"));
}

#[test]
fn who_is_unknown_gets_the_fallback_and_is_told() {
    let (_data, server) = own_shop("0");
    let cold = ask(&server, &json!({"user": "nobody", "limit": 4}));
    assert_eq!((ids(&cold).len(), sources(&cold)), (4, ["new".to_owned()].into()));
    record(&server);
    let cold = ask(&server, &json!({"user": "nobody", "limit": 4}));
    assert_eq!(sources(&cold), ["trending".to_owned()].into());
    let tried = cold["strategies"].as_array().unwrap();
    assert_eq!(
        (&tried[0]["strategy"], &tried[0]["found"], &tried[1]["fallback"]),
        (&json!("for_you"), &json!(0), &json!(true))
    );
    let all = ask(&server, &json!({"user": "nobody", "limit": 100}));
    assert_eq!(ids(&all).len(), 40, "the chain ends with every item there is");
    let none = ask(&server, &json!({"user": "nobody", "fallback": []}));
    assert_eq!((ids(&none).len(), &none["partial"]), (0, &json!(true)));
    let chosen = ask(
        &server,
        &json!({"user": "nobody", "fallback": ["new"], "limit": 2}),
    );
    assert_eq!(ids(&chosen), ["SHO-5", "ELE-3"]);
}

#[test]
fn who_has_no_name_is_known_by_what_is_recent() {
    let (server, _) = shared_shop();
    let recent = json!({"recent": ["SHO-1", "unheard-of", "ELE-4"], "limit": 8, "fallback": []});
    let answer = ask(server, &recent);
    assert_eq!(answer["unknown_items"], 1);
    let found = ids(&answer);
    for begins in ["SHO-", "ELE-"] {
        assert!(
            found.iter().any(|id| id.starts_with(begins)),
            "{begins}: {found:?}"
        );
    }
    assert!(!found.contains(&"SHO-1".to_owned()) && !found.contains(&"ELE-4".to_owned()));
}

#[test]
fn placements_give_settings_and_calls_win() {
    let (_data, server) = own_shop("0");
    let placement = json!({"strategy": "new", "limit": 3, "fields": ["brand"], "filter": {"category": "Books"},
        "rules": {"pin": [{"item": "BOO-1", "position": 1}]}});
    server.send("PUT", &format!("{SHOP}/placements/books"), &placement);
    let answer = ask(&server, &json!({"placement": "books"}));
    assert_eq!(ids(&answer), ["BOO-1", "BOO-5", "BOO-4"]);
    assert_eq!(
        (&answer["placement"], &answer["hits"][0]["pinned"]),
        (&json!("books"), &json!(true))
    );
    assert_eq!(answer["hits"][1]["fields"], json!({"brand": "Stack"}));
    let own = ask(
        &server,
        &json!({"placement": "books", "limit": 1, "filter": {"category": "Toys"}}),
    );
    assert_eq!(
        ids(&own),
        ["TOY-4"],
        "what its filter does not let in is not pinned in"
    );
    let capped =
        json!({"strategy": "new", "limit": 10, "rules": {"max_per": [{"field": "category", "count": 1}]}});
    let categories: BTreeSet<String> = ask(&server, &capped)["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["fields"]["category"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(categories.len(), 7, "one of each");
    let problem = server
        .post(RECOMMEND, &json!({"placement": "nowhere"}))
        .problem(404);
    assert_eq!(problem["field"], "placement");
}

#[test]
fn what_is_wrong_with_a_call_is_named() {
    let (server, _) = shared_shop();
    for (body, status, field) in [
        (json!({}), 400, "like"),
        (json!({"like": []}), 400, "like"),
        (json!({"like": ["nothing"]}), 404, "like[0]"),
        (
            json!({"like": ["KIT-1"], "unlike": ["KIT-2", "nothing"]}),
            404,
            "unlike[1]",
        ),
        (json!({"unlike": ["KIT-1"]}), 400, "like"),
        (json!({"strategy": "similar"}), 400, "like"),
        (json!({"strategy": "similar", "user": "u"}), 400, "like"),
        (json!({"strategy": "bought_together"}), 400, "basket"),
        (json!({"strategy": "viewed_together", "user": "u"}), 400, "basket"),
        (json!({"strategy": "best"}), 400, "strategy"),
        (
            json!({"strategy": "new", "blend": [{"strategy": "new", "weight": 1}]}),
            400,
            "blend",
        ),
        (json!({"blend": [{"strategy": "new"}]}), 400, "blend[0].weight"),
        (
            json!({"blend": [{"strategy": "new", "wieght": 1}]}),
            400,
            "blend[0].wieght",
        ),
        (
            json!({"strategy": "new", "fallback": ["newest"]}),
            400,
            "fallback[0]",
        ),
        (json!({"strategy": "new", "window": "2h"}), 400, "window"),
        (json!({"strategy": "new", "limit": 0}), 400, "limit"),
        (
            json!({"strategy": "new", "filter": {"colr": "red"}}),
            400,
            "filter.colr",
        ),
        (
            json!({"strategy": "new", "rules": {"exclued": {}}}),
            400,
            "rules.exclued",
        ),
        (
            json!({"strategy": "new", "rules": {"diversity": 2}}),
            400,
            "rules.diversity",
        ),
        (
            json!({"strategy": "new", "rules": {"boost": [{"filter": {"colr": 1}, "factor": 2}]}}),
            400,
            "rules.boost[0].filter.colr",
        ),
        (json!({"user": ""}), 400, "user"),
        (json!({"user": 5}), 400, "user"),
        (json!({"recent": "KIT-1"}), 400, "recent"),
        (json!({"strategy": "new", "basekt": []}), 400, "basekt"),
        (json!({"strategy": "new", "experiment": "e"}), 400, "unit"),
        (json!({"user": "u", "experiment": "nothing"}), 404, "experiment"),
        (
            json!({"like": ["KIT-1"], "exact": true, "recall": 0.5}),
            400,
            "recall",
        ),
    ] {
        let problem = server.post(RECOMMEND, &body).problem(status);
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
}

#[test]
fn what_is_wrong_with_a_call_by_placement_is_named() {
    let (server, _) = shared_shop();
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=ten", "limit"),
        ("lmit=1", "lmit"),
        ("like=nothing", "like[0]"),
        ("fields=titel", "fields[0]"),
        ("segment=", "segment"),
        ("user=u", "user"),
    ] {
        let (_data, server) = placed_new("0");
        let answer = server.get(&format!("{RECOMMEND}/home?{query}"));
        let problem = answer.problem(if field == "like[0]" { 404 } else { 400 });
        assert_eq!(problem["field"], field, "{query}: {problem}");
        assert_eq!(answer.cache_control, None, "errors are nobody's to keep");
    }
    server.get(&format!("{RECOMMEND}/nowhere")).problem(404);
    server.get("/v1/collections/nowhere/recommend/home").problem(404);
}

/// A shop with a placement `home`: the newest four.
fn placed_new(ttl_ms: &str) -> (TempDir, Server) {
    let (data, server) = own_shop(ttl_ms);
    place(
        &server,
        &json!({"strategy": "new", "limit": 4, "fields": ["title"]}),
    );
    (data, server)
}

#[track_caller]
fn place(server: &Server, placement: &Value) {
    let answer = server.send("PUT", &format!("{SHOP}/placements/home"), placement);
    assert!(answer.status < 300, "{}", answer.text());
}

#[track_caller]
fn home(server: &Server) -> Answer {
    let answer = server.get(&format!("{RECOMMEND}/home"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

const NEWEST: [&str; 4] = ["SHO-5", "ELE-3", "GAR-5", "SHO-2"];

#[test]
fn answers_for_everybody_can_be_held_at_the_edge() {
    let (_data, server) = placed_new("60000");
    for path in [
        format!("{RECOMMEND}/home"),
        format!("{SHOP}/trending?window=7d"),
        format!("{SHOP}/trending?chart=popular&limit=3"),
    ] {
        let first = server.get(&path);
        assert_eq!(
            first.cache_control.as_deref(),
            Some("public, max-age=60, stale-while-revalidate=720"),
            "{path}"
        );
        let etag = first.etag.clone().unwrap();
        assert!(
            etag.starts_with('"') && etag.ends_with('"') && etag.len() > 20,
            "a strong one: {etag}"
        );
        let again = server.get(&path);
        assert_eq!((&again.body, &again.etag), (&first.body, &first.etag), "{path}");
        for sent in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
            let same = server.ask_with("GET", &path, &[("if-none-match", &sent)], None);
            assert_eq!((same.status, same.body.len()), (304, 0), "{path} {sent}");
            assert_eq!(
                (&same.etag, &same.cache_control),
                (&first.etag, &first.cache_control)
            );
        }
        let other = server.ask_with("GET", &path, &[("if-none-match", "\"x\"")], None);
        assert_eq!((other.status, &other.body), (200, &first.body));
        assert_eq!(server.ask("HEAD", &path, None).etag, first.etag);
    }
    assert_eq!(home(&server).ids(), NEWEST);
    let requests = |method: &str, status: u16| {
        let route = "/v1/collections/{collection}/trending";
        let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
        server.metric(&format!("alike_http_requests_total{{{labels}}}"))
    };
    assert_eq!(
        (requests("GET", 200), requests("GET", 304), requests("HEAD", 200)),
        (Some(6.0), Some(6.0), Some(2.0)),
        "kept answers are requests like others"
    );
    let hits = server.metric("alike_placement_cache_requests_total{outcome=\"hit\"}");
    assert!(hits.unwrap() >= 7.0, "{hits:?}");
    assert_eq!(
        server.metric("alike_placement_cache_requests_total{outcome=\"miss\"}"),
        Some(1.0)
    );
}

#[test]
fn an_answer_past_its_time_is_given_while_the_next_one_is_made() {
    let (_data, server) = own_shop("1000");
    let bought = |item: &str, times: usize| {
        let event = |at| json!({"collection": "shop", "type": "purchase", "item": item, "user": format!("{item}-{at}")});
        let events: Vec<Value> = (0..times).map(event).collect();
        server.post("/v1/events", &json!(events)).json();
    };
    let path = format!("{SHOP}/trending?limit=1");
    bought("SHO-5", 20);
    assert_eq!(server.get(&path).ids(), ["SHO-5"]);
    bought("ELE-3", 40);
    poll("the list with what came since", || {
        (server.get(&path).ids() == ["ELE-3"]).then_some(())
    });
    let outcome = |name: &str| {
        let series = format!("alike_trending_cache_requests_total{{outcome=\"{name}\"}}");
        server.metric(&series).unwrap_or_default()
    };
    assert_eq!(outcome("miss"), 1.0, "nobody waited for the second list");
    assert!(outcome("stale") >= 1.0);
}

#[test]
fn what_is_deleted_or_changed_is_not_shown_from_a_kept_answer() {
    let (_data, server) = placed_new("60000");
    assert_eq!(home(&server).ids(), NEWEST);
    let etag = home(&server).etag.unwrap();
    server.ask("DELETE", &format!("{SHOP}/items/ELE-3"), None);
    let answer = server.ask_with(
        "GET",
        &format!("{RECOMMEND}/home"),
        &[("if-none-match", &etag)],
        None,
    );
    assert_eq!(answer.status, 200);
    assert!(!answer.ids().contains(&"ELE-3".to_owned()), "{}", answer.text());
    assert_eq!(answer.ids().len(), 4, "the next one moves up");
    let posted = ask(&server, &json!({"placement": "home"}));
    assert_eq!(ids(&posted), answer.ids());
    server.send(
        "PATCH",
        &format!("{SHOP}/items/SHO-5"),
        &json!({"brand": "Renamed"}),
    );
    let full = server.get(&format!("{RECOMMEND}/home?fields=brand"));
    assert_eq!(full.json()["hits"][0]["fields"]["brand"], "Renamed");
    server.send(
        "PATCH",
        &format!("{SHOP}/items/SHO-5"),
        &json!({"brand": "Again"}),
    );
    let full = server.get(&format!("{RECOMMEND}/home?fields=brand"));
    assert_eq!(full.json()["hits"][0]["fields"]["brand"], "Again");
    let before = home(&server);
    server.send(
        "PATCH",
        &format!("{SHOP}/items/KIT-1"),
        &json!({"brand": "Elsewhere"}),
    );
    assert_eq!(
        home(&server).body,
        before.body,
        "a change of what is not shown changes nothing"
    );
}

#[test]
fn a_changed_placement_counts_at_once() {
    let (_data, server) = placed_new("60000");
    assert_eq!(home(&server).ids().len(), 4);
    place(
        &server,
        &json!({"strategy": "new", "limit": 2, "filter": {"category": "Toys"}}),
    );
    assert_eq!(home(&server).ids(), ["TOY-4", "TOY-3"]);
    assert_eq!(
        ids(&ask(&server, &json!({"placement": "home"}))),
        ["TOY-4", "TOY-3"]
    );
    server.ask("DELETE", &format!("{SHOP}/placements/home"), None);
    server.get(&format!("{RECOMMEND}/home")).problem(404);
}

#[test]
fn a_swap_makes_answers_anew() {
    let (_data, server) = placed_new("60000");
    let (before, trending) = (home(&server), server.get(&format!("{SHOP}/trending")));
    let caller = Caller::of(&server);
    let item = json!({"id": "NEW-1", "title": "Brand new lamp", "created": "2026-12-01", "brand": "x", "category": "Kitchen"});
    caller.upsert("shop", &[item]);
    let snapshot = caller.build_snapshot("shop");
    assert_ne!(before.json()["snapshot"], snapshot);
    let after = poll("the new snapshot", || {
        let answer = home(&server);
        (answer.json()["snapshot"] == snapshot).then_some(answer)
    });
    assert_eq!(after.ids()[0], "NEW-1");
    assert_eq!(
        server.get(&format!("{SHOP}/trending")).json()["snapshot"],
        snapshot
    );
    assert_ne!(server.get(&format!("{SHOP}/trending")).etag, trending.etag);
}

#[test]
fn everybody_who_asks_at_once_is_answered_by_one_computation() {
    let (_data, server) = placed_new("60000");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(home(&server).ids(), NEWEST));
        }
    });
    let count = |outcome: &str| {
        server.metric(&format!(
            "alike_placement_cache_requests_total{{outcome=\"{outcome}\"}}"
        ))
    };
    assert_eq!((count("miss"), count("hit")), (Some(1.0), Some(7.0)));
    assert_eq!(
        server
            .metric("alike_recommendations_total{collection=\"shop\",strategy=\"new\"}")
            .map(|calls| calls >= 1.0),
        Some(true)
    );
}

#[test]
fn an_experiment_answers_by_its_variants() {
    let (_data, server) = placed_new("0");
    place(&server, &json!({"strategy": "new", "limit": 4}));
    let experiment = json!({"collection": "shop", "variants": [
        {"name": "control", "weight": 1},
        {"name": "toys", "weight": 1, "settings": {"filter": {"category": "Toys"}}},
        {"name": "dark", "weight": 1, "settings": {"limit": 1}},
    ], "shadow": {"variant": "dark", "share": 1.0}});
    let answer = server.send("PUT", "/v1/experiments/home", &experiment);
    assert!(answer.status < 300, "{}", answer.text());
    let mut variants = BTreeSet::new();
    for user in 0..40 {
        let body = json!({"placement": "home", "experiment": "home", "user": format!("u{user}")});
        let answer = ask(&server, &body);
        let variant = answer["experiment"]["variant"].as_str().unwrap().to_owned();
        let toys = ids(&answer).iter().all(|id| id.starts_with("TOY-"));
        assert_eq!(toys, variant == "toys", "{answer}");
        assert_eq!(
            ask(&server, &body)["experiment"]["variant"],
            json!(variant),
            "the same for the same user"
        );
        variants.insert(variant);
    }
    assert_eq!(
        variants,
        ["control", "toys"].map(str::to_owned).into(),
        "nobody is shown the dark one"
    );
    poll("comparisons with the variant in the shadow", || {
        let report = server.get("/v1/experiments/home").json();
        (report["shadow"]["calls"].as_u64().unwrap_or(0) > 0).then_some(())
    });
}
