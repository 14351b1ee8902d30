//! One row in, one item or one reason out.

use super::schema;
use crate::catalog::Row;
use crate::schema::{FieldType, FieldValues, Item, MAX_ID_BYTES, Schema};
use proptest::prelude::*;
use serde_json::{Value, json};

fn item(schema: &Schema, fields: Value) -> Result<Item, String> {
    let Value::Object(fields) = fields else {
        panic!("a row is an object")
    };
    let result = schema.item(Row { line: 7, fields });
    result.map_err(|error| {
        assert_eq!(error.line, 7);
        error.reason
    })
}

fn typed(kind: FieldType, value: &Value) -> Result<FieldValues, String> {
    let schema = schema(
        &["id"],
        &[(
            "x",
            if kind == FieldType::Text {
                FieldType::Keyword
            } else {
                kind
            },
        )],
    );
    item(&schema, json!({"id": "1", "x": value})).map(|item| item.values[0].clone())
}

#[test]
fn ids_are_text_or_integers() {
    let schema = schema(&["title"], &[]);
    let id = |id: Value| item(&schema, json!({"id": id, "title": "t"})).map(|item| item.id);
    assert_eq!(id(json!("a b")).unwrap(), "a b");
    assert_eq!(id(json!(42)).unwrap(), "42");
    assert_eq!(id(json!(-1)).unwrap(), "-1");
    assert_eq!(id(json!("x".repeat(MAX_ID_BYTES))).unwrap().len(), MAX_ID_BYTES);
    assert!(
        id(json!("x".repeat(MAX_ID_BYTES + 1)))
            .unwrap_err()
            .contains("513 bytes, 512 are the most")
    );
    assert_eq!(id(json!("  ")).unwrap_err(), "id `id` is empty");
    assert_eq!(id(json!(null)).unwrap_err(), "id `id` is empty");
    assert!(
        id(json!(1.5))
            .unwrap_err()
            .contains("expected text or an integer, found 1.5")
    );
    assert!(id(json!(["a"])).unwrap_err().contains("found a list"));
    let missing = item(&schema, json!({"sku": 1, "title": "t"})).unwrap_err();
    assert_eq!(missing, "id `id` is missing; the row has sku, title");
}

#[test]
fn embedded_texts_are_joined() {
    let schema = schema(&["title", "brand", "tags", "year"], &[]);
    let text = |fields| item(&schema, fields).map(|item| item.text);
    let full = json!({"id": 1, "title": " Red <b>mug</b> ", "brand": "Acme", "tags": ["a", null, "", "b"], "year": 1999});
    assert_eq!(text(full).unwrap(), "Red <b>mug</b> Acme a, b 1999");
    assert_eq!(
        text(json!({"id": 1, "brand": null, "tags": [], "title": "x"})).unwrap(),
        "x"
    );
    let nothing = text(json!({"id": 1, "title": " ", "brand": null})).unwrap_err();
    assert_eq!(
        nothing,
        "nothing to embed: title, brand, tags and year are all empty"
    );
    let object = text(json!({"id": 1, "title": {"en": "x"}})).unwrap_err();
    assert_eq!(object, "field `title`: expected text to embed, found an object");
}

#[test]
fn numbers() {
    let numbers = |value| typed(FieldType::Number, &value);
    for value in [
        json!(12.5),
        json!("12.5"),
        json!(" 12.5 "),
        json!([12.5, null]),
        json!("[12.5]"),
    ] {
        assert_eq!(numbers(value).unwrap(), FieldValues::Numbers(vec![12.5]));
    }
    assert_eq!(
        numbers(json!([1, "2"])).unwrap(),
        FieldValues::Numbers(vec![1.0, 2.0])
    );
    for nothing in [json!(null), json!(""), json!(" "), json!([])] {
        assert_eq!(numbers(nothing).unwrap(), FieldValues::Numbers(vec![]));
    }
    assert_eq!(
        numbers(json!("abc")).unwrap_err(),
        "field `x`: expected a number, found \"abc\""
    );
    assert_eq!(
        numbers(json!("NaN")).unwrap_err(),
        "field `x`: expected a number, found NaN, which is not finite"
    );
    assert!(numbers(json!("1e999")).unwrap_err().contains("not finite"));
    assert!(numbers(json!("$5")).unwrap_err().contains("found \"$5\""));
    assert!(numbers(json!(true)).unwrap_err().contains("found true"));
    assert!(numbers(json!([[1]])).unwrap_err().contains("found a list"));
    assert!(
        numbers(json!("y".repeat(300))).unwrap_err().len() < 100,
        "values are shortened"
    );
}

