//! Bad input to `alike encode`: an error that names it, and no file.

use crate::encode::Desk;
use crate::support::alike;
use std::fs;
use std::path::Path;

impl Desk {
    /// A run that has to fail, naming all of `needles`, and to leave nothing behind.
    #[track_caller]
    fn refuses(&self, input: &Path, flags: &[&str], needles: &[&str]) {
        self.run(input, flags).failed_naming(needles);
        for name in ["out.npy", "out.npy.partial", "out.npy.partial.json"] {
            assert!(!self.path(name).exists(), "{name} is left");
        }
    }
}

#[test]
fn files_that_hold_no_texts() {
    let desk = Desk::new();
    fs::create_dir(desk.path("folder.txt")).unwrap();
    for (name, needles) in [
        ("missing.txt", &["missing.txt", "no such file"][..]),
        ("folder.txt", &["folder.txt", "directory"]),
    ] {
        desk.refuses(&desk.path(name), &[], needles);
    }
    for (name, content, needles) in [
        ("utf16.txt", &b"\xff\xfea\0"[..], &["utf16.txt", "UTF-16"][..]),
        ("packed.txt", b"\x1f\x8b\x08\x00", &["packed.txt", "gzip"]),
        ("not.txt.gz", b"plain", &["not.txt.gz", "gzip"]),
        (
            "cut.txt.zst",
            b"\x28\xb5\x2f\xfd\x04",
            &["cut.txt.zst", "Zstandard"],
        ),
        ("not.parquet", b"plain", &["not.parquet", "Parquet"]),
        ("broken.csv", b"a,a\n1,2\n", &["broken.csv", "alike"]),
        ("book.xlsx", b"PK\x03\x04", &["book.xlsx", "zip"]),
    ] {
        desk.refuses(&desk.file(name, content), &[], needles);
    }
}

#[test]
fn a_row_that_cannot_be_used_is_named_by_line() {
    let desk = Desk::new();
    for (name, content, needles) in [
        (
            "a.txt",
            &b"one\ntw\xffo\n"[..],
            &["a.txt: line 2", "0xFF", "position 3"][..],
        ),
        ("b.txt", b"one\n\xed\xa0\x80\n", &["line 2", "UTF-8", "0xED"]),
        (
            "c.jsonl",
            b"{\"t\":\"a\"}\n{\"t\":\n",
            &["c.jsonl: line 2", "JSON"],
        ),
        ("d.jsonl", b"{\"t\":\"a\"}\n\n[1]\n", &["line 3", "array"]),
        (
            "e.jsonl",
            b"{\"t\":\"a\"}\n{\"t\":null}\n",
            &["line 2", "`t`", "null", "--null-as-empty"],
        ),
        (
            "f.jsonl",
            b"{\"t\":\"a\"}\n{\"u\":\"b\"}\n",
            &["line 2", "`t`", "missing"],
        ),
        ("g.jsonl", b"{\"t\":{\"a\":1}}\n", &["line 1", "`t`", "object"]),
        ("h.jsonl", b"{\"t\":\"\\ud800\"}\n", &["line 1", "JSON"]),
        ("i.json", b"[{\"t\":\"a\"}, 7]", &["line 1", "number"]),
        ("j.csv", b"t,u\na,b\nc\n", &["line 3", "1 cells", "2 expected"]),
        ("k.csv", b"t,u\n\"a,b\n", &["line 2", "quote"]),
    ] {
        let table = !name.ends_with(".txt");
        let flags: &[&str] = if table { &["--field", "t"] } else { &[] };
        desk.refuses(&desk.file(name, content), flags, needles);
    }
}

#[test]
fn empty_texts_where_asked_for() {
    let desk = Desk::new();
    let empty = desk.encode(&desk.file("empty.txt", "a\n\n\n"), &[]);
    let nulls = desk.file("nulls.jsonl", "{\"t\":\"a\"}\n{\"t\":null}\n{}\n");
    assert_eq!(desk.encode(&nulls, &["--field", "t", "--null-as-empty"]), empty);
    let cells = desk.file("cells.csv", "n,t\n1,a\n2,\n3,\"\"\n");
    assert_eq!(
        desk.encode(&cells, &["--field", "t"]),
        empty,
        "a cell has no null"
    );
}

#[test]
fn fields_that_are_not_there() {
    let desk = Desk::new();
    let lines = desk.file("rows.jsonl", "{\"id\":1,\"title\":\"a\"}\n");
    let table = desk.file("rows.csv", "id,title\n1,a\n");
    let text = desk.file("rows.txt", "a\n");
    for (input, flags, needles) in [
        (&lines, &[][..], &["rows.jsonl", "--field", "id, title"][..]),
        (&table, &[], &["rows.csv", "--field", "id, title"]),
        (
            &lines,
            &["--field", "titel"],
            &["`titel`", "did you mean `title`"],
        ),
        (&table, &["--field", "id,brand"], &["`brand`", "id, title"]),
        (&lines, &["--field", "title,title"], &["--field", "`title` twice"]),
        (&lines, &["--field", ""], &["--field", "empty"]),
        (
            &text,
            &["--field", "title"],
            &["--field title", "rows.txt", "plain text", ".jsonl"],
        ),
        (&text, &["--batch-tokens", "0"], &["batch_tokens", "0"]),
        (
            &text,
            &["--prefix", "search"],
            &["--prefix", "query", "document", "none"],
        ),
        (&text, &["--model", "/nowhere"], &["/nowhere"]),
        (&text, &["--library", "/nowhere/lib.so"], &["/nowhere/lib.so"]),
    ] {
        desk.refuses(input, flags, needles);
    }
}

#[test]
fn places_that_cannot_be_written() {
    let desk = Desk::new();
    let text = desk.file("rows.txt", "a\n");
    let to = |out: &str| {
        let out = desk.path(out);
        alike(["encode", text.to_str().unwrap(), "--out", out.to_str().unwrap()])
    };
    to("").failed_naming(&["--out", "folder"]);
    to("missing/out.npy").failed_naming(&["--out", "missing/out.npy", "does not exist"]);
    to("rows.txt").failed_naming(&["--out", "rows.txt", "input itself"]);
    assert_eq!(fs::read(&text).unwrap(), b"a\n");
    alike(["encode", text.to_str().unwrap()]).failed_naming(&["--out"]);
    to("rows.txt.npy").succeeded();
}
