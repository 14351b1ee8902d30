//! Arrow values as JSON values, one cell at a time.
//!
//! | Arrow | JSON |
//! |---|---|
//! | integers, floats | number; a 32-bit or 16-bit float outside a list as the shortest decimal that names it |
//! | float that is not finite | the string `NaN`, `Infinity` or `-Infinity`: JSON has no such number, and a `null` would hide it. A schema refuses it where a number is declared |
//! | decimal | number (the nearest 64-bit float beyond 2⁵³) |
//! | text, also as bytes without a text annotation | string; bytes that are not UTF-8 make the row unusable |
//! | date | `2026-11-20` |
//! | timestamp | RFC 3339 in UTC; one without a time zone is read as UTC |
//! | time, duration, interval | string as Arrow displays it |
//! | list, fixed-size list | array |
//! | struct, map | object |
//! | dictionary | its value |
//! | null | `null` |

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Number, Value};

/// Whether [`value`] can read arrays of this type.
pub(super) fn supported(kind: &DataType) -> bool {
    match kind {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            supported(item.data_type())
        }
        DataType::Map(entries, _) => supported(entries.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| supported(field.data_type())),
        DataType::Dictionary(_, values) => supported(values),
        DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(..)
        | DataType::RunEndEncoded(..) => false,
        _ => true,
    }
}

/// The value at `row`, which is below `array.len()`.
pub(super) fn value(array: &dyn Array, row: usize) -> Result<Value, String> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        kind if kind.is_integer() => integer(array, row),
        kind if kind.is_floating() => float(array, row),
        kind if kind.is_binary() => return binary(array, row),
        DataType::Dictionary(..) => return dictionary(array, row),
        kind if kind.is_nested() => return nested(array, row),
        DataType::Timestamp(unit, _) => return timestamp(array, row, *unit),
        DataType::Date64 => display(array, row)?.split('T').next().into(),
        kind if kind.is_decimal() => decimal(&display(array, row)?),
        _ => display(array, row)?.into(),
    })
}

fn integer(array: &dyn Array, row: usize) -> Value {
    match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        _ => array.as_primitive::<UInt64Type>().value(row).into(),
    }
}

fn float(array: &dyn Array, row: usize) -> Value {
    match array.data_type() {
        DataType::Float16 => shortest(array.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => shortest(array.as_primitive::<Float32Type>().value(row)),
        _ => number(array.as_primitive::<Float64Type>().value(row)),
    }
}

/// 0.1 as a 32-bit float is 0.1 here, not 0.10000000149011612.
fn shortest(value: f32) -> Value {
    value.to_string().parse().map_or(Value::Null, number)
}

fn number(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("NaN"),
        None if value > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}

fn decimal(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(whole) => Value::from(whole),
        Err(_) => text.parse().map_or_else(|_| Value::from(text), number),
    }
}

fn binary(array: &dyn Array, row: usize) -> Result<Value, String> {
    let bytes = match array.data_type() {
        DataType::Binary => array.as_binary::<i32>().value(row),
        DataType::LargeBinary => array.as_binary::<i64>().value(row),
        DataType::BinaryView => array.as_binary_view().value(row),
        _ => array.as_fixed_size_binary().value(row),
    };
    let text = std::str::from_utf8(bytes);
    text.map(Value::from).map_err(|_| {
        format!(
            "{} bytes that are not UTF-8 text; leave the column out",
            bytes.len()
        )
    })
}

fn timestamp(array: &dyn Array, row: usize, unit: TimeUnit) -> Result<Value, String> {
    use jiff::Timestamp;
    let (count, time) = match unit {
        TimeUnit::Second => {
            let count = array.as_primitive::<TimestampSecondType>().value(row);
            (count, Timestamp::from_second(count))
        }
        TimeUnit::Millisecond => {
            let count = array.as_primitive::<TimestampMillisecondType>().value(row);
            (count, Timestamp::from_millisecond(count))
        }
        TimeUnit::Microsecond => {
            let count = array.as_primitive::<TimestampMicrosecondType>().value(row);
            (count, Timestamp::from_microsecond(count))
        }
        TimeUnit::Nanosecond => {
            let count = array.as_primitive::<TimestampNanosecondType>().value(row);
            (count, Timestamp::from_nanosecond(i128::from(count)))
        }
    };
    let time =
        time.map_err(|_| format!("timestamp {count} ({unit:?}s) is outside the years -9999 to 9999"))?;
    Ok(time.to_string().into())
}

fn display(array: &dyn Array, row: usize) -> Result<String, String> {
    let options = FormatOptions::new().with_display_error(false);
    let formatter = ArrayFormatter::try_new(array, &options).map_err(|error| error.to_string())?;
    formatter
        .value(row)
        .try_to_string()
        .map_err(|error| error.to_string())
}

fn nested(array: &dyn Array, row: usize) -> Result<Value, String> {
    match array.data_type() {
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row)),
        DataType::Struct(_) => object(array, row),
        DataType::Map(..) => map(array, row),
        other => Err(format!("values of type {other} can't be read")),
    }
}

/// A list's elements. Lists of 32-bit floats are vectors: each is widened as it is, which is exact and quick.
fn list(items: &ArrayRef) -> Result<Value, String> {
    if *items.data_type() == DataType::Float32 {
        let items = items.as_primitive::<Float32Type>();
        return Ok(items
            .iter()
            .map(|item| item.map_or(Value::Null, |item| number(item.into())))
            .collect());
    }
    (0..items.len())
        .map(|at| value(items.as_ref(), at))
        .collect::<Result<Vec<_>, _>>()
        .map(Value::Array)
}

fn object(array: &dyn Array, row: usize) -> Result<Value, String> {
    let array = array.as_struct();
    let fields = array.fields().iter().zip(array.columns());
    fields
        .map(|(field, column)| Ok((field.name().clone(), value(column.as_ref(), row)?)))
        .collect::<Result<Map<_, _>, String>>()
        .map(Value::Object)
}

fn map(array: &dyn Array, row: usize) -> Result<Value, String> {
    let entries = array.as_map().value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    let mut object = Map::new();
    for at in 0..entries.len() {
        let key = match value(keys.as_ref(), at)? {
            Value::String(key) => key,
            other => other.to_string(),
        };
        object.insert(key, value(values.as_ref(), at)?);
    }
    Ok(Value::Object(object))
}

fn dictionary(array: &dyn Array, row: usize) -> Result<Value, String> {
    let array = array.as_any_dictionary();
    let key = integer(array.keys(), row)
        .as_u64()
        .and_then(|key| usize::try_from(key).ok());
    match key {
        Some(key) if key < array.values().len() => value(array.values().as_ref(), key),
        _ => Err("a dictionary key outside its dictionary".to_owned()),
    }
}
