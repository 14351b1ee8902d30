//! Experiments are defined, changed, reported on and deleted over HTTP.

use crate::support::points::{own_points, point_lines};
use crate::support::{Server, temp_dir};
use serde_json::{Value, json};

const HOME: &str = "/v1/experiments/home";

fn body() -> Value {
    json!({
        "collection": "points",
        "variants": [{"name": "control", "weight": 1}, {"name": "short", "weight": 3, "settings": {"limit": 3}}],
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut body = body();
    body[key] = value;
    body
}

#[test]
fn an_experiment_is_defined_changed_and_deleted() {
    let (data, mut server) = own_points(&[]);
    assert_eq!(server.get("/v1/experiments").json(), json!({"experiments": []}));
    let made = server.send("PUT", HOME, &body()).json_of(201);
    assert_eq!(
        (
            &made["experiment"],
            &made["status"],
            &made["attribution_window_s"]
        ),
        (&json!("home"), &json!("running"), &json!(604_800))
    );
    assert_eq!(made["variants"][1]["settings"], json!({"limit": 3}));
    let paused = server.send("PUT", HOME, &with("status", json!("paused"))).json();
    assert_eq!(
        (&paused["status"], &paused["generation"]),
        (&json!("paused"), &made["generation"])
    );
    let again = server
        .send("PUT", &format!("{HOME}?restart=true"), &body())
        .json();
    assert!(again["generation"].as_u64() > made["generation"].as_u64());

    let report = server.get(HOME).json();
    assert_eq!(
        (
            &report["durable"],
            &report["truncated"],
            &report["variants"][1]["units"]
        ),
        (&json!(true), &json!(false), &json!(0))
    );
    assert_eq!(report["variants"][0]["click_rate"], Value::Null);
    assert_eq!(report["sample_ratio"]["sample_ratio_mismatch"], false);
    let conclusion = report["conclusion"][0].as_str().unwrap();
    assert!(conclusion.contains("not enough data"), "{report}");

    server.kill();
    let server = Server::start(data.path());
    let listed = server.get("/v1/experiments").json();
    assert_eq!(listed["experiments"], json!([again]), "it survives a crash");
    assert_eq!(
        server.ask("DELETE", HOME, None).json(),
        json!({"deleted": "home"})
    );
    for gone in [server.get(HOME), server.ask("DELETE", HOME, None)] {
        let problem = gone.problem(404);
        assert_eq!(
            (&problem["field"], &problem["type"]),
            (&json!("experiment"), &json!("urn:alike:problem:not-found"))
        );
    }
}

#[test]
fn definitions_that_make_no_sense_are_refused_by_field() {
    let (_data, server) = own_points(&[]);
    let variant = |key: &str, value: Value| {
        let mut body = body();
        body["variants"][1][key] = value;
        body
    };
    for (body, field) in [
        (json!({}), "collection"),
        (with("collections", json!("points")), "collections"),
        (with("collection", json!("nowhere")), "collection"),
        (with("variants", json!([])), "variants"),
        (with("variants", json!([{"name": "a", "weight": 1}])), "variants"),
        (with("variants", json!("a")), "variants"),
        (variant("name", json!("control")), "variants[1].name"),
        (variant("name", json!("")), "variants[1].name"),
        (variant("weight", json!(0)), "variants[1].weight"),
        (variant("weight", json!(-1)), "variants[1].weight"),
        (variant("weight", json!("1")), "variants[1].weight"),
        (variant("wieght", json!(1)), "variants[1].wieght"),
        (variant("placement", json!("nowhere")), "variants[1].placement"),
        (variant("snapshot", json!("../x")), "variants[1].snapshot"),
        (
            variant("settings", json!({"limits": 3})),
            "variants[1].settings.limits",
        ),
        (
            variant("settings", json!({"limit": 0})),
            "variants[1].settings.limit",
        ),
        (
            variant(
                "settings",
                json!({"rules": {"max_per": [{"field": "brand", "count": 1}]}}),
            ),
            "variants[1].settings.rules.max_per[0].field",
        ),
        (with("attribution_window_s", json!(0)), "attribution_window_s"),
        (with("attribution_window_s", json!(1.5)), "attribution_window_s"),
        (
            with("shadow", json!({"variant": "control", "share": 0.1})),
            "shadow.variant",
        ),
        (
            with("shadow", json!({"variant": "short", "share": 0})),
            "shadow.share",
        ),
        (with("shadow", json!({"variant": "short"})), "shadow.share"),
        (with("status", json!("stopped")), "status"),
    ] {
        let problem = server.send("PUT", HOME, &body);
        let status = if field == "collection" && body["collection"] == "nowhere" {
            404
        } else {
            400
        };
        let problem = problem.problem(status);
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
    for path in ["/v1/experiments/a%20b", "/v1/experiments/-a"] {
        assert_eq!(
            server.send("PUT", path, &body()).problem(400)["field"],
            "experiment"
        );
    }
    let problem = server
        .send("PUT", &format!("{HOME}?restrat=true"), &body())
        .problem(400);
    assert_eq!(problem["field"], "restrat");
    assert_eq!(server.get("/v1/experiments").json(), json!({"experiments": []}));
}

#[test]
fn variants_name_placements_and_snapshots_that_are_there() {
    let (_data, server) = own_points(&[]);
    server
        .send_lines("POST", "/v1/collections/points/items", &point_lines(0..10))
        .json();
    let placement = "/v1/collections/points/placements/sidebar";
    server.send("PUT", placement, &json!({"limit": 3})).json_of(201);
    let snapshot = server.snapshot("points");
    let variants = json!([
        {"name": "a", "weight": 0.5, "snapshot": snapshot},
        {"name": "b", "weight": 0.5, "placement": "sidebar", "settings": {"limit": 4}},
    ]);
    let made = server
        .send("PUT", HOME, &with("variants", variants.clone()))
        .json_of(201);
    assert_eq!(made["variants"], variants);
}

#[test]
fn a_process_beside_the_one_that_counts_follows_and_changes_nothing() {
    let (data, server) = own_points(&[]);
    server.send("PUT", HOME, &body()).json_of(201);
    let reader = Server::start(data.path());
    assert_eq!(
        reader.get("/v1/experiments").json(),
        server.get("/v1/experiments").json()
    );
    assert_eq!(reader.get(HOME).json()["durable"], false);
    let other = "/v1/experiments/other";
    reader.send("PUT", other, &body()).problem(503);
    reader.ask("DELETE", HOME, None).problem(503);
    server.send("PUT", other, &body()).json_of(201);
    assert_eq!(reader.get(other).json()["experiment"], "other", "at once");
}

#[test]
fn damaged_definitions_do_not_stop_the_service() {
    let data = temp_dir();
    std::fs::write(data.path().join("experiments.json"), "{").unwrap();
    let server = Server::start(data.path());
    assert_eq!(server.get("/v1/experiments").json(), json!({"experiments": []}));
    let points = crate::support::points::points_body();
    server.send("PUT", "/v1/collections/points", &points).json_of(201);
    let problem = server.send("PUT", HOME, &body()).problem(503);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("experiments.json is damaged"),
        "{problem}"
    );
}
