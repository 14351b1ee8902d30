//! What `scripts/setup` installed. Without it the tests fail: they are about the real thing.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use alike_embeddings::{Encoder, EncoderSettings, ModelBundle, initialize};
use tempfile::TempDir;

/// The `.alike` folder in an ancestor of this crate.
pub fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|dir| dir.join(".alike"))
        .find(|dir| dir.join("lib").is_dir() && dir.join("models").is_dir())
        .expect("no .alike folder with library and model: run scripts/setup")
}

/// The ONNX Runtime library.
pub fn library() -> PathBuf {
    let files = home()
        .join("lib")
        .read_dir()
        .expect("no .alike/lib: run scripts/setup");
    files
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.to_string_lossy().contains("libonnxruntime.so"))
        .expect("no libonnxruntime.so in .alike/lib: run scripts/setup")
}

/// The folder of all-MiniLM-L6-v2.
pub fn model() -> PathBuf {
    home().join("models/all-minilm-l6-v2")
}

/// Loads the library; every test that opens an encoder calls it first.
pub fn start() {
    initialize(&library()).expect("the installed library loads");
}

/// One encoder of the real model for all tests of a process: two sessions and small batches, so that even short inputs
/// are spread over several batches on both.
pub fn encoder() -> &'static Encoder {
    static ENCODER: OnceLock<Encoder> = OnceLock::new();
    ENCODER.get_or_init(|| {
        start();
        let bundle = ModelBundle::open(&model()).expect("the installed bundle opens");
        let settings = EncoderSettings::for_bulk(2);
        Encoder::open(&bundle, settings).expect("the installed model opens")
    })
}

/// A folder with links to the real bundle's files, for a test to damage one of them.
pub fn linked_copy() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for name in ["model.onnx", "tokenizer.json", "model.toml"] {
        std::os::unix::fs::symlink(model().join(name), dir.path().join(name)).expect("a link");
    }
    dir
}

/// Puts `content` in place of the link `name`.
pub fn replace(dir: &TempDir, name: &str, content: impl AsRef<[u8]>) {
    let path = dir.path().join(name);
    std::fs::remove_file(&path).expect("the old file goes");
    std::fs::write(path, content).expect("the new file is written");
}
