//! Placements over HTTP: kept, listed, refused, and there after a crash.

use crate::support::points::{own_points, points_body};
use crate::support::{Server, temp_dir};
use serde_json::{Value, json};
use std::fs;

const PLACEMENTS: &str = "/v1/collections/points/placements";

fn at(name: &str) -> String {
    format!("{PLACEMENTS}/{name}")
}

fn home() -> Value {
    json!({
        "blend": [{"strategy": "for_you", "weight": 2.0}, {"strategy": "trending", "weight": 1.0}],
        "fallback": ["popular", "new"], "limit": 12, "window": "7d",
        "filter": {"n": {"gte": 0}},
        "rules": {
            "exclude": {"items": [], "seen": false, "bought": true, "basket": true},
            "boost": [{"filter": {"tag": "sale"}, "factor": 2.0}], "max_per": [{"field": "tag", "count": 3}],
            "diversity": 0.25, "pin": [{"item": "p1", "position": 2}], "explore": {"share": 0.125},
        },
    })
}

fn named(name: &str, mut settings: Value) -> Value {
    settings["name"] = name.into();
    settings
}

#[test]
fn placements_are_kept_replaced_listed_and_deleted() {
    let (data, mut server) = own_points(&[]);
    assert_eq!(server.get(PLACEMENTS).json(), json!({"placements": []}));
    let made = server.send("PUT", &at("home"), &home()).json_of(201);
    assert_eq!(
        made["rules"]["boost"][0],
        json!({"filter": {"tag": "sale"}, "factor": 2.0})
    );
    let cart = json!({"strategy": "bought_together", "limit": 4});
    server.send("PUT", &at("cart"), &cart).json_of(201);
    server
        .send("PUT", &at("cart"), &json!({"strategy": "similar"}))
        .json_of(200);
    // Acknowledged is durable.
    server.kill();
    let server = Server::start(data.path());
    let one = server.get(&at("home")).json();
    assert_eq!(one, made);
    assert_eq!(
        server.get(PLACEMENTS).json(),
        json!({"placements": [named("cart", json!({"strategy": "similar"})), made]})
    );
    assert_eq!(
        server.ask("DELETE", &at("cart"), None).json(),
        json!({"deleted": "cart"})
    );
    let gone = server.ask("DELETE", &at("cart"), None).problem(404);
    assert_eq!(
        (&gone["field"], &gone["type"]),
        (&json!("placement"), &json!("urn:alike:problem:not-found"))
    );
    server.get(&at("cart")).problem(404);
    assert_eq!(server.get(&at("home")).json(), made);
}

#[test]
fn wrong_placements_name_the_field_and_change_nothing() {
    let (data, server) = own_points(&[]);
    server.send("PUT", &at("home"), &json!({"limit": 5})).json_of(201);
    for (body, field) in [
        (json!({"limit": 0}), "limit"),
        (json!({"limit": -1}), "limit"),
        (json!({"strategi": "new"}), "strategi"),
        (json!({"strategy": "newest"}), "strategy"),
        (json!({"window": "2h"}), "window"),
        (
            json!({"strategy": "new", "blend": [{"strategy": "new", "weight": 1}]}),
            "blend",
        ),
        (
            json!({"blend": [{"strategy": "new", "weight": -1}]}),
            "blend[0].weight",
        ),
        (json!({"filter": {"color": "red"}}), "filter.color"),
        (json!({"filter": {"n": {"gt": "x"}}}), "filter.n.gt"),
        (
            json!({"rules": {"boost": [{"filter": {}, "factor": 0}]}}),
            "rules.boost[0].factor",
        ),
        (
            json!({"rules": {"bury": [{"filter": {"x": 1}, "factor": 0}]}}),
            "rules.bury[0].filter.x",
        ),
        (
            json!({"rules": {"max_per": [{"field": "tagg", "count": 1}]}}),
            "rules.max_per[0].field",
        ),
        (
            json!({"rules": {"max_per": [{"field": "tag"}]}}),
            "rules.max_per[0].count",
        ),
        (
            json!({"rules": {"pin": [{"item": "p1", "position": 1}, {"item": "p2", "position": 1}]}}),
            "rules.pin[1].position",
        ),
        (json!({"rules": {"diversity": 3}}), "rules.diversity"),
        (json!({"rules": {"pin": [["p1", 1]]}}), "rules.pin[0]"),
        (json!({"rules": []}), "rules"),
        (json!({"rules": {"explore": {"shre": 1}}}), "rules.explore.shre"),
        (
            json!({"rules": {"freshness": {"field": "n", "half_life_days": 1, "weight": 1}}}),
            "rules.freshness.field",
        ),
    ] {
        let problem = server.send("PUT", &at("home"), &body).problem(400);
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
    for name in ["Home", "a%20b", &"x".repeat(65)] {
        let problem = server.send("PUT", &at(name), &json!({})).problem(400);
        assert_eq!(problem["field"], "placement", "{problem}");
    }
    let suggested = json!({"rules": {"max_per": [{"field": "tagg", "count": 1}]}});
    let problem = server.send("PUT", &at("home"), &suggested).problem(400);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean \"tag\""),
        "{problem}"
    );
    let elsewhere = server
        .send("PUT", "/v1/collections/nowhere/placements/a", &json!({}))
        .problem(404);
    assert_eq!(elsewhere["field"], "collection");
    assert_eq!(
        server.get(PLACEMENTS).json(),
        json!({"placements": [{"name": "home", "limit": 5}]})
    );
    drop(server);
    assert!(data.path().join("collections/points/placements.json").exists());
}

