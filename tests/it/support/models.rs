//! The installed model, and `alike model` on a folder.

use super::{Finished, alike};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What `scripts/setup` installed.
pub(crate) fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".alike")
}

/// The installed model's folder.
pub(crate) fn installed() -> PathBuf {
    home().join("models/all-minilm-l6-v2")
}

/// `alike model` with these arguments.
pub(crate) fn model(args: &[&OsStr]) -> Finished {
    let all = [&[OsStr::new("model")], args].concat();
    alike(all)
}

/// `alike model check` of a folder.
pub(crate) fn check(dir: &Path) -> Finished {
    model(&["check".as_ref(), dir.as_ref(), "--json".as_ref()])
}
