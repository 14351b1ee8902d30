//! `alike schema`: a look at a catalog file, and a starting point for `alike.toml`.

use crate::schema::{Field, InferOptions, Inferred, Schema, infer};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  alike schema products.jsonl.gz > alike.toml\n  alike schema orders.csv --id sku --json"
)]
pub struct Args {
    /// The catalog: .jsonl, .ndjson, .json, .csv, .tsv or .parquet, each also with .gz or .zst
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The field that names an item (guessed if not given)
    #[arg(long, value_name = "FIELD")]
    id: Option<String>,
    /// The collection's name (made from the file's name if not given)
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,
    /// Print one JSON object instead of a section for alike.toml
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let options = InferOptions {
        id: args.id.clone(),
        ..InferOptions::default()
    };
    let inferred = infer(&args.file, &options)?;
    let collection = args
        .collection
        .clone()
        .unwrap_or_else(|| collection_name(&args.file));
    let text = if args.json {
        as_json(&collection, &inferred)?
    } else {
        as_toml(&collection, &args.file, &inferred)
    };
    super::print_line(text.trim_end_matches('\n'))
}

/// A name for the collection: the file's name up to its first dot, with `-` for what a name can't have.
fn collection_name(file: &Path) -> String {
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let cleaned: String = stem.chars().map(plain).collect();
    match cleaned.trim_matches('-') {
        "" => "catalog".to_owned(),
        name => name.to_owned(),
    }
}

fn as_json(collection: &str, inferred: &Inferred) -> anyhow::Result<String> {
    let object = serde_json::json!({
        "collection": collection,
        "schema": inferred.schema,
        "rows_seen": inferred.rows_seen,
        "notes": inferred.notes,
    });
    Ok(serde_json::to_string(&object)? + "\n")
}

/// The section as a person would write it, with a comment on each guess.
fn as_toml(collection: &str, file: &Path, inferred: &Inferred) -> String {
    let Schema {
        id,
        embed,
        vector,
        fields,
    } = &inferred.schema;
    let name = key(collection);
    let file = file.file_name().unwrap_or_default().to_string_lossy();
    let mut text = format!(
        "# Guessed from {} rows of {}: check it before you build.\n",
        inferred.rows_seen,
        comment(&file)
    );
    let _ = writeln!(text, "[collections.{name}]");
    let _ = writeln!(text, "id = {}{}", quoted(id), note(inferred, id));
    if !embed.is_empty() {
        let list: Vec<String> = embed.iter().map(|field| quoted(field)).collect();
        let _ = writeln!(
            text,
            "embed = [{}]  # joined with a space in this order, the most telling first",
            list.join(", ")
        );
    }
    if let Some(vector) = vector {
        let _ = writeln!(text, "vector = {}{}", quoted(vector), note(inferred, vector));
    }
    let _ = writeln!(text, "\n[collections.{name}.fields]");
    for (field, declared) in fields {
        let _ = writeln!(
            text,
            "{} = {}{}",
            key(field),
            declaration(*declared),
            note(inferred, field)
        );
    }
    for (field, note) in &inferred.notes {
        if field != id && !fields.contains_key(field) && vector.as_ref() != Some(field) {
            let _ = writeln!(text, "# {}: {}", comment(field), comment(note));
        }
    }
    text
}

fn declaration(field: Field) -> String {
    let filter = if field.filter { ", filter = true" } else { "" };
    format!("{{ type = \"{}\"{filter} }}", field.kind)
}

fn note(inferred: &Inferred, field: &str) -> String {
    inferred
        .notes
        .get(field)
        .map(|note| format!("  # {}", comment(note)))
        .unwrap_or_default()
}

/// Text that can stand in a comment: a control character would end or spoil it.
fn comment(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A key, quoted where it has to be.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A basic string on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests;