#[test]
fn a_process_beside_the_one_that_writes_follows_and_refuses_to_write() {
    let (data, writer) = own_points(&[]);
    let reader = Server::start(data.path());
    writer.send("PUT", &at("home"), &json!({"limit": 5})).json_of(201);
    assert_eq!(
        reader.get(&at("home")).json(),
        json!({"name": "home", "limit": 5})
    );
    writer.send("PUT", &at("home"), &json!({"limit": 6})).json_of(200);
    assert_eq!(reader.get(&at("home")).json()["limit"], 6);
    reader.send("PUT", &at("home"), &json!({"limit": 7})).problem(503);
    reader.ask("DELETE", &at("home"), None).problem(503);
    assert_eq!(writer.get(&at("home")).json()["limit"], 6);
}

#[test]
fn placements_go_with_their_collection() {
    let (_data, server) = own_points(&[]);
    server.send("PUT", &at("home"), &json!({"limit": 5})).json_of(201);
    server.ask("DELETE", "/v1/collections/points", None).json();
    server.get(PLACEMENTS).problem(404);
    server
        .send("PUT", "/v1/collections/points", &points_body())
        .json_of(201);
    assert_eq!(server.get(PLACEMENTS).json(), json!({"placements": []}));
}

#[test]
fn a_damaged_file_is_named_and_stays_as_it_is() {
    let (data, server) = own_points(&[]);
    server.send("PUT", &at("home"), &json!({"limit": 5})).json_of(201);
    drop(server);
    let path = data.path().join("collections/points/placements.json");
    fs::write(&path, "{\"version\": 1, \"placem").unwrap();
    let server = Server::start(data.path());
    for answer in [
        server.get(PLACEMENTS),
        server.get(&at("home")),
        server.send("PUT", &at("home"), &json!({})),
        server.ask("DELETE", &at("home"), None),
    ] {
        let problem = answer.problem(503);
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("placements.json is damaged") && detail.contains("mend it"),
            "{detail}"
        );
    }
    assert_eq!(fs::read(&path).unwrap(), b"{\"version\": 1, \"placem");
    // Everything else goes on.
    server.search("points", &json!({"vector": [1, 0]})).ids();
    fs::remove_file(&path).unwrap();
    server.send("PUT", &at("home"), &json!({"limit": 5})).json_of(201);
}

#[test]
fn the_document_describes_them() {
    let data = temp_dir();
    let server = Server::start(data.path());
    let document = server.get("/openapi.json").json();
    let path = "/v1/collections/{collection}/placements/{placement}";
    for method in ["get", "put", "delete"] {
        assert!(document["paths"][path][method].is_object(), "{method}");
    }
    let schemas = &document["components"]["schemas"];
    for name in [
        "Placement",
        "Rules",
        "Strategy",
        "Boost",
        "Pin",
        "MaxPer",
        "Freshness",
    ] {
        assert!(schemas[name].is_object(), "{name}");
    }
}
