//! Guesses from invented files and from real ones.

use crate::catalog;
use crate::catalog::tests::file;
use crate::schema::{Field, FieldType, InferOptions, Inferred, Schema, SchemaError, from_flags, infer};
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

fn flags(name: &str, text: &str, filter: &str) -> Result<Schema, SchemaError> {
    from_flags(
        &file(name, text).path,
        "id",
        &names("title"),
        &names(filter),
        None,
    )
}

fn kind(schema: &Schema, field: &str) -> FieldType {
    schema.fields[field].kind
}

fn guess(name: &str, text: &str) -> Result<Inferred, SchemaError> {
    infer(&file(name, text).path, &InferOptions::default())
}

#[test]
fn flags_take_types_from_the_values() {
    let text = "id,title,price,stock,created,brand,zip\n\
        1,a,9.99,true,2026-01-01,Acme,00501\n2,b,,false,2026-01-02 10:00:00,Acme,10001\n";
    let schema = flags("a.csv", text, "price,stock,created,brand,zip").unwrap();
    assert_eq!(kind(&schema, "price"), FieldType::Number);
    assert_eq!(kind(&schema, "stock"), FieldType::Boolean);
    assert_eq!(kind(&schema, "created"), FieldType::Timestamp);
    assert_eq!(kind(&schema, "brand"), FieldType::Keyword);
    assert_eq!(
        kind(&schema, "zip"),
        FieldType::Keyword,
        "a leading zero is not a number's"
    );
    assert_eq!(
        schema.fields["title"],
        Field {
            kind: FieldType::Text,
            filter: false
        }
    );
    assert!(schema.filters().all(|(name, _)| name != "title"));
}

#[test]
fn one_mistake_among_numbers_is_that_lines_error() {
    for (good, bad) in [(2, 1), (9_999, 1), (9_900, 99)] {
        let prices = (0..good)
            .map(|n| n.to_string())
            .chain((0..bad).map(|_| "abc".to_owned()));
        let text: String = prices
            .enumerate()
            .fold("id,title,price\n".to_owned(), |mut text, (n, price)| {
                let _ = writeln!(text, "{n},t,{price}");
                text
            });
        let fixture = file("a.csv", text);
        let schema = from_flags(&fixture.path, "id", &names("title"), &names("price"), None).unwrap();
        assert_eq!(kind(&schema, "price"), FieldType::Number);
        let rows = catalog::open(&fixture.path).unwrap();
        let errors: Vec<_> = rows.filter_map(|row| schema.item(row.unwrap()).err()).collect();
        assert_eq!(errors.len(), bad);
        assert_eq!(
            errors[0].to_string(),
            format!(
                "line {}: field `price`: expected a number, found \"abc\"",
                good + 2
            )
        );
    }
}

#[test]
fn mixed_values_are_keywords() {
    let schema = flags("a.csv", "id,title,code\n1,t,5\n2,t,85A\n3,t,6\n4,t,7B\n", "code").unwrap();
    assert_eq!(kind(&schema, "code"), FieldType::Keyword);
    let schema = flags(
        "a.jsonl",
        "{\"id\":1,\"title\":\"t\",\"x\":5}\n{\"id\":2,\"title\":\"t\",\"x\":\"five\"}\n",
        "x",
    );
    assert_eq!(kind(&schema.unwrap(), "x"), FieldType::Keyword);
}

#[test]
fn a_value_beyond_the_sample_still_decides() {
    let mut text: String = (0..11_000).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{{\"id\":{n},\"title\":\"t\",\"price\":null}}");
        text
    });
    text.push_str("{\"id\":11000,\"title\":\"t\",\"price\":5,\"late\":true}\n");
    let schema = flags("a.jsonl", &text, "price,late").unwrap();
    assert_eq!(
        (kind(&schema, "price"), kind(&schema, "late")),
        (FieldType::Number, FieldType::Boolean)
    );
}

