//! What one shopper did to one item, and when.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The longest id (collection, item, user, session) that is accepted, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 512;

/// How far ahead of this machine's clock an event may be dated: clocks differ, but a date further ahead is a mistake.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// The earliest accepted time, 2000-01-01T00:00:00Z: what lies before is a clock that was never set.
const EARLIEST: Timestamp = Timestamp::constant(946_684_800, 0);

/// One event, as `POST /v1/events` takes it and as the journal keeps it.
///
/// `time` is read from RFC 3339 text (`2026-11-20T10:00:00Z`) or integer milliseconds since the Unix epoch, defaults
/// to now, and is kept to the millisecond. An unknown field is refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// When it happened.
    #[serde(
        default = "now",
        serialize_with = "write_time",
        deserialize_with = "read_time"
    )]
    pub time: Timestamp,
}

/// What was done to the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// The item's page was looked at.
    View,
    /// The item was chosen from a list of results or recommendations.
    Click,
    /// The item was put into the basket.
    Cart,
    /// The item was bought.
    Purchase,
}

impl EventType {
    /// Every type, weakest first.
    pub const ALL: [Self; 4] = [Self::View, Self::Click, Self::Cart, Self::Purchase];

    /// How much one event of this type says about interest in the item, in views: **view 1, click 1.5, cart 3,
    /// purchase 5**.
    pub const fn weight(self) -> f64 {
        self.half_views() as f64 / 2.0
    }

    /// [`weight`](Self::weight) in halves of a view: whole numbers, so that sums are exact in any order of arrival.
    pub(crate) const fn half_views(self) -> u32 {
        match self {
            Self::View => 2,
            Self::Click => 3,
            Self::Cart => 6,
            Self::Purchase => 10,
        }
    }

    /// The name used in JSON and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Click => "click",
            Self::Cart => "cart",
            Self::Purchase => "purchase",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an event is refused. Every variant names the [`field`](Self::field) at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Empty { field } | Self::TooLong { field, .. } => field,
            Self::Future { .. } | Self::Ancient { .. } => "time",
        }
    }
}

impl Event {
    /// Checks what the types can't say: ids of 1 to [`MAX_ID_BYTES`] bytes, a believable time.
    ///
    /// # Errors
    /// The first field at fault, in the order of the struct.
    pub fn validate(&self, now: Timestamp) -> Result<(), EventError> {
        check_id("collection", &self.collection)?;
        check_id("item", &self.item)?;
        self.user
            .as_deref()
            .map_or(Ok(()), |user| check_id("user", user))?;
        self.session
            .as_deref()
            .map_or(Ok(()), |session| check_id("session", session))?;
        check_time(self.time, now)
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

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
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
mod tests {
    use super::*;
    use serde_json::json;

    fn noon() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn parse(value: serde_json::Value) -> Result<Event, String> {
        serde_path_to_error::deserialize(value).map_err(|e| e.to_string())
    }

    fn valid() -> serde_json::Value {
        json!({"collection": "products", "type": "view", "item": "i1", "time": "2026-11-20T11:59:59.123Z"})
    }

    fn with(field: &str, value: serde_json::Value) -> serde_json::Value {
        let mut event = valid();
        event[field] = value;
        event
    }

    #[test]
    fn weights_are_the_documented_ones() {
        assert_eq!(EventType::ALL.map(EventType::weight), [1.0, 1.5, 3.0, 5.0]);
        for kind in EventType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.name()));
        }
    }

    #[test]
    fn time_is_text_or_milliseconds_or_now() {
        let text = parse(valid()).unwrap();
        let number = parse(with("time", json!(1_795_175_999_123_i64))).unwrap();
        let offset = parse(with("time", json!("2026-11-20T13:59:59.123456+02:00"))).unwrap();
        assert_eq!(text.time, number.time);
        assert_eq!(text.time, offset.time);

        let before = now();
        let absent = parse(json!({"collection": "c", "type": "cart", "item": "i"})).unwrap();
        assert!(before <= absent.time && absent.time <= Timestamp::now());
    }

    #[test]
    fn what_is_written_reads_back() {
        let event = Event {
            user: Some("u\"\n1".into()),
            ..parse(valid()).unwrap()
        };
        let text = serde_json::to_string(&event).unwrap();
        assert!(text.contains("\"2026-11-20T11:59:59.123Z\""), "{text}");
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }

    #[test]
    fn wrong_json_names_the_field() {
        for (event, expected) in [
            (with("tpye", json!("view")), "unknown field `tpye`"),
            (with("type", json!("buy")), "unknown variant `buy`"),
            (with("item", json!(7)), "item: invalid type: integer `7`"),
            (
                with("time", json!(1.5)),
                "time: invalid type: floating point `1.5`",
            ),
            (with("time", json!(null)), "time: invalid type: null"),
            (
                with("time", json!("yesterday")),
                "time: invalid value: string \"yesterday\", expected RFC 3339",
            ),
            (with("time", json!("2026-11-20T10:00:00")), "time: invalid value"),
            (with("time", json!(u64::MAX)), "time: invalid value"),
            (with("time", json!(i64::MIN)), "time: invalid value"),
            (json!({"collection": "c", "type": "view"}), "missing field `item`"),
            (json!([1]), "invalid type"),
        ] {
            let error = parse(event).unwrap_err();
            assert!(error.contains(expected), "{error} should contain {expected}");
        }
    }

    #[test]
    fn wrong_values_name_the_field() {
        let long = "x".repeat(MAX_ID_BYTES + 1);
        for (field, value) in [
            ("collection", json!("")),
            ("collection", json!(long)),
            ("item", json!("")),
            ("item", json!(long)),
            ("user", json!("")),
            ("session", json!(long)),
            ("time", json!("2026-11-20T12:05:00.001Z")),
            ("time", json!("1999-12-31T23:59:59.999Z")),
            ("time", json!(1_795_175_999)),
        ] {
            let error = parse(with(field, value)).unwrap().validate(noon()).unwrap_err();
            assert_eq!(error.field(), field);
            assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
        }
    }

    #[test]
    fn limits_themselves_are_accepted() {
        let longest = "x".repeat(MAX_ID_BYTES);
        for (field, value) in [
            ("item", json!(longest)),
            ("time", json!("2026-11-20T12:05:00Z")),
            ("time", json!("2000-01-01T00:00:00Z")),
        ] {
            assert_eq!(parse(with(field, value)).unwrap().validate(noon()), Ok(()));
        }
    }
}
