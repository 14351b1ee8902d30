//! Placements: what is refused, what a call overrides, and what the file survives.

use super::*;
use crate::schema::Schema;
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

fn schema() -> Schema {
    serde_json::from_value(json!({"id": "id", "embed": ["title"], "fields": {
        "brand": {"type": "keyword", "filter": true}, "price": {"type": "number", "filter": true},
    }}))
    .unwrap()
}

fn placement(json: Value) -> Placement {
    serde_json::from_value(json).unwrap()
}

fn limited(limit: usize) -> Placement {
    placement(json!({"limit": limit}))
}

#[test]
fn a_placement_reads_back_as_it_was_written() {
    let all = json!({
        "blend": [{"strategy": "for_you", "weight": 2.0}, {"strategy": "trending", "weight": 0.0}],
        "fallback": ["popular", "new"], "rules": {"diversity": 0.5, "pin": [{"item": "a", "position": 8}]},
        "filter": {"brand": ["a", "b"]}, "limit": 8, "window": "7d", "segment": "de", "fields": ["title", "brand"],
    });
    let read = placement(all.clone());
    read.check(&schema()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), all);
    assert_eq!(
        serde_json::to_value(placement(json!({}))).unwrap(),
        json!({}),
        "nothing is said of what was not set"
    );
    Placement::default().check(&schema()).unwrap();
}

#[test]
fn wrong_placements_name_the_field() {
    let part = |strategy: &str, weight: f64| json!({"strategy": strategy, "weight": weight});
    let blend = |parts: &[Value]| json!({"blend": parts});
    for (wrong, field, detail) in [
        (
            json!({"strategy": "new", "blend": [part("new", 1.0)]}),
            "blend",
            "not together",
        ),
        (blend(&[]), "blend", "at least one strategy"),
        (
            blend(&[part("new", 0.0), part("popular", 0.0)]),
            "blend",
            "weight above 0",
        ),
        (
            blend(&[part("new", 1.0), part("popular", -1.0)]),
            "blend[1].weight",
            "is -1",
        ),
        (blend(&[part("new", 1e39)]), "blend[0].weight", "1000000"),
        (
            blend(&[part("new", 1.0), part("new", 2.0)]),
            "blend[1].strategy",
            "blend[0].strategy",
        ),
        (
            json!({"fallback": ["new", "popular", "new"]}),
            "fallback[2]",
            "fallback[0]",
        ),
        (json!({"limit": 0}), "limit", "1 to 1000"),
        (json!({"limit": 1001}), "limit", "is 1001"),
        (
            json!({"filter": {"brandd": 1}}),
            "filter.brandd",
            "filterable: brand, price",
        ),
        (
            json!({"rules": {"diversity": 2}}),
            "rules.diversity",
            "from 0 to 1",
        ),
        (
            json!({"limit": 3, "rules": {"pin": [{"item": "a", "position": 4}]}}),
            "rules.pin[0].position",
            "is 4, must be from 1 to 3",
        ),
        (json!({"segment": ""}), "segment", "0 bytes"),
        (json!({"fields": ["a", "b", "a"]}), "fields[2]", "fields[0]"),
    ] {
        let error = placement(wrong.clone()).check(&schema()).unwrap_err();
        assert_eq!(error.field, field, "{wrong}: {error}");
        assert!(error.detail.contains(detail), "{wrong}: {error}");
    }
    let nan = Placement {
        blend: Some(vec![Part {
            strategy: Strategy::New,
            weight: f32::NAN,
        }]),
        ..Placement::default()
    };
    assert_eq!(nan.check(&schema()).unwrap_err().field, "blend[0].weight");
}

#[test]
fn the_calls_own_settings_win() {
    let stored = placement(json!({
        "blend": [{"strategy": "new", "weight": 1.0}], "fallback": ["popular"], "limit": 8, "filter": {"brand": "a"},
        "rules": {"diversity": 0.5, "exclude": {"bought": true}}, "window": "7d",
    }));
    assert_eq!(stored.under(&Placement::default()), stored);
    assert_eq!(Placement::default().under(&stored), stored);
    let call = placement(
        json!({"strategy": "similar", "limit": 3, "rules": {"diversity": 0.0}, "fields": ["title"]}),
    );
    let both = placement(json!({
        "strategy": "similar", "fallback": ["popular"], "limit": 3, "filter": {"brand": "a"},
        "rules": {"diversity": 0.0, "exclude": {"bought": true}}, "window": "7d", "fields": ["title"],
    }));
    assert_eq!(stored.under(&call), both);
    both.check(&schema()).unwrap();
}

#[test]
fn names_are_short_and_plain() {
    for good in ["a", "home-page_2", &"x".repeat(64)] {
        check_name(good).unwrap();
    }
    for bad in ["", "A", "a b", "a/b", "..", "ä", "a\0", &"x".repeat(65)] {
        let error = check_name(bad).unwrap_err().to_string();
        assert!(
            error.contains("1 to 64 characters of a-z, 0-9, '_' and '-'"),
            "{error}"
        );
    }
}

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("placements.json");
    (dir, path)
}