#[test]
fn unknown_columns_name_the_nearest() {
    let message = |filter| {
        flags("a.csv", "id,title,price,brand\n1,t,5,Acme\n", filter)
            .unwrap_err()
            .to_string()
    };
    let found = message("prize");
    assert!(
        found.contains("no row has a field `prize` (named as filter)"),
        "{found}"
    );
    assert!(
        found.contains("did you mean `price`?") && found.contains("it has id, title, price, brand"),
        "{found}"
    );
    assert!(message("Brand").contains("did you mean `brand`?"));
    assert!(!message("zzz").contains("did you mean"));
    let wrong_id = from_flags(
        &file("a.csv", "sku,title\n1,t\n").path,
        "id",
        &names("title"),
        &[],
        None,
    );
    assert!(wrong_id.unwrap_err().to_string().contains("`id` (named as id)"));
    let wrong_vector = from_flags(
        &file("a.jsonl", "{\"id\":1,\"vec\":[1]}").path,
        "id",
        &[],
        &[],
        Some("vector"),
    );
    assert!(
        wrong_vector
            .unwrap_err()
            .to_string()
            .contains("`vector` (named as vector)")
    );
}

#[test]
fn a_schema_is_checked_against_its_file() {
    let fixture = file("a.csv", "id,title,price\n1,t,5\n");
    let schema = from_flags(&fixture.path, "id", &names("title"), &names("price"), None).unwrap();
    schema.check_file(&fixture.path).unwrap();
    let other = file("b.csv", "id,titel\n1,t\n");
    let error = schema.check_file(&other.path).unwrap_err().to_string();
    assert!(
        error.contains("`title` (named as embed); did you mean `titel`?"),
        "{error}"
    );
}

#[test]
fn fields_that_cannot_be_filtered() {
    let objects = flags("a.jsonl", "{\"id\":1,\"title\":\"t\",\"size\":{\"w\":1}}", "size").unwrap_err();
    assert!(
        objects
            .to_string()
            .contains("`size` holds objects (first on line 1)"),
        "{objects}"
    );
    let reserved = flags("a.csv", "id,title,not\n1,t,x\n", "not").unwrap_err();
    assert!(matches!(reserved, SchemaError::ReservedName { .. }), "{reserved}");
    let empty = flags("a.csv", "id,title,price\n1,t,\n", "price").unwrap();
    assert_eq!(
        kind(&empty, "price"),
        FieldType::Keyword,
        "no value says otherwise"
    );
}

#[test]
fn files_without_rows() {
    for (name, text) in [("a.csv", ""), ("a.csv", "id,title,price\n"), ("a.jsonl", "\n\n")] {
        let error = flags(name, text, "price").unwrap_err();
        assert!(
            matches!(error, SchemaError::NoRows { first: None, .. }),
            "{error}"
        );
        assert!(matches!(
            guess(name, text).unwrap_err(),
            SchemaError::NoRows { .. }
        ));
    }
    let error = guess("a.jsonl", "nonsense\n").unwrap_err().to_string();
    assert!(
        error.contains("no usable rows (the first trouble: line 1: not valid JSON"),
        "{error}"
    );
}

#[test]
fn ids_are_guessed_by_name_and_uniqueness() {
    let id =
        |header: &str, rows: &str| guess("a.csv", &format!("{header}\n{rows}")).map(|found| found.schema.id);
    assert_eq!(id("name,sku", "b,1\nc,2\n").unwrap(), "sku");
    assert_eq!(
        id("title,article_id,grp", "x,1,1\ny,2,1\n").unwrap(),
        "article_id"
    );
    assert_eq!(
        id("title,slug", "a long title,x\na long title,y\n").unwrap(),
        "slug"
    );
    assert_eq!(
        id("id,title", "1,x\n1,y\n").unwrap(),
        "id",
        "repeated ids are the build's to report"
    );
    let none = id("title,grp", "x,1\nx,1\n").unwrap_err().to_string();
    assert!(none.contains("name one with --id (it has title, grp)"), "{none}");
}

