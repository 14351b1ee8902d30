//! Archives of a small store: there and back, and everything that can be wrong with them.

use super::*;
use crate::log::{EmbeddedLog, Log, LogSettings, Position, ReadOnlyLog, Record, StoredItem};
use crate::schema::Schema;
use crate::snapshot::{BuildFacts, Collection, Made, Manifest, SnapshotWriter, Store};
use alike_indexes::{BuildSettings, Kind, Metric};
use serde_json::{Map, Value, json};
use std::fs;
use std::io::Write;
use std::path::PathBuf;

struct Bench {
    data: tempfile::TempDir,
}

fn fields(at: usize) -> Map<String, Value> {
    let fields = json!({"id": format!("p{at}"), "v": [1.0, at as f32], "n": at});
    fields.as_object().unwrap().clone()
}

fn schema() -> Schema {
    serde_json::from_value(json!({"id": "id", "vector": "v"})).unwrap()
}

fn record(at: usize) -> Record {
    Record::Upsert(StoredItem {
        id: format!("p{at}").into(),
        document: json!({"id": format!("p{at}"), "n": at}).to_string().into(),
        vector: vec![1.0, at as f32].into(),
        origin: None,
    })
}

impl Bench {
    /// A collection with 20 rows up to position 30 of its log, and 40 records.
    fn new() -> Self {
        let bench = Self {
            data: tempfile::tempdir().unwrap(),
        };
        let collection = bench.collection("c");
        let _lock = collection.lock_for_build().unwrap();
        let settings = LogSettings {
            segment_bytes: 1 << 10,
            ..LogSettings::default()
        };
        let (mut log, _) = EmbeddedLog::open(&collection.log_dir(), settings).unwrap();
        for at in 0..40 {
            log.append(&[record(at)]).unwrap();
        }
        let schema = schema();
        let mut writer = SnapshotWriter::new(&collection, &schema).unwrap();
        for at in 0..20 {
            let item = schema.item_of(fields(at)).unwrap();
            writer.push(&item, item.vector.as_deref().unwrap()).unwrap();
        }
        let settings = BuildSettings::new(Kind::Flat, Metric::Cosine);
        writer.build_index(&settings, &|_| ()).unwrap();
        let made = Made {
            schema,
            document_fields: vec!["id".to_owned(), "n".to_owned()],
            model: None,
            metric: Metric::Cosine,
            dimension: 2,
            index: Kind::Flat,
        };
        let mut manifest = Manifest::new("c", made, BuildFacts::default());
        manifest.log_position = 30;
        let id = writer.finish(&collection, manifest).unwrap();
        collection.publish(&id).unwrap();
        fs::write(
            collection.golden_path(),
            "{\"vector\":[1,0],\"expected\":[\"p0\"]}\n",
        )
        .unwrap();
        fs::write(
            collection.placements_path(),
            "{\"version\":1,\"placements\":{\"home\":{\"limit\":3}}}",
        )
        .unwrap();
        bench
    }

