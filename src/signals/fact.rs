//! An event as the memory takes it: hashed, weighed, and without what is not counted; and as the log keeps it.

use super::codec::{In, Out};
use super::event::{Event, read_time};
use super::hash::{Role, hash, mix};
use super::types::{EventType, MAX_RATING, Types};
use crate::log::Record;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::io;

pub(super) const HOUR_SECONDS: u32 = 3600;
pub(super) const HOURS_PER_DAY: u32 = 24;
const DAY_SECONDS: u32 = HOUR_SECONDS * HOURS_PER_DAY;

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) item: Box<str>,
    pub(super) item_hash: u64,
    pub(super) segment: Option<Box<str>>,
    /// Seconds since the Unix epoch.
    pub(super) time: u32,
    /// The user where known, else the session.
    pub(super) shopper: Option<u64>,
    pub(super) user: Option<u64>,
    /// The visit: the session, else what the user did that day.
    pub(super) session: Option<u64>,
    /// Only of what was bought or put into a basket that is named.
    pub(super) basket: Option<u64>,
    pub(super) kind: u64,
    /// What it says about interest, in hundredths of a view.
    pub(super) units: u32,
    pub(super) bought: bool,
    /// What it is recognized by when it is sent again; none for what nobody in particular did.
    pub(super) once: Option<u64>,
}

/// The key of a user.
pub(super) fn user_key(user: &str) -> u64 {
    hash(Role::User, user)
}

/// The key of a visit.
pub(super) fn session_key(session: &str) -> u64 {
    hash(Role::Session, session)
}

impl Fact {
    /// What an event says; none where its type is not known (any more).
    pub(super) fn of(event: &Event, types: &Types) -> Option<Self> {
        let meaning = types.meaning(&event.kind)?;
        let time = u32::try_from(event.time.as_second()).unwrap_or(0);
        let day = u64::from(time / DAY_SECONDS);
        let user = event.user.as_deref().map(user_key);
        let named = event.session.as_deref().map(session_key);
        let shopper = user.or(named);
        let whole = event.basket.as_deref().map(|basket| hash(Role::Basket, basket));
        let holds = meaning.bought || (event.kind == EventType::Cart && whole.is_some());
        let of_day = |role: Role| shopper.map(|shopper| mix(mix(shopper, role as u64), day));
        let mut fact = Self {
            item: event.item.as_str().into(),
            item_hash: hash(Role::Item, &event.item),
            segment: event.segment.as_deref().map(Into::into),
            time,
            shopper,
            user,
            session: named.or_else(|| of_day(Role::Day)),
            basket: holds.then(|| whole.or_else(|| of_day(Role::DayBasket))).flatten(),
            kind: hash(Role::Kind, event.kind.name()),
            units: units(event, meaning.units),
            bought: meaning.bought,
            once: None,
        };
        fact.once = fact.fingerprint(event, whole);
        Some(fact)
    }

    fn fingerprint(&self, event: &Event, basket: Option<u64>) -> Option<u64> {
        if let Some(id) = &event.id {
            return Some(hash(Role::Event, id));
        }
        let whose = self.shopper.or(basket)?;
        let what = mix(mix(whose, self.kind), self.item_hash);
        let when = event.time.as_millisecond() as u64;
        Some(mix(mix(what, when), basket.unwrap_or(0)))
    }

    /// Hours since the Unix epoch.
    pub(super) fn hour(&self) -> u32 {
        self.time / HOUR_SECONDS
    }

    pub(super) fn segment_hash(segment: &str) -> u64 {
        hash(Role::Segment, segment)
    }

    pub(super) fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        out.text(&self.item)?;
        out.text(self.segment.as_deref().unwrap_or_default())?;
        out.short(self.time)?;
        for value in [self.shopper, self.user, self.session, self.basket, self.once] {
            out.perhaps(value)?;
        }
        out.long(self.kind)?;
        out.short(self.units)?;
        out.byte(u8::from(self.bought))
    }

    pub(super) fn load(from: &mut In<'_>) -> io::Result<Self> {
        let item = from.text()?;
        let segment = from.text()?;
        Ok(Self {
            item_hash: hash(Role::Item, &item),
            item,
            segment: (!segment.is_empty()).then_some(segment),
            time: from.short()?,
            shopper: from.perhaps()?,
            user: from.perhaps()?,
            session: from.perhaps()?,
            basket: from.perhaps()?,
            once: from.perhaps()?,
            kind: from.long()?,
            units: from.short()?,
            bought: from.byte()? != 0,
        })
    }
}

/// A rating weighs as much of its type's weight as its value is of the best one, to the half.
fn units(event: &Event, units: u32) -> u32 {
    match (&event.kind, event.value) {
        (EventType::Rating, Some(value)) => {
            let halves = (value.clamp(0.0, MAX_RATING) * 2.0).round();
            (halves / (2.0 * MAX_RATING) * f64::from(units)).round() as u32
        }
        (EventType::Rating, None) => 0,
        _ => units,
    }
}

/// An event in the log of its collection. Fields that are not known are passed over: a later version may add some.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    #[serde(rename = "type")]
    kind: EventType,
    item: Cow<'a, str>,
    #[serde(serialize_with = "milliseconds", deserialize_with = "read_time")]
    time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    basket: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    segment: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recommendation_id: Option<Cow<'a, str>>,
}

fn milliseconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.as_millisecond())
}

/// The event as a record of its collection's log.
pub(super) fn to_record(event: &Event) -> Result<Record, serde_json::Error> {
    let stored = Stored {
        kind: event.kind.clone(),
        item: (&event.item).into(),
        time: event.time,
        user: event.user.as_deref().map(Into::into),
        session: event.session.as_deref().map(Into::into),
        basket: event.basket.as_deref().map(Into::into),
        segment: event.segment.as_deref().map(Into::into),
        id: event.id.as_deref().map(Into::into),
        value: event.value,
        recommendation_id: event.recommendation_id.as_deref().map(Into::into),
    };
    serde_json::to_string(&stored).map(|document| Record::Event(document.into()))
}

/// The event of a record.
pub(super) fn from_record(document: &str) -> Result<Event, serde_json::Error> {
    let stored: Stored<'_> = serde_json::from_str(document)?;
    let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    Ok(Event {
        collection: String::new(),
        kind: stored.kind,
        item: stored.item.into_owned(),
        user: owned(stored.user),
        session: owned(stored.session),
        basket: owned(stored.basket),
        segment: owned(stored.segment),
        time: stored.time,
        id: owned(stored.id),
        value: stored.value,
        recommendation_id: owned(stored.recommendation_id),
    })
}
