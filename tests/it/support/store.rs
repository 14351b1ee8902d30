//! Data directories: the shared one, temporary ones, and what is in them.

use super::{Server, build_points, build_shop};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A temporary directory below the build's own.
pub(crate) fn temp_dir() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory")
}

/// A server with the collections `shop` (text, real model) and `points` (own vectors), which all tests share that
/// change nothing, and its data directory (copy it, change the copy).
pub(crate) fn shared_shop() -> (&'static Server, &'static Path) {
    static SHARED: LazyLock<(Server, PathBuf)> = LazyLock::new(|| {
        let data = temp_dir().keep();
        build_shop(&data, "shop");
        build_points(&data, "points", 0);
        (Server::start_for_good(&data), data)
    });
    (&SHARED.0, &SHARED.1)
}

/// Copies a directory with all that is below it.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the copy can be created");
    for entry in fs::read_dir(from).expect("a directory to copy") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}

/// A collection's pointer file.
pub(crate) fn pointer(data: &Path, collection: &str) -> PathBuf {
    data.join("collections").join(collection).join("CURRENT")
}

/// The id of a collection's published snapshot.
#[track_caller]
pub(crate) fn current(data: &Path, collection: &str) -> String {
    let text = fs::read(pointer(data, collection)).expect("something is published");
    let value: serde_json::Value = serde_json::from_slice(&text).expect("the pointer is JSON");
    value["snapshot"]
        .as_str()
        .expect("the pointer names a snapshot")
        .to_owned()
}

/// The directory of a collection's published snapshot.
#[track_caller]
pub(crate) fn snapshot_dir(data: &Path, collection: &str) -> PathBuf {
    data.join("collections")
        .join(collection)
        .join("snapshots")
        .join(current(data, collection))
}

/// Whether no build has left anything half done.
pub(crate) fn staging_is_clean(data: &Path, collection: &str) -> bool {
    let staging = data.join("collections").join(collection).join("staging");
    fs::read_dir(staging).map_or(true, |mut listing| listing.next().is_none())
}
