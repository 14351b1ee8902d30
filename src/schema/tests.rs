//! Schemas, items and guesses.

mod inference;
mod items;
mod same_items;

use super::*;

fn field(kind: FieldType, filter: bool) -> Field {
    Field { kind, filter }
}

fn schema(embed: &[&str], fields: &[(&str, FieldType)]) -> Schema {
    Schema {
        id: "id".to_owned(),
        embed: embed.iter().map(|&name| name.to_owned()).collect(),
        vector: None,
        fields: fields
            .iter()
            .map(|&(name, kind)| (name.to_owned(), field(kind, kind != FieldType::Text)))
            .collect(),
    }
}

#[test]
fn a_good_schema_validates() {
    let schema = schema(
        &["title"],
        &[("title", FieldType::Text), ("price", FieldType::Number)],
    );
    schema.validate().unwrap();
    assert_eq!(
        schema.filters().collect::<Vec<_>>(),
        [("price", FieldType::Number)]
    );
}

#[test]
fn contradictions_are_named() {
    let good = schema(&["title"], &[("price", FieldType::Number)]);
    let message = |change: &dyn Fn(&mut Schema)| {
        let mut schema = good.clone();
        change(&mut schema);
        schema.validate().unwrap_err().to_string()
    };
    let declare = |schema: &mut Schema, name: &str, kind| {
        schema.fields.insert(name.to_owned(), field(kind, true));
    };
    assert!(message(&|s| s.id.clear()).contains("names no id field"));
    assert!(message(&|s| s.embed.clear()).contains("nothing to search by"));
    assert!(message(&|s| s.vector = Some("v".to_owned())).contains("both `embed` and `vector`"));
    assert!(message(&|s| s.vector = Some("title".to_owned())).contains("can't also be embedded"));
    assert!(message(&|s| s.vector = Some("price".to_owned())).contains("can't also be a declared field"));
    assert!(message(&|s| s.vector = Some("id".to_owned())).contains("can't also be the id"));
    assert!(message(&|s| s.embed.push("title".to_owned())).contains("names `title` twice"));
    assert!(message(&|s| s.embed.push(String::new())).contains("empty field name in `embed`"));
    assert!(
        message(&|s| declare(s, "or", FieldType::Keyword)).contains("`and`, `or` and `not` combine filters")
    );
    assert!(message(&|s| declare(s, "title", FieldType::Text)).contains("type = \"keyword\""));
}

#[test]
fn toml_that_is_no_schema_is_refused() {
    let read = |text: &str| toml::from_str::<Schema>(text).map_err(|error| error.to_string());
    let fine = "id = 'id'\nembed = ['title']\n[fields]\nprice = { type = 'number', filter = true }";
    assert!(read(fine).is_ok());
    assert!(
        read("id = 'id'\nembeds = ['title']")
            .unwrap_err()
            .contains("unknown field `embeds`")
    );
    assert!(
        read("id = 'id'\n[fields]\nprice = { type = 'float' }")
            .unwrap_err()
            .contains("unknown variant `float`")
    );
}
