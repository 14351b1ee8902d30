//! Damaged, truncated, missing and foreign snapshot files: a clear refusal, and everything else goes on.

use crate::support::{Server, alike, build_points, copy_tree, pointer, snapshot_dir, temp_dir};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Changes a read-only file.
pub(crate) fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Replaces the pointer file as a publication does: in one step.
pub(crate) fn point_to(data: &Path, collection: &str, content: &str) {
    let staged = pointer(data, collection).with_extension("staged");
    fs::write(&staged, content).unwrap();
    fs::rename(&staged, pointer(data, collection)).unwrap();
}

const FILES: [&str; 6] = [
    "manifest.rkyv",
    "index.alike",
    "items.rkyv",
    "documents.bin",
    "columns.rkyv",
    "rejected.jsonl",
];

type Damage = (&'static str, fn(&Path));

const DAMAGES: [Damage; 5] = [
    ("truncated", |path| {
        rewrite(path, |bytes| bytes.truncate(bytes.len() - 1));
    }),
    ("halved", |path| {
        rewrite(path, |bytes| bytes.truncate(bytes.len() / 2));
    }),
    ("flipped", |path| {
        rewrite(path, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
        });
    }),
    ("emptied", |path| rewrite(path, Vec::clear)),
    ("removed", |path| fs::remove_file(path).unwrap()),
];

/// A store with the good collection `good`, which has every file that a snapshot can have.
fn good_store() -> tempfile::TempDir {
    let data = temp_dir();
    let input = data.path().join("points.jsonl");
    fs::write(
        &input,
        crate::support::points_jsonl(50, 0) + "{\"id\":\"bad\",\"v\":[0,0]}\n",
    )
    .unwrap();
    let (input, store) = (input.to_str().unwrap(), data.path().to_str().unwrap());
    alike([
        "build",
        "--data",
        store,
        "--collection",
        "good",
        "--input",
        input,
        "--id",
        "id",
        "--vector",
        "v",
        "--filter",
        "n",
        "--on-error",
        "skip",
    ])
    .succeeded();
    data
}

fn name_of(file: &str, damage: &str) -> String {
    format!("{}-{damage}", file.replace('.', "-"))
}

fn copy_of_good(data: &Path, name: &str) {
    copy_tree(
        &data.join("collections/good"),
        &data.join("collections").join(name),
    );
}

#[test]
fn every_damaged_file_is_named_and_the_rest_is_served() {
    let data = good_store();
    for file in FILES {
        for (damage, apply) in DAMAGES {
            let name = name_of(file, damage);
            copy_of_good(data.path(), &name);
            apply(&snapshot_dir(data.path(), &name).join(file));
        }
    }
    let server = Server::start(data.path());
    let (ready, log) = (server.get("/readyz").problem(503).to_string(), server.log());
    for file in FILES {
        for (damage, _) in DAMAGES {
            let name = name_of(file, damage);
            let problem = server.search(&name, &json!({"vector": [1, 0]})).problem(503);
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains(file) && detail.contains(&name),
                "{name}: {detail}"
            );
            assert!(ready.contains(&format!("collection {name}: ")), "{name}: {ready}");
            assert!(
                log.lines()
                    .any(|line| line.contains(&name) && line.contains(file) && line.contains("refused")),
                "{name}: {log}"
            );
            let refused = format!("alike_snapshot_opens_total{{collection=\"{name}\",outcome=\"refused\"}}");
            assert_eq!(server.metric(&refused), Some(1.0));
        }
    }
    assert_eq!(
        server
            .search("good", &json!({"vector": [1, 0], "limit": 1}))
            .ids(),
        ["p0"]
    );
    assert_eq!(
        server.get("/v1/collections").json()["collections"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(server.get("/livez").status, 200);
}

#[test]
fn the_readable_manifest_is_for_people_only() {
    let data = good_store();
    rewrite(
        &snapshot_dir(data.path(), "good").join("manifest.json"),
        Vec::clear,
    );
    let server = Server::start(data.path());
    assert_eq!(
        server
            .search("good", &json!({"vector": [1, 0], "limit": 1}))
            .ids(),
        ["p0"]
    );
}

#[test]
fn bad_pointers_are_named() {
    let data = good_store();
    let cases = [
        ("empty", ""),
        ("garbage", "\u{0}\u{1}garbage"),
        ("number", "17"),
        ("wrong-key", "{\"snap\":\"x\"}"),
        ("nowhere", "{\"snapshot\":\"20200101T000000Z-0123456789abcdef\"}"),
        ("parent", "{\"snapshot\":\"../x\"}"),
        ("dots", "{\"snapshot\":\"..\"}"),
        ("absolute", "{\"snapshot\":\"/etc\"}"),
        ("blank", "{\"snapshot\":\"\"}"),
        ("nul", "{\"snapshot\":\"a\\u0000b\"}"),
    ];
    for (name, content) in cases {
        copy_of_good(data.path(), name);
        point_to(data.path(), name, content);
    }
    copy_of_good(data.path(), "folder");
    fs::remove_file(pointer(data.path(), "folder")).unwrap();
    fs::create_dir(pointer(data.path(), "folder")).unwrap();
    let server = Server::start(data.path());
    let ready = server.get("/readyz").problem(503).to_string();
    for name in cases.map(|(name, _)| name).into_iter().chain(["folder"]) {
        let problem = server.search(name, &json!({"vector": [1, 0]})).problem(503);
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("CURRENT") || detail.contains("manifest.rkyv"),
            "{name}: {detail}"
        );
        assert!(ready.contains(&format!("collection {name}: ")), "{name}: {ready}");
    }
    assert_eq!(
        server
            .search("good", &json!({"vector": [1, 0], "limit": 1}))
            .ids(),
        ["p0"]
    );
}

