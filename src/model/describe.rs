//! What a model's own files say about it, and what the flags add: the settings of its bundle. Nothing is guessed.

use super::error::PullError;
use alike_embeddings::{ModelSettings, Pooling, Task};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Component, Path};

const CONFIG: &str = "config.json";
const MODULES: &str = "modules.json";
const PROMPTS: &str = "config_sentence_transformers.json";
const LENGTHS: &str = "sentence_bert_config.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// Small files that say how a model is used; each may be absent.
pub(super) const FILES: [&str; 5] = [CONFIG, MODULES, PROMPTS, LENGTHS, TOKENIZER_CONFIG];

/// What the command line says, which goes before what files say.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// How token states become a vector.
    pub pooling: Option<Pooling>,
    /// Whether vectors are scaled to length 1 after pooling.
    pub normalize: Option<bool>,
    /// Length of the vectors.
    pub dimension: Option<usize>,
    /// Where longer texts are cut.
    pub max_tokens: Option<usize>,
    /// Put before queries.
    pub query_prefix: Option<String>,
    /// Put before documents.
    pub document_prefix: Option<String>,
    /// Which output of the graph.
    pub output: Option<String>,
}

/// A folder with a model's files under the paths they have in their repository.
pub(super) struct Described<'a> {
    /// Repository or wheel, for messages.
    pub origin: &'a str,
    pub folder: &'a Path,
    pub overrides: &'a Overrides,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    architectures: Vec<String>,
    hidden_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    num_labels: Option<usize>,
    #[serde(default)]
    id2label: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    r#type: String,
}

#[derive(Deserialize)]
struct Lengths {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize)]
struct TokenizerConfig {
    model_max_length: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Prompts {
    #[serde(default)]
    prompts: BTreeMap<String, Option<String>>,
    default_prompt_name: Option<String>,
}

impl Described<'_> {
    /// The settings, without golden answers.
    pub fn settings(&self, name: &str, version: &str) -> Result<ModelSettings, PullError> {
        let config: Config = self
            .read(CONFIG)?
            .ok_or_else(|| self.missing(CONFIG, "without it the model's kind is unknown"))?;
        let task = self.task(&config)?;
        let pooled = match task {
            Task::Embed => self.pooled(&config)?,
            Task::Rerank => self.scored()?,
        };
        let prompts = (task == Task::Embed).then(|| self.prompts()).transpose()?;
        let (query_prefix, document_prefix) = prompts.unwrap_or_default();
        Ok(ModelSettings {
            name: name.to_owned(),
            version: version.to_owned(),
            task,
            dimension: pooled.dimension,
            max_tokens: self.max_tokens(&config)?,
            pooling: pooled.pooling,
            normalize: pooled.normalize,
            query_prefix,
            document_prefix,
            output: self.overrides.output.clone(),
            golden: Vec::new(),
        })
    }

    /// The configuration of the pooling module, where `modules.json` has one: fetched before the settings are read.
    pub fn pooling_file(&self) -> Result<Option<String>, PullError> {
        let modules = self.modules()?.unwrap_or_default();
        let pooling = modules.iter().find(|module| module.kind() == "Pooling");
        pooling.map(|module| self.pooling_path(module)).transpose()
    }

