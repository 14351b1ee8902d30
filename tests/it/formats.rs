//! One catalog in every format gives one collection.

use crate::support::{SHOP_SCHEMA, Server, alike, shop_rows, temp_dir};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Float64Builder, ListBuilder, RecordBatch, StringArray,
    StringBuilder,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Writes one batch as a Parquet file.
pub(crate) fn write_parquet(path: &Path, batch: &RecordBatch) {
    let file = File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn jsonl() -> Vec<u8> {
    crate::support::shop_jsonl().into_bytes()
}

const COLUMNS: [&str; 10] = [
    "id", "title", "brand", "category", "price", "color", "rating", "in_stock", "created", "sizes",
];

/// The shop as CSV, lists as JSON in a cell.
fn csv() -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).unwrap();
    for row in shop_rows() {
        let cell = |name: &str| match &row[name] {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        writer.write_record(COLUMNS.map(cell)).unwrap();
    }
    writer.into_inner().unwrap()
}

fn strings(rows: &[Value], name: &str) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(
        rows.iter().map(|row| row[name].as_str().unwrap()),
    ))
}

fn numbers(rows: &[Value], name: &str) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(
        rows.iter().map(|row| row[name].as_f64().unwrap()),
    ))
}

fn dates(rows: &[Value]) -> ArrayRef {
    let epoch = jiff::civil::date(1970, 1, 1);
    let day = |row: &Value| {
        let date: jiff::civil::Date = row["created"].as_str().unwrap().parse().unwrap();
        date.since(epoch).unwrap().get_days()
    };
    Arc::new(Date32Array::from_iter_values(rows.iter().map(day)))
}

/// The shop as Parquet, with native lists, booleans and dates.
fn parquet() -> Vec<u8> {
    let rows = shop_rows();
    let mut colors = ListBuilder::new(StringBuilder::new());
    let mut sizes = ListBuilder::new(Float64Builder::new());
    for row in &rows {
        colors.append_value(
            row["color"]
                .as_array()
                .unwrap()
                .iter()
                .map(|color| color.as_str()),
        );
        sizes.append_value(row["sizes"].as_array().unwrap().iter().map(Value::as_f64));
    }
    let stock = BooleanArray::from_iter(rows.iter().map(|row| row["in_stock"].as_bool()));
    let mut columns: Vec<(&str, ArrayRef)> = ["id", "title", "brand", "category"]
        .map(|name| (name, strings(&rows, name)))
        .into();
    columns.extend(["price", "rating"].map(|name| (name, numbers(&rows, name))));
    columns.extend([
        ("color", Arc::new(colors.finish()) as ArrayRef),
        ("sizes", Arc::new(sizes.finish())),
    ]);
    columns.extend([
        ("in_stock", Arc::new(stock) as ArrayRef),
        ("created", dates(&rows)),
    ]);
    let folder = temp_dir();
    let path = folder.path().join("shop.parquet");
    write_parquet(&path, &RecordBatch::try_from_iter(columns).unwrap());
    fs::read(path).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_format_gives_the_same_collection() {
    let data = temp_dir();
    let store = data.path().to_str().unwrap();
    let mut names = Vec::new();
    for (format, bytes) in [("jsonl", jsonl()), ("csv", csv()), ("parquet", parquet())] {
        let packed = [
            ("", bytes.clone()),
            (".gz", gzip(&bytes)),
            (".zst", zstd::encode_all(&bytes[..], 3).unwrap()),
        ];
        for (ending, bytes) in packed {
            let input = data.path().join(format!("shop.{format}{ending}"));
            fs::write(&input, bytes).unwrap();
            let name = format!("{format}{}", ending.replace('.', "-"));
            let fixed = [
                "build",
                "--data",
                store,
                "--collection",
                &name,
                "--input",
                input.to_str().unwrap(),
            ];
            alike(fixed.into_iter().chain(SHOP_SCHEMA)).succeeded();
            names.push(name);
        }
    }
    let server = Server::start(data.path());
    let fields =
        |name: &str| server.get(&format!("/v1/collections/{name}")).json()["schema"]["fields"].clone();
    for name in &names[1..] {
        assert_eq!(
            fields(name),
            fields("jsonl"),
            "{name}: the same types are inferred"
        );
        for question in questions() {
            let (expected, found) = (server.search("jsonl", &question), server.search(name, &question));
            assert_eq!(
                found.json()["hits"],
                expected.json()["hits"],
                "{name}: {question}"
            );
        }
    }
}

fn questions() -> Vec<Value> {
    vec![
        json!({"text": "something for the garden", "limit": 40}),
        json!({"text": "gift", "limit": 40, "filter": {"in_stock": true, "price": {"gte": 20, "lt": 60}}}),
        json!({"text": "gift", "limit": 40, "filter": {"color": ["red", "blue"]}}),
        json!({"text": "gift", "limit": 40, "filter": {"sizes": {"gt": 38}}}),
        json!({"text": "gift", "limit": 40, "filter": {"created": {"gte": "2026-03-01"}, "not": {"brand": "Velo"}}}),
        json!({"like": ["Zelt/Größe 42 % «ü»"], "limit": 40}),
    ]
}
