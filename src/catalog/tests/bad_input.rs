//! Files that can't be read, and bytes that nobody would write.

use super::*;
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;

fn fatal(name: &str, bytes: impl AsRef<[u8]>) -> String {
    read_bytes(name, bytes).fatal.expect("a fatal error")
}

#[test]
fn paths_that_are_no_file() {
    let folder = TempDir::new().unwrap();
    let missing = open(&folder.path().join("none.csv")).unwrap_err();
    assert!(matches!(missing, CatalogError::NotFound { .. }), "{missing}");
    let directory = open(folder.path()).unwrap_err();
    assert!(
        matches!(
            directory,
            CatalogError::NotAFile {
                found: "a directory",
                ..
            }
        ),
        "{directory}"
    );
    let device = open(Path::new("/dev/null")).unwrap_err();
    assert!(matches!(device, CatalogError::NotAFile { .. }), "{device}");
}

#[test]
fn a_file_without_permission() {
    let fixture = file("a.csv", "id\n1\n");
    std::fs::set_permissions(&fixture.path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&fixture.path).is_ok() {
        println!("not checked: this user may read any file");
        return;
    }
    let error = open(&fixture.path).unwrap_err();
    assert!(matches!(error, CatalogError::PermissionDenied { .. }), "{error}");
}

#[test]
fn endings_that_name_no_format() {
    for name in ["a.txt", "a", "a.gz", "a.xlsx", "a.csv.bz2", "a.jsonl.gz.zst"] {
        let message = fatal(name, "id\n1\n");
        assert!(
            message.contains(".parquet, each also with .gz or .zst"),
            "{message}"
        );
    }
}

#[test]
fn bytes_that_contradict_the_ending() {
    let json = b"{\"id\":1}\n";
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("a.jsonl", gzip(json), "gzip"),
        ("a.jsonl", zstandard(json), "Zstandard"),
        ("a.jsonl.gz", json.to_vec(), "says gzip"),
        ("a.jsonl.zst", gzip(json), "says Zstandard"),
        ("a.csv", json.to_vec(), "JSON"),
        ("a.csv.gz", gzip(json), "JSON"),
        ("a.parquet", json.to_vec(), "says Parquet"),
        ("a.csv", b"PK\x03\x04....".to_vec(), "zip"),
        ("a.tsv", b"\xff\xfei\0d\0".to_vec(), "UTF-16"),
    ];
    for (name, bytes, part) in cases {
        let message = fatal(name, bytes);
        assert!(
            message.contains(part) && message.contains("rename or convert"),
            "{name}: {message}"
        );
    }
}

#[test]
fn compressed_data_that_is_cut_short() {
    let text: String = (0..20_000)
        .map(|n| format!("{{\"id\":{n},\"x\":{}}}\n", n * 7919 % 104_729))
        .collect();
    for (name, bytes) in [
        ("a.jsonl.gz", gzip(text.as_bytes())),
        ("a.jsonl.zst", zstandard(text.as_bytes())),
    ] {
        let outcome = read_bytes(name, &bytes[..bytes.len() / 2]);
        assert!(outcome.fatal.unwrap().contains("damaged or cut short"), "{name}");
        assert!(!outcome.rows.is_empty(), "rows before the cut were given");
    }
    let parquet = [
        ("a.parquet.gz", gzip(text.as_bytes())),
        ("a.parquet.zst", zstandard(text.as_bytes())),
    ];
    for (name, bytes) in parquet {
        assert!(
            fatal(name, &bytes[..bytes.len() / 2]).contains("damaged or cut short"),
            "{name}"
        );
        assert!(fatal(name, bytes).contains("says Parquet"), "{name}");
    }
}

#[test]
fn csv_headers_that_name_no_columns() {
    assert!(fatal("a.csv", "id,,price\n").contains("line 1: the header has no name for column 2"));
    assert!(fatal("a.csv", "id,price, id\n").contains("names columns 1 and 3 alike: `id`"));
    assert!(fatal("a.csv", b"id,\xe9\n1,2\n").contains("not valid UTF-8"));
    assert!(fatal("a.csv", "id,title\r1,a\r2,b\r").contains("carriage return"));
}