#[test]
fn vectors_and_addresses_stay_payload() {
    let vector = |n: u32| (0..32).map(|i| f64::from(n * 31 + i) / 7.0).collect::<Vec<_>>();
    let row = |n: u32| serde_json::json!({"id": n, "title": format!("A title {n}"), "image": format!("https://example.org/{n}"), "embedding": vector(n)});
    let text = format!("{}\n{}\n", row(1), row(2));
    let found = guess("a.jsonl", &text).unwrap();
    assert_eq!(
        (found.schema.embed.as_slice(), found.schema.fields.len()),
        (["title".to_owned()].as_slice(), 1)
    );
    assert!(found.notes["embedding"].contains("vectors of 32 numbers"));
    let only = "{\"id\":\"a\",\"embedding\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}";
    assert_eq!(
        guess("a.jsonl", only).unwrap().schema.vector.as_deref(),
        Some("embedding")
    );
}

/// A file of the shared data folder; absent in a user's clone.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    let path = if path.exists() {
        path
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../shared/data")
            .join(name)
    };
    if path.exists() {
        return Some(path);
    }
    println!("skipped: ../shared/data/{name} is not there");
    None
}

#[test]
fn real_products() {
    let Some(path) = real("esci/products.jsonl.gz") else {
        return;
    };
    let found = infer(&path, &InferOptions::default()).unwrap();
    assert_eq!((found.schema.id.as_str(), found.rows_seen), ("id", 6_764));
    let expected = [
        ("price", FieldType::Number),
        ("rating", FieldType::Number),
        ("category", FieldType::Keyword),
        ("brand", FieldType::Keyword),
        ("is_book", FieldType::Boolean),
        ("title", FieldType::Text),
        ("description", FieldType::Text),
    ];
    for (name, expected) in expected {
        assert_eq!(kind(&found.schema, name), expected, "{name}");
    }
    assert_eq!(found.schema.embed[..3], ["title", "brand", "color"]);
    assert!(!found.schema.fields.contains_key("image"));
    let filter = names("price,category,brand,rating");
    let schema = from_flags(&path, "id", &names("title,brand,color"), &filter, None).unwrap();
    let rows = catalog::open(&path).unwrap();
    let items: Vec<_> = rows.map(|row| schema.item(row.unwrap()).unwrap()).collect();
    assert_eq!(items.len(), 6_764);
    assert!(
        items
            .iter()
            .all(|item| !item.text.is_empty() && item.values.len() == 4)
    );
}

#[test]
fn real_titles() {
    let Some(path) = real("arxiv/titles.tsv.gz") else {
        return;
    };
    let found = infer(&path, &InferOptions::default()).unwrap();
    assert_eq!(
        (found.schema.id.as_str(), found.schema.embed.as_slice()),
        ("arxiv_id", ["title".to_owned()].as_slice())
    );
    assert_eq!(kind(&found.schema, "created"), FieldType::Timestamp);
    assert_eq!(kind(&found.schema, "primary_cat"), FieldType::Keyword);
    let rows = catalog::open(&path).unwrap();
    let quoted = rows
        .map(|row| found.schema.item(row.unwrap()).unwrap())
        .filter(|item| item.text.starts_with('"'));
    assert!(quoted.count() > 100, "quotes belong to the titles");
    assert_eq!(catalog::open(&path).unwrap().count(), 150_000);
}

#[test]
fn real_transactions_have_no_id() {
    let Some(path) = real("online_retail/transactions.csv.gz") else {
        return;
    };
    let error = infer(&path, &InferOptions::default()).unwrap_err();
    assert!(matches!(error, SchemaError::NoIdFound { .. }), "{error}");
    let outcome = catalog::open(&path).unwrap();
    assert_eq!(outcome.map(Result::unwrap).count(), 370_931);
}