    fn collection(&self, name: &str) -> Collection {
        Store::open(self.data.path()).unwrap().collection(name).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    fn export(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        export(&self.collection("c"), &path, &|_, _| ()).unwrap();
        path
    }

    /// The import is refused with a message that has all of `needles`, and leaves nothing.
    #[track_caller]
    fn refuses(&self, archive: &Path, needles: &[&str]) {
        let error = import(&self.collection("new"), archive, &|_, _| ()).unwrap_err();
        let text = error.to_string();
        for needle in needles {
            assert!(text.contains(needle), "{needle:?} in {text}");
        }
        let left: Vec<_> = fs::read_dir(self.path("collections"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["c"], "nothing is left of {text}");
    }
}

#[test]
fn a_collection_goes_into_one_file_and_comes_back() {
    for name in ["c.tar", "c.tar.zst"] {
        let bench = Bench::new();
        let archive = bench.path(name);
        let exported = export(&bench.collection("c"), &archive, &|_, _| ()).unwrap();
        assert_eq!(exported.position, Position(40));
        assert_eq!(exported.archive_bytes, fs::metadata(&archive).unwrap().len());
        let imported = import(&bench.collection("new"), &archive, &|_, _| ()).unwrap();
        assert_eq!(
            (imported.items, imported.records, imported.position),
            (20, 10, Position(40))
        );
        assert_eq!(
            (imported.taken_of.as_str(), &imported.snapshot),
            ("c", &exported.snapshot)
        );
        let (old, new) = (bench.collection("c"), bench.collection("new"));
        assert_eq!(new.current().unwrap(), old.current().unwrap());
        let records = |collection: &Collection| {
            let mut records = Vec::new();
            let mut log = ReadOnlyLog::open(&collection.log_dir());
            log.read(Position(30), &mut |position, record| {
                records.push((position, record));
                Ok(())
            })
            .unwrap();
            records
        };
        assert_eq!(records(&new), records(&old));
        assert_eq!(
            fs::read(new.golden_path()).unwrap(),
            fs::read(old.golden_path()).unwrap()
        );
        assert_eq!(
            fs::read(new.placements_path()).unwrap(),
            fs::read(old.placements_path()).unwrap()
        );
        let (mut log, opened) = EmbeddedLog::open(&new.log_dir(), LogSettings::default()).unwrap();
        assert_eq!(
            (opened.torn_bytes, log.append(&[record(99)]).unwrap()),
            (0, Position(41))
        );
    }
}

#[test]
fn a_commit_that_is_being_written_is_left_out() {
    let bench = Bench::new();
    let dir = bench.collection("c").log_dir();
    let mut segments: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.retain(|path| path.extension().is_some_and(|end| end == "log"));
    segments.sort_unstable();
    assert!(segments.len() > 2, "several segments");
    let last = segments.last().unwrap();
    let whole = fs::read(last).unwrap();
    fs::write(last, &whole[..whole.len() - 5]).unwrap();
    let archive = bench.path("c.tar");
    let exported = export(&bench.collection("c"), &archive, &|_, _| ()).unwrap();
    assert_eq!(exported.position, Position(39));
    let imported = import(&bench.collection("new"), &archive, &|_, _| ()).unwrap();
    assert_eq!((imported.records, imported.position), (9, Position(39)));
    assert_eq!(
        fs::read(last).unwrap().len(),
        whole.len() - 5,
        "the writer's file is left alone"
    );
}

#[test]
fn names_and_what_is_there_are_respected() {
    let bench = Bench::new();
    let error = export(&bench.collection("c"), &bench.path("c.zip"), &|_, _| ()).unwrap_err();
    assert!(error.to_string().contains(".tar or .tar.zst"), "{error}");
    let archive = bench.export("c.tar");
    let before = fs::read(&archive).unwrap();
    let again = export(&bench.collection("c"), &archive, &|_, _| ()).unwrap_err();
    assert!(matches!(again, BackupError::Exists { .. }), "{again}");
    assert_eq!(fs::read(&archive).unwrap(), before);
    let onto = import(&bench.collection("c"), &archive, &|_, _| ()).unwrap_err();
    assert!(matches!(onto, BackupError::Exists { .. }), "{onto}");
    assert!(export(&bench.collection("nothing"), &bench.path("n.tar"), &|_, _| ()).is_err());
    assert!(!bench.path("n.tar").exists());
}

#[test]
fn truncated_and_changed_archives_are_refused() {
    let bench = Bench::new();
    let whole = fs::read(bench.export("c.tar")).unwrap();
    let bad = bench.path("bad.tar");
    for length in (0..whole.len()).step_by(997) {
        // What follows the last file is padding.
        if whole[length..].iter().any(|&byte| byte != 0) {
            fs::write(&bad, &whole[..length]).unwrap();
            bench.refuses(&bad, &["bad.tar"]);
        }
    }
    // A bit of every file's content.
    let mut archive = tar::Archive::new(whole.as_slice());
    let contents: Vec<(String, u64, u64)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            (name, entry.raw_file_position(), entry.size())
        })
        .collect();
    assert!(contents.len() > 8, "{contents:?}");
    for (name, start, bytes) in contents
        .iter()
        .filter(|(name, _, bytes)| name != "export.json" && *bytes > 0)
    {
        let mut changed = whole.clone();
        changed[(start + bytes / 2) as usize] ^= 4;
        fs::write(&bad, changed).unwrap();
        bench.refuses(&bad, &["bad.tar", name, "digest"]);
    }
    let packed = fs::read(bench.export("c.tar.zst")).unwrap();
    let bad = bench.path("bad.tar.zst");
    for length in [0, 1, 100, packed.len() / 2, packed.len() - 20] {
        fs::write(&bad, &packed[..length]).unwrap();
        bench.refuses(&bad, &["bad.tar.zst"]);
    }
}

