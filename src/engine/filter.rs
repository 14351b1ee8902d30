//! Filters: JSON in, a bitmap of admissible rows out.
//!
//! ```json
//! {"brand": "Acme", "price": {"gte": 10, "lt": 50}, "color": ["red", "blue"],
//!  "or": [{"in_stock": true}, {"rating": {"gte": 4.5}}], "not": {"category": {"in": ["Toys"]}}}
//! ```
//!
//! An object is a conjunction of its entries. `and` and `or` take lists of objects, `not` takes one object; any other
//! key is a filterable field. A plain value means "equal", a list means "any of these". A field with several values
//! matches when any of them does; a row without a value matches only under `not`.

use super::EngineError;
use crate::schema::{FieldType, Schema, parse_timestamp};
use crate::snapshot::{Snapshot, Test};
use alike_indexes::RowSet;
use serde_json::{Map, Value};

/// Objects may nest this deep.
pub const MAX_DEPTH: usize = 16;
/// A filter may have this many conditions and listed values in all.
pub const MAX_CONDITIONS: usize = 10_000;

/// A checked filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these.
    All(Vec<Filter>),
    /// Any of these.
    Any(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A test on one field.
    Field(String, Test),
}

impl Filter {
    /// Checks `value` against `schema`. `path` names the filter in errors ("filter").
    ///
    /// # Errors
    /// [`EngineError::Invalid`] naming the condition that is wrong.
    pub fn parse(value: &Value, schema: &Schema, path: &str) -> Result<Self, EngineError> {
        Parser {
            schema,
            conditions: 0,
        }
        .object(value, path, 0)
    }

    /// The rows of `snapshot` that pass.
    #[must_use]
    pub fn select(&self, snapshot: &Snapshot) -> RowSet {
        let rows = snapshot.rows();
        match self {
            Self::All(filters) => combine(filters, snapshot, RowSet::full(rows), RowSet::and),
            Self::Any(filters) => combine(filters, snapshot, RowSet::new(rows), RowSet::or),
            Self::Not(filter) => {
                let mut selected = filter.select(snapshot);
                selected.invert();
                selected
            }
            Self::Field(field, test) => {
                let mut selected = RowSet::new(rows);
                if let Some(column) = snapshot.column(field) {
                    column.select(test, &mut selected);
                }
                selected
            }
        }
    }
}

fn combine(
    filters: &[Filter],
    snapshot: &Snapshot,
    empty: RowSet,
    join: impl Fn(&mut RowSet, &RowSet),
) -> RowSet {
    let mut parts = filters.iter().map(|filter| filter.select(snapshot));
    let Some(mut rows) = parts.next() else {
        return empty;
    };
    parts.for_each(|part| join(&mut rows, &part));
    rows
}

struct Parser<'a> {
    schema: &'a Schema,
    conditions: usize,
}

