//! `[model]`: where models are and how they are run.

use super::in_range;
use crate::engine::{ModelRun, cores};
use alike_embeddings::{Device, EncoderSettings, LaneSettings, Variant};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;
use std::time::Duration;

/// Where models are and how they are run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSettings {
    /// The model bundle's folder.
    pub path: Option<PathBuf>,
    /// More bundles, or folders of bundles.
    pub paths: Vec<PathBuf>,
    /// ONNX Runtime's shared library.
    pub library: Option<PathBuf>,
    /// Where models run.
    #[serde(deserialize_with = "device")]
    pub device: Device,
    /// Fail where the device does not work.
    pub require_device: bool,
    /// Which graph runs; the fastest that is there when absent (`auto`).
    #[serde(deserialize_with = "variant")]
    pub variant: Option<Variant>,
    /// Most tokens of a batch.
    pub batch_tokens: usize,
    /// Batches of queries at the same time; 0: they share the sessions of documents.
    pub query_sessions: usize,
    /// Threads of each; the cores when absent.
    pub query_threads: Option<usize>,
    /// Batches of documents at the same time; 0: they share the sessions of queries.
    pub document_sessions: usize,
    /// Threads of each; the cores when absent.
    pub document_threads: Option<usize>,
    /// Longest wait for company of a query that finds others waiting.
    pub linger_us: u64,
    /// More waiting than this is refused.
    pub queue_tokens: usize,
    /// Most bytes of query texts and their vectors that are kept; 0: none.
    pub query_cache_bytes: u64,
}

impl Default for ModelSettings {
    fn default() -> Self {
        let encoder = EncoderSettings::for_service(cores());
        Self {
            path: None,
            paths: Vec::new(),
            library: None,
            device: encoder.device,
            require_device: encoder.require_device,
            variant: encoder.variant,
            batch_tokens: encoder.batch_tokens,
            query_sessions: encoder.queries.sessions,
            query_threads: None,
            document_sessions: encoder.documents.sessions,
            document_threads: None,
            linger_us: u64::try_from(encoder.linger.as_micros()).unwrap_or(u64::MAX),
            queue_tokens: encoder.queue_tokens,
            query_cache_bytes: 64 << 20,
        }
    }
}

impl ModelSettings {
    /// How a service's encoders share the machine.
    #[must_use]
    pub fn encoder(&self) -> EncoderSettings {
        let lane = |sessions, threads: Option<usize>| LaneSettings {
            sessions,
            threads_per_session: threads.unwrap_or_else(cores),
        };
        self.run().over(EncoderSettings {
            queries: lane(self.query_sessions, self.query_threads),
            documents: lane(self.document_sessions, self.document_threads),
            linger: Duration::from_micros(self.linger_us),
            queue_tokens: self.queue_tokens,
            ..EncoderSettings::for_service(cores())
        })
    }

    pub(super) fn run(&self) -> ModelRun {
        ModelRun {
            device: self.device,
            require_device: self.require_device,
            variant: self.variant,
            batch_tokens: Some(self.batch_tokens),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let threads = |threads: Option<usize>| threads.unwrap_or(1) as u64;
        in_range(
            "model",
            &[
                ("batch_tokens", self.batch_tokens as u64, 1, 1 << 20),
                ("query_sessions", self.query_sessions as u64, 0, 1024),
                ("query_threads", threads(self.query_threads), 1, 1024),
                ("document_sessions", self.document_sessions as u64, 0, 1024),
                ("document_threads", threads(self.document_threads), 1, 1024),
                ("linger_us", self.linger_us, 0, 100_000),
                ("queue_tokens", self.queue_tokens as u64, 1, 1 << 30),
                ("query_cache_bytes", self.query_cache_bytes, 0, 1 << 40),
            ],
        )?;
        if self.query_sessions + self.document_sessions == 0 {
            return Err(
                "model.query_sessions and model.document_sessions are both 0; at least one session is needed"
                    .to_owned(),
            );
        }
        if self.require_device && self.device == Device::Auto {
            return Err("model.require_device is true with model.device \"auto\"; name the device that is required, such as \"cuda:0\"".to_owned());
        }
        if let (Device::Cuda(_), Some(Variant::Int8)) = (self.device, self.variant) {
            let device = self.device;
            return Err(format!(
                "model.variant is \"int8\" with model.device \"{device}\"; int8 runs on the CPU: leave one of them out"
            ));
        }
        Ok(())
    }
}

fn device<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Device, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        Error::custom(format!(
            "device is {text:?}, must be auto, cpu or cuda:N (N: its number)"
        ))
    })
}

fn variant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Variant>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "auto" {
        return Ok(None);
    }
    let parsed = text.parse().map(Some);
    parsed.map_err(|_| Error::custom(format!("variant is {text:?}, must be auto, plain or int8")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn a_service_runs_models_as_its_settings_say() {
        let text = "[model]\nquery_sessions = 2\nquery_threads = 3\ndocument_sessions = 0\nbatch_tokens = 99\n\
                    linger_us = 0\nqueue_tokens = 7\nvariant = \"plain\"\ndevice = \"cuda:1\"\nrequire_device = true\n";
        let encoder = parse(text, &[]).unwrap().model.encoder();
        let lanes = (encoder.queries, encoder.documents.sessions);
        let queries = LaneSettings {
            sessions: 2,
            threads_per_session: 3,
        };
        assert_eq!(lanes, (queries, 0));
        assert_eq!((encoder.batch_tokens, encoder.queue_tokens), (99, 7));
        assert_eq!(encoder.linger, Duration::ZERO);
        assert_eq!(
            (encoder.variant, encoder.device),
            (Some(Variant::Plain), Device::Cuda(1))
        );
        assert!(encoder.require_device);
        let unset = parse("", &[]).unwrap().model.encoder();
        assert_eq!(unset, EncoderSettings::for_service(cores()));
    }

    #[test]
    fn model_settings_that_cannot_work_are_refused_by_name() {
        for (line, needle) in [
            (
                "device = \"gpu\"",
                "device is \"gpu\", must be auto, cpu or cuda:N",
            ),
            (
                "variant = \"int4\"",
                "variant is \"int4\", must be auto, plain or int8",
            ),
            ("batch_tokens = 0", "model.batch_tokens is 0, must be 1 to"),
            ("query_sessions = 2000", "model.query_sessions is 2000"),
            ("query_threads = 0", "model.query_threads is 0"),
            ("document_sessions = 2000", "model.document_sessions is 2000"),
            ("document_threads = 0", "model.document_threads is 0"),
            ("linger_us = 1000000", "model.linger_us is 1000000"),
            ("queue_tokens = 0", "model.queue_tokens is 0"),
            ("query_cache_bytes = -1", "line 2"),
            (
                "query_sessions = 0\ndocument_sessions = 0",
                "model.query_sessions and model.document_sessions",
            ),
            ("require_device = true", "model.require_device is true"),
            (
                "variant = \"int8\"\ndevice = \"cuda:0\"",
                "model.variant is \"int8\"",
            ),
            ("linger_ms = 1", "did you mean `linger_us`?"),
        ] {
            let error = parse(&format!("[model]\n{line}\n"), &[]).unwrap_err().to_string();
            assert!(error.contains(needle), "{line}: {error}");
        }
    }
}
