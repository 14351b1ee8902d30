//! Settings: `alike.toml`, overridden by `ALIKE__SECTION__KEY` variables, overridden by flags.
//!
//! ```toml
//! data = "store"                     # --data
//!
//! [model]
//! path = "models/all-minilm-l6-v2"   # --model; default: looked for in .alike/
//! paths = ["more-models"]            # more bundles, or folders of them, for snapshots that were built with another model
//! library = "libonnxruntime.so"      # --library; default: looked for in .alike/
//! device = "auto"                    # auto | cpu | cuda:N (builds with the feature cuda); if it does not work: the CPU
//! require_device = false             # if it does not work: fail
//! variant = "auto"                   # auto | plain | int8 (see `alike model optimize`); auto: the fastest that is there
//! batch_tokens = 256                 # most tokens that are encoded together
//! query_sessions = 1                 # batches of query texts that run at the same time
//! query_threads = 2                  # threads that work on each; default: the cores
//! document_sessions = 1              # the same for texts that come in bulk; 0: they share the sessions of queries
//! document_threads = 2               # default: the cores
//! linger_us = 200                    # longest wait for company of a query that finds others waiting
//! queue_tokens = 65536               # more waiting than this: 429 with Retry-After
//! query_cache_bytes = 67108864       # vectors of query texts that are kept; 0: none
//!
//! [reranker]
//! path = "models/my-cross-encoder"   # --reranker; a bundle with task = "rerank", for /rerank; default: none
//!
//! [server]
//! listen = "127.0.0.1:7700"          # --listen
//! request_timeout_ms = 10000         # a request that takes longer is answered 504
//! body_limit_bytes = 8388608         # a larger body is answered 413
//! max_in_flight = 256                # further requests are answered 429 with Retry-After
//! drain_timeout_ms = 15000           # SIGTERM: how long requests in flight may take
//! trending_ttl_ms = 5000             # how long charts, and answers that everybody shares, are reused
//! scroll_ttl_ms = 60000              # how long a scroll's view is held between two pages
//! long_text = "truncate"             # truncate | refuse: texts to encode or rank that are longer than the model reads
//! verify = "auto"                    # quick | auto | full: what is checked before a snapshot is served
//!
//! [log]
//! segment_bytes = 67108864           # a log goes on in a new file after as many bytes
//! min_free_bytes = 536870912         # with less room on the disk, changes are answered 507; reads go on
//!
//! [live]
//! max_bytes = 1073741824             # memory for one collection's changes since its snapshot; beyond: 429 with Retry-After
//!
//! [writes]
//! queue_changes = 10000              # more changes of one collection waiting than this: 429 with Retry-After
//! key_ttl_s = 86400                  # how long the answers to calls with an Idempotency-Key are kept
//! keys = 100000                      # … and most of them per collection
//!
//! [events]
//! dedup_events = 2000000             # events that are remembered to recognize those that are sent again
//! queue_events = 100000              # more events of one collection waiting than this: 429 with Retry-After
//! users = 2000000                    # users per collection; who was away for long goes first, who came once before that
//! user_items = 64                    # items that are remembered of each: the latest
//! sessions = 2000000                 # visits per collection
//! baskets = 2000000                  # baskets per collection
//! segments = 64                      # segments with charts of their own
//! unknown_events = 100000            # events of items that are not there; they count once the items are
//! [events.types]                     # more types, or other weights for impression, view, click, cart, purchase, rating
//! # wishlist = { weight = 2.0 }      # in views
//! # subscribe = { weight = 5.0, bought = true }   # it means that the item was bought
//!
//! [snapshots]
//! rebuild_new = 0.10                 # new snapshot when this share of the items is new or encoded again; 0: never for that
//! rebuild_deleted = 0.20             # … or this share of the snapshot's items is gone
//! rebuild_least = 1000               # … but never for fewer new or deleted items than this
//! rebuild_after_s = 0                # … or the snapshot is as old and something has changed
//! learn_after_s = 86400              # … or the snapshot is as old and a thousand events have come since; 0: never for that
//! build_threads = 1                  # threads of a build beside serving; default: half of the cores
//! keep = 3                           # earlier snapshots that are kept to go back to
//! gate_recall = 0.01                 # the most recall@10 that a new snapshot may lose
//! gate_golden = 0.02                 # the most of the golden queries' score that it may lose
//!
//! [collections.products]             # `alike schema FILE` prints a starting point
//! id = "id"
//! embed = ["title", "brand", "color"]
//! [collections.products.fields]
//! price = { type = "number", filter = true }
//! ```

mod events;
mod live;
mod model;
mod snapshots;

pub use events::{EventSettings, TypeSettings};
pub use live::{LiveSettings, LogSettings, WritesSettings};
pub use model::ModelSettings;
pub use snapshots::SnapshotSettings;

use crate::engine::{ModelPlace, WriteSettings};
use crate::schema::Schema;
use crate::snapshot::Verify;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "alike.toml";
const VARIABLE_PREFIX: &str = "ALIKE__";

