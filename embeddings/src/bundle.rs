//! A model's folder: `model.onnx`, `tokenizer.json`, `model.toml`. Its format is described in this crate's README.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{EmbeddingError, Pooling, Result};

const GRAPH: &str = "model.onnx";
const TOKENIZER: &str = "tokenizer.json";
const SETTINGS: &str = "model.toml";

/// What a bundle's model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A text becomes a vector: [`Encoder`](crate::Encoder).
    #[default]
    Embed,
    /// A query and a text become a score (a cross-encoder): `dimension` is 1.
    Rerank,
}

impl Task {
    /// As written in `model.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::Rerank => "rerank",
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `model.toml`: everything about the model that the graph does not say. No key is guessed, unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// Name, for people and for [`ModelIdentity`].
    pub name: String,
    /// Version, for people and for [`ModelIdentity`].
    pub version: String,
    /// What the model is for; may be left out for an encoder.
    #[serde(default, skip_serializing_if = "Task::is_default")]
    pub task: Task,
    /// Length of the vectors; 1 for a reranker.
    pub dimension: usize,
    /// Longer texts are cut to this many tokens, special tokens included.
    pub max_tokens: usize,
    /// How the graph's output becomes one vector per text.
    pub pooling: Pooling,
    /// Scale vectors to length 1 after pooling (`false` where the graph does it).
    pub normalize: bool,
    /// Put before every query.
    pub query_prefix: String,
    /// Put before every document.
    pub document_prefix: String,
    /// Which output of the graph to use; may be left out where the graph has only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// What a model is: vectors are comparable only under equal identities.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelIdentity {
    /// From `model.toml`.
    pub name: String,
    /// From `model.toml`.
    pub version: String,
    /// BLAKE3 over the content of the bundle's files, 64 hexadecimal digits.
    pub digest: String,
}

impl fmt::Display for ModelIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.digest.get(..12).unwrap_or(&self.digest);
        write!(f, "{}@{}:{short}", self.name, self.version)
    }
}

/// A checked model folder. It must not change while it is in use: a new model is a new folder.
#[derive(Debug, Clone)]
pub struct ModelBundle {
    dir: PathBuf,
    settings: ModelSettings,
    identity: ModelIdentity,
}

impl ModelBundle {
    /// Reads the settings and digests the files; loads no model yet.
    ///
    /// # Errors
    /// A missing or unreadable file, settings that don't parse, or a setting out of range.
    pub fn open(dir: &Path) -> Result<Self> {
        for name in [GRAPH, TOKENIZER, SETTINGS] {
            require_file(&dir.join(name))?;
        }
        let settings = read_settings(&dir.join(SETTINGS))?;
        let identity = ModelIdentity {
            name: settings.name.clone(),
            version: settings.version.clone(),
            digest: digest(dir)?,
        };
        Ok(Self {
            dir: dir.to_owned(),
            settings,
            identity,
        })
    }

    /// What `model.toml` says.
    pub fn settings(&self) -> &ModelSettings {
        &self.settings
    }

    /// Name, version and digest of content.
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// Refuses a model that is for something else.
    pub(crate) fn require(&self, task: Task) -> Result<()> {
        let found = self.settings.task;
        if found == task {
            return Ok(());
        }
        Err(EmbeddingError::Setting {
            origin: self.settings_path().display().to_string(),
            field: "task",
            found: format!("{:?}", found.name()),
            expected: format!("{:?}: this call needs such a model", task.name()),
        })
    }

    /// The ONNX graph.
    pub(crate) fn graph_path(&self) -> PathBuf {
        self.dir.join(GRAPH)
    }

    /// The tokenizer's definition.
    pub(crate) fn tokenizer_path(&self) -> PathBuf {
        self.dir.join(TOKENIZER)
    }

    /// The settings file.
    pub(crate) fn settings_path(&self) -> PathBuf {
        self.dir.join(SETTINGS)
    }
}

fn require_file(path: &Path) -> Result<()> {
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(unreadable(
            path,
            io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(EmbeddingError::MissingFile {
            path: path.to_owned(),
        }),
        Err(error) => Err(unreadable(path, error)),
    }
}

fn read_settings(path: &Path) -> Result<ModelSettings> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
    let settings: ModelSettings = toml::from_str(&text).map_err(|error| EmbeddingError::SettingsSyntax {
        path: path.to_owned(),
        reason: error.to_string().trim_end().to_owned(),
    })?;
    check(path, "name", !settings.name.trim().is_empty(), "empty", "a name")?;
    check(
        path,
        "version",
        !settings.version.trim().is_empty(),
        "empty",
        "a version",
    )?;
    check(
        path,
        "dimension",
        settings.dimension > 0,
        "0",
        "the length of the vectors",
    )?;
    check(
        path,
        "max_tokens",
        settings.max_tokens > 0,
        "0",
        "the most tokens of a text",
    )?;
    check(
        path,
        "output",
        settings.output.as_deref() != Some(""),
        "empty",
        "a name, or no such key",
    )?;
    Ok(settings)
}

fn check(path: &Path, field: &'static str, valid: bool, found: &str, expected: &str) -> Result<()> {
    if valid {
        return Ok(());
    }
    Err(EmbeddingError::Setting {
        origin: path.display().to_string(),
        field,
        found: found.to_owned(),
        expected: expected.to_owned(),
    })
}

