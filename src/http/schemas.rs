//! Schemas in request bodies.

use super::problem::{Cause, Problem};
use crate::schema::Schema;
use serde_json::Value;

/// Reads a schema and checks it by itself; the error names the field.
pub(super) fn schema_of(value: Value) -> Result<Schema, Problem> {
    let schema: Schema = serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let field = match path.as_str() {
            "." | "?" => "schema".to_owned(),
            path => format!("schema.{path}"),
        };
        Problem::invalid(format!("{field}: {}", error.inner()))
            .with_field(field)
            .with_cause(Cause::Value)
    })?;
    schema
        .validate()
        .map_err(|error| Problem::invalid(format!("schema: {error}")).with_field("schema"))?;
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wrong_schema_names_its_field() {
        for (value, field) in [
            (
                json!({"id": "id", "embed": ["title"], "feilds": {}}),
                "schema.feilds",
            ),
            (
                json!({"id": "id", "embed": ["title"], "fields": {"price": {"type": "money"}}}),
                "schema.fields.price.type",
            ),
            (json!({"id": "id", "embed": "title"}), "schema.embed"),
            (json!({"embed": ["title"]}), "schema"),
            (json!({"id": "id"}), "schema"),
            (json!({"id": "id", "embed": ["title"], "vector": "v"}), "schema"),
            (json!([]), "schema"),
            (json!(7), "schema"),
        ] {
            let (detail, found) = schema_of(value.clone()).unwrap_err().into_parts();
            assert_eq!(found.as_deref(), Some(field), "{value}: {detail}");
        }
    }

    #[test]
    fn a_good_schema_is_read() {
        let schema = schema_of(
            json!({"id": "id", "vector": "v", "fields": {"n": {"type": "number", "filter": true}}}),
        );
        assert_eq!(schema.unwrap().vector.as_deref(), Some("v"));
    }
}
