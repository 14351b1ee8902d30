//! Documents of User Behavior Insights (<https://ubisearch.dev>), as search front ends send them, as events.
//!
//! | action_name | event |
//! |---|---|
//! | `impression` | impression |
//! | `view` | view |
//! | `click`, `item_click` | click |
//! | `add_to_cart` | cart |
//! | `purchase` | purchase |
//! | a type of the settings (`[events.types]`) | that type |
//!
//! The item is `event_attributes.object.object_id`, whatever field `object_id_field` says that it comes from; the user
//! `user_id`, the session `session_id` or else `client_id`, the time `timestamp` (RFC 3339 or milliseconds), the basket
//! `event_attributes.object.transaction_id`. Other actions, actions without an object, and documents of queries are
//! accepted and ignored, with the reason. Fields that are not known are passed over: the format invites more.

use super::event::{Event, read_time};
use super::types::{EventType, Types};
use serde_json::{Map, Value};

/// A document of User Behavior Insights.
#[derive(Debug, Clone, PartialEq)]
pub struct Document(Map<String, Value>);

/// What a document means.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// An event.
    Event(Box<Event>),
    /// Nothing that counts; why.
    Ignored(String),
}

/// A field that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct UbiError {
    /// Its path in the document.
    pub field: &'static str,
    /// What is wrong.
    pub detail: String,
}

/// Fields that only such documents have.
const MARKS: [&str; 4] = ["action_name", "user_query", "query_response_hit_ids", "query_id"];
const LONGEST_REASON: usize = 60;

impl Document {
    /// The document in a JSON text, where it is one of these: it has a field that only they have, and no `type`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Events are many, and most are none of these.
        if !MARKS.iter().any(|mark| text.contains(mark)) {
            return None;
        }
        let fields: Map<String, Value> = serde_json::from_str(text).ok()?;
        let is_one = MARKS.iter().any(|mark| fields.contains_key(*mark)) && !fields.contains_key("type");
        is_one.then_some(Self(fields))
    }

    /// The application that it says it comes from.
    #[must_use]
    pub fn application(&self) -> Option<&str> {
        self.0.get("application").and_then(Value::as_str)
    }

    /// What it means in a collection.
    ///
    /// # Errors
    /// A field that is needed has a value of the wrong kind.
    pub fn meaning(&self, collection: &str, types: &Types) -> Result<Meaning, UbiError> {
        let ignored = |reason: String| Ok(Meaning::Ignored(reason));
        let Some(action) = text(self.0.get("action_name"), "action_name")? else {
            return ignored("a query".to_owned());
        };
        let Some(kind) = kind_of(&action, types) else {
            let action: String = action.chars().take(LONGEST_REASON).collect();
            return ignored(format!("action_name `{action}`"));
        };
        let object = self
            .0
            .get("event_attributes")
            .and_then(|attributes| attributes.get("object"));
        let of_object = |name: &str| object.and_then(|object| object.get(name));
        let Some(item) = text(of_object("object_id"), "event_attributes.object.object_id")? else {
            return ignored("no event_attributes.object.object_id".to_owned());
        };
        let mut event = Event::new(collection, kind, &item);
        event.user = text(self.0.get("user_id"), "user_id")?;
        event.session = match text(self.0.get("session_id"), "session_id")? {
            None => text(self.0.get("client_id"), "client_id")?,
            session => session,
        };
        event.basket = text(
            of_object("transaction_id"),
            "event_attributes.object.transaction_id",
        )?;
        event.recommendation_id = self.recommendation()?;
        if let Some(time) = self.0.get("timestamp").filter(|time| !time.is_null()) {
            event.time = read_time(time).map_err(|error| UbiError {
                field: "timestamp",
                detail: error.to_string(),
            })?;
        }
        Ok(Meaning::Event(Box::new(event)))
    }

    fn recommendation(&self) -> Result<Option<String>, UbiError> {
        let attributes = self.0.get("event_attributes");
        let id = attributes.and_then(|attributes| attributes.get("recommendation_id"));
        text(id, "event_attributes.recommendation_id")
    }
}

fn kind_of(action: &str, types: &Types) -> Option<EventType> {
    match action {
        "item_click" => Some(EventType::Click),
        "add_to_cart" => Some(EventType::Cart),
        // A rating needs a value, for which these documents have no place.
        "rating" => None,
        action => types.knows(action).then(|| EventType::named(action)),
    }
}

/// A text or a whole number; none where it is missing, null or empty.
fn text(value: Option<&Value>, field: &'static str) -> Result<Option<String>, UbiError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok((!text.is_empty()).then(|| text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(other) => Err(UbiError {
            field,
            detail: format!("is {}, a text is expected", kind_of_json(other)),
        }),
    }
}

fn kind_of_json(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
#[path = "ubi_tests.rs"]
mod tests;
