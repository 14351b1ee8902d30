//! What `alike schema` prints is a schema again.

use super::*;
use crate::schema::FieldType;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, serde::Deserialize)]
struct Config {
    collections: BTreeMap<String, Schema>,
}

fn inferred(schema: Schema) -> Inferred {
    let notes = schema
        .fields
        .keys()
        .chain([&schema.id])
        .map(|name| (name.clone(), "a\nnote".to_owned()))
        .collect();
    Inferred {
        schema,
        rows_seen: 3,
        notes,
    }
}

fn parsed(collection: &str, inferred: &Inferred) -> BTreeMap<String, Schema> {
    let text = as_toml(collection, Path::new("some \u{1}file.csv"), inferred);
    toml::from_str::<Config>(&text)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
        .collections
}

#[test]
fn a_section_for_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("My Products.v2.csv");
    std::fs::write(
        &file,
        "id,title,price,image\n1,A red mug,5,https://example.org/1\n2,A blue mug,,https://example.org/2\n",
    )
    .unwrap();
    let inferred = infer(&file, &InferOptions::default()).unwrap();
    let text = as_toml(&collection_name(&file), &file, &inferred);
    let expected = "# Guessed from 2 rows of My Products.v2.csv: check it before you build.\n\
        [collections.my-products]\n\
        id = \"id\"  # different in every row\n\
        embed = [\"title\"]  # joined with a space in this order, the most telling first\n\
        \n\
        [collections.my-products.fields]\n\
        price = { type = \"number\", filter = true }  # numbers; empty in 1 of 2 rows\n\
        title = { type = \"text\" }  # texts\n\
        # image: web addresses; kept with the item\n";
    assert_eq!(text, expected);
    assert_eq!(parsed("my-products", &inferred)["my-products"], inferred.schema);
}

#[test]
fn collections_are_named_after_their_file() {
    let name = |file: &str| collection_name(Path::new(file));
    assert_eq!(name("/data/products.jsonl.gz"), "products");
    assert_eq!(name("Été 2026.csv"), "t--2026");
    assert_eq!(name("---.csv"), "catalog");
}

#[test]
fn json_for_machines() {
    let fields = [(
        "price".to_owned(),
        Field {
            kind: FieldType::Number,
            filter: true,
        },
    )]
    .into();
    let schema = Schema {
        id: "id".to_owned(),
        embed: vec!["title".to_owned()],
        vector: None,
        fields,
    };
    let text = as_json("c", &inferred(schema.clone())).unwrap();
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        serde_json::from_value::<Schema>(object["schema"].clone()).unwrap(),
        schema
    );
    assert_eq!(
        (object["collection"].as_str(), object["rows_seen"].as_u64()),
        (Some("c"), Some(3))
    );
}

proptest! {
    #[test]
    fn any_names_come_back(
        names in prop::collection::btree_set("[\\PC\n\t\u{7f}\"'#\\\\]{1,8}", 1..5),
        collection in "\\PC{1,6}",
        vector in any::<bool>(),
    ) {
        let declared = Field { kind: FieldType::Keyword, filter: true };
        let fields = names.iter().map(|name| (name.clone(), declared)).collect();
        let embed: Vec<String> = if vector { Vec::new() } else { names.iter().cloned().collect() };
        let vector = vector.then(|| "the \"vector\"".to_owned());
        let schema = Schema { id: names.first().unwrap().clone(), embed, vector, fields };
        let inferred = inferred(schema.clone());
        prop_assert_eq!(&parsed(&collection, &inferred)[&collection], &schema);
    }
}