/// An archive with these entries.
fn archive(path: &Path, entries: &[(&str, tar::EntryType, &[u8])]) {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_old();
        // Set by hand: the library refuses tricks when it writes, too.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    fs::write(path, tar.into_inner().unwrap()).unwrap();
}

fn listing_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let entries = files.iter().map(|(name, content)| Entry {
        name: (*name).to_owned(),
        bytes: content.len() as u64,
        blake3: blake3::hash(content).to_hex().to_string(),
    });
    let listing = Listing {
        format_version: 1,
        alike_version: "0".to_owned(),
        collection: "c".to_owned(),
        snapshot: "20260101T000000Z-0000000000000000".to_owned(),
        position: 0,
        created_ms: 0,
        files: entries.collect(),
    };
    serde_json::to_vec(&listing).unwrap()
}

#[test]
fn tricks_with_names_are_refused() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let bench = Bench::new();
    let bad = bench.path("bad.tar");
    let outside = bench.path("outside");
    for name in [
        "../outside",
        "snapshot/../../../outside",
        "/tmp/outside",
        "CURRENT",
    ] {
        let listing = listing_of(&[(name, b"x")]);
        archive(&bad, &[("export.json", Regular, &listing), (name, Regular, b"x")]);
        bench.refuses(&bad, &["export.json", name]);
    }
    let listing = listing_of(&[("golden.jsonl", b"x")]);
    for (name, kind) in [
        ("../outside", Regular),
        ("golden.jsonl", Symlink),
        ("golden.jsonl", Link),
        ("golden.jsonl", Directory),
    ] {
        archive(&bad, &[("export.json", Regular, &listing), (name, kind, b"x")]);
        bench.refuses(&bad, &[name, "golden.jsonl"]);
    }
    let more: [(&str, tar::EntryType, &[u8]); 3] = [
        ("export.json", Regular, &listing),
        ("golden.jsonl", Regular, b"x"),
        ("more", Regular, b"y"),
    ];
    archive(&bad, &more);
    bench.refuses(&bad, &["more", "not in its listing"]);
    archive(&bad, &more[..2]);
    bench.refuses(&bad, &["manifest.rkyv"]);
    archive(&bad, &[("golden.jsonl", Regular, b"x")]);
    bench.refuses(&bad, &["export.json"]);
    let newer = String::from_utf8(listing)
        .unwrap()
        .replace("\"format_version\":1", "\"format_version\":2");
    archive(&bad, &[("export.json", Regular, newer.as_bytes())]);
    bench.refuses(&bad, &["version 2", "version 1"]);
    archive(&bad, &[("export.json", Regular, b"{}")]);
    bench.refuses(&bad, &["export.json", "format_version"]);
    let mut file = fs::File::create(&bad).unwrap();
    file.write_all(&[7; 2000]).unwrap();
    bench.refuses(&bad, &["bad.tar"]);
    assert!(!outside.exists());
}
