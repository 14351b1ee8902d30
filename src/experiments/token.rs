//! The id of an answer, which says by itself what a later event needs to be attributed.
//!
//! ```text
//! byte   0        version, 1
//! byte   1        variant; 255: none
//! bytes  2..8     time, milliseconds since the Unix epoch, big-endian as all numbers here
//! bytes  8..16    a number of its own
//! bytes 16..20    hash of the collection's name
//! bytes 20..28    hash of the experiment's name; 0: none
//! bytes 28..32    generation of the experiment
//! bytes 32..40    hash of the unit, keyed with the data directory's secret; 0: none
//! bytes 40..44    checksum of all that, keyed with the same secret
//! ```
//!
//! Written as 59 characters of URL-safe base64 without padding. Who has no secret can read an id but hardly make one
//! that counts: one guess in four billion is right.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::str::FromStr;

const VERSION: u8 = 1;
const BYTES: usize = 44;
const CHECKED: usize = 40;
const CHARACTERS: usize = 59;
const NO_VARIANT: u8 = u8::MAX;

/// The id of an answer: when it was given, about which collection, and in which experiment and variant to which unit, if
/// any. See the module for its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecommendationId {
    bytes: [u8; BYTES],
}

/// What an id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// When the answer was given, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// What no other id has.
    pub number: u64,
    /// [`name_hash`] of the collection, cut to 32 bits.
    pub collection: u32,
    /// The experiment, where there is one.
    pub arm: Option<Arm>,
    /// The keyed hash of the unit, where there is one.
    pub unit: Option<u64>,
}

/// A variant of a generation of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Arm {
    /// [`name_hash`] of the experiment.
    pub experiment: u64,
    /// Its generation.
    pub generation: u32,
    /// The variant's place.
    pub variant: u8,
}

/// Why a text is no recommendation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecommendationIdError {
    /// It has another length.
    #[error(
        "a recommendation id has {CHARACTERS} characters, this has {found}; send it as it came with an answer"
    )]
    Length {
        /// Its length in bytes.
        found: usize,
    },
    /// It is no base64.
    #[error("a recommendation id has letters, digits, `-` and `_` only; send it as it came with an answer")]
    Alphabet,
    /// It is of another version.
    #[error("the recommendation id is of version {found}, this program reads version {VERSION}")]
    Version {
        /// The version it says.
        found: u8,
    },
    /// Its checksum is wrong.
    #[error(
        "the recommendation id was not made here, or was altered; send it as it came with an answer of this service"
    )]
    Checksum,
}

impl RecommendationId {
    /// The id that says this, sealed with the secret.
    pub(super) fn new(said: &Said, secret: &[u8; 32]) -> Self {
        let mut bytes = [0; BYTES];
        let time = u64::try_from(said.time_ms).unwrap_or(0);
        let arm = said.arm;
        bytes[0] = VERSION;
        bytes[1] = arm.map_or(NO_VARIANT, |arm| arm.variant);
        bytes[2..8].copy_from_slice(&time.to_be_bytes()[2..]);
        bytes[8..16].copy_from_slice(&said.number.to_be_bytes());
        bytes[16..20].copy_from_slice(&said.collection.to_be_bytes());
        bytes[20..28].copy_from_slice(&arm.map_or(0, |arm| arm.experiment).to_be_bytes());
        bytes[28..32].copy_from_slice(&arm.map_or(0, |arm| arm.generation).to_be_bytes());
        bytes[32..40].copy_from_slice(&said.unit.unwrap_or(0).to_be_bytes());
        let checksum = checksum(&bytes[..CHECKED], secret);
        bytes[CHECKED..].copy_from_slice(&checksum);
        Self { bytes }
    }

    /// What it says, if it was made with this secret.
    pub(super) fn read(&self, secret: &[u8; 32]) -> Result<Said, RecommendationIdError> {
        if self.bytes[CHECKED..] != checksum(&self.bytes[..CHECKED], secret) {
            return Err(RecommendationIdError::Checksum);
        }
        let arm = (self.bytes[1] != NO_VARIANT).then(|| Arm {
            variant: self.bytes[1],
            experiment: self.word(20, 8),
            generation: self.word(28, 4) as u32,
        });
        Ok(Said {
            time_ms: self.time_ms(),
            number: self.word(8, 8),
            collection: self.word(16, 4) as u32,
            arm,
            unit: Some(self.word(32, 8)).filter(|&unit| unit != 0),
        })
    }

    /// When the answer was given, milliseconds since the Unix epoch.
    #[must_use]
    pub fn time_ms(&self) -> i64 {
        // 48 bits fit.
        self.word(2, 6) as i64
    }

    /// Whether the answer was given in an experiment.
    #[must_use]
    pub fn in_experiment(&self) -> bool {
        self.bytes[1] != NO_VARIANT
    }

    fn word(&self, at: usize, bytes: usize) -> u64 {
        let read = self.bytes[at..at + bytes].iter();
        read.fold(0, |word, &byte| word << 8 | u64::from(byte))
    }
}

fn checksum(bytes: &[u8], secret: &[u8; 32]) -> [u8; BYTES - CHECKED] {
    let hash = blake3::keyed_hash(secret, bytes);
    let mut checksum = [0; BYTES - CHECKED];
    checksum.copy_from_slice(&hash.as_bytes()[..BYTES - CHECKED]);
    checksum
}

/// What an id says of a name instead of the name; never 0.
pub(super) fn name_hash(name: &str) -> u64 {
    first_word(&blake3::hash(name.as_bytes())).max(1)
}

/// What ids and counts say of a unit instead of its name: without the secret nobody finds out whose it is. Never 0.
pub(super) fn unit_hash(unit: &str, secret: &[u8; 32]) -> u64 {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    hasher.update(b"unit ").update(unit.as_bytes());
    first_word(&hasher.finalize()).max(1)
}

pub(super) fn first_word(hash: &blake3::Hash) -> u64 {
    let first = hash.as_bytes()[..8].iter();
    first.fold(0, |word, &byte| word << 8 | u64::from(byte))
}

impl fmt::Display for RecommendationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; CHARACTERS];
        let written = URL_SAFE_NO_PAD.encode_slice(self.bytes, &mut text);
        let written = written.map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text[..written]).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for RecommendationId {
    type Err = RecommendationIdError;

    /// Reads an id; whether it was made here is for [`Experiments::check`](super::Experiments::check) to say.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != CHARACTERS {
            return Err(RecommendationIdError::Length { found: text.len() });
        }
        let mut bytes = [0; BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(BYTES) if bytes[0] == VERSION => Ok(Self { bytes }),
            Ok(BYTES) => Err(RecommendationIdError::Version { found: bytes[0] }),
            _ => Err(RecommendationIdError::Alphabet),
        }
    }
}
