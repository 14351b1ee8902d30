//! The library is loaded once per process, so this is one test in a process of its own: refusals first, then the right
//! file, then another one.

mod support;

use std::path::Path;

use alike_embeddings::{EmbeddingError, Encoder, EncoderSettings, ModelBundle, initialize};
use support::installed::library;
use support::tiny::Tiny;

fn assert_refused(path: &Path) {
    let error = initialize(path).expect_err("the library was accepted");
    assert!(matches!(error, EmbeddingError::Library { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains(&*path.to_string_lossy()) && message.contains("scripts/setup"),
        "{message}"
    );
}

#[test]
fn only_one_real_library_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("libonnxruntime.so");
    std::fs::write(&text, "this is not a library").unwrap();
    let cut = dir.path().join("libcut.so");
    std::fs::write(&cut, &std::fs::read(library()).unwrap()[..100_000]).unwrap();
    let bundle_dir = Tiny::new("cls").write();
    let bundle = ModelBundle::open(bundle_dir.path()).unwrap();

    for wrong in [
        &text,
        &cut,
        &dir.path().join("missing.so"),
        &dir.path().to_owned(),
    ] {
        assert_refused(wrong);
    }
    let error = Encoder::open(&bundle, EncoderSettings::for_queries(1))
        .err()
        .expect("nothing is loaded");
    assert!(matches!(error, EmbeddingError::NotInitialized), "{error}");

    initialize(&library()).expect("a refusal does not spoil the next call");
    let link = dir.path().join("link.so");
    std::os::unix::fs::symlink(library(), &link).unwrap();
    initialize(&link).expect("another spelling of the same file");
    Encoder::open(&bundle, EncoderSettings::for_queries(1)).expect("the encoder opens");

    let error = initialize(&text).expect_err("another file");
    let message = error.to_string();
    assert!(
        matches!(error, EmbeddingError::LibraryConflict { .. }),
        "{message}"
    );
    let (loaded, requested) = (library().canonicalize().unwrap(), text.canonicalize().unwrap());
    for path in [loaded, requested] {
        assert!(message.contains(&*path.to_string_lossy()), "{message}");
    }
}
