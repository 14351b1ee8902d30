//! Which variant of a model runs where: sessions, threads, batches, queues.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::{EmbeddingError, Result};

/// Beyond this a value is a typing error: each session may hold its own copy of the weights.
const MOST: usize = 1024;

/// Longest [`EncoderSettings::linger`]: a deadline, not a schedule.
const LONGEST_LINGER: Duration = Duration::from_millis(100);

/// Which of a bundle's graphs runs. Both stand for the same model: the identity of the vectors is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// `model.onnx`, as it was published.
    Plain,
    /// `model.int8.onnx`, made by `alike model optimize`: 8-bit weights and activations in an operator of this crate.
    Int8,
}

impl Variant {
    /// The graph's file in the bundle's folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Plain => "model.onnx",
            Self::Int8 => "model.int8.onnx",
        }
    }

    /// `plain` or `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Variant {
    type Err = EmbeddingError;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "plain" => Ok(Self::Plain),
            "int8" => Ok(Self::Int8),
            _ => Err(out_of_range("variant", format!("{text:?}"), "plain or int8")),
        }
    }
}

/// Where sessions run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// The first CUDA device where this build knows CUDA and the device works, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of that number; the CPU where it does not work, unless
    /// [`require_device`](EncoderSettings::require_device) says otherwise.
    Cuda(u32),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl FromStr for Device {
    type Err = EmbeddingError;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            _ => {}
        }
        let digits = text.strip_prefix("cuda:").unwrap_or_default();
        match digits.parse() {
            Ok(number) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Self::Cuda(number)),
            _ => Err(out_of_range(
                "device",
                format!("{text:?}"),
                "auto, cpu or cuda:N (N: the number of the device)",
            )),
        }
    }
}

/// Sessions of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneSettings {
    /// Sessions that can run at the same time; 0: the lane shares the other one's.
    pub sessions: usize,
    /// Threads that work on one batch inside a session.
    pub threads_per_session: usize,
}

impl LaneSettings {
    /// No sessions of its own.
    pub const SHARED: Self = Self {
        sessions: 0,
        threads_per_session: 1,
    };
}

/// How an [`Encoder`](crate::Encoder) uses the machine. The defaults come from the measurements in this crate's README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Sessions for texts that someone waits for.
    pub queries: LaneSettings,
    /// Sessions for texts in bulk.
    pub documents: LaneSettings,
    /// Most tokens in a batch (a single longer text is a batch of its own), padding included where the variant pads. It
    /// bounds the memory a session works in, and how long a query can be in the way of another.
    pub batch_tokens: usize,
    /// Longest wait for company of a query that finds others already waiting, from its arrival; a lone query never
    /// waits. At most 100 ms.
    pub linger: Duration,
    /// Where more tokens than this would wait in a lane, a call is refused with [`EmbeddingError::Overloaded`].
    pub queue_tokens: usize,
    /// Which graph runs. `None`: int8 where the bundle has it and this processor has a fast kernel for it, else plain.
    pub variant: Option<Variant>,
    /// Where sessions run.
    pub device: Device,
    /// Refuse to open where the device does not work, instead of falling back to the CPU.
    pub require_device: bool,
}

impl EncoderSettings {
    /// Padded tokens per batch: the working set of one batch stays in a core's cache.
    pub const DEFAULT_BATCH_TOKENS: usize = 256;

    /// A fraction of what encoding one short query takes.
    pub const DEFAULT_LINGER: Duration = Duration::from_micros(200);

    /// About four thousand short texts, or 256 of the longest.
    pub const DEFAULT_QUEUE_TOKENS: usize = 65_536;

    /// Sessions of [`for_bulk`](Self::for_bulk) at most: each may have its own copy of the weights.
    pub const MOST_BULK_SESSIONS: usize = 8;

    /// For single short texts that someone waits for: one session with every core.
    pub fn for_queries(cores: usize) -> Self {
        Self::of(latency(cores), LaneSettings::SHARED)
    }

    /// For whole catalogs: single-threaded sessions, one per core; beyond eight cores, eight sessions share them.
    pub fn for_bulk(cores: usize) -> Self {
        let sessions = cores.clamp(1, Self::MOST_BULK_SESSIONS);
        let documents = LaneSettings {
            sessions,
            threads_per_session: (cores / sessions).max(1),
        };
        Self::of(LaneSettings::SHARED, documents)
    }

    /// For a service: a session with every core for queries, and one for documents that gives way to it.
    pub fn for_service(cores: usize) -> Self {
        Self::of(latency(cores), latency(cores))
    }

    fn of(queries: LaneSettings, documents: LaneSettings) -> Self {
        Self {
            queries,
            documents,
            batch_tokens: Self::DEFAULT_BATCH_TOKENS,
            linger: Self::DEFAULT_LINGER,
            queue_tokens: Self::DEFAULT_QUEUE_TOKENS,
            variant: None,
            device: Device::Auto,
            require_device: false,
        }
    }

