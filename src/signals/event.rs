//! What one shopper did to one item, and when.

use super::types::{EventType, MAX_RATING, Types};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The longest id (collection, item, user, session, …) that is accepted, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 512;

/// How far ahead of this machine's clock an event may be dated: clocks differ, but a date further ahead is a mistake.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// The earliest accepted time, 2000-01-01T00:00:00Z: what lies before is a clock that was never set.
const EARLIEST: Timestamp = Timestamp::constant(946_684_800, 0);

/// One event, as `POST /v1/events` takes it.
///
/// `time` is read from RFC 3339 text (`2026-11-20T10:00:00Z`) or integer milliseconds since the Unix epoch, defaults
/// to now, and is kept to the millisecond. An unknown field is refused by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The collection the item belongs to.
    pub collection: String,
    /// What was done.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The item's id.
    pub item: String,
    /// Who did it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The visit it happened in, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The basket or order that it belongs to, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basket: Option<String>,
    /// The group of shoppers or the part of the shop that it happened in (a country, a channel), where it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// When it happened.
    #[serde(
        default = "now",
        serialize_with = "write_time",
        deserialize_with = "read_time"
    )]
    pub time: Timestamp,
    /// The event's own id, where it has one: the same id counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A number that belongs to it: of a rating the rating, 0 to 5; else what the shop likes (a price, a quantity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The answer that brought the shopper to the item, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation_id: Option<String>,
}

/// Why an event is refused. Every variant names the [`field`](Self::field) at fault.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EventError {
    /// An id without a character.
    #[error("`{field}` is empty: give an id, or leave an optional one out")]
    Empty {
        /// The field's name in JSON.
        field: &'static str,
    },
    /// An id beyond [`MAX_ID_BYTES`].
    #[error("`{field}` has {bytes} bytes: at most {MAX_ID_BYTES} are accepted")]
    TooLong {
        /// The field's name in JSON.
        field: &'static str,
        /// The id's length.
        bytes: usize,
    },
    /// A type that is neither built in nor configured.
    #[error("`type` is {found:?}: expected one of {known}; `[events.types]` in the settings adds more")]
    UnknownType {
        /// The type.
        found: String,
        /// Those that are known.
        known: String,
    },
    /// A rating without a value.
    #[error("`value` is missing: a rating has one from 0 to 5")]
    NoRating,
    /// A rating out of range.
    #[error("`value` is {value}: a rating is from 0 to 5")]
    Rating {
        /// The rating.
        value: f64,
    },
    /// A value that is no number.
    #[error("`value` is {value}: a finite number is expected")]
    Value {
        /// The value.
        value: f64,
    },
    /// A time more than [`MAX_AHEAD`] after now.
    #[error("`time` is {time}, in the future: at most 5 minutes after now ({now}) are accepted")]
    Future {
        /// The event's time.
        time: Timestamp,
        /// This machine's time.
        now: Timestamp,
    },
    /// A time before the year 2000.
    #[error("`time` is {time}: times before {EARLIEST} are refused (integers are milliseconds, not seconds)")]
    Ancient {
        /// The event's time.
        time: Timestamp,
    },
}

impl EventError {
    /// The JSON name of the field at fault.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Empty { field } | Self::TooLong { field, .. } => field,
            Self::UnknownType { .. } => "type",
            Self::NoRating | Self::Rating { .. } | Self::Value { .. } => "value",
            Self::Future { .. } | Self::Ancient { .. } => "time",
        }
    }
}

impl Event {
    /// An event that happens now; its other fields can be set.
    #[must_use]
    pub fn new(collection: &str, kind: EventType, item: &str) -> Self {
        Self {
            collection: collection.to_owned(),
            kind,
            item: item.to_owned(),
            user: None,
            session: None,
            basket: None,
            segment: None,
            time: now(),
            id: None,
            value: None,
            recommendation_id: None,
        }
    }

    /// Checks what the types can't say: ids of 1 to [`MAX_ID_BYTES`] bytes, a known type, a believable time and value.
    ///
    /// # Errors
    /// The first field at fault, in the order of the struct, time and value last.
    pub fn validate(&self, now: Timestamp, types: &Types) -> Result<(), EventError> {
        check_id("collection", &self.collection)?;
        if !types.knows(self.kind.name()) {
            return Err(EventError::UnknownType {
                found: self.kind.name().chars().take(80).collect(),
                known: types.names().collect::<Vec<_>>().join(", "),
            });
        }
        check_id("item", &self.item)?;
        for (field, id) in [
            ("user", &self.user),
            ("session", &self.session),
            ("basket", &self.basket),
            ("segment", &self.segment),
            ("id", &self.id),
            ("recommendation_id", &self.recommendation_id),
        ] {
            id.as_deref().map_or(Ok(()), |id| check_id(field, id))?;
        }
        check_time(self.time, now)?;
        self.check_value()
    }

    fn check_value(&self) -> Result<(), EventError> {
        match (&self.kind, self.value) {
            (EventType::Rating, None) => Err(EventError::NoRating),
            (EventType::Rating, Some(value)) if !(0.0..=MAX_RATING).contains(&value) => {
                Err(EventError::Rating { value })
            }
            (_, Some(value)) if !value.is_finite() => Err(EventError::Value { value }),
            _ => Ok(()),
        }
    }
}

fn check_id(field: &'static str, id: &str) -> Result<(), EventError> {
    match id.len() {
        0 => Err(EventError::Empty { field }),
        bytes if bytes > MAX_ID_BYTES => Err(EventError::TooLong { field, bytes }),
        _ => Ok(()),
    }
}

fn check_time(time: Timestamp, now: Timestamp) -> Result<(), EventError> {
    if time < EARLIEST {
        return Err(EventError::Ancient { time });
    }
    if time.duration_since(now) > MAX_AHEAD {
        return Err(EventError::Future { time, now });
    }
    Ok(())
}

fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

fn write_time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// Reads RFC 3339 text or integer milliseconds since the Unix epoch.
pub(super) fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    deserializer.deserialize_any(TimeVisitor)
}

struct TimeVisitor;

impl de::Visitor<'_> for TimeVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RFC 3339 text such as \"2026-11-20T10:00:00Z\", or integer milliseconds since 1970")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        let time: Timestamp = text
            .parse()
            .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
        self.visit_i64(time.as_millisecond())
    }

    fn visit_i64<E: de::Error>(self, milliseconds: i64) -> Result<Timestamp, E> {
        Timestamp::from_millisecond(milliseconds)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(milliseconds), &self))
    }

    fn visit_u64<E: de::Error>(self, milliseconds: u64) -> Result<Timestamp, E> {
        let signed = i64::try_from(milliseconds)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(milliseconds), &self))?;
        self.visit_i64(signed)
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
