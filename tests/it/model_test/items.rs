//! The items: what they look like, and what a test makes up.

use crate::support::Random;
use serde_json::{Map, Value, json};

pub(super) const DIMENSION: usize = 8;
/// Items have ids out of this many.
pub(super) const IDS: usize = 1_000;
const BRANDS: [&str; 8] = [
    "Acme", "Karst", "Klotz", "Norvig", "Oldfield", "Sonar", "Tamura", "Velo",
];
const TAGS: [&str; 6] = ["new", "sale", "green", "heavy", "fragile", "überlang"];
const DAY_MS: i64 = 86_400_000;
/// 2026-01-01, from which the dates count.
const FIRST_DAY_MS: i64 = 1_767_225_600_000;

/// The schema of the collection.
pub(super) fn schema() -> Value {
    let filter = |kind: &str| json!({"type": kind, "filter": true});
    json!({"id": "id", "vector": "v", "fields": {
        "price": filter("number"), "sizes": filter("number"), "brand": filter("keyword"),
        "tags": filter("keyword"), "stock": filter("boolean"), "seen": filter("timestamp"),
    }})
}

/// The id of an item.
pub(super) fn id_of(number: usize) -> String {
    format!("item/{number} ü")
}

/// The id in a path.
pub(super) fn id_in_path(id: &str) -> String {
    id.replace('/', "%2F").replace(' ', "%20").replace('ü', "%C3%BC")
}

/// An item as the oracle has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    /// Every field but the vector.
    pub(super) document: Map<String, Value>,
    pub(super) vector: Vec<f32>,
    pub(super) values: Values,
}

/// The filterable fields, typed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Values {
    pub(super) price: Vec<f64>,
    pub(super) sizes: Vec<f64>,
    pub(super) brand: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) stock: Option<bool>,
    pub(super) seen: Option<i64>,
}

impl Stored {
    /// The item of a whole row.
    pub(super) fn of(mut row: Map<String, Value>) -> Self {
        let vector = row.remove("v").expect("a vector");
        let values = Values::of(&row);
        let vector = serde_json::from_value(vector).expect("numbers");
        Self {
            document: row,
            vector,
            values,
        }
    }

    /// The item after a partial update.
    pub(super) fn patched(&self, fields: &Map<String, Value>) -> Self {
        let mut row = self.document.clone();
        row.insert("v".into(), json!(self.vector));
        for (name, value) in fields {
            match value {
                Value::Null => row.remove(name),
                value => row.insert(name.clone(), value.clone()),
            };
        }
        Self::of(row)
    }
}

impl Values {
    fn of(row: &Map<String, Value>) -> Self {
        let list = |name: &str| match row.get(name) {
            None => Vec::new(),
            Some(Value::Array(list)) => list.clone(),
            Some(single) => vec![single.clone()],
        };
        let numbers = |name| list(name).iter().filter_map(Value::as_f64).collect();
        let words = |name| {
            list(name)
                .iter()
                .filter_map(|word| Some(word.as_str()?.to_owned()))
                .collect()
        };
        Self {
            price: numbers("price"),
            sizes: numbers("sizes"),
            brand: words("brand"),
            tags: words("tags"),
            stock: row.get("stock").and_then(Value::as_bool),
            seen: row.get("seen").map(milliseconds),
        }
    }
}

/// Milliseconds since the Unix epoch, of a date or of milliseconds.
pub(super) fn milliseconds(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| {
        let date = value.as_str().expect("a date");
        let midnight: jiff::Timestamp = format!("{date}T00:00:00Z").parse().expect("a date");
        midnight.as_millisecond()
    })
}

/// A date of the year, as JSON has it: as text or in milliseconds.
pub(super) fn some_day(random: &mut Random) -> Value {
    let (month, day) = (1 + random.below(12), 1 + random.below(28));
    match random.percent(50) {
        true => json!(format!("2026-{month:02}-{day:02}")),
        false => json!(FIRST_DAY_MS + random.below(365) as i64 * DAY_MS),
    }
}

pub(super) fn some_brand(random: &mut Random) -> &'static str {
    BRANDS[random.below(BRANDS.len())]
}

pub(super) fn some_tag(random: &mut Random) -> &'static str {
    TAGS[random.below(TAGS.len())]
}

fn some_price(random: &mut Random) -> Value {
    json!(random.below(20_000) as f64 / 100.0)
}

fn some_list<T: Into<Value>>(random: &mut Random, one: impl Fn(&mut Random) -> T) -> Value {
    (0..random.below(4)).map(|_| one(random)).collect()
}

/// A whole row of that id. Values are of few digits so that a difference shows.
pub(super) fn some_row(random: &mut Random, id: &str) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("id".into(), json!(id));
    row.insert("v".into(), json!(random.vector(DIMENSION)));
    row.insert("note".into(), json!({"stamp": random.next()}));
    for name in ["price", "sizes", "brand", "tags", "stock", "seen"] {
        if random.percent(85) {
            row.insert(name.into(), some_value(random, name));
        }
    }
    row
}

/// A value of that field.
fn some_value(random: &mut Random, name: &str) -> Value {
    match name {
        "price" => some_price(random),
        "sizes" => some_list(random, |random| 30 + random.below(20)),
        "brand" => json!(some_brand(random)),
        "tags" => some_list(random, some_tag),
        "stock" => json!(random.percent(60)),
        _ => some_day(random),
    }
}

/// Some fields to change; now and then the vector, now and then a field that goes.
pub(super) fn some_fields(random: &mut Random) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("note".into(), json!({"stamp": random.next()}));
    for name in ["price", "sizes", "brand", "tags", "stock", "seen"] {
        if random.percent(30) {
            let value = match random.percent(20) {
                true => Value::Null,
                false => some_value(random, name),
            };
            fields.insert(name.into(), value);
        }
    }
    if random.percent(15) {
        fields.insert("v".into(), json!(random.vector(DIMENSION)));
    }
    fields
}