#[test]
fn booleans_timestamps_and_keywords() {
    for yes in [
        json!(true),
        json!("true"),
        json!("TRUE"),
        json!("1"),
        json!(1),
        json!(" true"),
    ] {
        assert_eq!(
            typed(FieldType::Boolean, &yes).unwrap(),
            FieldValues::Booleans(vec![true])
        );
    }
    assert!(
        typed(FieldType::Boolean, &json!("yes"))
            .unwrap_err()
            .contains("expected true or false, found \"yes\"")
    );
    assert!(
        typed(FieldType::Boolean, &json!(2))
            .unwrap_err()
            .contains("found 2")
    );
    for time in [
        json!("1970-01-02"),
        json!("1970-01-02T00:00:00Z"),
        json!(86_400_000),
        json!("86400000"),
        json!(8.64e7),
    ] {
        assert_eq!(
            typed(FieldType::Timestamp, &time).unwrap(),
            FieldValues::Timestamps(vec![86_400_000])
        );
    }
    assert!(
        typed(FieldType::Timestamp, &json!("soon"))
            .unwrap_err()
            .contains("expected a timestamp")
    );
    assert!(
        typed(FieldType::Timestamp, &json!(1.5))
            .unwrap_err()
            .contains("found 1.5")
    );
    let keywords = |value| typed(FieldType::Keyword, &value).map(|values| format!("{values:?}"));
    assert_eq!(
        keywords(json!(["a", 5, true, ""])).unwrap(),
        "Keywords([\"a\", \"5\", \"true\"])"
    );
    assert_eq!(
        keywords(json!("[\"a\", \"b\"]")).unwrap(),
        "Keywords([\"a\", \"b\"])"
    );
    assert_eq!(
        keywords(json!("[1984]")).unwrap(),
        "Keywords([\"[1984]\"])",
        "not a list of texts"
    );
    assert!(keywords(json!({"a": 1})).unwrap_err().contains("found an object"));
}

#[test]
fn the_document_has_the_declared_types_and_all_the_payload() {
    let fields = [
        ("n", FieldType::Number),
        ("b", FieldType::Boolean),
        ("k", FieldType::Keyword),
    ];
    let row = json!({"id": 5, "t": 1999, "n": "12.50", "b": "True", "k": 7, "free": {"a": [1]}, "code": "007", "none": null});
    let document = item(&schema(&["t"], &fields), row).unwrap().document;
    let expected = json!({"id": "5", "t": 1999, "n": 12.5, "b": true, "k": "7", "free": {"a": [1]}, "code": "007", "none": null});
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap(), expected);
}

#[test]
fn vectors() {
    let schema = Schema {
        vector: Some("v".to_owned()),
        ..schema(&[], &[])
    };
    let vector = |value: Value| item(&schema, json!({"id": 1, "v": value, "t": "x"}));
    let good = vector(json!([1, 0.5, -2])).unwrap();
    assert_eq!(
        (good.vector.unwrap(), good.text.as_str()),
        (vec![1.0, 0.5, -2.0], "")
    );
    assert_eq!(
        good.document, "{\"id\":\"1\",\"t\":\"x\"}",
        "the vector is no part of the document"
    );
    assert_eq!(vector(json!("[1, 0.5]")).unwrap().vector.unwrap(), [1.0, 0.5]);
    let reason = |value| vector(value).unwrap_err();
    assert_eq!(
        reason(json!([1, "NaN"])),
        "vector `v`: component 2 is NaN: not finite as a 32-bit float"
    );
    assert_eq!(
        reason(json!("[1, nan]")),
        "vector `v`: component 2 is nan: not finite as a 32-bit float"
    );
    assert!(reason(json!([1e300])).contains("component 1 is 1e+300: not finite"));
    assert!(reason(json!([1, "x"])).contains("expected a number as component 2, found \"x\""));
    assert!(reason(json!([])).contains("found an empty one"));
    assert!(reason(json!(null)).contains("expected a list of numbers, found null"));
    assert!(reason(json!("1 2 3")).contains("expected a JSON list of numbers, found \"1 2 3\""));
    assert!(
        item(&schema, json!({"id": 1}))
            .unwrap_err()
            .contains("vector `v` is missing")
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[\\[\\]0-9,.eE\"naN-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(Value::from)
    })
}

proptest! {
    #[test]
    fn any_value_of_any_type_gives_finite_values_or_a_reason(value in any_json(), kind in 0..4_usize) {
        let kind = [FieldType::Keyword, FieldType::Number, FieldType::Boolean, FieldType::Timestamp][kind];
        match typed(kind, &value) {
            Ok(FieldValues::Numbers(numbers)) => prop_assert!(numbers.iter().all(|number| number.is_finite())),
            Ok(FieldValues::Keywords(list)) => prop_assert!(list.iter().all(|word| !word.trim().is_empty())),
            Ok(_) => {}
            Err(reason) => prop_assert!(reason.starts_with("field `x`: expected"), "{}", reason),
        }
    }

    #[test]
    fn any_vector_is_finite_or_refused(value in any_json()) {
        let schema = Schema { vector: Some("v".to_owned()), ..schema(&[], &[]) };
        if let Ok(item) = item(&schema, json!({"id": 1, "v": value})) {
            let vector = item.vector.unwrap();
            prop_assert!(!vector.is_empty() && vector.iter().all(|component| component.is_finite()));
        }
    }
}
