//! Items by id, and what a collection says about itself.

use crate::support::{shared_shop, shop_rows};
use serde_json::json;

#[test]
fn items_by_id() {
    let (server, _) = shared_shop();
    let rows = shop_rows();
    for (path, at) in [
        ("KIT-1", 0),
        ("%4BIT-1", 0),
        ("TOY-2", 33),
        ("Zelt%2FGr%C3%B6%C3%9Fe%2042%20%25%20%C2%AB%C3%BC%C2%BB", 39),
    ] {
        let item = server.get(&format!("/v1/collections/shop/items/{path}")).json();
        assert_eq!(item["fields"], rows[at], "{path}");
        assert_eq!(item["id"], rows[at]["id"]);
        assert_eq!(item["snapshot"], server.snapshot("shop"));
    }
    for unknown in ["KIT-99", "kit-1", "%F0%9F%A6%80", "KIT-1%00", &"x".repeat(3000)] {
        let problem = server
            .get(&format!("/v1/collections/shop/items/{unknown}"))
            .problem(404);
        assert_eq!(problem["field"], "id", "{unknown}");
    }
    let problem = server.get("/v1/collections/shop/items/%ff").problem(400);
    assert_eq!(problem["field"], "path");
}

#[test]
fn collections_describe_themselves() {
    let (server, _) = shared_shop();
    let list = server.get("/v1/collections").json();
    let names: Vec<&str> = list["collections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["points", "shop"]);
    let shop = server.get("/v1/collections/shop").json();
    assert_eq!(shop, list["collections"][1]);
    assert_eq!(
        (
            &shop["items"],
            &shop["dimension"],
            &shop["metric"],
            &shop["index"]
        ),
        (&json!(40), &json!(384), &json!("cosine"), &json!("graph"))
    );
    assert_eq!(shop["schema"]["embed"], json!(["title", "brand"]));
    assert_eq!(
        shop["schema"]["fields"]["created"],
        json!({"type": "timestamp", "filter": true})
    );
    assert_eq!(shop["schema"]["fields"]["in_stock"]["type"], "boolean");
    assert_eq!(shop["schema"]["fields"]["price"]["type"], "number");
    assert_eq!(shop["build"]["rows_read"], 40);
    let recall = shop["build"]["recall_at_10"].as_f64().unwrap();
    assert!((0.9..=1.0).contains(&recall), "{recall}");
    assert_eq!(shop["build"]["held_out"], 4);
    let bits = shop["build"]["code_bits"].as_u64().unwrap();
    assert!([4, 8].contains(&bits), "{bits}");
    assert!(shop["bytes"].as_u64().unwrap() > 40 * 384, "{shop}");
    assert!(shop["created"].as_str().unwrap().starts_with("20"), "{shop}");
}
