//! How many sessions, how many threads each, how large a batch.

use crate::{EmbeddingError, Result};

/// Beyond this a value is a typing error: each session holds its own copy of the weights.
const MOST: usize = 1024;

/// How an [`Encoder`](crate::Encoder) uses the machine. The defaults come from the measurements in this crate's README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Sessions that can run at the same time; each holds its own copy of the weights.
    pub sessions: usize,
    /// Threads that work on one batch inside a session.
    pub threads_per_session: usize,
    /// Most tokens in a batch, padding included (a single longer text is a batch of its own). It bounds the memory a
    /// session works in.
    pub batch_tokens: usize,
}

impl EncoderSettings {
    /// Padded tokens per batch: the working set of one batch stays in a core's cache.
    pub const DEFAULT_BATCH_TOKENS: usize = 256;

    /// Sessions of [`for_bulk`](Self::for_bulk) at most: each has its own copy of the weights.
    pub const MOST_BULK_SESSIONS: usize = 8;

    /// For single short texts that someone waits for: one session with every core.
    pub fn for_queries(cores: usize) -> Self {
        Self {
            sessions: 1,
            threads_per_session: cores.max(1),
            batch_tokens: Self::DEFAULT_BATCH_TOKENS,
        }
    }

    /// For whole catalogs: single-threaded sessions, one per core; beyond eight cores, eight sessions share them.
    pub fn for_bulk(cores: usize) -> Self {
        let sessions = cores.clamp(1, Self::MOST_BULK_SESSIONS);
        let threads_per_session = (cores / sessions).max(1);
        Self {
            sessions,
            threads_per_session,
            batch_tokens: Self::DEFAULT_BATCH_TOKENS,
        }
    }

    /// Refuses zeros and absurd counts.
    pub(crate) fn check(&self) -> Result<()> {
        check_count("sessions", self.sessions, MOST)?;
        check_count("threads_per_session", self.threads_per_session, MOST)?;
        check_count("batch_tokens", self.batch_tokens, MOST * MOST)
    }
}

fn check_count(field: &'static str, found: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&found) {
        return Ok(());
    }
    Err(EmbeddingError::Setting {
        origin: "encoder settings".to_owned(),
        field,
        found: found.to_string(),
        expected: format!("1 to {most}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_for_any_number_of_cores() {
        for cores in [0, 1, 2, 64] {
            EncoderSettings::for_queries(cores).check().unwrap();
            EncoderSettings::for_bulk(cores).check().unwrap();
        }
    }

    #[test]
    fn bulk_sessions_share_the_cores() {
        for (cores, sessions, threads) in [(1, 1, 1), (2, 2, 1), (8, 8, 1), (16, 8, 2), (64, 8, 8)] {
            let settings = EncoderSettings::for_bulk(cores);
            assert_eq!(
                (settings.sessions, settings.threads_per_session),
                (sessions, threads),
                "{cores} cores"
            );
        }
    }

    #[test]
    fn zero_and_absurd_counts_are_refused_by_name() {
        let good = EncoderSettings::for_bulk(2);
        for (settings, field) in [
            (EncoderSettings { sessions: 0, ..good }, "sessions"),
            (
                EncoderSettings {
                    threads_per_session: usize::MAX,
                    ..good
                },
                "threads_per_session",
            ),
            (
                EncoderSettings {
                    batch_tokens: 0,
                    ..good
                },
                "batch_tokens",
            ),
        ] {
            let message = settings.check().unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        }
    }
}
