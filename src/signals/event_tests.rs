use super::*;
use serde_json::json;

fn noon() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn parse(value: serde_json::Value) -> Result<Event, String> {
    serde_path_to_error::deserialize(value).map_err(|e| e.to_string())
}

fn valid() -> serde_json::Value {
    json!({"collection": "products", "type": "view", "item": "i1", "time": "2026-11-20T11:59:59.123Z"})
}

fn with(field: &str, value: serde_json::Value) -> serde_json::Value {
    let mut event = valid();
    event[field] = value;
    event
}

#[test]
fn time_is_text_or_milliseconds_or_now() {
    let text = parse(valid()).unwrap();
    let number = parse(with("time", json!(1_795_175_999_123_i64))).unwrap();
    let offset = parse(with("time", json!("2026-11-20T13:59:59.123456+02:00"))).unwrap();
    assert_eq!(text.time, number.time);
    assert_eq!(text.time, offset.time);

    let before = now();
    let absent = parse(json!({"collection": "c", "type": "cart", "item": "i"})).unwrap();
    assert!(before <= absent.time && absent.time <= Timestamp::now());
}

#[test]
fn what_is_written_reads_back() {
    let event = Event {
        user: Some("u\"\n1".into()),
        ..parse(valid()).unwrap()
    };
    let text = serde_json::to_string(&event).unwrap();
    assert!(text.contains("\"2026-11-20T11:59:59.123Z\""), "{text}");
    assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
}

#[test]
fn wrong_json_names_the_field() {
    for (event, expected) in [
        (with("tpye", json!("view")), "unknown field `tpye`"),
        (with("type", json!(7)), "type: invalid type: integer `7`"),
        (with("item", json!(7)), "item: invalid type: integer `7`"),
        (
            with("time", json!(1.5)),
            "time: invalid type: floating point `1.5`",
        ),
        (with("time", json!(null)), "time: invalid type: null"),
        (
            with("time", json!("yesterday")),
            "time: invalid value: string \"yesterday\", expected RFC 3339",
        ),
        (with("time", json!("2026-11-20T10:00:00")), "time: invalid value"),
        (with("time", json!(u64::MAX)), "time: invalid value"),
        (with("time", json!(i64::MIN)), "time: invalid value"),
        (json!({"collection": "c", "type": "view"}), "missing field `item`"),
        (json!([1]), "invalid type"),
    ] {
        let error = parse(event).unwrap_err();
        assert!(error.contains(expected), "{error} should contain {expected}");
    }
}

#[test]
fn wrong_values_name_the_field() {
    let long = "x".repeat(MAX_ID_BYTES + 1);
    for (field, value) in [
        ("collection", json!("")),
        ("collection", json!(long)),
        ("item", json!("")),
        ("item", json!(long)),
        ("user", json!("")),
        ("session", json!(long)),
        ("basket", json!("")),
        ("segment", json!(long)),
        ("id", json!("")),
        ("recommendation_id", json!(long)),
        ("type", json!("buy")),
        ("time", json!("2026-11-20T12:05:00.001Z")),
        ("time", json!("1999-12-31T23:59:59.999Z")),
        ("time", json!(1_795_175_999)),
    ] {
        let error = parse(with(field, value))
            .unwrap()
            .validate(noon(), &Types::default())
            .unwrap_err();
        assert_eq!(error.field(), field);
        assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
    }
}

#[test]
fn limits_themselves_are_accepted() {
    let longest = "x".repeat(MAX_ID_BYTES);
    for (field, value) in [
        ("item", json!(longest)),
        ("time", json!("2026-11-20T12:05:00Z")),
        ("time", json!("2000-01-01T00:00:00Z")),
    ] {
        assert_eq!(
            parse(with(field, value))
                .unwrap()
                .validate(noon(), &Types::default()),
            Ok(())
        );
    }
}

#[test]
fn a_rating_has_a_value_of_its_range() {
    let rated = |value: serde_json::Value| {
        let mut event = valid();
        (event["type"], event["value"]) = (json!("rating"), value);
        parse(event).unwrap().validate(noon(), &Types::default())
    };
    assert_eq!((rated(json!(0)), rated(json!(5))), (Ok(()), Ok(())));
    for wrong in [json!(null), json!(-1), json!(5.5)] {
        assert_eq!(rated(wrong).unwrap_err().field(), "value");
    }
    assert_eq!(
        parse(with("value", json!(99.95)))
            .unwrap()
            .validate(noon(), &Types::default()),
        Ok(())
    );
}
