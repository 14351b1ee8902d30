//! The sections `[log]`, `[live]` and `[writes]`.

use super::in_range;
use crate::engine::WriteSettings;
use crate::signals::Settings;
use serde::Deserialize;
use std::time::Duration;

/// How logs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// A log goes on in a new file after as many bytes.
    pub segment_bytes: u64,
    /// With less room on the disk no changes are accepted.
    pub min_free_bytes: u64,
}

/// What is held in memory of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveSettings {
    /// Most bytes per collection.
    pub max_bytes: u64,
}

/// How changes are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WritesSettings {
    /// Most changes of a collection that wait.
    pub queue_changes: usize,
    /// How long the answers to calls with idempotency keys are kept, in seconds.
    pub key_ttl_s: u64,
    /// Most idempotency keys of a collection that are kept.
    pub keys: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        let defaults = WriteSettings::default();
        Self {
            segment_bytes: defaults.segment_bytes,
            min_free_bytes: defaults.min_free_bytes,
        }
    }
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self {
            max_bytes: WriteSettings::default().live_bytes,
        }
    }
}

impl Default for WritesSettings {
    fn default() -> Self {
        let defaults = WriteSettings::default();
        Self {
            queue_changes: defaults.queue_changes,
            key_ttl_s: defaults.key_ttl.as_secs(),
            keys: defaults.keys,
        }
    }
}

/// What the engine is told of these sections.
pub(super) fn write_settings(
    log: &LogSettings,
    live: &LiveSettings,
    writes: &WritesSettings,
) -> WriteSettings {
    WriteSettings {
        read_only: false,
        segment_bytes: log.segment_bytes,
        min_free_bytes: log.min_free_bytes,
        live_bytes: live.max_bytes,
        queue_changes: writes.queue_changes,
        key_ttl: Duration::from_secs(writes.key_ttl_s),
        keys: writes.keys,
        events: Settings::default(),
    }
}

pub(super) fn check(log: &LogSettings, live: &LiveSettings, writes: &WritesSettings) -> Result<(), String> {
    const YEAR_S: u64 = 366 * 86_400;
    const LARGEST: u64 = 1 << 50;
    in_range(
        "log",
        &[
            ("segment_bytes", log.segment_bytes, 1 << 16, 1 << 40),
            ("min_free_bytes", log.min_free_bytes, 0, LARGEST),
        ],
    )?;
    in_range("live", &[("max_bytes", live.max_bytes, 1 << 20, LARGEST)])?;
    in_range(
        "writes",
        &[
            ("queue_changes", writes.queue_changes as u64, 1, 10_000_000),
            ("key_ttl_s", writes.key_ttl_s, 0, YEAR_S),
            ("keys", writes.keys as u64, 0, 100_000_000),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn settings_of_changes_are_read_and_checked() {
        let text =
            "[log]\nsegment_bytes = 1048576\n[live]\nmax_bytes = 2097152\n[writes]\nqueue_changes = 5\n";
        let read = parse(text, &[("ALIKE__LOG__MIN_FREE_BYTES", "7")]).unwrap();
        let expected = WriteSettings {
            segment_bytes: 1 << 20,
            min_free_bytes: 7,
            live_bytes: 2 << 20,
            queue_changes: 5,
            events: Settings {
                segment_bytes: 1 << 20,
                ..Settings::default()
            },
            ..WriteSettings::default()
        };
        assert_eq!(read.write_settings(), expected);
        assert_eq!(parse("", &[]).unwrap().write_settings(), WriteSettings::default());
        for (text, needle) in [
            ("[log]\nsegment_bytes = 1\n", "log.segment_bytes is 1"),
            ("[live]\nmax_bytes = 1\n", "live.max_bytes is 1"),
            ("[writes]\nqueue_changes = 0\n", "writes.queue_changes is 0"),
            ("[writes]\nqueue = 1\n", "unknown field `queue`"),
        ] {
            let error = parse(text, &[]).unwrap_err().to_string();
            assert!(error.contains(needle), "{text}: {error}");
        }
    }
}