    /// Refuses zeros and absurd counts.
    pub(crate) fn check(&self) -> Result<()> {
        check_count("queries.sessions", self.queries.sessions, 0, MOST)?;
        check_count("documents.sessions", self.documents.sessions, 0, MOST)?;
        if self.queries.sessions + self.documents.sessions == 0 {
            let expected = "at least 1 in one of the lanes";
            return Err(out_of_range(
                "queries.sessions and documents.sessions",
                "0".to_owned(),
                expected,
            ));
        }
        let threads = [self.queries, self.documents].map(|lane| lane.threads_per_session);
        check_count("queries.threads_per_session", threads[0], 1, MOST)?;
        check_count("documents.threads_per_session", threads[1], 1, MOST)?;
        check_count("batch_tokens", self.batch_tokens, 1, MOST * MOST)?;
        check_count("queue_tokens", self.queue_tokens, 1, MOST * MOST * MOST)?;
        if self.linger > LONGEST_LINGER {
            let expected = format!("at most {LONGEST_LINGER:?}");
            return Err(out_of_range("linger", format!("{:?}", self.linger), &expected));
        }
        self.check_device()
    }

    /// A device has to be named to be required, and runs the plain variant only.
    fn check_device(&self) -> Result<()> {
        if self.require_device && self.device == Device::Auto {
            let found = "true with device \"auto\"".to_owned();
            let expected = "false, or a device that is named, such as \"cuda:0\"";
            return Err(out_of_range("require_device", found, expected));
        }
        if matches!(self.device, Device::Cuda(_)) && self.variant == Some(Variant::Int8) {
            let found = format!("\"int8\" with device \"{}\"", self.device);
            let expected = "plain, or none: int8 runs on the CPU";
            return Err(out_of_range("variant", found, expected));
        }
        Ok(())
    }
}

/// One session with every core.
fn latency(cores: usize) -> LaneSettings {
    LaneSettings {
        sessions: 1,
        threads_per_session: cores.max(1),
    }
}

fn check_count(field: &'static str, found: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(out_of_range(
        field,
        found.to_string(),
        &format!("{least} to {most}"),
    ))
}

fn out_of_range(field: &'static str, found: String, expected: &str) -> EmbeddingError {
    EmbeddingError::Setting {
        origin: "encoder settings".to_owned(),
        field,
        found,
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_for_any_number_of_cores() {
        for cores in [0, 1, 2, 64] {
            EncoderSettings::for_queries(cores).check().unwrap();
            EncoderSettings::for_bulk(cores).check().unwrap();
            EncoderSettings::for_service(cores).check().unwrap();
        }
    }

    #[test]
    fn bulk_sessions_share_the_cores() {
        for (cores, sessions, threads) in [(1, 1, 1), (2, 2, 1), (8, 8, 1), (16, 8, 2), (64, 8, 8)] {
            let documents = EncoderSettings::for_bulk(cores).documents;
            assert_eq!(
                (documents.sessions, documents.threads_per_session),
                (sessions, threads),
                "{cores} cores"
            );
        }
    }

    #[test]
    fn zero_and_absurd_values_are_refused_by_name() {
        let good = EncoderSettings::for_bulk(2);
        let lane = |sessions, threads_per_session| LaneSettings {
            sessions,
            threads_per_session,
        };
        #[rustfmt::skip]
        let bad = [
            (EncoderSettings { documents: lane(0, 1), ..good }, "queries.sessions and documents.sessions"),
            (EncoderSettings { queries: lane(MOST + 1, 1), ..good }, "queries.sessions"),
            (EncoderSettings { queries: lane(1, 0), ..good }, "queries.threads_per_session"),
            (EncoderSettings { documents: lane(1, usize::MAX), ..good }, "documents.threads_per_session"),
            (EncoderSettings { batch_tokens: 0, ..good }, "batch_tokens"),
            (EncoderSettings { queue_tokens: 0, ..good }, "queue_tokens"),
            (EncoderSettings { linger: Duration::from_secs(1), ..good }, "linger"),
            (EncoderSettings { require_device: true, ..good }, "require_device"),
            (EncoderSettings { variant: Some(Variant::Int8), device: Device::Cuda(0), ..good }, "variant"),
        ];
        for (settings, field) in bad {
            let message = settings.check().unwrap_err().to_string();
            assert!(message.contains(&format!("{field} is ")), "{message}");
        }
    }

    #[test]
    fn devices_and_variants_read_as_they_are_written() {
        for device in [Device::Auto, Device::Cpu, Device::Cuda(0), Device::Cuda(13)] {
            assert_eq!(device.to_string().parse::<Device>().unwrap(), device);
        }
        for variant in [Variant::Plain, Variant::Int8] {
            assert_eq!(variant.to_string().parse::<Variant>().unwrap(), variant);
        }
        for wrong in ["", "gpu", "cuda", "cuda:", "cuda:-1", "cuda:+1", "cuda:x", "CPU"] {
            let message = wrong.parse::<Device>().unwrap_err().to_string();
            assert!(message.contains(&format!("device is {wrong:?}")), "{message}");
        }
        let message = "fp16".parse::<Variant>().unwrap_err().to_string();
        assert!(
            message.contains("variant is \"fp16\"") && message.contains("int8"),
            "{message}"
        );
    }
}
