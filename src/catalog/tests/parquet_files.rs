//! Parquet: every kind of value, and damaged files.

use super::*;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeListArray,
    Float32Array, Float64Array, Int64Array, LargeStringArray, ListArray, MapBuilder, RecordBatch,
    StringArray, StringBuilder, StringViewArray, StructArray, Time64MicrosecondArray,
    TimestampMillisecondArray, UInt16Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Float32Type, Int32Type};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use std::sync::Arc;

pub(crate) fn parquet_bytes(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    );
    let batch = batch.unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn cell(array: ArrayRef) -> Value {
    let outcome = read_bytes("a.parquet", parquet_bytes(vec![("x", array)]));
    assert!(outcome.fatal.is_none() && outcome.bad.is_empty(), "{outcome:?}");
    outcome.rows[0].1["x"].clone()
}

#[test]
fn scalars() {
    assert_eq!(cell(Arc::new(StringArray::from(vec!["a"]))), json!("a"));
    assert_eq!(cell(Arc::new(LargeStringArray::from(vec!["b"]))), json!("b"));
    assert_eq!(
        cell(Arc::new(StringViewArray::from(vec![
            "a string beyond twelve bytes"
        ])))
        .as_str()
        .unwrap()
        .len(),
        28
    );
    assert_eq!(cell(Arc::new(BooleanArray::from(vec![true]))), json!(true));
    assert_eq!(cell(Arc::new(Int64Array::from(vec![-5]))), json!(-5));
    assert_eq!(cell(Arc::new(UInt16Array::from(vec![5]))), json!(5));
    assert_eq!(cell(Arc::new(UInt64Array::from(vec![u64::MAX]))), json!(u64::MAX));
    assert_eq!(cell(Arc::new(Float64Array::from(vec![12.5]))), json!(12.5));
    assert_eq!(cell(Arc::new(Float32Array::from(vec![0.1]))), json!(0.1));
    assert_eq!(
        cell(Arc::new(BinaryArray::from(vec![b"text".as_slice()]))),
        json!("text")
    );
    assert_eq!(cell(Arc::new(StringArray::from(vec![None::<&str>]))), Value::Null);
}

#[test]
fn decimals_dates_and_times() {
    let decimal = |scale, value| {
        let array = Decimal128Array::from(vec![value])
            .with_precision_and_scale(20, scale)
            .unwrap();
        cell(Arc::new(array))
    };
    assert_eq!(decimal(2, 2997), json!(29.97));
    assert_eq!(decimal(0, -7), json!(-7));
    assert_eq!(
        cell(Arc::new(Date32Array::from(vec![18_234]))),
        json!("2019-12-04")
    );
    let time = TimestampMillisecondArray::from(vec![1_795_168_800_500]);
    assert_eq!(cell(Arc::new(time.clone())), json!("2026-11-20T10:00:00.5Z"));
    assert_eq!(
        cell(Arc::new(time.with_timezone("+02:00"))),
        json!("2026-11-20T10:00:00.5Z")
    );
    assert_eq!(
        cell(Arc::new(Time64MicrosecondArray::from(vec![3_600_000_000]))),
        json!("01:00:00")
    );
}

#[test]
fn numbers_that_are_not_finite_stay_visible() {
    assert_eq!(cell(Arc::new(Float64Array::from(vec![f64::NAN]))), json!("NaN"));
    assert_eq!(
        cell(Arc::new(Float32Array::from(vec![f32::NEG_INFINITY]))),
        json!("-Infinity")
    );
    let vector = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        vec![Some(vec![Some(1.0), Some(f32::NAN), Some(f32::INFINITY)])],
        3,
    );
    assert_eq!(cell(Arc::new(vector)), json!([1.0, "NaN", "Infinity"]));
}

#[test]
fn nested_values() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None])]);
    assert_eq!(cell(Arc::new(list)), json!([1, null]));
    let dictionary: DictionaryArray<Int32Type> = vec!["red"].into_iter().collect();
    assert_eq!(cell(Arc::new(dictionary)), json!("red"));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["Acme"]));
    let field = Arc::new(Field::new("name", DataType::Utf8, true));
    let object: ArrayRef = Arc::new(StructArray::from(vec![(field, names)]));
    assert_eq!(cell(object), json!({"name": "Acme"}));
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("size");
    map.values().append_value("XL");
    map.append(true).unwrap();
    assert_eq!(cell(Arc::new(map.finish())), json!({"size": "XL"}));
}

#[test]
fn rows_are_numbered_across_batches_and_compression() {
    let count = 1_300;
    let bytes = parquet_bytes(vec![("id", Arc::new(Int64Array::from_iter_values(0..count)))]);
    for (name, bytes) in [
        ("a.parquet", bytes.clone()),
        ("a.parquet.gz", gzip(&bytes)),
        ("a.parquet.zst", zstandard(&bytes)),
    ] {
        let outcome = read_bytes(name, bytes);
        let expected: Vec<(u64, Value)> = (0..count).map(|n| (n as u64 + 1, json!({"id": n}))).collect();
        assert_eq!(outcome.rows, expected, "{name}");
    }
}

#[test]
fn bytes_that_are_no_text_spoil_their_row_only() {
    let bytes = BinaryArray::from(vec![b"ok".as_slice(), b"\xff\xfe".as_slice(), b"ok".as_slice()]);
    let outcome = read_bytes("a.parquet", parquet_bytes(vec![("image", Arc::new(bytes))]));
    assert_eq!(outcome.rows.len(), 2);
    assert_eq!(outcome.bad[0].0, 2);
    assert!(
        outcome.bad[0]
            .1
            .contains("field `image`: 2 bytes that are not UTF-8"),
        "{}",
        outcome.bad[0].1
    );
}

#[test]
fn progress_ends_at_the_file_size() {
    let fixture = file(
        "a.parquet",
        parquet_bytes(vec![("id", Arc::new(Int64Array::from(vec![1, 2])))]),
    );
    let mut reader = open(&fixture.path).unwrap();
    assert_eq!(reader.columns().unwrap(), ["id"]);
    assert_eq!(
        (reader.by_ref().count(), reader.bytes_read()),
        (2, reader.total_bytes())
    );
}

#[test]
fn a_file_cut_short_is_refused() {
    let bytes = parquet_bytes(vec![("id", Arc::new(Int64Array::from_iter_values(0..5_000)))]);
    for cut in [4, 8, bytes.len() / 2, bytes.len() - 1] {
        let outcome = read_bytes("a.parquet", &bytes[..cut]);
        assert!(
            outcome.fatal.unwrap().contains("can't be read as Parquet"),
            "cut at {cut}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn flipped_bits_never_panic(at in 0.0..1.0_f64, bit in 0..8_u32) {
        let text = StringArray::from_iter_values((0..300).map(|n| format!("title {n}")));
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>((0..300).map(|n| Some(vec![Some(n), None])));
        let mut bytes = parquet_bytes(vec![("text", Arc::new(text)), ("list", Arc::new(list))]);
        let at = (at * bytes.len() as f64) as usize;
        bytes[at] ^= 1 << bit;
        let outcome = read_bytes("a.parquet", bytes);
        prop_assert!(outcome.rows.len() <= 300_000);
    }
}