#[test]
fn what_is_put_is_there_after_a_restart_until_it_is_removed() {
    let (_dir, path) = folder();
    let placements = Placements::open(&path).unwrap();
    assert!(
        placements.all().is_empty() && !path.exists(),
        "looking writes nothing"
    );
    assert!(placements.put("home", limited(3)).unwrap());
    assert!(placements.put("cart", limited(4)).unwrap());
    assert!(!placements.put("home", limited(5)).unwrap(), "it was there");
    for placements in [&placements, &Placements::open(&path).unwrap()] {
        assert_eq!(placements.all().keys().collect::<Vec<_>>(), ["cart", "home"]);
        assert_eq!(placements.get("home").as_deref(), Some(&limited(5)));
        assert_eq!(placements.get("hom"), None);
    }
    assert!(placements.remove("home").unwrap());
    assert!(!placements.remove("home").unwrap());
    assert_eq!(
        Placements::open(&path).unwrap().all().keys().collect::<Vec<_>>(),
        ["cart"]
    );
    assert!(!path.with_extension("json.new").exists());
}

#[test]
fn another_processs_changes_are_seen_and_none_is_lost() {
    let (_dir, path) = folder();
    let (one, other) = (Placements::open(&path).unwrap(), Placements::open(&path).unwrap());
    one.put("a", limited(1)).unwrap();
    assert_eq!(other.get("a").as_deref(), Some(&limited(1)));
    // The same size, within one tick of the clock.
    for limit in 2..9 {
        one.put("a", limited(limit)).unwrap();
        assert_eq!(other.get("a").as_deref(), Some(&limited(limit)));
    }
    std::thread::scope(|scope| {
        for (placements, prefix) in [(&one, "x"), (&other, "y"), (&one, "z")] {
            scope.spawn(move || {
                for number in 0..15 {
                    placements.put(&format!("{prefix}{number}"), limited(9)).unwrap();
                }
            });
        }
    });
    assert_eq!((one.all().len(), other.all().len()), (46, 46));
    fs::remove_file(&path).unwrap();
    assert!(one.all().is_empty());
}

#[test]
fn a_damaged_file_is_refused_by_name_and_not_written_over() {
    let (_dir, path) = folder();
    let placements = Placements::open(&path).unwrap();
    placements.put("a", limited(1)).unwrap();
    let good = fs::read(&path).unwrap();
    for (bad, why) in [
        (&good[..good.len() - 4], "EOF"),
        (&b""[..], "EOF"),
        (b"[]", "invalid length"),
        (b"{\"version\":1}", "placements"),
        (
            b"{\"version\":1,\"placements\":{\"a\":{\"limit\":\"x\"}}}",
            "placements.a.limit",
        ),
        (
            b"{\"version\":1,\"placements\":{\"a\":{\"limt\":1}}}",
            "placements.a.limt",
        ),
        (b"{\"version\":1,\"placements\":{\"A\":{}}}", "\"A\""),
        (b"{\"version\":1,\"placements\":{},\"more\":1}", "more"),
    ] {
        fs::write(&path, bad).unwrap();
        for error in [
            Placements::open(&path).err().unwrap(),
            placements.put("b", limited(2)).unwrap_err(),
            placements.remove("a").unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(matches!(error, PlacementsError::Damaged { .. }), "{text}");
            assert!(
                text.contains("placements.json is damaged") && text.contains(why),
                "{text}"
            );
        }
        assert_eq!(fs::read(&path).unwrap(), bad);
        assert_eq!(
            placements.get("a").as_deref(),
            Some(&limited(1)),
            "reads go on with what there was"
        );
    }
    fs::write(&path, &good).unwrap();
    placements.put("b", limited(2)).unwrap();
    assert_eq!(placements.all().len(), 2);
}

#[test]
fn a_newer_format_is_left_alone() {
    let (_dir, path) = folder();
    let newer = br#"{"version":2,"sites":{}}"#;
    fs::write(&path, newer).unwrap();
    let error = Placements::open(&path).err().unwrap();
    assert!(
        matches!(error, PlacementsError::Version { found: 2, .. }),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), newer);
}

#[test]
fn there_are_bounds() {
    let (_dir, path) = folder();
    let many: serde_json::Map<String, Value> = (0..MAX_PLACEMENTS)
        .map(|at| (format!("p{at}"), json!({})))
        .collect();
    fs::write(&path, json!({"version": 1, "placements": many}).to_string()).unwrap();
    let placements = Placements::open(&path).unwrap();
    assert!(matches!(
        placements.put("one-more", limited(1)),
        Err(PlacementsError::TooMany)
    ));
    assert!(
        !placements.put("p7", limited(1)).unwrap(),
        "one that is there may change"
    );
    assert!(placements.remove("p8").unwrap());
    assert!(placements.put("one-more", limited(1)).unwrap());
    let large = placement(json!({"filter": {"brand": vec!["x".repeat(1_000); 70]}}));
    assert!(matches!(
        placements.put("p7", large),
        Err(PlacementsError::TooLarge { .. })
    ));
    assert!(matches!(
        placements.put("P7", limited(1)),
        Err(PlacementsError::Name { .. })
    ));
}

#[test]
fn what_a_dead_process_left_is_no_hindrance() {
    let (_dir, path) = folder();
    fs::write(path.with_extension("json.new"), "{\"vers").unwrap();
    fs::write(path.with_extension("lock"), "").unwrap();
    let placements = Placements::open(&path).unwrap();
    placements.put("a", limited(1)).unwrap();
    assert_eq!(Placements::open(&path).unwrap().all().len(), 1);
}