/// All settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The data directory.
    pub data: Option<PathBuf>,
    /// Where models are and how they are run.
    pub model: ModelSettings,
    /// Where the reranker is.
    pub reranker: RerankerSettings,
    /// The server.
    pub server: ServerSettings,
    /// How logs are kept.
    pub log: LogSettings,
    /// What is held in memory of changes.
    pub live: LiveSettings,
    /// How changes are taken.
    pub writes: WritesSettings,
    /// What shoppers do.
    pub events: EventSettings,
    /// New snapshots.
    pub snapshots: SnapshotSettings,
    /// Schemas by name of the collection.
    pub collections: BTreeMap<String, Schema>,
}

/// Where the reranker is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RerankerSettings {
    /// The folder of a cross-encoder's bundle; without one, `/rerank` says so.
    pub path: Option<PathBuf>,
}

/// What becomes of a text that is longer than the model reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LongText {
    /// It is cut, and the answer says so.
    #[default]
    Truncate,
    /// It is refused.
    Refuse,
}

/// The server's settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// A request that takes longer is answered 504.
    pub request_timeout_ms: u64,
    /// A larger body is answered 413.
    pub body_limit_bytes: usize,
    /// Further requests are answered 429.
    pub max_in_flight: usize,
    /// How long requests in flight may take after SIGTERM.
    pub drain_timeout_ms: u64,
    /// How long charts, and answers that everybody shares, are reused.
    pub trending_ttl_ms: u64,
    /// How long a scroll's view is held between two pages.
    pub scroll_ttl_ms: u64,
    /// What becomes of a text to encode that is longer than the model reads.
    pub long_text: LongText,
    /// What is checked before a snapshot is served.
    pub verify: Verify,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7700)),
            request_timeout_ms: 10_000,
            body_limit_bytes: 8 << 20,
            max_in_flight: 256,
            drain_timeout_ms: 15_000,
            trending_ttl_ms: 5_000,
            scroll_ttl_ms: 60_000,
            long_text: LongText::default(),
            verify: Verify::default(),
        }
    }
}

impl ServerSettings {
    /// How long one request may take.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// How long a scroll's view is held between two pages.
    #[must_use]
    pub fn scroll_ttl(&self) -> Duration {
        Duration::from_millis(self.scroll_ttl_ms)
    }

    /// How long a drain may take.
    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }

    fn check(&self) -> Result<(), String> {
        const DAY_MS: u64 = 86_400_000;
        in_range(
            "server",
            &[
                ("request_timeout_ms", self.request_timeout_ms, 1, DAY_MS),
                ("body_limit_bytes", self.body_limit_bytes as u64, 1, 1 << 30),
                ("max_in_flight", self.max_in_flight as u64, 1, 4096),
                ("drain_timeout_ms", self.drain_timeout_ms, 0, DAY_MS),
                ("trending_ttl_ms", self.trending_ttl_ms, 0, DAY_MS),
                ("scroll_ttl_ms", self.scroll_ttl_ms, 1, DAY_MS),
            ],
        )
    }
}

/// Refuses the first value that is not between its least and its most.
fn in_range(section: &str, values: &[(&str, u64, u64, u64)]) -> Result<(), String> {
    match values
        .iter()
        .find(|(_, value, least, most)| !(least..=most).contains(&value))
    {
        None => Ok(()),
        Some((key, value, least, most)) => {
            Err(format!("{section}.{key} is {value}, must be {least} to {most}"))
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot read settings: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The content is wrong.
    #[error("{origin}: {detail}")]
    Content {
        /// The file, or the environment.
        origin: String,
        /// What is wrong, with a suggestion.
        detail: String,
    },
}

impl Config {
    /// Reads `file` (`alike.toml` in the working directory when absent, if there is one) and the environment.
    ///
    /// # Errors
    /// The file is missing though named, is not TOML, or has an unknown key or a value of the wrong type.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(ConfigError::Read {
                    path: path.to_path_buf(),
                    source,
                });
            }
        };
        Self::parse(&text, &path.display().to_string(), variables)
    }

    fn parse(
        text: &str,
        origin: &str,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let content = |detail: String| ConfigError::Content {
            origin: origin.to_owned(),
            detail,
        };
        // Read as it is first: errors then carry line and column.
        let _checked: Self =
            toml::from_str(text).map_err(|error| content(with_suggestion(&error.to_string())))?;
        let mut table: toml::Table = toml::from_str(text).map_err(|error| content(error.to_string()))?;
        for (name, value) in variables {
            if let Some(path) = name.strip_prefix(VARIABLE_PREFIX) {
                set(&mut table, path, &value);
            }
        }
        let config: Self = toml::Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Content {
                origin: format!("{origin} with {VARIABLE_PREFIX}… variables"),
                detail: with_suggestion(&error.to_string()),
            })?;
        config.server.check().map_err(content)?;
        config.model.check().map_err(content)?;
        config.snapshots.check().map_err(content)?;
        config.events.check().map_err(content)?;
        live::check(&config.log, &config.live, &config.writes).map_err(content)?;
        Ok(config)
    }

    /// How the engine takes changes.
    #[must_use]
    pub fn write_settings(&self) -> WriteSettings {
        WriteSettings {
            events: self.events.settings(self.log.segment_bytes),
            ..live::write_settings(&self.log, &self.live, &self.writes)
        }
    }

    /// Where the model is, with flags before settings.
    #[must_use]
    pub fn model_place(&self, model: Option<PathBuf>, library: Option<PathBuf>) -> ModelPlace {
        ModelPlace {
            model: model.or_else(|| self.model.path.clone()),
            others: self.model.paths.clone(),
            library: library.or_else(|| self.model.library.clone()),
            reranker: None,
            run: self.model.run(),
        }
    }
}