    fn pooling_path(&self, module: &Module) -> Result<String, PullError> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if module.path.is_empty() || !Path::new(&module.path).components().all(plain) {
            return Err(self.bad(
                MODULES,
                format!("{:?} is not a folder of the repository", module.path),
            ));
        }
        Ok(format!("{}/config.json", module.path))
    }

    fn task(&self, config: &Config) -> Result<Task, PullError> {
        let classifies = |name: &String| name.ends_with("ForSequenceClassification");
        let Some(architecture) = config.architectures.iter().find(|name| classifies(name)) else {
            return Ok(Task::Embed);
        };
        let labels = match config.id2label.len() {
            0 => config.num_labels,
            count => Some(count),
        };
        match labels {
            Some(1) => Ok(Task::Rerank),
            found => {
                let found = found.map_or("an unknown number of".to_owned(), |count| count.to_string());
                let reason = format!(
                    "{architecture} with {found} labels: only rerankers, with 1 label, are supported"
                );
                Err(self.bad(CONFIG, reason))
            }
        }
    }

    /// A reranker's graph answers one score per pair; flags can't change that.
    fn scored(&self) -> Result<Pooled, PullError> {
        let o = self.overrides;
        let given = [
            (o.pooling.is_some(), "--pooling"),
            (o.normalize.is_some(), "--normalize"),
            (o.dimension.is_some(), "--dimension"),
            (o.query_prefix.is_some(), "--query-prefix"),
            (o.document_prefix.is_some(), "--document-prefix"),
        ];
        if let Some((_, flag)) = given.into_iter().find(|(given, _)| *given) {
            return Err(PullError::Flag {
                flag,
                name: self.origin.to_owned(),
                reason: "it is a reranker",
            });
        }
        Ok(Pooled {
            pooling: Pooling::None,
            normalize: false,
            dimension: 1,
        })
    }

    fn pooled(&self, config: &Config) -> Result<Pooled, PullError> {
        let modules = self.modules()?;
        if let Some(module) = modules.iter().flatten().find(|module| !module.is_known()) {
            let reason = format!(
                "module {} is not supported (Transformer, Pooling and Normalize are)",
                module.r#type
            );
            return Err(self.bad(MODULES, reason));
        }
        let file = self.pooling_file()?;
        let said = file
            .as_deref()
            .map(|file| self.read_pooling(file))
            .transpose()?
            .flatten();
        let (said_pooling, said_dimension) = said.unzip();
        let pooling = self.overrides.pooling.or(said_pooling).ok_or_else(|| {
            let file = file.unwrap_or_else(|| format!("no {MODULES} that names a Pooling module"));
            self.undecided(
                "how token states become a vector",
                file,
                "--pooling mean|cls|none",
            )
        })?;
        let normalizes = modules.map(|modules| modules.iter().any(|module| module.kind() == "Normalize"));
        let normalize = self.overrides.normalize.or(normalizes).ok_or_else(|| {
            let file = format!("no {MODULES}");
            self.undecided("whether vectors are normalized", file, "--normalize true|false")
        })?;
        let dimension = self
            .overrides
            .dimension
            .or(said_dimension.flatten())
            .or(config.hidden_size);
        let dimension = dimension.ok_or_else(|| {
            let file = format!("no `hidden_size` in {CONFIG}");
            self.undecided("how long the vectors are", file, "--dimension N")
        })?;
        Ok(Pooled {
            pooling,
            normalize,
            dimension,
        })
    }

    /// Pooling and dimension, as the pooling module's configuration says; `None` where it is absent.
    fn read_pooling(&self, file: &str) -> Result<Option<(Pooling, Option<usize>)>, PullError> {
        let Some(values): Option<BTreeMap<String, serde_json::Value>> = self.read(file)? else {
            return Ok(None);
        };
        let flags = values.iter().filter(|(_, value)| **value == true);
        let mut modes: Vec<&str> = flags
            .filter_map(|(key, _)| key.strip_prefix("pooling_mode_"))
            .map(|mode| mode.trim_end_matches("_tokens").trim_end_matches("_token"))
            .collect();
        modes.extend(values.get("pooling_mode").and_then(serde_json::Value::as_str));
        let pooling = match modes.as_slice() {
            ["mean"] => Pooling::Mean,
            ["cls"] => Pooling::Cls,
            _ => {
                let reason = format!("pooling {:?} is not supported (mean or cls is)", modes.join(", "));
                return Err(self.bad(file, reason));
            }
        };
        if values.get("include_prompt").is_some_and(|value| *value == false) {
            let reason =
                "include_prompt = false is not supported: prefixes are pooled with the text".to_owned();
            return Err(self.bad(file, reason));
        }
        let dimension = values
            .get("word_embedding_dimension")
            .and_then(serde_json::Value::as_u64);
        Ok(Some((
            pooling,
            dimension.and_then(|value| usize::try_from(value).ok()),
        )))
    }

    /// `max_seq_length`; where that is not said, what the tokenizer and the position table both allow, as
    /// sentence-transformers has it.
    fn max_tokens(&self, config: &Config) -> Result<usize, PullError> {
        if let Some(given) = self.overrides.max_tokens {
            return Ok(given);
        }
        let said: Option<Lengths> = self.read(LENGTHS)?;
        if let Some(length) = said.and_then(|said| said.max_seq_length) {
            return Ok(length);
        }
        let tokenizer: Option<TokenizerConfig> = self.read(TOKENIZER_CONFIG)?;
        let longest = tokenizer.and_then(|tokenizer| tokenizer.model_max_length);
        match (longest, config.max_position_embeddings) {
            (Some(longest), Some(positions)) if longest >= 1.0 => Ok((longest as usize).min(positions)),
            _ => {
                let file =
                    format!("no `max_seq_length` in {LENGTHS}, no `model_max_length` in {TOKENIZER_CONFIG}");
                Err(self.undecided("how long texts may be", file, "--max-tokens N"))
            }
        }
    }

    /// Prefixes of queries and of documents, under the names that sentence-transformers looks for.
    fn prompts(&self) -> Result<(String, String), PullError> {
        let (query, document) = (
            self.overrides.query_prefix.clone(),
            self.overrides.document_prefix.clone(),
        );
        if let (Some(query), Some(document)) = (&query, &document) {
            return Ok((query.clone(), document.clone()));
        }
        let said: Prompts = self.read(PROMPTS)?.ok_or_else(|| {
            let flag = if query.is_some() {
                "--document-prefix TEXT (\"\" for none)"
            } else {
                "--query-prefix TEXT and --document-prefix TEXT (\"\" for none)"
            };
            self.undecided("what is put before texts", format!("no {PROMPTS}"), flag)
        })?;
        let prompt = |names: &[&str]| {
            let named = names.iter().find_map(|name| said.prompts.get(*name));
            let default = || said.prompts.get(said.default_prompt_name.as_deref()?);
            named.or_else(default).cloned().flatten().unwrap_or_default()
        };
        Ok((
            query.unwrap_or_else(|| prompt(&["query"])),
            document.unwrap_or_else(|| prompt(&["document", "passage", "corpus"])),
        ))
    }

    fn modules(&self) -> Result<Option<Vec<Module>>, PullError> {
        self.read(MODULES)
    }

    /// A JSON file's content; `None` where the model has no such file.
    fn read<T: DeserializeOwned>(&self, file: &str) -> Result<Option<T>, PullError> {
        let text = match std::fs::read(self.folder.join(file)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.bad(file, error.to_string())),
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| self.bad(file, error.to_string()))
    }

    fn bad(&self, file: &str, reason: String) -> PullError {
        PullError::BadFile {
            origin: self.origin.to_owned(),
            file: file.to_owned(),
            reason,
        }
    }

    fn missing(&self, file: &str, remedy: &str) -> PullError {
        PullError::NoFile {
            origin: self.origin.to_owned(),
            file: file.to_owned(),
            remedy: remedy.to_owned(),
        }
    }

    fn undecided(&self, what: &'static str, file: String, flag: &'static str) -> PullError {
        PullError::Undecided {
            origin: self.origin.to_owned(),
            what,
            file,
            flag,
        }
    }
}

struct Pooled {
    pooling: Pooling,
    normalize: bool,
    dimension: usize,
}

impl Module {
    /// The class's name without its package.
    fn kind(&self) -> &str {
        self.r#type.rsplit('.').next().unwrap_or_default()
    }

    fn is_known(&self) -> bool {
        ["Transformer", "Pooling", "Normalize"].contains(&self.kind())
    }
}

#[cfg(test)]
#[path = "describe_tests.rs"]
mod tests;
