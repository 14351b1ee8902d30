//! The format of a catalog doesn't matter: the same rows as JSON lines, CSV and Parquet give the same items.

use super::schema;
use crate::catalog;
use crate::catalog::tests::{file, parquet_bytes};
use crate::schema::{FieldType, Item, Schema};
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Clone)]
struct Product {
    id: i64,
    title: String,
    price: Option<f64>,
    stock: Option<bool>,
    created: Option<String>,
    tags: Vec<String>,
    note: Option<String>,
}

fn product() -> impl Strategy<Value = Product> {
    let price = prop::option::of((0..1_000_000_i32).prop_map(|cents| f64::from(cents) / 100.0));
    let created = prop::option::of(
        (1970..2100_i32, 1..13_u8, 1..29_u8).prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}")),
    );
    let word = || "[a-z\", é]{0,8}[a-z]";
    let texts = (
        word(),
        prop::collection::vec(word(), 1..4),
        prop::option::of(word()),
    );
    (
        any::<i64>(),
        texts,
        price,
        prop::option::of(any::<bool>()),
        created,
    )
        .prop_map(|(id, (title, tags, note), price, stock, created)| Product {
            id,
            title,
            price,
            stock,
            created,
            tags,
            note,
        })
}

fn as_jsonl(products: &[Product]) -> Vec<u8> {
    let line = |p: &Product| {
        let row = json!({"id": p.id, "title": p.title, "price": p.price, "stock": p.stock, "created": p.created,
            "tags": p.tags, "note": p.note});
        row.to_string() + "\n"
    };
    products.iter().map(line).collect::<String>().into_bytes()
}

fn as_csv(products: &[Product]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(["id", "title", "price", "stock", "created", "tags", "note"])
        .unwrap();
    for p in products {
        let price = p.price.map(|price| price.to_string()).unwrap_or_default();
        let stock = p.stock.map(|stock| stock.to_string()).unwrap_or_default();
        let (id, tags) = (p.id.to_string(), json!(p.tags).to_string());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells = [
            id,
            p.title.clone(),
            price,
            stock,
            text(&p.created),
            tags,
            text(&p.note),
        ];
        writer.write_record(cells).unwrap();
    }
    writer.into_inner().unwrap()
}

fn as_parquet(products: &[Product]) -> Vec<u8> {
    let texts = |pick: fn(&Product) -> Option<&str>| -> ArrayRef {
        Arc::new(products.iter().map(pick).collect::<StringArray>())
    };
    let mut tags = ListBuilder::new(StringBuilder::new());
    for product in products {
        tags.append_value(product.tags.iter().map(Some));
    }
    parquet_bytes(vec![
        (
            "id",
            Arc::new(products.iter().map(|p| Some(p.id)).collect::<Int64Array>()),
        ),
        ("title", texts(|p| Some(&p.title))),
        (
            "price",
            Arc::new(products.iter().map(|p| p.price).collect::<Float64Array>()),
        ),
        (
            "stock",
            Arc::new(products.iter().map(|p| p.stock).collect::<BooleanArray>()),
        ),
        ("created", texts(|p| p.created.as_deref())),
        ("tags", Arc::new(tags.finish())),
        ("note", texts(|p| p.note.as_deref())),
    ])
}

fn items(schema: &Schema, name: &str, bytes: Vec<u8>) -> Vec<Item> {
    let fixture = file(name, bytes);
    let rows = catalog::open(&fixture.path).unwrap();
    rows.map(|row| schema.item(row.unwrap()).unwrap()).collect()
}

/// Documents compare as JSON: `5.0` and `5` are one number, written differently by different formats.
fn comparable(item: &Item) -> (Item, Value) {
    let mut document: Value = serde_json::from_str(&item.document).unwrap();
    document["price"] = json!(document["price"].as_f64());
    (
        Item {
            document: String::new(),
            ..item.clone()
        },
        document,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn csv_json_and_parquet_agree(products in prop::collection::vec(product(), 1..20)) {
        let fields = [("price", FieldType::Number), ("stock", FieldType::Boolean),
            ("created", FieldType::Timestamp), ("tags", FieldType::Keyword)];
        let schema = schema(&["title", "tags"], &fields);
        let json = items(&schema, "a.jsonl", as_jsonl(&products));
        prop_assert_eq!(json.len(), products.len());
        for other in [items(&schema, "a.csv", as_csv(&products)), items(&schema, "a.parquet", as_parquet(&products))] {
            let expected: Vec<_> = json.iter().map(comparable).collect();
            prop_assert_eq!(other.iter().map(comparable).collect::<Vec<_>>(), expected);
        }
    }
}