/// BLAKE3 over each file's name, length and content. Weights that ONNX keeps beside the graph (`model.onnx.data`,
/// `model.onnx_data`) count too.
fn digest(dir: &Path) -> Result<String> {
    let mut names = vec![GRAPH.to_owned(), TOKENIZER.to_owned(), SETTINGS.to_owned()];
    names.extend(weight_files(dir)?);
    let mut digest = blake3::Hasher::new();
    for name in names {
        let path = dir.join(&name);
        let mut content = blake3::Hasher::new();
        let file = File::open(&path).map_err(|error| unreadable(&path, error))?;
        content
            .update_reader(file)
            .map_err(|error| unreadable(&path, error))?;
        digest
            .update(name.as_bytes())
            .update(&[0])
            .update(content.finalize().as_bytes());
    }
    Ok(digest.finalize().to_hex().to_string())
}

/// Files named like the graph with something after it, sorted.
fn weight_files(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in dir.read_dir().map_err(|error| unreadable(dir, error))? {
        let entry = entry.map_err(|error| unreadable(dir, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.len() > GRAPH.len() && name.starts_with(GRAPH) && entry.path().is_file() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn unreadable(path: &Path, source: io::Error) -> EmbeddingError {
    EmbeddingError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const GOOD: &str = r#"
name = "tiny"
version = "1"
dimension = 4
max_tokens = 16
pooling = "mean"
normalize = true
query_prefix = "query: "
document_prefix = ""
"#;

    fn bundle(settings: &str) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(GRAPH), b"graph").unwrap();
        std::fs::write(dir.path().join(TOKENIZER), b"{}").unwrap();
        std::fs::write(dir.path().join(SETTINGS), settings).unwrap();
        dir
    }

    fn error_of(settings: &str) -> String {
        ModelBundle::open(bundle(settings).path())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn settings_are_read_as_written() {
        let bundle = ModelBundle::open(bundle(GOOD).path()).unwrap();
        let settings = bundle.settings();
        assert_eq!((settings.dimension, settings.max_tokens), (4, 16));
        assert_eq!((settings.pooling, settings.normalize), (Pooling::Mean, true));
        assert_eq!(settings.query_prefix, "query: ");
        assert_eq!(settings.output, None);
    }

    #[test]
    fn identity_shows_name_version_and_a_short_digest() {
        let bundle = ModelBundle::open(bundle(GOOD).path()).unwrap();
        let identity = bundle.identity();
        assert_eq!(identity.digest.len(), 64);
        assert_eq!(identity.to_string(), format!("tiny@1:{}", &identity.digest[..12]));
    }

    #[test]
    fn identity_follows_content_not_place() {
        let original = ModelBundle::open(bundle(GOOD).path()).unwrap();
        let copy = ModelBundle::open(bundle(GOOD).path()).unwrap();
        assert_eq!(original.identity(), copy.identity());
        for name in [GRAPH, TOKENIZER, "model.onnx.data"] {
            let changed = bundle(GOOD);
            std::fs::write(changed.path().join(name), b"other").unwrap();
            let changed = ModelBundle::open(changed.path()).unwrap();
            assert_ne!(original.identity().digest, changed.identity().digest, "{name}");
        }
        let renamed = ModelBundle::open(bundle(&GOOD.replace("query: ", "q: ")).path()).unwrap();
        assert_ne!(original.identity().digest, renamed.identity().digest);
    }

    #[test]
    fn each_missing_file_is_named() {
        for name in [GRAPH, TOKENIZER, SETTINGS] {
            let dir = bundle(GOOD);
            std::fs::remove_file(dir.path().join(name)).unwrap();
            let error = ModelBundle::open(dir.path()).unwrap_err();
            assert!(
                matches!(&error, EmbeddingError::MissingFile { path } if path.ends_with(name)),
                "{error}"
            );
        }
    }

    #[test]
    fn a_folder_in_place_of_a_file_is_refused() {
        let dir = bundle(GOOD);
        std::fs::remove_file(dir.path().join(GRAPH)).unwrap();
        std::fs::create_dir(dir.path().join(GRAPH)).unwrap();
        let error = ModelBundle::open(dir.path()).unwrap_err();
        assert!(matches!(error, EmbeddingError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn unknown_missing_and_mistyped_keys_are_named_with_their_line() {
        assert!(error_of(&format!("{GOOD}poolling = \"mean\"\n")).contains("poolling"));
        let missing = error_of(&GOOD.replace("dimension = 4\n", ""));
        assert!(missing.contains("dimension"), "{missing}");
        let mistyped = error_of(&GOOD.replace("dimension = 4", "dimension = \"four\""));
        assert!(mistyped.contains("line 4"), "{mistyped}");
        assert!(error_of(&GOOD.replace("\"mean\"", "\"max\"")).contains("max"));
        assert!(error_of(&GOOD.replace("dimension = 4", "dimension = -4")).contains("dimension"));
    }

    #[test]
    fn values_out_of_range_are_named() {
        for (from, to, field) in [
            ("dimension = 4", "dimension = 0", "dimension"),
            ("max_tokens = 16", "max_tokens = 0", "max_tokens"),
            ("\"tiny\"", "\" \"", "name"),
            ("version = \"1\"", "version = \"\"", "version"),
            ("pooling", "output = \"\"\npooling", "output"),
        ] {
            let dir = bundle(&GOOD.replacen(from, to, 1));
            let error = ModelBundle::open(dir.path()).unwrap_err();
            assert!(
                matches!(&error, EmbeddingError::Setting { field: f, .. } if *f == field),
                "{error}"
            );
        }
    }

    #[test]
    fn settings_that_are_not_utf8_are_refused() {
        let dir = bundle(GOOD);
        std::fs::write(dir.path().join(SETTINGS), [0xff, 0xfe, 0x00]).unwrap();
        let error = ModelBundle::open(dir.path()).unwrap_err();
        assert!(matches!(error, EmbeddingError::Unreadable { .. }), "{error}");
    }
}
