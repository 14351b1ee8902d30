//! Timestamps as catalogs and queries write them.

use jiff::civil::DateTime;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Number, Value};

/// Milliseconds since the Unix epoch of an RFC 3339 text (`2026-11-20T10:00:00Z`, any offset), a time without an offset
/// (`2026-11-20 10:00:00`, read as UTC), a date (`2026-11-20`, its midnight in UTC) or a whole number of milliseconds
/// since the Unix epoch. `None` for anything else.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(milliseconds) = text.parse() {
        return checked(milliseconds);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let time: DateTime = text.parse().ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// What a timestamp may look like, for messages.
pub(crate) const TIMESTAMP_FORMS: &str =
    "a timestamp (2026-11-20T10:00:00Z, 2026-11-20, or whole milliseconds since the Unix epoch)";

/// A JSON value's timestamp: text as [`parse_timestamp`] reads it, or a whole number of milliseconds.
pub(crate) fn timestamp_of(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => parse_timestamp(text),
        Value::Number(number) => whole(number).and_then(checked),
        _ => None,
    }
}

fn whole(number: &Number) -> Option<i64> {
    let float = || {
        number
            .as_f64()
            .filter(|float| float.fract() == 0.0 && float.abs() < 9e15)
    };
    number.as_i64().or_else(|| float().map(|float| float as i64))
}

/// The milliseconds, if they are within the years -9999 to 9999.
fn checked(milliseconds: i64) -> Option<i64> {
    Timestamp::from_millisecond(milliseconds)
        .ok()
        .map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::parse_timestamp;

    #[test]
    fn reads_what_the_type_promises() {
        let noon = 1_795_168_800_000;
        assert_eq!(parse_timestamp("2026-11-20T10:00:00Z"), Some(noon));
        assert_eq!(parse_timestamp("2026-11-20T12:00:00+02:00"), Some(noon));
        assert_eq!(parse_timestamp("2026-11-20 10:00:00"), Some(noon));
        assert_eq!(parse_timestamp(" 2026-11-20T10:00:00.000 "), Some(noon));
        assert_eq!(parse_timestamp("1795168800000"), Some(noon));
        assert_eq!(parse_timestamp("2026-11-20"), Some(noon - 10 * 3_600_000));
        assert_eq!(parse_timestamp("1969-12-31T23:59:59.999Z"), Some(-1));
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-11-20T25:00:00Z",
            "9223372036854775807",
            "NaN",
            "12.5",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }
}