#[test]
fn flipped_bits_never_crash_a_quick_start() {
    let data = good_store();
    let mut names = Vec::new();
    for file in ["index.alike", "items.rkyv", "documents.bin", "columns.rkyv"] {
        for part in 0..12 {
            let name = format!("{}-{part}", file.replace('.', "-"));
            copy_of_good(data.path(), &name);
            rewrite(&snapshot_dir(data.path(), &name).join(file), |bytes| {
                let at = (bytes.len() - 1) * part / 11;
                bytes[at] ^= 0xff;
            });
            names.push(name);
        }
    }
    let server = Server::start_with(data.path(), &[], &[("ALIKE__SERVER__VERIFY", "quick")]);
    for name in names {
        for body in [
            json!({"vector": [1, 0], "limit": 50}),
            json!({"vector": [1, 0], "limit": 50, "exact": true}),
            json!({"vector": [0, 1], "filter": {"n": {"gte": 10}}, "limit": 50}),
            json!({"like": ["p7"], "limit": 50, "fields": ["n"]}),
        ] {
            let answer = server.search(&name, &body);
            assert!(
                [200, 404, 500, 503].contains(&answer.status),
                "{name}: {}",
                answer.text()
            );
        }
    }
    assert_eq!(
        server
            .search("good", &json!({"vector": [1, 0], "limit": 1}))
            .ids(),
        ["p0"]
    );
}

#[test]
fn a_snapshot_of_another_format_version_is_refused() {
    let data = temp_dir();
    build_points(data.path(), "good", 0);
    let found = publish_a_later_version(data.path(), "future");
    let server = Server::start(data.path());
    let problem = server.search("future", &json!({"vector": [1, 0]})).problem(503);
    let detail = problem["detail"].as_str().unwrap();
    let versions = (
        format!("format version {found}"),
        format!("reads versions 1 to {}", found - 1),
    );
    for needle in ["manifest.rkyv", &versions.0, &versions.1, "rebuild"] {
        assert!(detail.contains(needle), "{needle}: {detail}");
    }
    assert_eq!(
        server
            .search("good", &json!({"vector": [1, 0], "limit": 1}))
            .ids(),
        ["p0"]
    );
}

/// Publishes one point in a snapshot that claims the next format version, which it returns.
fn publish_a_later_version(data: &Path, name: &str) -> u32 {
    use alike::schema::{Item, Schema};
    use alike::snapshot::{BuildFacts, Made, Manifest, SnapshotWriter, Store};
    use alike_indexes::{BuildSettings, Kind, Metric};
    let schema: Schema = serde_json::from_value(json!({"id": "id", "vector": "v"})).unwrap();
    let collection = Store::open(data).unwrap().collection(name).unwrap();
    let _lock = collection.lock_for_build().unwrap();
    let mut writer = SnapshotWriter::new(&collection, &schema).unwrap();
    let item = Item {
        id: "a".into(),
        text: String::new(),
        vector: None,
        values: vec![],
        document: "{\"id\":\"a\"}".into(),
    };
    writer.push(&item, &[1.0, 0.0]).unwrap();
    writer
        .build_index(&BuildSettings::new(Kind::Graph, Metric::Cosine), &|_| {})
        .unwrap();
    let made = Made {
        schema,
        document_fields: vec!["id".into()],
        model: None,
        metric: Metric::Cosine,
        dimension: 2,
        index: Kind::Graph,
    };
    let mut manifest = Manifest::new(name, made, BuildFacts::default());
    manifest.format_version += 1;
    let version = manifest.format_version;
    let id = writer.finish(&collection, manifest).unwrap();
    collection.point_to(&id).unwrap();
    version
}

#[test]
fn a_snapshot_of_another_model_is_refused_naming_both() {
    let (shop, shop_data) = crate::support::shared_shop();
    let data = temp_dir();
    copy_tree(&shop_data.join("collections"), &data.path().join("collections"));
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join(".alike/models/all-minilm-l6-v2");
    let bundle = data.path().join("other-model");
    copy_tree(&home, &bundle);
    let settings = bundle.join("model.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let changed = text.replacen("version = \"1\"", "version = \"2\"", 1);
    assert_ne!(text, changed);
    rewrite(&settings, |bytes| *bytes = changed.into_bytes());
    let server = Server::start_with(data.path(), &["--model".as_ref(), bundle.as_os_str()], &[]);
    let ready = server.get("/readyz").problem(503).to_string();
    let built_with = shop.get("/v1/collections/shop").json()["model"]
        .as_str()
        .unwrap()
        .to_owned();
    for needle in [
        built_with.as_str(),
        "all-minilm-l6-v2@2:",
        "collection shop",
        "--model",
    ] {
        assert!(ready.contains(needle), "{needle}: {ready}");
    }
    server.search("shop", &json!({"text": "x"})).problem(503);
    assert_eq!(
        server
            .search("points", &json!({"vector": [1, 0], "limit": 1}))
            .ids(),
        ["p0"],
        "needs no model"
    );
}
