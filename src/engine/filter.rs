//! Filters: JSON in, a checked [`Filter`] out.
//!
//! ```json
//! {"brand": "Acme", "price": {"gte": 10, "lt": 50}, "color": ["red", "blue"],
//!  "or": [{"in_stock": true}, {"rating": {"gte": 4.5}}], "not": {"category": {"in": ["Toys"]}}}
//! ```
//!
//! An object is a conjunction of its entries. `and` and `or` take lists of objects, `not` takes one object; any other
//! key is a filterable field. A plain value means "equal", a list means "any of these". A field with several values
//! matches when any of them does; a row without a value matches only under `not`.

pub use crate::live::Filter;

use super::EngineError;
use crate::schema::{FieldType, Schema, TIMESTAMP_FORMS, shown, timestamp_of};
use crate::snapshot::Test;
use serde_json::{Map, Value};

/// Objects may nest this deep.
pub const MAX_DEPTH: usize = 16;
/// A filter may have this many objects and conditions in all: each may touch every row.
pub const MAX_CONDITIONS: usize = 256;
/// A filter may list this many values in all.
pub const MAX_VALUES: usize = 10_000;

impl Filter {
    /// Checks `value` against `schema`. `path` names the filter in errors ("filter").
    ///
    /// # Errors
    /// [`EngineError::Invalid`] naming the condition that is wrong.
    pub fn parse(value: &Value, schema: &Schema, path: &str) -> Result<Self, EngineError> {
        Parser::new(schema).object(value, path, 0)
    }

    /// As [`Filter::parse`], of the condition on one field alone.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] naming the condition that is wrong.
    pub fn parse_field(field: &str, value: &Value, schema: &Schema, path: &str) -> Result<Self, EngineError> {
        Parser::new(schema).field(field, value, path)
    }
}

struct Parser<'a> {
    schema: &'a Schema,
    conditions: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    fn new(schema: &'a Schema) -> Self {
        Self {
            schema,
            conditions: 0,
            values: 0,
        }
    }

    fn count_condition(&mut self, path: &str) -> Result<(), EngineError> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            let detail = format!("a filter has at most {MAX_CONDITIONS} objects and conditions");
            return Err(EngineError::invalid(path, detail));
        }
        Ok(())
    }

    fn object(&mut self, value: &Value, path: &str, depth: usize) -> Result<Filter, EngineError> {
        let entries = as_object(value, path)?;
        self.count_condition(path)?;
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
                format!("takes a list of objects, not {}", shown(value)),
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
        let (at, kind) = self.filterable(field, path)?;
        self.count_condition(path)?;
        let tests = match value {
            Value::Object(operators) => self.operators(operators, kind, path)?,
            Value::Array(values) => vec![self.any_of(values, kind, path)?],
            value => vec![self.any_of(std::slice::from_ref(value), kind, path)?],
        };
        Ok(Filter::All(
            tests.into_iter().map(|test| Filter::Field(at, test)).collect(),
        ))
    }

    /// A filterable field's place among them, and its type.
    fn filterable(&self, field: &str, path: &str) -> Result<(usize, FieldType), EngineError> {
        let mut fields = self.schema.filters().enumerate();
        let found = fields.find(|(_, (name, _))| *name == field);
        found.map(|(at, (_, kind))| (at, kind)).ok_or_else(|| {
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
                            format!("takes a list, not {}", shown(value)),
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
            *side = Some((Self::bound(value, kind, &path)?, included));
        }
        if low.is_some() || high.is_some() {
            tests.push(Test::Range { low, high });
        }
        Ok(tests)
    }

    fn any_of(&mut self, values: &[Value], kind: FieldType, path: &str) -> Result<Test, EngineError> {
        self.values += values.len();
        if self.values > MAX_VALUES {
            let detail = format!("a filter lists at most {MAX_VALUES} values");
            return Err(EngineError::invalid(path, detail));
        }
        match kind {
            FieldType::Number | FieldType::Timestamp => values
                .iter()
                .map(|v| number(v, kind, path))
                .collect::<Result<_, _>>()
                .map(Test::any_number),
            FieldType::Keyword | FieldType::Text | FieldType::Boolean => values
                .iter()
                .map(|v| keyword(v, kind, path))
                .collect::<Result<_, _>>()
                .map(Test::any_keyword),
        }
    }

    fn bound(value: &Value, kind: FieldType, path: &str) -> Result<f64, EngineError> {
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
        let time = timestamp_of(value).map(|time| time as f64);
        let refused = || EngineError::invalid(path, format!("takes {TIMESTAMP_FORMS}, not {}", shown(value)));
        return time.ok_or_else(refused);
    }
    value
        .as_f64()
        .filter(|number| number.is_finite())
        .ok_or_else(|| EngineError::invalid(path, format!("takes a number, not {}", shown(value))))
}

fn keyword(value: &Value, kind: FieldType, path: &str) -> Result<String, EngineError> {
    match (kind, value) {
        (FieldType::Boolean, Value::Bool(flag)) => Ok(flag.to_string()),
        (FieldType::Boolean, _) => Err(EngineError::invalid(
            path,
            format!("takes true or false, not {}", shown(value)),
        )),
        (_, Value::String(text)) => Ok(text.clone()),
        // Keyword columns hold numbers and booleans by their text, as catalogs often mix them.
        (_, Value::Number(number)) => Ok(number.to_string()),
        (_, Value::Bool(flag)) => Ok(flag.to_string()),
        _ => Err(EngineError::invalid(
            path,
            format!("takes a string, not {}", shown(value)),
        )),
    }
}

fn as_object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, EngineError> {
    value
        .as_object()
        .ok_or_else(|| EngineError::invalid(path, format!("takes an object, not {}", shown(value))))
}

#[cfg(test)]
#[path = "filter_tests.rs"]
pub(in crate::engine) mod tests;
