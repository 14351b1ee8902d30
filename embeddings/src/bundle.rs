//! A model's folder: `model.onnx`, `tokenizer.json`, `model.toml`. Its format is described in this crate's README.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::golden::Golden;
use crate::onnx::file::ModelFile;
use crate::{EmbeddingError, Pooling, Result, Variant};

const GRAPH: &str = "model.onnx";
const TOKENIZER: &str = "tokenizer.json";
const SETTINGS: &str = "model.toml";

/// Keys of a variant's `metadata_props`: BLAKE3 of the `model.onnx` it was made from, BLAKE3 of its weights, format.
pub(crate) const SOURCE_KEY: &str = "alike.source";
pub(crate) const WEIGHTS_KEY: &str = "alike.weights";
pub(crate) const FORMAT_KEY: &str = "alike.format";
/// Says that a variant's output are the hidden states, to be pooled by their mean and scaled to length 1.
pub(crate) const POOLING_KEY: &str = "alike.pooling";
/// The only value of [`POOLING_KEY`].
pub(crate) const POOLED_BY_MEAN: &str = "mean";
/// The value of [`FORMAT_KEY`] that this program writes and reads; in 1 pooling was part of the graph.
pub(crate) const VARIANT_FORMAT: &str = "2";

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
    /// Texts with their answers, which every graph of the bundle has to give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub golden: Vec<Golden>,
}

impl ModelSettings {
    /// As the content of `model.toml`.
    ///
    /// # Errors
    /// A value that TOML can't hold: none that [`ModelBundle::open`] would accept.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
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
    /// BLAKE3 of `model.onnx`'s content.
    graph_digest: blake3::Hash,
    variants: Vec<Variant>,
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
        let Digests { graph, bundle } = digest(dir)?;
        let identity = ModelIdentity {
            name: settings.name.clone(),
            version: settings.version.clone(),
            digest: bundle,
        };
        let mut variants = vec![Variant::Plain];
        if dir.join(Variant::Int8.file_name()).exists() {
            variants.push(Variant::Int8);
        }
        Ok(Self {
            dir: dir.to_owned(),
            settings,
            identity,
            graph_digest: graph,
            variants,
        })
    }

    /// The bundle's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The graphs that the folder holds: plain first, always. Whether one is whole and belongs to the bundle is found
    /// by [`check_variant`](Self::check_variant).
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// The ONNX graph of a variant, whether it is there or not.
    pub fn graph_path(&self, variant: Variant) -> PathBuf {
        self.dir.join(variant.file_name())
    }

    /// BLAKE3 of `model.onnx`'s content, hexadecimal: what a variant names as its source.
    pub fn graph_digest(&self) -> String {
        self.graph_digest.to_hex().to_string()
    }

    /// Refuses a model that is for another task.
    ///
    /// # Errors
    /// [`EmbeddingError::Setting`] for `task`.
    pub fn check_task(&self, wanted: Task) -> Result<()> {
        let expected = match wanted {
            Task::Embed => "\"embed\": a reranker has no vectors",
            Task::Rerank => "\"rerank\": an encoder has no scores",
        };
        let found = format!("{:?}", self.settings.task.name());
        check(
            &self.settings_path(),
            "task",
            self.settings.task == wanted,
            &found,
            expected,
        )
    }

    /// Refuses a variant that is missing, was made from another `model.onnx`, or whose weights are not those it was made
    /// with. Reads all of the variant's files; encoders call it before they load one.
    ///
    /// # Errors
    /// [`EmbeddingError::Variant`] with the reason.
    pub fn check_variant(&self, variant: Variant) -> Result<()> {
        if variant == Variant::Plain {
            return Ok(());
        }
        let path = self.graph_path(variant);
        self.binding_fault(variant)
            .map_or(Ok(()), |reason| Err(EmbeddingError::Variant { path, reason }))
    }

    /// Why a variant is not one of this bundle, if so.
    fn binding_fault(&self, variant: Variant) -> Option<String> {
        let graph = match ModelFile::read(&self.graph_path(variant)) {
            Ok(graph) => graph,
            Err(EmbeddingError::MissingFile { .. }) => return Some("there is no such file".to_owned()),
            Err(EmbeddingError::Model { reason, .. }) => return Some(format!("it is damaged: {reason}")),
            Err(error) => return Some(error.to_string()),
        };
        let format = graph.metadata(FORMAT_KEY);
        if format != Some(VARIANT_FORMAT) {
            let found = format.map_or("no format".to_owned(), |format| format!("format {format:?}"));
            return Some(format!(
                "it has {found}, this program reads format {VARIANT_FORMAT}"
            ));
        }
        if graph.metadata(SOURCE_KEY) != Some(self.graph_digest().as_str()) {
            return Some(format!("it was made from another {GRAPH} than the one beside it"));
        }
        let name = format!("{}.data", variant.file_name());
        match file_digest(&self.dir.join(&name)) {
            Ok(digest) if graph.metadata(WEIGHTS_KEY) == Some(digest.to_hex().as_str()) => None,
            Ok(_) => Some(format!("{name} beside it is damaged, or of another variant")),
            Err(EmbeddingError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Some(format!("{name}, which belongs to it, is missing"))
            }
            Err(error) => Some(error.to_string()),
        }
    }

    /// What `model.toml` says.
    pub fn settings(&self) -> &ModelSettings {
        &self.settings
    }

    /// Name, version and digest of content.
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
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