#[test]
fn a_quote_that_is_never_closed() {
    let outcome = read_bytes("a.csv", "id,title\n1,a\n2,\"open\n3,b\n4,c\n");
    assert_eq!(outcome.rows.len(), 1);
    assert!(
        outcome
            .fatal
            .unwrap()
            .contains("line 3: a quote is opened in this row and never closed")
    );
}

#[test]
fn rows_beyond_the_limit() {
    let long = "x".repeat(MAX_ROW_BYTES);
    let outcome = read_bytes("a.jsonl", format!("{{\"id\":\"{long}\"}}\n{{\"id\":2}}\n"));
    assert_eq!(outcome.rows, [(2, json!({"id": 2}))]);
    assert!(outcome.bad[0].1.contains("longer than 16 MiB"));
    let outcome = read_bytes("a.json", format!("[{{\"id\":\"{long}\"}},\n{{\"id\":2}}]"));
    assert_eq!((outcome.rows.len(), outcome.bad[0].0), (1, 1));
    let outcome = read_bytes("a.tsv", format!("id\n{long}{long}\n2\n"));
    assert_eq!((outcome.rows.len(), outcome.bad[0].0), (1, 2));
    let outcome = read_bytes("a.csv", format!("id\n1\n{long}{long}\n2\n"));
    assert!(outcome.fatal.unwrap().contains("line 3: longer than 16 MiB"));
    let outcome = read_bytes("a.csv", format!("id\n\"x\n{long}\"\n"));
    assert!(
        outcome
            .fatal
            .unwrap()
            .contains("line 2: a quote is opened in this row and never closed")
    );
}

#[test]
fn a_row_of_exactly_the_limit_is_read() {
    let line = format!("{{\"id\":\"{}\"}}", "x".repeat(MAX_ROW_BYTES - 9));
    assert_eq!(line.len(), MAX_ROW_BYTES);
    assert_eq!(
        read_bytes("a.jsonl", format!("{line}\n{{\"id\":2}}")).rows.len(),
        2
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), ending in 0..8_usize) {
        let endings = ["jsonl", "json", "csv", "tsv", "parquet", "jsonl.gz", "csv.zst", "parquet.gz"];
        read_bytes(&format!("a.{}", endings[ending]), bytes);
    }

    #[test]
    fn text_made_of_structure_never_panics(text in "[\\[\\]{}\",:\\\\\n\r\tab1 ]{0,200}", ending in 0..4_usize) {
        let outcome = read_bytes(&format!("a.{}", ["jsonl", "json", "csv", "tsv"][ending]), &text);
        let lines = text.lines().count() as u64;
        prop_assert!(outcome.rows.iter().all(|row| (1..=lines).contains(&row.0)));
        prop_assert!(outcome.bad.iter().all(|row| (1..=lines + 1).contains(&row.0)), "{:?}", outcome.bad);
    }

    #[test]
    fn csv_gives_back_what_was_written(
        rows in prop::collection::vec(prop::collection::vec("[a\",\n\r x]{0,6}", 3), 0..12),
        end in prop::bool::ANY,
    ) {
        let end = if end { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let style = csv::QuoteStyle::Always;
        let mut writer = csv::WriterBuilder::new().terminator(end).quote_style(style).from_writer(Vec::new());
        writer.write_record(["a", "b", "c"]).unwrap();
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let outcome = read_bytes("a.csv", writer.into_inner().unwrap());
        let value = |cell: &str| if cell.is_empty() { Value::Null } else { json!(cell) };
        let expected: Vec<Value> =
            rows.iter().map(|row| json!({"a": value(&row[0]), "b": value(&row[1]), "c": value(&row[2])})).collect();
        let found: Vec<Value> = outcome.rows.into_iter().map(|row| row.1).collect();
        prop_assert_eq!(found, expected);
        prop_assert!(outcome.bad.is_empty() && outcome.fatal.is_none());
    }
}
