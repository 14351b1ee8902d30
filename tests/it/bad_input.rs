//! Bad input to the command line: a clear error, a code that is not 0, and nothing half-published.

use crate::support::{
    Finished, Server, alike, build_points, copy_binary, current, ordinary_user, points_jsonl,
    staging_is_clean, temp_dir,
};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A store with a published collection `points`, on which bad builds are tried.
pub(crate) struct Bench {
    data: TempDir,
    published: String,
    pointer: Vec<u8>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let data = temp_dir();
        build_points(data.path(), "points", 0);
        let published = current(data.path(), "points");
        let pointer = fs::read(crate::support::pointer(data.path(), "points")).unwrap();
        Self {
            data,
            published,
            pointer,
        }
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Writes an input file.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.data().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The command line of a build of `points` from `input`.
    pub(crate) fn args(&self, input: &Path, flags: &[&str]) -> Vec<String> {
        let (data, input) = (self.data().to_str().unwrap(), input.to_str().unwrap());
        let fixed = [
            "build",
            "--data",
            data,
            "--collection",
            "points",
            "--input",
            input,
        ];
        fixed.iter().chain(flags).map(|&arg| arg.to_owned()).collect()
    }

    /// A build that has to fail, naming all of `needles`, and to leave what was published untouched.
    #[track_caller]
    pub(crate) fn refuses(&self, input: &Path, flags: &[&str], needles: &[&str]) -> Finished {
        let finished = alike(self.args(input, flags)).failed_naming(needles);
        self.is_untouched();
        finished
    }