/// Sets `SERVER__LISTEN` to the value: as TOML where it is (a number, a boolean), else as text.
fn set(table: &mut toml::Table, path: &str, value: &str) {
    let mut keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let Some(last) = keys.pop() else { return };
    let mut at = table;
    for key in keys {
        let entry = at
            .entry(key)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let toml::Value::Table(inner) = entry else { return };
        at = inner;
    }
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}")).ok();
    let parsed = parsed.and_then(|mut table| table.remove("value"));
    at.insert(
        last,
        parsed.unwrap_or_else(|| toml::Value::String(value.to_owned())),
    );
}

/// Adds "did you mean" to an unknown-field error.
fn with_suggestion(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match (message.contains("unknown field"), quoted.split_first()) {
        (true, Some((unknown, known))) => {
            let nearest = known
                .iter()
                .max_by(|a, b| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)));
            match nearest {
                Some(nearest) => format!("{}\ndid you mean `{nearest}`?", message.trim_end()),
                None => message.to_owned(),
            }
        }
        _ => message.trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::parse(text, "alike.toml", variables)
    }

    #[test]
    fn the_documented_example_is_valid() {
        let text: String = include_str!("config.rs")
            .lines()
            .skip_while(|line| *line != "//! ```toml")
            .skip(1)
            .take_while(|line| *line != "//! ```")
            .map(|line| format!("{}\n", line.trim_start_matches("//!")))
            .collect();
        let config = parse(&text, &[]).unwrap();
        assert_eq!(config.collections["products"].embed, ["title", "brand", "color"]);
        let defaults = ServerSettings::default();
        assert_eq!(
            config.server.listen, defaults.listen,
            "the example shows the defaults"
        );
        assert_eq!(config.server.max_in_flight, defaults.max_in_flight);
        assert_eq!(config.server.request_timeout_ms, defaults.request_timeout_ms);
        assert_eq!(config.server.body_limit_bytes, defaults.body_limit_bytes);
        assert_eq!(config.server.drain_timeout_ms, defaults.drain_timeout_ms);
        assert_eq!(config.server.trending_ttl_ms, defaults.trending_ttl_ms);
        assert_eq!(config.server.scroll_ttl_ms, defaults.scroll_ttl_ms);
        assert_eq!(config.server.long_text, defaults.long_text);
        assert!(config.reranker.path.is_some());
        assert_eq!(config.write_settings(), WriteSettings::default());
        let (model, defaults) = (config.model, ModelSettings::default());
        assert_eq!(
            (model.device, model.require_device, model.variant),
            (defaults.device, defaults.require_device, defaults.variant)
        );
        assert_eq!(
            (model.batch_tokens, model.linger_us, model.queue_tokens),
            (defaults.batch_tokens, defaults.linger_us, defaults.queue_tokens)
        );
        assert_eq!(
            (
                model.query_sessions,
                model.document_sessions,
                model.query_cache_bytes
            ),
            (
                defaults.query_sessions,
                defaults.document_sessions,
                defaults.query_cache_bytes
            )
        );
    }

    #[test]
    fn variables_override_the_file() {
        let text = "[server]\nlisten = \"127.0.0.1:1\"\nmax_in_flight = 3\n";
        let variables = [
            ("ALIKE__SERVER__LISTEN", "0.0.0.0:2"),
            ("ALIKE__DATA", "elsewhere"),
            ("OTHER", "x"),
        ];
        let config = parse(text, &variables).unwrap();
        assert_eq!(config.server.listen.to_string(), "0.0.0.0:2");
        assert_eq!(config.server.max_in_flight, 3);
        assert_eq!(config.data, Some(PathBuf::from("elsewhere")));
    }

    #[test]
    fn a_wrong_key_is_refused_with_a_suggestion() {
        let error = parse("[server]\nlisen = \"127.0.0.1:1\"\n", &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("lisen") && error.contains("did you mean `listen`?"),
            "{error}"
        );
        assert!(error.contains("line 2"), "{error}");
        let error = parse("", &[("ALIKE__SERVER__MAX_INFLIGHT", "3")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("did you mean `max_in_flight`?"), "{error}");
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        let error = parse("[server]\nmax_in_flight = 0\n", &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains("server.max_in_flight is 0"), "{error}");
        let error = parse("[server]\nlisten = \"nowhere\"\n", &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains("listen"), "{error}");
    }
}