/// Names of the outputs of an ONNX graph.
///
/// # Errors
/// A file that is missing, unreadable, or no ONNX model.
pub fn graph_outputs(path: &Path) -> Result<Vec<String>> {
    let file = ModelFile::read(path)?;
    let outputs = file.graph()?.output.iter();
    Ok(outputs.map(|output| output.name().to_owned()).collect())
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
    check(
        path,
        "dimension",
        settings.task == Task::Embed || settings.dimension == 1,
        &settings.dimension.to_string(),
        "1: a reranker (task = \"rerank\") answers one score",
    )?;
    check_answers(path, &settings)?;
    Ok(settings)
}

fn check_answers(path: &Path, settings: &ModelSettings) -> Result<()> {
    for golden in &settings.golden {
        if let Some(fault) = golden.fault(settings.task, settings.dimension) {
            check(path, fault.field, false, &fault.found, &fault.expected)?;
        }
    }
    Ok(())
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

struct Digests {
    graph: blake3::Hash,
    bundle: String,
}

/// BLAKE3 over each file's name, length and content. Weights that ONNX keeps beside the graph (`model.onnx.data`,
/// `model.onnx_data`) count too. Every file is read once.
fn digest(dir: &Path) -> Result<Digests> {
    let graph = file_digest(&dir.join(GRAPH))?;
    let mut digest = blake3::Hasher::new();
    let mut add = |name: &str, content: &blake3::Hash| {
        digest
            .update(name.as_bytes())
            .update(&[0])
            .update(content.as_bytes());
    };
    add(GRAPH, &graph);
    for name in [TOKENIZER, SETTINGS] {
        add(name, &file_digest(&dir.join(name))?);
    }
    for name in weight_files(dir)? {
        add(&name, &file_digest(&dir.join(&name))?);
    }
    Ok(Digests {
        graph,
        bundle: digest.finalize().to_hex().to_string(),
    })
}

/// BLAKE3 of a file's content.
pub(crate) fn file_digest(path: &Path) -> Result<blake3::Hash> {
    let mut content = blake3::Hasher::new();
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    content
        .update_reader(file)
        .map_err(|error| unreadable(path, error))?;
    Ok(content.finalize())
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
    use crate::onnx::proto::{GraphProto, ModelProto, StringStringEntryProto};
    use prost::Message;
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
    fn a_task_is_one_of_two_and_a_reranker_has_one_score() {
        assert_eq!(
            ModelBundle::open(bundle(GOOD).path()).unwrap().settings().task,
            Task::Embed
        );
        let reranker = GOOD.replace("dimension = 4", "task = \"rerank\"\ndimension = 1");
        let opened = ModelBundle::open(bundle(&reranker).path()).unwrap();
        opened.check_task(Task::Rerank).unwrap();
        let message = opened.check_task(Task::Embed).unwrap_err().to_string();
        assert!(message.contains("task is \"rerank\""), "{message}");
        let message = error_of(&reranker.replace("dimension = 1", "dimension = 4"));
        assert!(message.contains("dimension is 4"), "{message}");
        let message = error_of(&reranker.replace("rerank", "translate"));
        assert!(
            message.contains("translate") && message.contains("rerank"),
            "{message}"
        );
    }

    #[test]
    fn golden_answers_are_read_and_their_faults_named() {
        let with = |golden: &str| format!("{GOOD}\n[[golden]]\n{golden}\n");
        let good = with("text = \"apple\"\nvector = [1, 0.5, -0.25, 0.0]");
        let settings = ModelBundle::open(bundle(&good).path())
            .unwrap()
            .settings()
            .clone();
        assert_eq!(settings.golden[0].text, "apple");
        assert_eq!(settings.golden[0].vector, [1.0, 0.5, -0.25, 0.0]);
        for (golden, parts) in [
            (
                "text = \"apple\"\nvector = [1.0, 0.5]",
                ["golden.vector is 2 numbers", "apple"],
            ),
            (
                "text = \"apple\"\nvector = [nan, 1.0, 1.0, 1.0]",
                ["golden.vector is not finite", "apple"],
            ),
            (
                "text = \"apple\"\nvector = [1e39, 1.0, 1.0, 1.0]",
                ["golden.vector is not finite", "apple"],
            ),
            (
                "text = \"apple\"\nvector = [0, 0, 0, 0]",
                ["golden.vector is zero", "apple"],
            ),
            (
                "text = \" \"\nvector = [1, 0, 0, 0]",
                ["golden.text is blank", "means something"],
            ),
            (
                "text = \"apple\"\nquery = \"x\"\nvector = [1, 0, 0, 0]",
                ["golden.query is there", "encoders"],
            ),
            ("text = \"apple\"\nvektor = [1, 0, 0, 0]", ["vektor", "line"]),
            ("vector = [1, 0, 0, 0]", ["text", "line"]),
            ("text = \"apple\"\nvector = [1, \"a\", 0, 0]", ["line", "string"]),
        ] {
            let message = error_of(&with(golden));
            assert!(
                parts.iter().all(|part| message.contains(part)),
                "{golden}: {message}"
            );
        }
    }

    #[test]
    fn settings_survive_being_written() {
        let text =
            format!("{GOOD}\n[[golden]]\ntext = \"é \\\" \\n\"\nvector = [0.123457, -0.000001, 3.0, 0.1]\n");
        let settings = ModelBundle::open(bundle(&text).path())
            .unwrap()
            .settings()
            .clone();
        let written = settings.to_toml().unwrap();
        let again = ModelBundle::open(bundle(&written).path())
            .unwrap()
            .settings()
            .clone();
        assert_eq!(again, settings);
        assert!(written.contains("0.123457"), "{written}");
    }

    /// A bundle with a variant whose metadata is that of this bundle but for `changed`.
    fn with_variant(changed: Option<(&str, &str)>) -> TempDir {
        let dir = bundle(GOOD);
        std::fs::write(dir.path().join("model.int8.onnx.data"), b"weights").unwrap();
        let source = ModelBundle::open(dir.path()).unwrap().graph_digest();
        let weights = blake3::hash(b"weights").to_hex().to_string();
        let entries = [
            (SOURCE_KEY, source.as_str()),
            (WEIGHTS_KEY, &weights),
            (FORMAT_KEY, VARIANT_FORMAT),
        ];
        let entry = |(key, value): (&str, &str)| {
            let value = changed
                .filter(|(other, _)| *other == key)
                .map_or(value, |(_, value)| value);
            StringStringEntryProto {
                key: Some(key.to_owned()),
                value: Some(value.to_owned()),
            }
        };
        let model = ModelProto {
            graph: Some(GraphProto::default()),
            metadata_props: entries.into_iter().map(entry).collect(),
            ..ModelProto::default()
        };
        std::fs::write(dir.path().join("model.int8.onnx"), model.encode_to_vec()).unwrap();
        dir
    }

    fn variant_refusal(dir: &TempDir) -> String {
        let bundle = ModelBundle::open(dir.path()).unwrap();
        let error = bundle.check_variant(Variant::Int8).unwrap_err();
        assert!(
            matches!(&error, EmbeddingError::Variant { path, .. } if path.ends_with("model.int8.onnx")),
            "{error}"
        );
        let message = error.to_string();
        assert!(message.contains("alike model optimize"), "{message}");
        message
    }

    #[test]
    fn a_variant_of_this_bundle_passes_and_is_no_part_of_its_identity() {
        let dir = with_variant(None);
        let bundle = ModelBundle::open(dir.path()).unwrap();
        assert_eq!(bundle.variants(), [Variant::Plain, Variant::Int8]);
        bundle.check_variant(Variant::Int8).unwrap();
        let plain = ModelBundle::open(self::bundle(GOOD).path()).unwrap();
        assert_eq!(plain.identity(), bundle.identity());
        assert_eq!(plain.variants(), [Variant::Plain]);
        plain.check_variant(Variant::Plain).unwrap();
    }

    #[test]
    fn a_variant_that_does_not_belong_to_the_bundle_is_refused_with_the_reason() {
        for (key, reason) in [
            (SOURCE_KEY, "made from another model.onnx"),
            (WEIGHTS_KEY, "model.int8.onnx.data beside it is damaged"),
            (FORMAT_KEY, "format \"9\""),
        ] {
            let message = variant_refusal(&with_variant(Some((key, "9"))));
            assert!(message.contains(reason), "{message}");
        }
        let dir = with_variant(None);
        std::fs::write(dir.path().join(GRAPH), b"a new graph").unwrap();
        assert!(variant_refusal(&dir).contains("made from another model.onnx"));
        let dir = with_variant(None);
        std::fs::write(dir.path().join("model.int8.onnx.data"), b"Weights").unwrap();
        assert!(variant_refusal(&dir).contains("damaged"));
        std::fs::remove_file(dir.path().join("model.int8.onnx.data")).unwrap();
        assert!(variant_refusal(&dir).contains("model.int8.onnx.data, which belongs to it, is missing"));
        std::fs::write(dir.path().join("model.int8.onnx"), b"not a graph").unwrap();
        assert!(variant_refusal(&dir).contains("damaged"));
        std::fs::remove_file(dir.path().join("model.int8.onnx")).unwrap();
        assert!(variant_refusal(&dir).contains("no such file"));
    }

    #[test]
    fn settings_that_are_not_utf8_are_refused() {
        let dir = bundle(GOOD);
        std::fs::write(dir.path().join(SETTINGS), [0xff, 0xfe, 0x00]).unwrap();
        let error = ModelBundle::open(dir.path()).unwrap_err();
        assert!(matches!(error, EmbeddingError::Unreadable { .. }), "{error}");
    }
}