    /// What was published is still what is published, to the byte; no staging is left.
    #[track_caller]
    pub(crate) fn is_untouched(&self) {
        assert_eq!(
            fs::read(crate::support::pointer(self.data(), "points")).unwrap(),
            self.pointer
        );
        let snapshots: Vec<_> = fs::read_dir(self.data().join("collections/points/snapshots"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(snapshots, [self.published.as_str()], "nothing half-published");
        assert!(staging_is_clean(self.data(), "points"), "staging is empty");
    }

    /// The published snapshot answers, every byte verified.
    #[track_caller]
    pub(crate) fn still_serves(&self) {
        let server = Server::start_with(self.data(), &[], &[("ALIKE__SERVER__VERIFY", "full")]);
        assert_eq!(server.snapshot("points"), self.published);
        assert_eq!(
            server
                .search("points", &json!({"vector": [1, 0], "limit": 1}))
                .ids(),
            ["p0"]
        );
    }
}

const POINTS: [&str; 4] = ["--id", "id", "--vector", "v"];

#[test]
fn files_that_are_no_catalog() {
    let bench = Bench::new();
    let folder = bench.data().join("folder.jsonl");
    fs::create_dir(&folder).unwrap();
    bench.refuses(
        &bench.data().join("missing.jsonl"),
        &POINTS,
        &["missing.jsonl", "no such file"],
    );
    bench.refuses(&folder, &POINTS, &["folder.jsonl", "directory"]);
    bench.refuses(&bench.file("empty.jsonl", ""), &POINTS, &["empty.jsonl", "no "]);
    bench.refuses(&bench.file("blank.jsonl", "\n\n  \n"), &POINTS, &["blank.jsonl"]);
    bench.refuses(&bench.file("empty.csv", ""), &POINTS, &["empty.csv"]);
    bench.refuses(&bench.file("header.csv", "id,v,n\n"), &POINTS, &["header.csv"]);
    bench.refuses(&bench.file("empty.parquet", ""), &POINTS, &["empty.parquet"]);
    bench.refuses(&bench.file("empty.jsonl.gz", ""), &POINTS, &["empty.jsonl.gz"]);
    bench.refuses(
        &bench.file("not.parquet", points_jsonl(5, 0)),
        &POINTS,
        &["not.parquet", "Parquet"],
    );
    bench.refuses(
        &bench.file("plain.jsonl.gz", points_jsonl(5, 0)),
        &POINTS,
        &["plain.jsonl.gz", "gzip"],
    );
    bench.refuses(
        &bench.file("catalog.xlsx", "PK"),
        &POINTS,
        &["catalog.xlsx", ".jsonl"],
    );
    bench.refuses(
        &bench.file("noending", points_jsonl(5, 0)),
        &POINTS,
        &["noending"],
    );
    bench.refuses(&bench.file("zeros.jsonl", [0; 100]), &POINTS, &["line 1"]);
    let mut cut = Vec::new();
    std::io::Write::write_all(
        &mut flate2::write::GzEncoder::new(&mut cut, flate2::Compression::default()),
        points_jsonl(500, 0).as_bytes(),
    )
    .unwrap();
    cut.truncate(cut.len() / 2);
    bench.refuses(
        &bench.file("cut.jsonl.gz", cut),
        &POINTS,
        &["cut.jsonl.gz", "cut short"],
    );
    bench.still_serves();
}

#[test]
fn fields_that_are_not_there() {
    let bench = Bench::new();
    for (name, content) in [
        ("a.jsonl", points_jsonl(20, 0)),
        ("a.csv", "id,v,n\np1,\"[1,0]\",4\np2,\"[0,1]\",5\n".to_owned()),
    ] {
        let input = bench.file(name, content);
        bench.refuses(
            &input,
            &["--id", "idd", "--vector", "v"],
            &[name, "`idd`", "did you mean `id`"],
        );
        bench.refuses(&input, &["--id", "id", "--vector", "vector"], &[name, "`vector`"]);
        bench.refuses(
            &input,
            &["--id", "id", "--embed", "title"],
            &[name, "`title`", "n"],
        );
        bench.refuses(
            &input,
            &["--id", "id", "--vector", "v", "--filter", "n,prize"],
            &[name, "`prize`"],
        );
    }
    let input = bench.file("b.jsonl", points_jsonl(20, 0));
    bench.refuses(&input, &[], &["\"points\"", "alike.toml", "--id"]);
    bench.refuses(&input, &["--id", "id"], &["embed", "vector"]);
    bench.refuses(
        &input,
        &["--id", "id", "--embed", "n", "--vector", "v"],
        &["--embed", "--vector"],
    );
    bench.refuses(
        &input,
        &["--id", "id", "--vector", "v", "--filter", "v"],
        &["`v`"],
    );
    for (flag, value, name) in [
        ("--m", "1", "m: "),
        ("--m", "129", "m: "),
        ("--ef-construction", "0", "ef_construction: "),
    ] {
        let finished = bench.refuses(
            &input,
            &["--id", "id", "--vector", "v", flag, value],
            &[name, value, "expected"],
        );
        assert!(
            !finished.stderr.contains("encoding"),
            "known before the work begins: {}",
            finished.stderr
        );
    }
    bench.refuses(
        &input,
        &["--id", "id", "--vector", "v", "--metric", "cosin"],
        &["cosin", "cosine"],
    );
    bench.refuses(
        &input,
        &["--id", "id", "--vector", "v", "--on-error", "ignore"],
        &["--on-error"],
    );
    bench.still_serves();
}

#[test]
fn names_that_are_no_collection() {
    let bench = Bench::new();
    let input = bench.file("a.jsonl", points_jsonl(20, 0));
    let (data, input) = (bench.data().to_str().unwrap(), input.to_str().unwrap());
    for name in [
        "",
        "..",
        "../escape",
        "a/b",
        ".hidden",
        "a b",
        "über",
        &"x".repeat(65),
    ] {
        let shown = format!("{name:?}");
        alike([
            "build",
            "--data",
            data,
            "--collection",
            name,
            "--input",
            input,
            "--id",
            "id",
            "--vector",
            "v",
        ])
        .failed_naming(&["collection", &shown]);
    }
    assert_eq!(
        fs::read_dir(bench.data().join("collections")).unwrap().count(),
        1,
        "no folder for a refused name"
    );
    assert!(!bench.data().join("escape").exists());
    bench.is_untouched();
}

/// Folders that cannot be written even by root: what lies below a regular file.
#[test]
fn data_directories_that_cannot_be_written() {
    let bench = Bench::new();
    let input = bench.file("a.jsonl", points_jsonl(20, 0));
    let below_a_file = input.join("data");
    let (input, data) = (input.to_str().unwrap(), below_a_file.to_str().unwrap());
    alike([
        "build",
        "--data",
        data,
        "--collection",
        "c",
        "--input",
        input,
        "--id",
        "id",
        "--vector",
        "v",
    ])
    .failed_naming(&[data, "create"]);
    alike(["serve", "--data", data, "--listen", "127.0.0.1:0"]).failed_naming(&[data]);
    alike([
        "build",
        "--collection",
        "c",
        "--input",
        input,
        "--id",
        "id",
        "--vector",
        "v",
    ])
    .failed_naming(&["--data"]);
    bench.is_untouched();
}

/// Folders and files without permission, as an ordinary user: where the tests run as root, `setpriv` drops its rights.
#[test]
fn folders_and_files_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    let allow = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    // Not below the build folder, which may be out of an ordinary user's reach; so the binary comes along.
    let open = tempfile::tempdir().unwrap();
    let path = |name: &str| open.path().join(name);
    let (binary, secret, readable, closed) = (
        copy_binary(open.path()),
        path("secret.jsonl"),
        path("a.jsonl"),
        path("closed"),
    );
    fs::write(&secret, points_jsonl(20, 0)).unwrap();
    fs::write(&readable, points_jsonl(20, 0)).unwrap();
    fs::create_dir(&closed).unwrap();
    for (path, mode) in [
        (open.path(), 0o755),
        (&secret, 0o000),
        (&readable, 0o644),
        (&closed, 0o555),
    ] {
        allow(path, mode);
    }
    let build = |input: &Path| {
        let mut command = ordinary_user(&binary);
        command.args(["build", "--collection", "c", "--id", "id", "--vector", "v"]);
        Finished::from(
            command
                .arg("--data")
                .arg(&closed)
                .arg("--input")
                .arg(input)
                .output()
                .unwrap(),
        )
    };
    build(&readable).failed_naming(&["closed", "ermission denied"]);
    build(&secret).failed_naming(&["secret.jsonl", "permission"]);
    assert_eq!(fs::read_dir(&closed).unwrap().count(), 0);
    allow(&closed, 0o777);
    build(&readable).succeeded();
}

#[test]
fn a_missing_model_is_named_with_the_remedy() {
    let bench = Bench::new();
    let input = bench.file("shop.jsonl", crate::support::shop_jsonl());
    let nowhere = bench.data().join("no-model");
    let shown = nowhere.to_str().unwrap();
    bench.refuses(
        &input,
        &["--id", "id", "--embed", "title", "--model", shown],
        &[shown],
    );
    bench.refuses(
        &input,
        &["--id", "id", "--embed", "title", "--library", shown],
        &[shown],
    );
    let garbage = bench.file("garbage.so", "not a library");
    bench.refuses(
        &input,
        &[
            "--id",
            "id",
            "--embed",
            "title",
            "--library",
            garbage.to_str().unwrap(),
        ],
        &["garbage.so"],
    );
    fs::create_dir(&nowhere).unwrap();
    bench.refuses(
        &input,
        &["--id", "id", "--embed", "title", "--model", shown],
        &[shown, "model.toml"],
    );
    let alone = far_from_any_model();
    let mut command = Command::new(copy_binary(alone.path()));
    command
        .args(bench.args(&input, &["--id", "id", "--embed", "title"]))
        .current_dir(alone.path());
    Finished::from(command.output().unwrap()).failed_naming(&[".alike/models", "scripts/setup", "--model"]);
    bench.is_untouched();
    bench.still_serves();
}

/// A temporary folder with no `.alike` beside or above it, which the binary would find.
fn far_from_any_model() -> TempDir {
    let places = [std::env::temp_dir(), "/var/tmp".into(), "/dev/shm".into()];
    let lonely =
        |place: &&PathBuf| place.is_dir() && place.ancestors().all(|folder| !folder.join(".alike").exists());
    let place = places
        .iter()
        .find(lonely)
        .unwrap_or_else(|| panic!("an .alike lies above each of {places:?}"));
    tempfile::tempdir_in(place).unwrap()
}
