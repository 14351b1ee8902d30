//! What `scripts/setup` has installed: the model, and Python with NumPy.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".alike")
}

/// A bundle in `folder` with the installed model's files and another version, which makes it another model.
pub(crate) fn other_model(folder: &Path) -> PathBuf {
    let bundle = folder.join("other-model");
    fs::create_dir(&bundle).expect("the bundle's folder can be made");
    let original =
        fs::canonicalize(installed().join("models/all-minilm-l6-v2")).expect("a model is installed");
    for entry in fs::read_dir(&original).expect("the bundle can be listed") {
        let path = entry.expect("an entry").path();
        let to = bundle.join(path.file_name().expect("a name"));
        if path.ends_with("model.toml") {
            let settings = fs::read_to_string(&path).expect("settings are text");
            let changed = settings.replacen("version = \"", "version = \"other-", 1);
            assert_ne!(settings, changed, "model.toml has a version");
            fs::write(to, changed).expect("settings can be written");
        } else {
            symlink(&path, to).expect("files can be linked");
        }
    }
    bundle
}

/// Python with NumPy.
pub(crate) fn venv_python() -> PathBuf {
    installed().join("venv/bin/python")
}
