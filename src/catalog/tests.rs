//! Readers against good, bad and hostile files.

mod bad_input;
mod parquet_files;

pub(crate) use parquet_files::parquet_bytes;

use super::*;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder with one file in it.
pub(crate) struct Fixture {
    _folder: TempDir,
    pub path: PathBuf,
}

pub(crate) fn file(name: &str, bytes: impl AsRef<[u8]>) -> Fixture {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Fixture {
        _folder: folder,
        path,
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// What reading gave: rows as (line, JSON), then per unusable row (line, reason), then what stopped it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub rows: Vec<(u64, Value)>,
    pub bad: Vec<(u64, String)>,
    pub fatal: Option<String>,
}

pub(crate) fn read(path: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let reader = match open(path) {
        Ok(reader) => reader,
        Err(error) => {
            return Outcome {
                fatal: Some(error.to_string()),
                ..outcome
            };
        }
    };
    for item in reader {
        assert!(outcome.fatal.is_none(), "nothing comes after a fatal error");
        match item {
            Ok(row) => outcome.rows.push((row.line, Value::Object(row.fields))),
            Err(ReadError::Row(error)) => outcome.bad.push((error.line, error.reason)),
            Err(ReadError::Fatal(error)) => outcome.fatal = Some(error.to_string()),
        }
    }
    outcome
}

fn read_bytes(name: &str, bytes: impl AsRef<[u8]>) -> Outcome {
    read(&file(name, bytes).path)
}

#[test]
fn json_lines_with_blank_lines_crlf_and_a_byte_order_mark() {
    let text = "\u{feff}{\"id\":1}\r\n\r\n  \n{\"id\":2}";
    let outcome = read_bytes("a.jsonl", text);
    assert_eq!(outcome.rows, [(1, json!({"id": 1})), (4, json!({"id": 2}))]);
    assert!(outcome.bad.is_empty() && outcome.fatal.is_none());
    assert_eq!(
        read_bytes("a.NDJSON", text).rows.len(),
        2,
        "letter case of the ending doesn't matter"
    );
    assert_eq!(read_bytes("a.json", text).rows.len(), 2, "lines in a .json file");
}

#[test]
fn json_line_errors_name_the_line_and_leave_the_rest() {
    let text = b"{\"id\":1}\n[1,2]\n{\"id\":\n{\"a\":NaN}\n{\"a\":\"\xff\"}\n\"x\"\n{\"id\":2}\n";
    let outcome = read_bytes("a.jsonl", text);
    assert_eq!(outcome.rows, [(1, json!({"id": 1})), (7, json!({"id": 2}))]);
    let expected = [
        (2, "found an array"),
        (3, "not valid JSON"),
        (4, "JSON has no NaN"),
        (5, "not valid UTF-8: byte 0xFF at position 7"),
        (6, "found a string"),
    ];
    assert_eq!(outcome.bad.len(), expected.len());
    for ((line, reason), (expected_line, part)) in outcome.bad.iter().zip(expected) {
        assert_eq!(*line, expected_line);
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn json_array_with_lines_of_its_elements() {
    let text = "\n [ {\"id\": 1, \"note\": \"a ] , } \\\" b\"},\n  {\"id\": 2,\n   \"list\": [1, {\"x\": []}]}\n, 7,\n{\"id\": oops}]\n";
    let outcome = read_bytes("a.json", text);
    assert_eq!(outcome.rows[0], (2, json!({"id": 1, "note": "a ] , } \" b"})));
    assert_eq!(outcome.rows[1], (3, json!({"id": 2, "list": [1, {"x": []}]})));
    let lines: Vec<u64> = outcome.bad.iter().map(|bad| bad.0).collect();
    assert_eq!((lines, outcome.fatal), (vec![5, 6], None));
    assert!(read_bytes("a.json", "[ \n ]").rows.is_empty());
}

#[test]
fn json_array_that_is_broken() {
    let open = read_bytes("a.json", "[{\"id\":1},\n{\"id\":2}");
    assert_eq!(open.rows.len(), 1);
    assert!(
        open.fatal
            .unwrap()
            .contains("line 2: the JSON array is not closed")
    );
    let more = read_bytes("a.json", "[{\"id\":1}] {\"id\":2}");
    assert!(more.fatal.unwrap().contains("more text after the JSON array"));
    let gap = read_bytes("a.json", "[{\"id\":1},\n,\n{\"id\":2},]");
    assert_eq!(gap.rows.len(), 2);
    assert_eq!(gap.bad.len(), 2);
}

#[test]
fn csv_cells_quotes_and_true_line_numbers() {
    for end in ["\n", "\r\n"] {
        let lines = [
            "\u{feff}id, title ",
            "",
            "1,\"two",
            "lines, \"\"quoted\"\"\"",
            "2,\"\"",
            "3,12\" pan",
            "4,\"end\"",
        ];
        let outcome = read_bytes("a.csv", lines.join(end));
        let expected = [
            (
                3,
                json!({"id": "1", "title": format!("two{end}lines, \"quoted\"")}),
            ),
            (5, json!({"id": "2", "title": null})),
            (6, json!({"id": "3", "title": "12\" pan"})),
            (7, json!({"id": "4", "title": "end"})),
        ];
        assert_eq!(outcome.rows, expected);
        assert!(outcome.bad.is_empty() && outcome.fatal.is_none(), "{outcome:?}");
    }
}

#[test]
fn csv_row_errors_leave_the_rest() {
    let outcome = read_bytes("a.csv", b"id,title\n1\n2,a,b\n3,\xe9t\xe9\n4,a\rb\n5,ok\n");
    assert_eq!(outcome.rows, [(6, json!({"id": "5", "title": "ok"}))]);
    let expected = [
        (2, "1 cells found, 2 expected"),
        (3, "3 cells found, 2 expected"),
        (4, "byte 0xE9 at position 3"),
        (5, "carriage return"),
    ];
    assert_eq!(outcome.bad.len(), expected.len());
    for ((line, reason), (expected_line, part)) in outcome.bad.iter().zip(expected) {
        assert_eq!(*line, expected_line);
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn tsv_takes_quotes_as_they_are() {
    let outcome = read_bytes("a.tsv", "id\ttitle\n1\t\"Free\" Imaging\n2\t\"open\n3\t\n");
    let titles: Vec<&Value> = outcome.rows.iter().map(|row| &row.1["title"]).collect();
    assert_eq!(
        titles,
        [&json!("\"Free\" Imaging"), &json!("\"open"), &Value::Null]
    );
}

#[test]
fn compressed_files_read_like_plain_ones() {
    let texts = [
        ("a.csv", "id,t\n1,x\n"),
        ("a.jsonl", "{\"id\":\"1\",\"t\":\"x\"}\n"),
        ("a.tsv", "id\tt\n1\tx\n"),
    ];
    for (name, text) in texts {
        let plain = read_bytes(name, text).rows;
        assert_eq!(plain.len(), 1);
        assert_eq!(
            read_bytes(&format!("{name}.gz"), gzip(text.as_bytes())).rows,
            plain
        );
        assert_eq!(
            read_bytes(&format!("{name}.zst"), zstandard(text.as_bytes())).rows,
            plain
        );
    }
    let members = [gzip(b"{\"id\":1}\n"), gzip(b"{\"id\":2}\n")].concat();
    assert_eq!(
        read_bytes("a.jsonl.gz", members).rows.len(),
        2,
        "several gzip members are one file"
    );
}

#[test]
fn empty_files_have_no_rows() {
    for name in [
        "a.jsonl",
        "a.json",
        "a.csv",
        "a.tsv.gz",
        "a.parquet",
        "a.parquet.zst",
    ] {
        let outcome = read_bytes(name, "");
        assert!(
            outcome.rows.is_empty() && outcome.fatal.is_none(),
            "{name}: {outcome:?}"
        );
    }
    for (name, bytes) in [
        ("a.csv.gz", gzip(b"")),
        ("a.parquet.gz", gzip(b"")),
        ("a.csv", b"id,title\n".to_vec()),
    ] {
        let outcome = read_bytes(name, bytes);
        assert!(
            outcome.rows.is_empty() && outcome.fatal.is_none(),
            "{name}: {outcome:?}"
        );
    }
}

#[test]
fn columns_and_position_are_reported() {
    let text: String = (0..50_000).map(|n| format!("{n},title {n}\n")).collect();
    let fixture = file("a.csv.gz", gzip(format!("id,title\n{text}").as_bytes()));
    let mut reader = open(&fixture.path).unwrap();
    assert_eq!(reader.columns().unwrap(), ["id", "title"]);
    assert_eq!(
        reader.total_bytes(),
        std::fs::metadata(&fixture.path).unwrap().len()
    );
    assert!(reader.bytes_read() < reader.total_bytes());
    assert_eq!(reader.by_ref().filter_map(Result::ok).count(), 50_000);
    assert_eq!(reader.bytes_read(), reader.total_bytes());
}