impl Parser<'_> {
    fn object(&mut self, value: &Value, path: &str, depth: usize) -> Result<Filter, EngineError> {
        let entries = as_object(value, path)?;
        if depth >= MAX_DEPTH {
            return Err(EngineError::invalid(
                path,
                format!("filters nest at most {MAX_DEPTH} deep"),
            ));
        }
        let parts = entries.iter().map(|(key, value)| {
            let path = format!("{path}.{key}");
            match key.as_str() {
                "and" => self.list(value, &path, depth).map(Filter::All),
                "or" => self.list(value, &path, depth).map(Filter::Any),
                "not" => Ok(Filter::Not(Box::new(self.object(value, &path, depth + 1)?))),
                field => self.field(field, value, &path),
            }
        });
        parts.collect::<Result<Vec<_>, _>>().map(Filter::All)
    }

    fn list(&mut self, value: &Value, path: &str, depth: usize) -> Result<Vec<Filter>, EngineError> {
        let Value::Array(filters) = value else {
            return Err(EngineError::invalid(
                path,
                format!("takes a list of objects, not {}", kind_of(value)),
            ));
        };
        if filters.is_empty() {
            return Err(EngineError::invalid(
                path,
                "is an empty list; leave it out or give it conditions",
            ));
        }
        filters
            .iter()
            .enumerate()
            .map(|(at, f)| self.object(f, &format!("{path}[{at}]"), depth + 1))
            .collect()
    }

    fn field(&mut self, field: &str, value: &Value, path: &str) -> Result<Filter, EngineError> {
        let kind = self.filterable(field, path)?;
        let tests = match value {
            Value::Object(operators) => self.operators(operators, kind, path)?,
            Value::Array(values) => vec![self.any_of(values, kind, path)?],
            value => vec![self.any_of(std::slice::from_ref(value), kind, path)?],
        };
        Ok(Filter::All(
            tests
                .into_iter()
                .map(|test| Filter::Field(field.to_owned(), test))
                .collect(),
        ))
    }

    fn filterable(&self, field: &str, path: &str) -> Result<FieldType, EngineError> {
        let found = self.schema.filters().find(|(name, _)| *name == field);
        found.map(|(_, kind)| kind).ok_or_else(|| {
            let names: Vec<&str> = self.schema.filters().map(|(name, _)| name).collect();
            let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let detail = format!("{field:?} is not a filterable field of this collection (filterable: {list}); declare it with --filter when building");
            EngineError::invalid(path, detail)
        })
    }

    fn operators(
        &mut self,
        operators: &Map<String, Value>,
        kind: FieldType,
        path: &str,
    ) -> Result<Vec<Test>, EngineError> {
        if operators.is_empty() {
            return Err(EngineError::invalid(
                path,
                "needs an operator: eq, in, lt, lte, gt or gte",
            ));
        }
        let (mut low, mut high, mut tests) = (None, None, Vec::new());
        for (operator, value) in operators {
            let path = format!("{path}.{operator}");
            let (side, included) = match operator.as_str() {
                "eq" => {
                    tests.push(self.any_of(std::slice::from_ref(value), kind, &path)?);
                    continue;
                }
                "in" => {
                    let Value::Array(values) = value else {
                        return Err(EngineError::invalid(
                            path,
                            format!("takes a list, not {}", kind_of(value)),
                        ));
                    };
                    tests.push(self.any_of(values, kind, &path)?);
                    continue;
                }
                "gt" | "gte" => (&mut low, operator == "gte"),
                "lt" | "lte" => (&mut high, operator == "lte"),
                _ => {
                    return Err(EngineError::invalid(
                        path,
                        "is not an operator (eq, in, lt, lte, gt, gte)",
                    ));
                }
            };
            if side.is_some() {
                return Err(EngineError::invalid(path, "bounds the same side twice"));
            }
            *side = Some((self.bound(value, kind, &path)?, included));
        }
        if low.is_some() || high.is_some() {
            tests.push(Test::Range { low, high });
        }
        Ok(tests)
    }

    fn any_of(&mut self, values: &[Value], kind: FieldType, path: &str) -> Result<Test, EngineError> {
        self.conditions += values.len().max(1);
        if self.conditions > MAX_CONDITIONS {
            return Err(EngineError::invalid(
                path,
                format!("a filter has at most {MAX_CONDITIONS} conditions"),
            ));
        }
        match kind {
            FieldType::Number | FieldType::Timestamp => values
                .iter()
                .map(|v| number(v, kind, path))
                .collect::<Result<_, _>>()
                .map(Test::Numbers),
            FieldType::Keyword | FieldType::Text | FieldType::Boolean => values
                .iter()
                .map(|v| keyword(v, kind, path))
                .collect::<Result<_, _>>()
                .map(Test::Keywords),
        }
    }

    fn bound(&mut self, value: &Value, kind: FieldType, path: &str) -> Result<f64, EngineError> {
        self.conditions += 1;
        match kind {
            FieldType::Number | FieldType::Timestamp => number(value, kind, path),
            _ => Err(EngineError::invalid(
                path,
                "ranges need a number or timestamp field; use eq or in",
            )),
        }
    }
}

fn number(value: &Value, kind: FieldType, path: &str) -> Result<f64, EngineError> {
    if kind == FieldType::Timestamp {
        return timestamp(value).map(|time| time as f64).ok_or_else(|| {
            let detail = format!(
                "takes a timestamp (2026-11-20T10:00:00Z, 2026-11-20, or whole milliseconds since the Unix epoch), not {}",
                kind_of(value)
            );
            EngineError::invalid(path, detail)
        });
    }
    value
        .as_f64()
        .filter(|number| number.is_finite())
        .ok_or_else(|| EngineError::invalid(path, format!("takes a number, not {}", kind_of(value))))
}

fn timestamp(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => parse_timestamp(text),
        Value::Number(milliseconds) => milliseconds.as_i64(),
        _ => None,
    }
}

fn keyword(value: &Value, kind: FieldType, path: &str) -> Result<String, EngineError> {
    match (kind, value) {
        (FieldType::Boolean, Value::Bool(flag)) => Ok(flag.to_string()),
        (FieldType::Boolean, _) => Err(EngineError::invalid(
            path,
            format!("takes true or false, not {}", kind_of(value)),
        )),
        (_, Value::String(text)) => Ok(text.clone()),
        // Keyword columns hold numbers and booleans by their text, as catalogs often mix them.
        (_, Value::Number(number)) => Ok(number.to_string()),
        (_, Value::Bool(flag)) => Ok(flag.to_string()),
        _ => Err(EngineError::invalid(
            path,
            format!("takes a string, not {}", kind_of(value)),
        )),
    }
}

fn as_object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, EngineError> {
    value
        .as_object()
        .ok_or_else(|| EngineError::invalid(path, format!("takes an object, not {}", kind_of(value))))
}

/// A value as people call it in an error.
fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
